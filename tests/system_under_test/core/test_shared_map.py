"""Digests and deltas: two maps become one by what is missing alone (PROTOCOL D9)."""

from __future__ import annotations

import random
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.gossip import Gossip
from system_under_test.gossip_raft.core.messages import (
    HEARTBEAT,
    HEARTBEAT_REPLY,
    Body,
    GossipRecord,
    Message,
    UpdatePosition,
    UpdatePositionReply,
)
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.state import NodeState
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    DurableState,
    Incarnation,
    Nanos,
    NodeId,
    RequestId,
    Term,
)

A, B, *REST = MEMBERS = tuple(NodeId(f"n{number}") for number in range(6))


def record(node: NodeId, incarnation: int, counter: int) -> GossipRecord:
    """What it says is decided by its version, as it is in the core."""
    return GossipRecord(
        node=node,
        incarnation=Incarnation(incarnation),
        counter=counter,
        term=Term(1),
        leader=None,
        last=ORIGIN,
        commit=ORIGIN,
        source=MEMBERS[(incarnation + counter) % len(MEMBERS)],
        unreachable=(),
    )


class Side:
    def __init__(self, node: NodeId, records: Iterable[GossipRecord] = ()) -> None:
        config = NodeConfig(id=node, members=MEMBERS)
        self.state = NodeState(config, DurableState(), random.Random(1), Nanos(0), Rules())
        self.gossip = Gossip(self.state)
        for known in records:
            self.learn(known)

    def learn(self, known: GossipRecord) -> GossipRecord:
        """From its owner."""
        own = (RequestId(1), Term(0), (known,), UpdatePosition())
        self.gossip.hear(Message(known.node, self.state.id, *own))
        return known

    def say(self, target: NodeId, body: Body, request: int = 1) -> Message:
        self.gossip.depart(None)
        return self.gossip.envelope(target, RequestId(request), body)

    def versions(self) -> dict[NodeId, tuple[int, int]]:
        return {n: (r.incarnation, r.counter) for n, r in self.gossip.records.items()}


def exchange(one: Side, other: Side, request: int = 1) -> tuple[Message, Message]:
    """A heartbeat and its answer."""
    asked = one.say(other.state.id, HEARTBEAT, request)
    other.gossip.hear(asked)
    answered = other.say(one.state.id, HEARTBEAT_REPLY, request)
    one.gossip.hear(answered)
    return asked, answered


maps = st.dictionaries(st.sampled_from(REST), st.tuples(st.integers(1, 2), st.integers(1, 4))).map(
    lambda versions: [record(node, *version) for node, version in versions.items()]
)


@settings(deadline=None)
@given(maps, maps)
def test_one_exchange_gives_both_the_newest_of_everything(
    ours: list[GossipRecord], theirs: list[GossipRecord]
) -> None:
    one, other = Side(A, ours), Side(B, theirs)
    newest: dict[NodeId, tuple[int, int]] = {}
    for known in (*ours, *theirs):
        version = (known.incarnation, known.counter)
        newest[known.node] = max(version, newest.get(known.node, (0, 0)))
    exchange(one, other)
    for side in (one, other):
        versions = side.versions()
        assert {node: versions[node] for node in newest} == newest
        assert versions.keys() >= {A, B}


@settings(deadline=None)
@given(maps, maps)
def test_what_both_have_is_not_sent_again(
    ours: list[GossipRecord], theirs: list[GossipRecord]
) -> None:
    one, other = Side(A, ours), Side(B, theirs)
    exchange(one, other)
    for message in exchange(one, other, request=2):
        assert [r.node for r in message.gossip] == [message.source]


@settings(deadline=None)
@given(maps, maps, st.lists(st.tuples(st.sampled_from([A, B]), st.sampled_from(REST))))
def test_whatever_is_lost_one_exchange_that_arrives_repairs_it(
    ours: list[GossipRecord], theirs: list[GossipRecord], lost: list[tuple[NodeId, NodeId]]
) -> None:
    sides = {A: Side(A, ours), B: Side(B, theirs)}
    for number, (sender, changed) in enumerate(lost):
        side, target = sides[sender], B if sender == A else A
        side.learn(record(changed, 3, number))
        side.say(target, HEARTBEAT if number % 2 else UpdatePosition(), number)
    exchange(sides[A], sides[B], request=100)
    one, other = sides[A].versions(), sides[B].versions()
    assert {node: one.get(node) for node in REST} == {node: other.get(node) for node in REST}


def test_that_it_was_sent_proves_nothing_that_it_was_answered_does() -> None:
    news = record(REST[0], 1, 1)
    one, other = Side(A, [news]), Side(B)
    for request in (1, 2):  # Both are lost.
        assert news in one.say(B, UpdatePosition(), request).gossip
    other.gossip.hear(one.say(B, UpdatePosition(), 3))
    answer = other.say(A, UpdatePositionReply(), 3)
    assert news not in answer.gossip  # We have it ourselves.
    one.gossip.hear(answer._replace(request=RequestId(2)))
    assert news in one.say(B, UpdatePosition(), 3).gossip
    one.gossip.hear(answer)
    assert news not in one.say(B, UpdatePosition(), 4).gossip
    changed = one.learn(record(REST[0], 1, 2))
    assert changed in one.say(B, UpdatePosition(), 5).gossip


def test_a_node_that_starts_anew_is_told_everything_again() -> None:
    news = record(REST[0], 1, 1)
    one, other = Side(A, [news]), Side(B)
    exchange(one, other)
    assert news not in one.say(B, UpdatePosition()).gossip
    anew = Side(B)
    anew.state.incarnation = Incarnation(2)
    one.gossip.hear(anew.say(A, UpdatePosition()))
    assert news in one.say(B, UpdatePosition()).gossip


def test_what_a_former_life_says_of_its_map_does_not_count() -> None:
    news = record(REST[0], 1, 1)
    one, other = Side(A, [news]), Side(B)
    exchange(one, other)
    late = other.say(A, HEARTBEAT)
    anew = Side(B)
    anew.state.incarnation = Incarnation(2)
    one.gossip.hear(anew.say(A, UpdatePosition()))
    one.gossip.hear(late)
    assert news in one.say(B, UpdatePosition()).gossip


def test_an_answer_tells_only_the_beats_that_are_news_and_always_whom_it_takes_us_for() -> None:
    one, other = Side(A, [record(REST[0], 1, 1)]), Side(B)
    exchange(one, other)
    asked, answered = exchange(one, other, request=2)
    assert [known.node for known in asked.digest] == [A, B, REST[0]]
    assert [known.node for known in answered.digest] == [B, A]
