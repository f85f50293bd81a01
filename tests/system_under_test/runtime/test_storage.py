from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from system_under_test.gossip_raft.core.durable_log import Owner
from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.types import (
    DurableState,
    Entry,
    HardState,
    LogIndex,
    Nanos,
    NodeId,
    Put,
    Term,
)
from system_under_test.gossip_raft.ports import Clock
from system_under_test.gossip_raft.runtime.errors import (
    CorruptLog,
    DataDirectoryInUse,
    StorageError,
)
from system_under_test.gossip_raft.runtime.storage import DataDirectory, FileStorage

OWNER = Owner("test", NodeId("n0"))


def entry(index: int) -> Entry:
    return Entry(Term(1), LogIndex(index), None, (Put("x", index),))


def appending(index: int) -> Persist:
    return Persist(HardState(term=Term(1)), None, (entry(index),))


class Opened:
    """A directory and a storage on it, and what it reported."""

    def __init__(self, path: Path, owner: Owner = OWNER, clock: Clock | None = None) -> None:
        self.directory = DataDirectory(path)
        self.errors: list[StorageError] = []
        self.failed = asyncio.Event()
        self.storage = FileStorage(self.directory, owner, self._on_error, clock)

    def _on_error(self, error: StorageError) -> None:
        self.errors.append(error)
        self.failed.set()

    async def persist(self, persist: Persist) -> None:
        durable = asyncio.Event()
        self.storage.persist(persist, durable.set)
        async with asyncio.timeout(10):
            await durable.wait()

    def close(self) -> None:
        self.storage.close()
        self.directory.close()


async def test_what_was_reported_durable_is_there_after_a_restart(tmp_path: Path) -> None:
    first = Opened(tmp_path / "n0")
    assert first.storage.load() == DurableState()
    for index in (1, 2, 3):
        await first.persist(appending(index))
    first.close()

    second = Opened(tmp_path / "n0")
    assert second.storage.load().log == (entry(1), entry(2), entry(3))
    assert second.storage.torn_bytes == 0
    second.close()


async def test_a_torn_tail_is_cut_reported_and_written_over(tmp_path: Path) -> None:
    first = Opened(tmp_path)
    first.storage.load()
    await first.persist(appending(1))
    whole = (tmp_path / "wal.log").stat().st_size
    await first.persist(appending(2))
    first.close()
    os.truncate(tmp_path / "wal.log", whole + 5)

    second = Opened(tmp_path)
    assert second.storage.load().log == (entry(1),)
    assert second.storage.torn_bytes == 5
    assert (tmp_path / "wal.log").stat().st_size == whole
    await second.persist(appending(2))
    second.close()

    third = Opened(tmp_path)
    assert third.storage.load().log == (entry(1), entry(2))
    third.close()


async def test_damage_in_the_middle_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    first = Opened(tmp_path)
    first.storage.load()
    offset = (tmp_path / "wal.log").stat().st_size
    await first.persist(appending(1))
    await first.persist(appending(2))
    first.close()
    damaged = bytearray((tmp_path / "wal.log").read_bytes())
    damaged[offset + 10] ^= 1
    (tmp_path / "wal.log").write_bytes(damaged)

    second = Opened(tmp_path)
    with pytest.raises(CorruptLog, match=rf"wal\.log: offset {offset}:"):
        second.storage.load()
    second.close()
    assert (tmp_path / "wal.log").read_bytes() == damaged


