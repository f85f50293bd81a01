"""Wrong storage is wrong on real files too, and in nothing but what its bug says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from system_under_test.gossip_raft.core.durable_log import Owner
from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    DurableState,
    Entry,
    HardState,
    LogIndex,
    Membership,
    NodeId,
    Position,
    Put,
    Snapshot,
    Term,
)
from system_under_test.gossip_raft.mutants import durability
from system_under_test.gossip_raft.mutants.mutant import Mutant
from system_under_test.gossip_raft.ports import Storage
from system_under_test.gossip_raft.runtime.storage import DataDirectory, FileStorage

VOTED = HardState(term=Term(2), vote=NodeId("n1"))
SNAPSHOT = Snapshot(Position(Term(1), LogIndex(1)), 7, Membership((NodeId("n0"),)), b"image")


def entry(index: int, term: int) -> Entry:
    return Entry(Term(term), LogIndex(index), None, (Put("x", index),))


WRITTEN = (
    Persist(HardState(term=Term(1)), None, (entry(1, 1), entry(2, 1))),
    Persist(VOTED, None, ()),
    Persist(VOTED, None, (), SNAPSHOT),
    Persist(VOTED, LogIndex(2), ()),
    Persist(VOTED, None, (entry(2, 2), entry(3, 2))),
)
SOUND = DurableState(VOTED, (entry(1, 1), entry(2, 2), entry(3, 2)), SNAPSHOT, ORIGIN)
FOUND = {
    "forgets-vote": DurableState(HardState(), SOUND.log, SNAPSHOT, ORIGIN),
    "nothing-on-disk": DurableState(),
    "skips-sync": DurableState(),
}
"""What is there after a restart; the others had the time to write all of it."""


class Opened:
    def __init__(self, path: Path, mutant: Mutant) -> None:
        self._directory = DataDirectory(path)
        self._files = FileStorage(
            self._directory, Owner("test", NodeId("n0")), lambda error: pytest.fail(str(error))
        )
        self.storage: Storage = mutant.storage(self._files)

    async def persist(self, persist: Persist) -> None:
        durable = asyncio.Event()
        self.storage.persist(persist, durable.set)
        async with asyncio.timeout(10):
            await durable.wait()

    def close(self) -> None:
        self._files.close()
        self._directory.close()


@pytest.mark.parametrize("mutant", durability.MUTANTS, ids=lambda mutant: mutant.name)
async def test_wrong_storage_runs_on_real_files(mutant: Mutant, tmp_path: Path) -> None:
    first = Opened(tmp_path, mutant)
    first.storage.load()
    for persist in WRITTEN:
        await first.persist(persist)
    first.close()

    second = Opened(tmp_path, mutant)
    assert second.storage.load() == FOUND.get(mutant.name, SOUND)
    second.close()


async def test_a_truncation_not_synced_comes_back_on_real_files(tmp_path: Path) -> None:
    mutant = next(m for m in durability.MUTANTS if m.name == "truncation-not-synced")
    first = Opened(tmp_path, mutant)
    first.storage.load()
    for persist in WRITTEN[:-1]:
        await first.persist(persist)
    first.close()

    second = Opened(tmp_path, mutant)
    assert second.storage.load().log == (entry(1, 1), entry(2, 1))
    second.close()
