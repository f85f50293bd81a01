"""Suspicion, indirect probes and refutation, one by one (SWIM, 3.1; PROTOCOL D9)."""

from __future__ import annotations

import random

from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.state import NodeState
from system_under_test.gossip_raft.core.suspicion import Suspicion
from system_under_test.gossip_raft.core.types import DurableState, Nanos, NodeId

MEMBERS = N0, N1, N2, N3, N4 = tuple(NodeId(f"n{number}") for number in range(5))
PATIENCE, TIMEOUT = 10 * 100, 500


class Watch:
    """n0 of five; times in whatever unit, since nothing here cares."""

    def __init__(self, probes: int = 3) -> None:
        config = NodeConfig(
            id=N0,
            members=MEMBERS,
            heartbeat_interval_ns=Nanos(100),
            request_timeout_ns=Nanos(TIMEOUT),
            indirect_probes=probes,
        )
        self.state = NodeState(config, DurableState(), random.Random(1), Nanos(0), Rules())
        self.suspicion = Suspicion(self.state)

    def at(self, now: int, *alive: NodeId) -> list[tuple[NodeId, tuple[NodeId, ...]]]:
        """A tick; there is news of those just before."""
        self.state.now = Nanos(now)
        for node in alive:
            self.suspicion.note(node)
        return self.suspicion.tick()


def test_a_suspect_is_probed_once_by_as_many_others_as_are_asked_for() -> None:
    watch = Watch(probes=2)
    assert watch.at(PATIENCE, N2, N3, N4) == []
    ((suspect, helpers),) = watch.at(PATIENCE + 1)
    assert suspect == N1
    assert len(helpers) == len(set(helpers)) == 2
    assert set(helpers) < {N2, N3, N4}
    assert watch.at(PATIENCE + 100) == []


def test_those_who_are_suspected_themselves_are_asked_for_nothing() -> None:
    watch = Watch()
    watch.at(PATIENCE, N4)
    due = dict(watch.at(PATIENCE + 1))
    assert due == {N1: (N4,), N2: (N4,), N3: (N4,)}


def test_it_counts_as_unreachable_when_the_probes_had_their_time_and_not_before() -> None:
    watch = Watch()
    watch.at(PATIENCE + 1, N2, N3, N4)
    watch.at(PATIENCE + TIMEOUT, N2, N3, N4)
    assert watch.suspicion.suspected == (N1,)
    assert not watch.suspicion.unreachable
    watch.at(PATIENCE + TIMEOUT + 1)
    assert watch.suspicion.unreachable == (N1,)


def test_news_refutes_at_once_and_what_comes_later_begins_anew() -> None:
    watch = Watch()
    watch.at(PATIENCE + 1, N2, N3, N4)
    watch.at(PATIENCE + TIMEOUT + 1, N2, N3, N4)
    watch.suspicion.note(N1)
    assert not watch.suspicion.suspected
    assert not watch.suspicion.unreachable
    again = PATIENCE + TIMEOUT + 1 + PATIENCE + 1
    assert [suspect for suspect, _ in watch.at(again, N2, N3, N4)] == [N1]
    assert not watch.suspicion.unreachable


def test_without_indirect_probes_suspicion_is_enough() -> None:
    watch = Watch(probes=0)
    assert watch.at(PATIENCE + 1, N2, N3, N4) == []
    assert watch.suspicion.unreachable == (N1,)


def test_who_asked_for_a_probe_hears_of_the_answer_once_and_not_after_it_gave_up() -> None:
    watch = Watch()
    assert watch.suspicion.asked_to_probe(N1, N2)
    assert watch.suspicion.asked_to_probe(N1, N3)
    assert not watch.suspicion.asked_to_probe(N0, N2)  # That we live, it hears anyway.
    assert not watch.suspicion.asked_to_probe(NodeId("stranger"), N2)
    assert watch.suspicion.askers_after(N4) == ()
    assert watch.suspicion.askers_after(N1) == (N2, N3)
    assert watch.suspicion.askers_after(N1) == ()
    watch.suspicion.asked_to_probe(N1, N2)
    watch.state.now = Nanos(TIMEOUT + 1)
    assert watch.suspicion.askers_after(N1) == ()