async def test_what_a_killed_process_left_in_the_page_cache_is_synced_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Opened(tmp_path)
    first.storage.load()
    await first.persist(appending(1))
    first.close()
    synced: list[str] = []

    def fsync(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr(os, "fsync", fsync)
    second = Opened(tmp_path)
    assert second.storage.load().log == (entry(1),)
    second.close()
    assert str(tmp_path / "wal.log") in synced
    assert str(tmp_path) in synced


async def test_a_failed_write_is_reported_once_and_never_repeated(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    opened.storage.load()
    # Every later write on this descriptor fails with EBADF.
    read_only = os.open(tmp_path / "wal.log", os.O_RDONLY)
    os.dup2(read_only, opened.storage._file)
    os.close(read_only)
    before = (tmp_path / "wal.log").read_bytes()

    durable = asyncio.Event()
    opened.storage.persist(appending(1), durable.set)
    async with asyncio.timeout(10):
        await opened.failed.wait()
    opened.storage.persist(appending(1), durable.set)
    opened.close()

    assert len(opened.errors) == 1
    assert "wal.log" in str(opened.errors[0])
    assert not durable.is_set()
    assert (tmp_path / "wal.log").read_bytes() == before


async def test_another_nodes_log_is_refused(tmp_path: Path) -> None:
    first = Opened(tmp_path)
    first.storage.load()
    first.close()

    second = Opened(tmp_path, Owner("test", NodeId("n1")))
    with pytest.raises(StorageError, match=r"is the log of .*n0.*, not .*n1"):
        second.storage.load()
    second.close()


def test_two_holders_never_share_a_directory(tmp_path: Path) -> None:
    first = DataDirectory(tmp_path)
    with pytest.raises(DataDirectoryInUse, match="is in use"):
        DataDirectory(tmp_path)
    first.close()
    DataDirectory(tmp_path).close()


def test_a_file_in_place_of_the_directory_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "n0").touch()
    with pytest.raises(StorageError, match="n0"):
        DataDirectory(tmp_path / "n0")


WRITER = """
import asyncio, sys
from pathlib import Path
from tests.system_under_test.runtime.test_storage import Opened, appending

async def main() -> None:
    opened = Opened(Path(sys.argv[1]))
    opened.storage.load()
    index = 0
    while True:
        index += 1
        await opened.persist(appending(index))
        print(index, flush=True)

asyncio.run(main())
"""


def test_killing_the_writer_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) >= 50:
                writer.send_signal(signal.SIGKILL)
                break
        acknowledged = int([line, *writer.stdout][-1])
    opened = Opened(tmp_path)  # The lock went with the process.
    log = opened.storage.load().log
    opened.close()
    assert len(log) >= acknowledged
    assert log == tuple(entry(index) for index in range(1, len(log) + 1))


class DiskClock:
    """Time that only the test and the disk let pass."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, sync_ns: int) -> None:
        self.time = 10**12
        self.sync_ns = sync_ns
        monkeypatch.setattr(os, "fdatasync", self._fdatasync)

    def now(self) -> Nanos:
        return Nanos(self.time)

    def wake_at(self, time: Nanos, wake: Callable[[], None]) -> None:
        raise NotImplementedError

    def _fdatasync(self, _descriptor: int) -> None:
        self.time += self.sync_ns


@pytest.mark.parametrize(
    ("sync_ns", "pause_ns", "waited_for"),
    [
        pytest.param(200_000, 5_000_000, True, id="quick and one by one"),
        pytest.param(5_000_000, 5_000_000, False, id="slow"),
        pytest.param(200_000, 200_000, False, id="crowded"),
    ],
)
async def test_a_sync_is_waited_for_in_place_only_if_quick_and_writes_do_not_crowd(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sync_ns: int,
    pause_ns: int,
    *,
    waited_for: bool,
) -> None:
    clock = DiskClock(monkeypatch, sync_ns)
    opened = Opened(tmp_path, clock=clock)
    opened.storage.load()
    await opened.persist(appending(1))
    clock.time += pause_ns
    durable = asyncio.Event()
    opened.storage.persist(appending(2), durable.set)
    assert durable.is_set() == waited_for
    async with asyncio.timeout(10):
        await durable.wait()
    opened.close()


async def test_a_sync_that_fails_in_place_is_reported_once_and_never_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = DiskClock(monkeypatch, sync_ns=200_000)
    opened = Opened(tmp_path, clock=clock)
    opened.storage.load()
    await opened.persist(appending(1))
    clock.time += 5_000_000
    tried: list[int] = []

    def fails(descriptor: int) -> None:
        tried.append(descriptor)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fails)
    for index in (2, 2):
        opened.storage.persist(appending(index), lambda: pytest.fail("reported durable"))
    assert len(tried) == len(opened.errors) == 1
    opened.close()
