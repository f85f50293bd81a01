"""Who told whom what, and when: the arrows of a space-time diagram (Lamport 1978).

A simulated run can be asked for every message.  Live nodes do not write messages down; of
their runs the arrows are those that the traces prove: a vote that was told, an entry that a
node has from its source, a commit point that the leader decided before, an answer.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Final, TypeAlias

from harness.attempts import Attempt
from histories.history import History
from histories.op import FOREVER
from histories.trace import (
    Answered,
    Appended,
    Committed,
    NodeEvent,
    RoleChanged,
    SourceChosen,
    VoteTold,
)

CLIENTS: Final = "clients"
KINDS: Final = ("client", "entries", "commit", "vote", "gossip", "snapshot")
ARROWS_MAX: Final = 12_000

Write: TypeAlias = tuple[str, int]
"""A client and the number of its write: what a node calls a session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """``arrived`` is ``None`` for what never arrived, or of which nobody knows whether it did.

    ``source`` and ``target`` are nodes or ``CLIENTS``; ``kind`` is one of ``KINDS``.
    """

    departed: int
    arrived: int | None
    source: str
    target: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """Arrows by departure; ``remark`` says where they are from and which are left out."""

    arrows: tuple[Arrow, ...]
    remark: str


NO_MESSAGES: Final = Messages(arrows=(), remark="")

_DERIVED: Final = (
    "Derived from the nodes' traces, as messages are not written down: an arrow leads from the "
    "earliest moment at which it can have left to the moment at which its effect was recorded."
)

_MET: Final = (
    " Clients wrote down what they sent and got, and when; where a node recorded nothing of it, "
    "question and answer meet halfway."
)


def derived(
    traces: Mapping[str, Sequence[NodeEvent]],
    history: History,
    writes: Mapping[Write, int],
    attempts: Mapping[int, Sequence[Attempt]],
) -> Iterator[Arrow]:
    """What the traces prove to have been told, node by node, and what clients wrote down.

    Args:
        traces: By node, on the clock of the history.
        history: Of the whole run.
        writes: The operation of each write.
        attempts: Of operations by index, what their clients transmitted, if that is known.

    Cost: O(n log n) in events.
    """
    cluster = _Recorded(traces)
    for node in sorted(traces):
        yield from _votes(node, traces[node], cluster)
        yield from _entries(node, traces[node], cluster)
        yield from _commits(node, traces[node], cluster)
        if not attempts:
            yield from _answers(node, traces[node], cluster, history, writes)
    yield from _exchanges(attempts, _acknowledged(traces, cluster, writes))


def nearest(arrows: Iterable[Arrow], moments: Sequence[int], remark: str) -> Messages:
    """All arrows if they are few; else those that are nearest to one of ``moments``.

    Keeps ``ARROWS_MAX`` of them in memory.
    """
    ordered = sorted(moments)
    count = 0

    def counted() -> Iterator[Arrow]:
        nonlocal count
        for count, arrow in enumerate(arrows, start=1):  # noqa: B007  Read when all have passed.
            yield arrow

    kept = nsmallest(
        ARROWS_MAX,
        counted(),
        key=lambda arrow: (_distance(arrow.departed, ordered), arrow.departed),
    )
    kept.sort(key=lambda arrow: (arrow.departed, arrow.source, arrow.target))
    if count > len(kept):
        what = "nearest to what broke, or else to faults" if moments else "first"
        remark += f" Of {count:,} messages the {len(kept):,} {what}."
    return Messages(arrows=tuple(kept), remark=remark.strip())


def derived_messages(
    traces: Mapping[str, Sequence[NodeEvent]],
    history: History,
    writes: Mapping[Write, int],
    attempts: Mapping[int, Sequence[Attempt]],
    moments: Sequence[int],
) -> Messages:
    """Of ``derived``, not too many."""
    remark = _DERIVED if traces else ""
    if attempts:
        remark += _MET
    return nearest(derived(traces, history, writes, attempts), moments, remark)


def _distance(at: int, moments: Sequence[int]) -> int:
    place = bisect_left(moments, at)
    around = moments[max(0, place - 1) : place + 1]
    return min((abs(at - moment) for moment in around), default=at)


class _Recorded:
    """What every node recorded of some kinds, by time."""

    def __init__(self, traces: Mapping[str, Sequence[NodeEvent]]) -> None:
        self.candidacies: dict[tuple[str, int], int] = {}
        self.victories: dict[tuple[str, int], int] = {}
        self.appended: dict[str, dict[tuple[int, int], int]] = {}
        self._decided: list[tuple[int, int, str]] = []
        for node in sorted(traces):
            entries = self.appended.setdefault(node, {})
            for event in traces[node]:
                match event:
                    case RoleChanged(role="candidate", term=term):
                        self.candidacies.setdefault((node, term), event.at)
                    case RoleChanged(role="leader", term=term):
                        self.victories.setdefault((node, term), event.at)
                    case Appended(index=index, term=term):
                        entries[index, term] = event.at
                    case Committed(index=index, leader_term=int()):
                        self._decided.append((index, event.at, node))
                    case _:
                        pass
        self._decided.sort()
        self._indices = [index for index, _, _ in self._decided]

    def decision(self, index: int) -> tuple[int, str] | None:
        """When and by whom exactly this commit point was decided."""
        place = bisect_right(self._indices, index) - 1
        if place < 0 or self._indices[place] != index:
            return None
        first = bisect_left(self._indices, index)
        return self._decided[first][1:]


