"""Crashes at every file operation, full disks, lost files: PROTOCOL rules 11 and 12."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from system_under_test.gossip_raft.core.durable_log import Owner
from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.types import (
    DurableState,
    Entry,
    HardState,
    Incarnation,
    LogIndex,
    Membership,
    NodeId,
    Position,
    Put,
    Snapshot,
    Term,
)
from system_under_test.gossip_raft.runtime import storage as storage_module
from system_under_test.gossip_raft.runtime.errors import CorruptLog, StorageError
from system_under_test.gossip_raft.runtime.files import Files
from system_under_test.gossip_raft.runtime.storage import DataDirectory, FileStorage
from tests.system_under_test.runtime.failing_files import (
    Crash,
    CrashingFiles,
    SmallDisk,
    small_file_system,
)

OWNER = Owner("test", NodeId("n0"))


def entry(index: int, term: int = 1) -> Entry:
    return Entry(Term(term), LogIndex(index), None, (Put("x", f"value {index}"),))


def at(index: int, term: int = 1) -> Position:
    return Position(Term(term), LogIndex(index))


def hard(number: int) -> HardState:
    return HardState(Incarnation(1), Term(number), NodeId("n1"), LogIndex(0))


def snapshot(index: int, term: int = 1) -> Snapshot:
    return Snapshot(at(index, term), index, Membership((NodeId("n0"),)), b"image %d" % index)


PERSISTS = (
    Persist(hard(1), None, (entry(1), entry(2), entry(3))),
    Persist(hard(2), None, (entry(4),), snapshot(3), at(2)),
    Persist(hard(3), None, ()),
    Persist(hard(4), LogIndex(4), (entry(4, 4), entry(5, 4)), snapshot(4, 4)),
    Persist(hard(5), LogIndex(3), (entry(21, 5),), snapshot(20, 5), at(20, 5)),
    Persist(hard(6), None, (entry(22, 6),)),
)


def states() -> list[DurableState]:
    """What is durable before all of ``PERSISTS``, and after each of them."""
    states = [DurableState()]
    for persist in PERSISTS:
        states.append(persist.applied_to(states[-1]))
    return states


def opened(path: Path, files: Files | None = None, rebuild_as: int | None = None) -> FileStorage:
    def on_error(error: StorageError) -> None:
        raise error

    number = None if rebuild_as is None else Incarnation(rebuild_as)
    directory = DataDirectory(path)
    return FileStorage(directory, OWNER, on_error, files=files, rebuild_as=number)


def close(storage: FileStorage) -> None:
    storage.close()
    storage._directory.close()


def filled(path: Path, persists: tuple[Persist, ...] = PERSISTS) -> None:
    storage = opened(path)
    storage.load()
    for persist in persists:
        storage._write(persist)
    close(storage)


def loaded(path: Path, rebuild_as: int | None = None) -> DurableState:
    storage = opened(path, rebuild_as=rebuild_as)
    try:
        return storage.load()
    finally:
        close(storage)


def unfinished(path: Path) -> list[Path]:
    return list(path.glob("*.tmp"))


def test_a_compaction_keeps_what_was_written_and_dropped_before_it(tmp_path: Path) -> None:
    persists = (
        Persist(hard(1), None, (entry(1), entry(2))),
        Persist(hard(2), None, (entry(3), entry(4))),
        Persist(hard(3), LogIndex(4), (entry(4, 3),)),
        Persist(hard(4), None, (entry(5, 4),)),
        Persist(hard(5), None, (), snapshot(2), at(2)),
        Persist(hard(6), None, (entry(6, 6),)),
        Persist(hard(7), None, (), snapshot(4, 3), at(3)),
    )
    filled(tmp_path, persists)
    state = DurableState()
    for persist in persists:
        state = persist.applied_to(state)
    assert loaded(tmp_path) == state
    assert [entry.index for entry in state.log] == [4, 5, 6]


def test_what_was_compacted_is_gone_and_the_rest_is_there(tmp_path: Path) -> None:
    filled(tmp_path)
    assert loaded(tmp_path) == states()[-1]
    assert [path.name for path in tmp_path.glob("snapshot-*")] == [f"snapshot-{20:020}.bin"]
    assert unfinished(tmp_path) == []


@pytest.mark.parametrize("power_loss", [False, True])
def test_a_crash_at_any_file_operation_leaves_all_of_a_persist_or_nothing(
    tmp_path: Path, power_loss: bool
) -> None:
    expected = states()
    crash_at = 0
    while True:
        path = tmp_path / str(crash_at)
        files = CrashingFiles(crash_at, power_loss=power_loss)
        storage, done = opened(path, files), 0
        try:
            storage.load()
            for persist in PERSISTS:
                storage._write(persist)
                done += 1
        except Crash:
            pass
        storage._directory.close()
        recovered = loaded(path)
        assert recovered in expected[done : done + 2], crash_at
        filled(path, (Persist(hard(9), None, ()),))
        assert loaded(path).hard == hard(9)
        assert len(list(path.glob("snapshot-*"))) <= 1
        if done == len(PERSISTS):
            break
        crash_at += 1
    assert crash_at > 40


def test_a_missing_snapshot_is_refused_and_named(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / f"snapshot-{20:020}.bin").unlink()
    with pytest.raises(CorruptLog, match=r"snapshot-0+20\.bin: offset 0: .*missing"):
        loaded(tmp_path)


def test_any_flipped_bit_of_a_snapshot_is_refused(tmp_path: Path) -> None:
    filled(tmp_path)
    file = tmp_path / f"snapshot-{20:020}.bin"
    data = file.read_bytes()
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        file.write_bytes(damaged)
        with pytest.raises(CorruptLog, match="checksum"):
            loaded(tmp_path)


def test_any_flipped_bit_of_a_log_written_anew_is_refused(tmp_path: Path) -> None:
    filled(tmp_path, PERSISTS[:5])
    file = tmp_path / "wal.log"
    data = file.read_bytes()
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        file.write_bytes(damaged)
        with pytest.raises(CorruptLog, match=r"wal\.log: offset \d+:"):
            loaded(tmp_path)


def test_a_missing_log_is_refused_where_a_node_has_run(tmp_path: Path) -> None:
    filled(tmp_path, PERSISTS[:1])
    (tmp_path / "wal.log").unlink()
    with pytest.raises(CorruptLog, match=r"wal\.log: offset 0: the log is missing"):
        loaded(tmp_path)
    (tmp_path / "wal.log").touch()
    with pytest.raises(CorruptLog, match="the log is missing"):
        loaded(tmp_path)


def test_a_rebuilt_node_knows_that_it_lost_its_disk_and_keeps_the_damaged_log(
    tmp_path: Path,
) -> None:
    filled(tmp_path)
    file = tmp_path / "wal.log"
    damaged = bytearray(file.read_bytes())
    damaged[40] ^= 1
    file.write_bytes(damaged)
    with pytest.raises(CorruptLog):
        loaded(tmp_path)
    begun = DurableState(HardState(Incarnation(77), recovering=True))
    assert loaded(tmp_path, rebuild_as=77) == begun
    assert (tmp_path / "wal.log.damaged-77").read_bytes() == damaged
    # Not again: what is sound stays, and that it recovers is not forgotten.
    assert loaded(tmp_path, rebuild_as=99) == begun
    assert loaded(tmp_path) == begun


def test_an_empty_directory_is_rebuilt_only_on_demand(tmp_path: Path) -> None:
    assert loaded(tmp_path / "new") == DurableState()
    rebuilt = loaded(tmp_path / "lost", rebuild_as=5)
    assert rebuilt == DurableState(HardState(Incarnation(5), recovering=True))


def test_a_sound_directory_is_not_rebuilt(tmp_path: Path) -> None:
    filled(tmp_path)
    assert loaded(tmp_path, rebuild_as=5) == states()[-1]


@pytest.mark.parametrize("power_loss", [False, True])
def test_a_crash_while_rebuilding_never_leaves_a_node_that_does_not_know(
    tmp_path: Path, power_loss: bool
) -> None:
    for crash_at in range(12):
        path = tmp_path / str(crash_at)
        filled(path)
        (path / f"snapshot-{20:020}.bin").unlink()
        files = CrashingFiles(crash_at, power_loss=power_loss)
        storage = opened(path, files, rebuild_as=5)
        with contextlib.suppress(Crash):
            storage.load()
        storage._directory.close()
        with contextlib.suppress(CorruptLog):
            assert loaded(path).hard.recovering
        assert loaded(path, rebuild_as=6).hard.recovering


class Heard:
    """A storage on a small disk, and what it says of it."""

    def __init__(self, path: Path, files: Files) -> None:
        self.full: list[bool] = []
        self.errors: list[StorageError] = []
        self._event = asyncio.Event()
        directory = DataDirectory(path)
        self.storage = FileStorage(
            directory, OWNER, self._on_error, on_full=self._on_full, files=files
        )

    def _on_full(self, full: bool) -> None:
        self.full.append(full)
        self._event.set()

    def _on_error(self, error: StorageError) -> None:
        self.errors.append(error)
        self._event.set()

    async def until(self, last: bool) -> None:
        async with asyncio.timeout(10):
            while self.full[-1:] != [last]:
                self._event.clear()
                await self._event.wait()

    async def error(self) -> StorageError:
        async with asyncio.timeout(10):
            while not self.errors:
                self._event.clear()
                await self._event.wait()
        return self.errors[0]

    async def persist(self, persist: Persist) -> None:
        durable = asyncio.Event()
        self.storage.persist(persist, durable.set)
        async with asyncio.timeout(10):
            await durable.wait()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_module, "RETRY_S", 0.01)
    monkeypatch.setattr(storage_module, "BALLAST_BYTES", 1000)


@pytest.mark.usefixtures("quick")
async def test_on_a_full_disk_the_ballast_takes_what_must_be_written(tmp_path: Path) -> None:
    disk = SmallDisk(1250)
    heard = Heard(tmp_path, disk)
    heard.storage.load()
    index = 0
    while not heard.full:
        index += 1
        await heard.persist(Persist(hard(1), None, (entry(index),)))
    assert heard.full == [True]
    disk.room += 5000
    await heard.until(False)
    await heard.persist(Persist(hard(2), None, (entry(index + 1),)))
    close(heard.storage)
    assert not heard.errors
    state = loaded(tmp_path)
    assert state.log == tuple(map(entry, range(1, index + 2)))
    assert state.hard == hard(2)


@pytest.mark.usefixtures("quick")
async def test_without_any_room_a_write_waits_until_there_is_some(tmp_path: Path) -> None:
    disk = SmallDisk(1400)
    heard = Heard(tmp_path, disk)
    heard.storage.load()
    disk.room = 0
    heard.storage._has_ballast = False
    durable = asyncio.Event()
    heard.storage.persist(PERSISTS[0], durable.set)
    await heard.until(True)
    assert not durable.is_set()
    disk.room = 1_000_000
    async with asyncio.timeout(10):
        await durable.wait()
    await heard.until(False)
    await heard.persist(PERSISTS[1])
    close(heard.storage)
    assert loaded(tmp_path) == states()[2]


@pytest.mark.usefixtures("quick")
async def test_a_snapshot_for_which_there_is_no_room_leaves_nothing(tmp_path: Path) -> None:
    disk = SmallDisk(100_000)
    heard = Heard(tmp_path, disk)
    heard.storage.load()
    await heard.persist(PERSISTS[0])
    disk.room = 10
    heard.storage._has_ballast = False
    heard.storage.persist(PERSISTS[1], lambda: None)
    await heard.until(True)
    close(heard.storage)
    assert unfinished(tmp_path) == []
    assert loaded(tmp_path) == states()[1]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
async def test_a_failed_sync_is_never_repeated(tmp_path: Path, number: int) -> None:
    disk = SmallDisk(10**9)
    heard = Heard(tmp_path, disk)
    heard.storage.load()
    disk.sync_error, before = number, disk.syncs
    durable = asyncio.Event()
    heard.storage.persist(PERSISTS[0], durable.set)
    assert "wal.log" in str(await heard.error())
    heard.storage.persist(PERSISTS[0], durable.set)
    close(heard.storage)
    assert disk.syncs == before + 1
    assert not durable.is_set()


def test_a_disk_that_cannot_be_written_is_refused_at_start(tmp_path: Path) -> None:
    class ReadOnly(Files):
        def open(self, path: Path, flags: int) -> int:
            if flags & os.O_RDWR:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
            return super().open(path, flags)

    storage = opened(tmp_path, ReadOnly())
    with pytest.raises(StorageError, match=r"wal\.log: .*Read-only file system"):
        storage.load()
    close(storage)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB, where we may mount one."""
    place = tmp_path / "tiny"
    place.mkdir()
    with small_file_system(place, mebibytes=6):
        yield place


async def test_a_disk_that_is_really_full_recovers_when_space_returns(
    tiny_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_module, "RETRY_S", 0.01)
    (tiny_disk / "filler").write_bytes(bytes(1024 * 1024))
    heard = Heard(tiny_disk / "n0", Files())
    heard.storage.load()
    big, index = "x" * 100_000, 0
    while not heard.full:
        index += 1
        put = Entry(Term(1), LogIndex(index), None, (Put("x", big),))
        await heard.persist(Persist(hard(1), None, (put,)))
    await heard.persist(Persist(hard(2), None, ()))
    (tiny_disk / "filler").unlink()
    await heard.until(False)
    close(heard.storage)
    assert not heard.errors
    state = loaded(tiny_disk / "n0")
    assert (len(state.log), state.hard) == (index, hard(2))
