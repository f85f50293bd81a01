"""The guarantees of sessions (Terry et al. 1994) by lists; a session is a process.

Elements are appended once, and a read answers the whole list: so every read tells the order of
all writes before it, and each guarantee can be looked up, key by key.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from checker.base import Budget
from checker.verdict import Anomaly, Verdict
from checker.workloads.answers import anomaly, verdict
from histories.call import Append, Ok, Read, Value
from histories.history import History
from histories.notation import describe_key, describe_op
from histories.op import Op
from histories.values import identity

_SOURCE = "Terry et al. 1994"

_BROKEN = {
    "monotonic-reads": "read {key} and then read it again, without something that it had seen",
    "read-your-writes": "appended to {key} and then read it, without what it had appended",
    "monotonic-writes": "appended to {key} twice, and the second is there but not behind the first",
    "writes-follow-reads": (
        "read {key} and then appended to it, and that is there but not behind what it had read"
    ),
}


@dataclass(slots=True)
class _Session:
    """What a process has seen of a key and done to it.

    ``read`` is its longest read with the names of the elements, ``appended`` those of its own
    that were acknowledged.
    """

    read: tuple[Op, tuple[Hashable, ...]] | None = None
    appended: list[tuple[Op, Hashable]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Appended:
    """An append, and what its process knew when it made it."""

    op: Op
    name: Hashable
    read: tuple[Op, tuple[Hashable, ...]] | None
    appended: tuple[tuple[Op, Hashable], ...]


@dataclass(frozen=True, slots=True)
class SessionChecker:
    """All four guarantees.  Only the first violation of each by a process and key is told.

    Cost: O(reads * their length + appends * appends of a key).
    """

    name: str = "session-guarantees"

    def check(self, history: History, budget: Budget) -> Verdict:  # noqa: ARG002  See its cost.
        found: list[Anomaly] = []
        sessions = 0
        for key, part in history.by_key().items():
            reads: list[tuple[Op, tuple[Hashable, ...]]] = []
            appends: list[_Appended] = []
            by_process: dict[int, _Session] = {}
            told: set[tuple[str, int]] = set()
            wrong = [*_broken_by_reads(part, by_process, reads, appends)]
            wrong += _broken_by_writes(_distinct(reads), appends)
            for guarantee, evidence in wrong:
                if (guarantee, evidence[-1].process) not in told:
                    told.add((guarantee, evidence[-1].process))
                    found.append(_anomaly(guarantee, key, evidence))
            sessions += len(by_process)
        return verdict(history, found, f"{sessions:,} sessions, each on one key")


def _broken_by_reads(
    part: History,
    sessions: dict[int, _Session],
    reads: list[tuple[Op, tuple[Hashable, ...]]],
    appends: list[_Appended],
) -> Iterator[tuple[str, tuple[Op, ...]]]:
    """Violations that a process sees itself; fills the other arguments."""
    for op in part.ops:
        session = sessions.setdefault(op.process, _Session())
        match op.call:
            case Read() if isinstance(op.outcome, Ok):
                names = _names(op.outcome.values[0])
                reads.append((op, names))
                if session.read is not None and session.read[1] != names[: len(session.read[1])]:
                    yield "monotonic-reads", (session.read[0], op)
                there = frozenset(names)
                for own, name in session.appended:
                    if name not in there:
                        yield "read-your-writes", (own, op)
                        break
                if session.read is None or len(names) > len(session.read[1]):
                    session.read = op, names
            case Append(element=element):
                name = identity(element)
                appends.append(_Appended(op, name, session.read, tuple(session.appended)))
                if isinstance(op.outcome, Ok):
                    session.appended.append((op, name))
            case _:
                pass


def _broken_by_writes(
    reads: Iterable[tuple[Op, tuple[Hashable, ...]]], appends: Sequence[_Appended]
) -> Iterator[tuple[str, tuple[Op, ...]]]:
    """Violations that anybody's read shows.  The append that is out of place comes last."""
    for reader, names in reads:
        places: Mapping[Hashable, int] = {name: at for at, name in enumerate(names)}
        for append in appends:
            place = places.get(append.name)
            if place is None:
                continue
            for own, name in append.appended:
                if places.get(name, place) >= place:
                    yield "monotonic-writes", (reader, own, append.op)
                    break
            if append.read is not None and any(
                places.get(name, place) >= place for name in append.read[1]
            ):
                yield "writes-follow-reads", (reader, append.read[0], append.op)


def _distinct(
    reads: Sequence[tuple[Op, tuple[Hashable, ...]]],
) -> Iterator[tuple[Op, tuple[Hashable, ...]]]:
    """The longest read, and those that are no beginning of it: others show nothing more."""
    if not reads:
        return
    longest = max(reads, key=lambda read: len(read[1]))
    yield longest
    for op, names in reads:
        if longest[1][: len(names)] != names:
            yield op, names


def _names(value: Value) -> tuple[Hashable, ...]:
    if value is None:
        return ()
    return tuple(map(identity, value)) if isinstance(value, tuple) else (identity(value),)


def _anomaly(guarantee: str, key: str, evidence: tuple[Op, ...]) -> Anomaly:
    what = _BROKEN[guarantee].format(key=describe_key(key))
    return anomaly(
        f"{guarantee}-violation",
        _SOURCE,
        evidence,
        f"process {evidence[-1].process} {what}",
        map(describe_op, sorted(evidence, key=lambda op: op.index)),
    )
