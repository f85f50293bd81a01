"""What is wrong with what happened in a directed world: by its traces, its clients, its claims.

Small histories only: clients are judged by trying all orders.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from checker.base import Budget
from checker.raft.invariants import check_traces
from checker.verdict import Invalid
from harness.traces import node_events
from system_under_test.gossip_raft.core import trace
from system_under_test.gossip_raft.core.messages import (
    AckEntries,
    Consistency,
    Message,
    NotLeader,
    PutEntries,
    ReadKeys,
    Results,
    Unavailable,
    Values,
)
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.state_machine import StateMachine
from system_under_test.gossip_raft.core.types import Command, Entry, LogIndex, Session, Term
from system_under_test.gossip_raft.simulation.directed.transcript import Stanza, parse
from system_under_test.gossip_raft.simulation.directed.world import DirectedWorld, Heard

LINEARIZABILITY = "linearizability"
CLAIM = "claim"
ASSERTION = "in-node assertion"


def judged(schedule: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a directed schedule reveals of its wrong nodes, and of correct ones in their place."""
    wrong, right = JudgedWorld(), JudgedWorld(obeys_rules=False)
    for stanza in parse(schedule):
        wrong.handle(stanza)
        right.handle(stanza)
    return findings(wrong), findings(right)


class JudgedWorld(DirectedWorld):
    """A directed world with one more command, ``judge``: the names of what is found."""

    def handle(self, stanza: Stanza) -> str:
        if stanza.words == ["judge"]:
            return ", ".join(findings(self)) or "nothing"
        return super().handle(stanza)


def findings(world: DirectedWorld) -> tuple[str, ...]:
    """What is wrong, by name; the invariants first."""
    found = list(_broken_invariants(world))
    if any(_violations(world)):
        found.append(ASSERTION)
    if not is_linearizable(operations(world)):
        found.append(LINEARIZABILITY)
    if world.complaints:
        found.append(CLAIM)
    return tuple(found)


# --- what the nodes did --------------------------------------------------------------------


def _broken_invariants(world: DirectedWorld) -> Iterator[str]:
    traces = {name: node_events(actor.trace) for name, actor in world.actors.items()}
    verdict = check_traces(traces, budget=Budget())
    if isinstance(verdict, Invalid):
        for anomaly in verdict.anomalies:
            yield anomaly.kind


def _violations(world: DirectedWorld) -> Iterator[str]:
    for actor in world.actors.values():
        for _, event in actor.trace:
            if isinstance(event, trace.Stopped) and event.reason.startswith("invariant violated"):
                yield event.reason


# --- what the clients saw ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Operation:
    """``commands`` executed together, or ``keys`` read.

    ``answer`` is ``None`` if nobody knows what became of it; then it never ends.
    """

    commands: tuple[Command, ...]
    keys: tuple[str, ...]
    invoked: float
    completed: float
    answer: tuple[object, ...] | None


def operations(world: DirectedWorld) -> list[Operation]:
    """Requests of one session are one operation; those surely not executed are left out."""
    transmissions: dict[object, list[Heard]] = {}
    for heard in world.asked:
        body = heard.message.body
        match body:
            case PutEntries(session=session):
                transmissions.setdefault(session, []).append(heard)
            case ReadKeys(consistency=Consistency.LINEARIZABLE | Consistency.LEASE):
                transmissions[heard.message.request] = [heard]
            case _:
                pass
    found = []
    for name, asked in transmissions.items():
        answers = [h for sent in asked for h in _answers(world, name, sent.message)]
        definite = [h for h in answers if isinstance(_told(h), Results | Values)]
        refused = [h for h in answers if isinstance(_told(h), NotLeader | Unavailable)]
        body = asked[0].message.body
        assert isinstance(body, PutEntries | ReadKeys)
        commands = body.commands if isinstance(body, PutEntries) else ()
        keys = body.keys if isinstance(body, ReadKeys) else ()
        if definite:
            told = _told(definite[0])
            answer = told.results if isinstance(told, Results) else _values(told)
            ended = definite[0].moment
            found.append(Operation(commands, keys, asked[0].moment, ended, answer))
        elif isinstance(body, PutEntries) and len(refused) < len(asked):
            found.append(Operation(commands, keys, asked[0].moment, inf, None))
    return found


def _answers(world: DirectedWorld, name: object, asked: Message) -> Iterator[Heard]:
    for heard in world.answered:
        told = heard.message
        if isinstance(told.body, AckEntries):
            if told.body.session == name and isinstance(name, Session):
                yield heard
        elif (told.target, told.source, told.request) == (
            asked.source,
            asked.target,
            asked.request,
        ):
            yield heard


def _told(heard: Heard) -> object:
    body = heard.message.body
    return body.answer if isinstance(body, AckEntries) else body


def _values(told: object) -> tuple[object, ...]:
    assert isinstance(told, Values)
    return told.values


def is_linearizable(history: list[Operation]) -> bool:
    """Whether some order explains all answers (Wing & Gong 1993); the specification is the
    state machine itself, with the correct rules and one request after another."""
    empty = StateMachine(Rules()).image()
    seen: set[tuple[frozenset[int], bytes]] = set()
    stack = [(frozenset(range(len(history))), empty)]
    while stack:
        left, image = stack.pop()
        if (left, image) in seen:
            continue
        seen.add((left, image))
        if all(history[i].answer is None for i in left):
            return True
        first_end = min(history[i].completed for i in left)
        for i in left:
            if history[i].invoked <= first_end:
                after = _executed(image, history[i])
                if after is not None:
                    stack.append((left - {i}, after))
    return False


def _executed(image: bytes, operation: Operation) -> bytes | None:
    """The state after it; ``None`` if it would have been answered otherwise."""
    machine = StateMachine(Rules())
    machine.restore(image)
    answer: tuple[object, ...]
    if operation.keys:
        answer = machine.read(operation.keys)
    else:
        answer = machine.apply(Entry(Term(0), LogIndex(0), None, operation.commands)).results
    if operation.answer is not None and answer != operation.answer:
        return None
    return machine.image()
