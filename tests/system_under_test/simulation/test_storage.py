"""A simulated disk keeps what was synced, and nothing else for certain."""

from __future__ import annotations

import random

import pytest

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
    Snapshot,
    Term,
)
from system_under_test.gossip_raft.ports import SyncFailed
from system_under_test.gossip_raft.simulation.scheduler import Scheduler
from system_under_test.gossip_raft.simulation.storage import DiskOptions, SimulatedDisk
from system_under_test.machine import DiskCondition, FailingSync, Full, ReadOnly

SECOND = 1_000_000_000
HARD = HardState(Incarnation(1), Term(1))


def entry(index: int, term: int = 1) -> Entry:
    return Entry(Term(term), LogIndex(index), None, ())


def appending(first: int, last: int) -> Persist:
    return Persist(HARD, None, tuple(entry(index) for index in range(first, last + 1)))


class Machine:
    def __init__(self, seed: int = 0, options: DiskOptions | None = None) -> None:
        self.scheduler = Scheduler()
        self.disk = SimulatedDisk(
            NodeId("n0"), self.scheduler, random.Random(seed), options or DiskOptions()
        )
        assert self.disk.open() == ""
        self.synced = 0

    def write(self, *persists: Persist) -> None:
        for persist in persists:
            self.begin(persist)
            self.scheduler.run_for(10 * SECOND)

    def begin(self, persist: Persist) -> None:
        self.disk.persist(persist, self._count)

    def _count(self) -> None:
        self.synced += 1

    def restarted(self) -> DurableState:
        self.disk.open()
        return self.disk.load()


def test_what_was_synced_survives_a_power_loss_and_what_was_not_does_not() -> None:
    machine = Machine()
    machine.write(appending(1, 3))
    machine.begin(appending(4, 5))
    machine.disk.power_lost()
    machine.scheduler.run_for(SECOND)
    assert machine.synced == 1
    assert machine.restarted() == DurableState(HARD, appending(1, 3).entries)


def test_what_a_killed_process_was_writing_is_there_whole_or_not_at_all() -> None:
    lengths = set()
    for seed in range(30):
        machine = Machine(seed)
        machine.write(appending(1, 3))
        machine.begin(appending(4, 5))
        machine.disk.process_killed()
        lengths.add(len(machine.restarted().log))
    assert lengths == {3, 5}


def test_a_torn_tail_is_cut_and_the_log_goes_on_after_it() -> None:
    machine = Machine()
    machine.write(appending(1, 3))
    machine.begin(appending(4, 5))
    machine.disk.power_lost(torn=True)
    assert machine.disk.open() == "the tail was torn"
    machine.write(appending(4, 4))
    assert len(machine.restarted().log) == 4


def test_every_write_means_what_the_port_says() -> None:
    """The twin: ``Persist.applied_to``."""
    for seed in range(200):
        rng, machine, state = random.Random(seed), Machine(seed), DurableState()
        for _ in range(20):
            persist = random_persist(rng, state)
            state = persist.applied_to(state)
            machine.write(persist)
            if rng.random() < 0.3:
                assert machine.restarted() == state, f"seed {seed}"
        assert machine.restarted() == state, f"seed {seed}"


def random_persist(rng: random.Random, state: DurableState) -> Persist:
    base, last = state.base.index, state.base.index + len(state.log)
    truncate_from = (
        LogIndex(rng.randint(base + 1, last)) if last > base and rng.random() < 0.3 else None
    )
    kept = last if truncate_from is None else truncate_from - 1
    snapshot, compact_to = None, None
    if kept > base and rng.random() < 0.3:
        index = LogIndex(rng.randint(base + 1, kept))
        position = Position(Term(1), index)
        snapshot = Snapshot(position, index, Membership((NodeId("n0"),)), b"image")
        compact_to = position if rng.random() < 0.7 else None
    entries = tuple(entry(index) for index in range(kept + 1, kept + 1 + rng.randrange(4)))
    return Persist(HARD, truncate_from, entries, snapshot, compact_to)


def test_a_flipped_bit_is_noticed_and_the_node_begins_anew_as_one_that_knows() -> None:
    for seed in range(20):
        machine = Machine(seed)
        machine.write(appending(1, 3), appending(4, 4), appending(5, 5))
        assert "flipped" in machine.disk.flip_bit()
        assert not machine.disk.is_sound
        assert "rebuilt" in machine.disk.open()
        state = machine.disk.load()
        assert (state.hard.recovering, state.log) == (True, ())
        assert state.hard.incarnation > HARD.incarnation
        assert machine.disk.is_sound


def test_a_lost_disk_is_noticed_unless_it_shall_not_be() -> None:
    machine = Machine()
    machine.write(appending(1, 3))
    machine.disk.lose()
    assert machine.restarted().hard.recovering
    machine.disk.lose(unnoticed=True)
    assert machine.restarted() == DurableState()


@pytest.mark.parametrize("condition", [ReadOnly(), FailingSync()])
def test_a_failed_write_is_told_and_never_reported_durable(condition: DiskCondition) -> None:
    machine = Machine()
    machine.disk.impose(condition)
    with pytest.raises(SyncFailed):
        machine.write(appending(1, 3))
    assert machine.synced == 0


def test_what_a_failed_sync_left_is_all_or_a_torn_tail() -> None:
    found = set()
    for seed in range(20):
        machine = Machine(seed)
        machine.write(appending(1, 3))
        machine.disk.impose(FailingSync())
        with pytest.raises(SyncFailed):
            machine.write(appending(4, 6))
        machine.disk.process_killed()
        found.add((machine.disk.open(), len(machine.disk.load().log)))
    assert found == {("", 6), ("the tail was torn", 3)}


def test_whoever_writes_on_after_a_failed_sync_leaves_a_hole_in_its_log() -> None:
    problems = set()
    for seed in range(20):
        machine = Machine(seed)
        machine.write(appending(1, 3))
        machine.disk.impose(FailingSync())
        with pytest.raises(SyncFailed):
            machine.write(appending(4, 6))
        machine.write(appending(7, 7))
        machine.disk.process_killed()
        problems.add("rebuilt" in machine.disk.open())
    assert problems == {True, False}


def test_a_full_disk_holds_entries_back_until_there_is_room() -> None:
    machine = Machine()
    machine.disk.impose(Full())
    machine.write(Persist(HARD, None, ()))
    assert machine.synced == 1
    machine.write(appending(1, 3))
    assert machine.synced == 1
    machine.disk.lift(Full())
    machine.scheduler.run_for(SECOND)
    assert machine.synced == 2
