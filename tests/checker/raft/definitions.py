"""The invariants as the papers state them, in the slowest and plainest way.

Every pair of facts is compared, whole logs are tuples.  Works on traces whose
nodes boot with a beginning of a log that they once had.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from types import MappingProxyType

from checker.raft.chain import chain
from histories.trace import (
    Answered,
    Appended,
    Applied,
    Booted,
    Committed,
    NodeEvent,
    Persisted,
    RoleChanged,
    SnapshotInstalled,
    SnapshotTaken,
    TermAdopted,
    Truncated,
    Voted,
)
from tests.checker.raft.scripts import Log

SNAPSHOT = "a snapshot equals the replayed log"


@dataclass
class Facts:
    members: tuple[str, ...] = ()
    logs: set[Log] = field(default_factory=set)
    elections: list[tuple[int, str, Log]] = field(default_factory=list)
    decisions: list[tuple[int, str, Log, bool]] = field(default_factory=list)
    claims: list[Log] = field(default_factory=list)
    applied: list[Applied] = field(default_factory=list)
    answers: list[tuple[int, Log]] = field(default_factory=list)
    durable: list[tuple[str, int, Log]] = field(default_factory=list)
    truncations: list[tuple[int, Log]] = field(default_factory=list)
    images: list[tuple[int, int]] = field(default_factory=list)
    local: set[str] = field(default_factory=set)


@dataclass
class _Node:
    term: int = 0
    log: Log = ()
    durable: tuple[int, Log] = (0, ())
    commit: int = 0
    applied: int = 0
    leads: int | None = None
    past: list[Log] = field(default_factory=lambda: [()])


def facts_of(traces: Mapping[str, Sequence[NodeEvent]], known: Mapping[int, Log]) -> Facts:
    """``known``: by digest, the logs that installed snapshots stand for."""
    facts = Facts()
    for name, events in traces.items():
        node = _Node()
        for event in events:
            if isinstance(event, SnapshotInstalled):
                _install(facts, node, event, known[event.log_digest])
            else:
                _take(facts, name, node, event)
            node.past.append(node.log)
            facts.logs.add(node.log)
    return facts


def _take(facts: Facts, name: str, node: _Node, event: NodeEvent) -> None:
    match event:
        case Booted():
            begun = (log[: event.last_index] for log in reversed(node.past))
            node.log = next(log for log in begun if chain(log) == event.log_digest)
            node.term, node.durable = event.term, (event.term, node.log)
            node.commit, node.applied = event.commit_index, event.snapshot_index
            node.leads = None
            if node.applied:
                facts.images.append((chain(node.log[: node.applied]), event.image_digest))
            facts.members = event.members
            facts.durable.append((name, *node.durable))
            if node.commit:
                facts.claims.append(node.log[: node.commit])
        case TermAdopted() | Voted():
            node.term = max(node.term, event.term)
            if isinstance(event, TermAdopted) and event.term != node.leads:
                node.leads = None
        case RoleChanged():
            node.term = max(node.term, event.term)
            node.leads = event.term if event.role == "leader" else None
            if node.leads is not None:
                facts.elections.append((event.term, name, node.log))
        case Appended():
            assert event.index == len(node.log) + 1
            node.log = (*node.log, (event.term, event.digest))
        case Truncated():
            if event.from_index <= len(node.log):
                _truncate(facts, node, event.from_index)
        case Persisted():
            node.durable = (event.term, node.log)
            facts.durable.append((name, *node.durable))
        case Committed():
            _commit(facts, name, node, event)
        case SnapshotTaken():
            digest = chain(node.log[: event.index])
            if event.index != node.applied or digest != event.log_digest:
                facts.local.add(SNAPSHOT)
            else:
                facts.images.append((digest, event.image_digest))
        case Applied():
            facts.applied.append(event)
            if event.index != node.applied + 1:
                facts.local.add("state-machine safety")
            node.applied = event.index
        case Answered():
            log = node.log[: event.index]
            facts.answers.append((node.term, log))
            if event.index > node.commit:
                facts.local.add("acknowledged entries are kept")
        case _:
            pass


def _install(facts: Facts, node: _Node, event: SnapshotInstalled, log: Log) -> None:
    if node.leads is not None:
        facts.local.add("leader append-only")
    if event.index < node.commit:
        facts.local.add("commit points never go back")
    shared = min(node.commit, len(node.log), len(log))
    if node.log[:shared] != log[:shared]:
        facts.local.add("committed entries are never truncated")
    if not _begins(node.log, log):
        node.log = log
    node.commit = node.applied = event.index
    facts.claims.append(log)
    facts.images.append((event.log_digest, event.image_digest))


def _truncate(facts: Facts, node: _Node, index: int) -> None:
    facts.truncations.append((node.log[-1][0], node.log[:index]))
    if node.leads is not None:
        facts.local.add("leader append-only")
    if index <= node.commit:
        facts.local.add("committed entries are never truncated")
    node.log = node.log[: index - 1]


def _commit(facts: Facts, name: str, node: _Node, event: Committed) -> None:
    if event.index < node.commit:
        facts.local.add("commit points never go back")
    node.commit = max(node.commit, event.index)
    log = node.log[: event.index]
    if event.leader_term is None:
        facts.claims.append(log)
        return
    term, durable = event.leader_term, node.durable
    if node.leads != term or log[-1][0] != term:
        facts.local.add("commit rule")
    own = durable[0] == term and _begins(durable[1], log)
    facts.decisions.append((term, name, log, own))


def _begins(log: Log, beginning: Log) -> bool:
    return log[: len(beginning)] == beginning


def violated(
    traces: Mapping[str, Sequence[NodeEvent]], known: Mapping[int, Log] = MappingProxyType({})
) -> set[str]:
    """The kinds of anomalies among those defined here."""
    return set(_violated(facts_of(traces, known)))


def _violated(facts: Facts) -> Iterator[str]:
    yield from facts.local
    for (term, one, _), (other_term, other, _) in combinations(facts.elections, 2):
        if term == other_term and one != other:
            yield "election safety"
    for log, other_log in combinations(facts.logs, 2):
        for index in range(1, min(len(log), len(other_log)) + 1):
            if log[index - 1][0] == other_log[index - 1][0] and log[:index] != other_log[:index]:
                yield "log matching"
    for promised, _, log, _ in facts.decisions:
        for term, _, leader_log in facts.elections:
            if promised < term and not _begins(leader_log, log):
                yield "leader completeness"
    for promised, log in facts.answers:
        for term, _, leader_log in facts.elections:
            if promised < term and not _begins(leader_log, log):
                yield "acknowledged entries are kept"
    for event, other_event in combinations(facts.applied, 2):
        if event.index == other_event.index:
            if (event.term, event.digest) != (other_event.term, other_event.digest):
                yield "state-machine safety"
            elif event.result_digest != other_event.result_digest:
                yield "state-machine determinism"
    for (log_digest, image), (other_log_digest, other_image) in combinations(facts.images, 2):
        if log_digest == other_log_digest and image != other_image:
            yield SNAPSHOT
    yield from _commit_violated(facts)


def _commit_violated(facts: Facts) -> Iterator[str]:
    decided = [log for _, _, log, _ in facts.decisions]
    for log, other_log in combinations(decided + facts.claims, 2):
        shared = min(len(log), len(other_log))
        if log[:shared] != other_log[:shared]:
            yield "one committed log"
    for last_term, dropped in facts.truncations:
        for term, _, log, _ in facts.decisions:
            if term <= last_term and _begins(log, dropped):
                yield "committed entries are never truncated"
    for term, leader, log, own in facts.decisions:
        holders = {
            node for node, at, held in facts.durable if at == term and _begins(held, log)
        } - {leader}
        if len(holders) + own < len(facts.members) // 2 + 1:
            yield "commit rule"
    for log in facts.claims:
        if log and not any(_begins(decision, log) for decision in decided):
            yield "commit rule"
    for _, log in facts.answers:
        if not any(_begins(decision, log) for decision in decided):
            yield "acknowledged entries are kept"