def _votes(node: str, events: Sequence[NodeEvent], cluster: _Recorded) -> Iterator[Arrow]:
    for event in events:
        if not isinstance(event, VoteTold) or event.candidate == node:
            continue
        who = event.candidate, event.term
        asked = cluster.candidacies.get(who)
        if asked is not None and asked <= event.at:
            yield Arrow(
                departed=asked,
                arrived=event.at,
                source=event.candidate,
                target=node,
                kind="vote",
                text=f"asks for a vote in term {event.term}",
            )
        won = cluster.victories.get(who)
        yield Arrow(
            departed=event.at,
            arrived=won if won is not None and won >= event.at else None,
            source=node,
            target=event.candidate,
            kind="vote",
            text=f"votes for {event.candidate} in term {event.term}",
        )


def _entries(node: str, events: Sequence[NodeEvent], cluster: _Recorded) -> Iterator[Arrow]:
    """One arrow for what was appended at one instant, from whom the node pulled.

    It left when that one had it and was asked, at the earliest.
    """
    source: str | None = None
    asked = 0
    leads = False
    batch: list[Appended] = []

    def told() -> Iterator[Arrow]:
        if not batch or source is None or leads:
            return
        last = batch[-1]
        had = cluster.appended.get(source, {}).get((last.index, last.term))
        if had is None or had > last.at:
            return
        what = (
            f"entry {last.index}"
            if len(batch) == 1
            else f"entries {batch[0].index} to {last.index}"
        )
        yield Arrow(
            departed=max(had, asked),
            arrived=last.at,
            source=source,
            target=node,
            kind="entries",
            text=f"{what} of term {last.term}",
        )

    for event in events:
        if batch and not (isinstance(event, Appended) and event.at == batch[0].at):
            yield from told()
            batch.clear()
        match event:
            case Appended():
                batch.append(event)
            case SourceChosen(source=source, at=asked):
                pass
            case RoleChanged(role=role):
                leads = role == "leader"
            case _:
                pass
    yield from told()


def _commits(node: str, events: Sequence[NodeEvent], cluster: _Recorded) -> Iterator[Arrow]:
    for event in events:
        if not isinstance(event, Committed) or event.leader_term is not None:
            continue
        decided = cluster.decision(event.index)
        if decided is None or decided[0] > event.at or decided[1] == node:
            continue
        yield Arrow(
            departed=decided[0],
            arrived=event.at,
            source=decided[1],
            target=node,
            kind="commit",
            text=f"all up to entry {event.index} is committed",
        )


def _answers(
    node: str,
    events: Sequence[NodeEvent],
    cluster: _Recorded,
    history: History,
    writes: Mapping[Write, int],
) -> Iterator[Arrow]:
    for event in events:
        if not isinstance(event, Answered):
            continue
        number = writes.get((event.client, event.sequence))
        if number is None:
            continue
        op = history.ops[number]
        entry = f"entry {event.index} of term {event.term}"
        appended = cluster.appended[node].get((event.index, event.term))
        if appended is not None and op.invoked <= appended:
            yield Arrow(
                departed=op.invoked,
                arrived=appended,
                source=CLIENTS,
                target=node,
                kind="client",
                text=f"operation {number} becomes {entry}",
            )
        is_answered = op.completed != FOREVER and op.completed >= event.at
        yield Arrow(
            departed=event.at,
            arrived=op.completed if is_answered else None,
            source=node,
            target=CLIENTS,
            kind="client",
            text=f"answers operation {number} ({entry})",
        )


def _acknowledged(
    traces: Mapping[str, Sequence[NodeEvent]], cluster: _Recorded, writes: Mapping[Write, int]
) -> dict[tuple[int, str], tuple[int, int]]:
    """Of a write at a node: when it was appended there and when it was acknowledged."""
    found: dict[tuple[int, str], tuple[int, int]] = {}
    for node in sorted(traces):
        for event in traces[node]:
            if isinstance(event, Answered):
                op = writes.get((event.client, event.sequence))
                appended = cluster.appended[node].get((event.index, event.term))
                if op is not None and appended is not None:
                    found[op, node] = appended, event.at
    return found


def _exchanges(
    attempts: Mapping[int, Sequence[Attempt]],
    acknowledged: Mapping[tuple[int, str], tuple[int, int]],
) -> Iterator[Arrow]:
    """A question and its answer for each attempt."""
    for op in sorted(attempts):
        for attempt in attempts[op]:
            sent, returned = attempt.departed, attempt.returned
            middle = None if returned is None else (sent + returned) // 2
            came, left = acknowledged.get((op, attempt.node), (middle, middle))
            if returned is None or not (came and left and sent <= came <= left <= returned):
                came = left = middle
            yield Arrow(
                departed=sent,
                arrived=came,
                source=CLIENTS,
                target=attempt.node,
                kind="client",
                text=f"operation {op} of {attempt.client}",
            )
            if returned is not None and left is not None:
                yield Arrow(
                    departed=left,
                    arrived=returned,
                    source=attempt.node,
                    target=CLIENTS,
                    kind="client",
                    text=f"to operation {op} of {attempt.client}: {attempt.answer}",
                )
