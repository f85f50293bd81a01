"""Does a cluster go on serving while faults leave a majority of it in peace?

A system that is stopped by less than a majority breaks no law of safety and settles again when
all is healed, so nothing else notices.  What is judged here is what nodes did while faults held.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from checker.verdict import Anomaly, Invalid, Unknown, UnknownCause, Valid, Verdict
from histories.event import Event, FaultBegan, FaultEnded, NodeDied
from histories.trace import (
    Appended,
    Booted,
    Committed,
    NodeEvent,
    RoleChanged,
    SnapshotInstalled,
    Stopped,
    TermAdopted,
    Voted,
)

SOURCE: Final = "Ongaro 2014, sections 3.9, 6.2, 9.6; Howard & Abraham 2020"

LEAVES_THE_REST: Final = frozenset(
    {"kill", "terminate", "pause", "lose-power", "tear-log", "crash-at", "isolate"}
)
"""Faults that take away the nodes they hit, and leave the others as they were."""
LEAVES_EVERYBODY: Final = frozenset({"shun"})
"""Faults that gossip is there to make up for."""
HANDS_OVER: Final = frozenset({"transfer-leadership", "terminate"})
"""They replace a leader that nothing is wrong with."""
LEAVES_SCARS: Final = frozenset({"lose-disk", "flip-bit", "remove-node", "replace-node"})
"""Faults after which nodes are others than before: nothing is expected from then on."""
TURNS_CLOCKS_BACK: Final = frozenset({"bump-clock", "skew-clock", "strobe-clock"})
"""Faults after which nodes wait on for times that their clocks had shown, however much later
those come again: nothing is expected from then on, either."""
DOING_MAX: Final = 10_000_000_000
"""So long, in nanoseconds, before it is told those may have begun to act."""

WAITS_MIN: Final = 5
"""So many time-outs drawn from a range are not all within a hundredth of each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long what a cluster must do may take, in nanoseconds.

    Attributes:
        elect: Until a majority in peace has a leader.
        abdicate: Until a leader that hears nobody leads no more.
        commit: Until an entry of a leader in peace is committed, and known to be by nodes that were
        in peace for as long before.
    """

    elect: int
    abdicate: int
    commit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leadership:
    """``node`` led ``term`` within [since, until]; ``ended`` by itself, and not because its life
    did; infinity: it still did when the trace ended."""

    node: str
    term: int
    since: int
    until: float
    ended: bool


def check_availability(
    events: Iterable[Event],
    traces: Mapping[str, Sequence[NodeEvent]],
    patience: Patience,
) -> Verdict:
    """Judge what a cluster did while a majority of its nodes was in peace: undisturbed, and in
    touch with each other.

    1. It has a leader.
    2. A leader that leads it is not replaced.
    3. A leader cut off from it leads no more.
    4. What its leader appends is committed, by all nodes that were never disturbed.
    5. Its nodes do not all wait equally long before they campaign.
    6. Whoever campaigns without a pre-vote, as the leader asked it to, is elected.

    Each is judged only where what is expected had ``patience`` enough; while or after anything
    else goes wrong (bad weather, clocks, disks, changes of the membership) nothing is expected.

    Cost: O(n log n) in the number of events.
    """
    peace = _Peace(tuple(events), tuple(sorted(traces)))
    lives = [_Life(node, traces[node]) for node in peace.nodes]
    leaderships = [led for life in lives for led in life.leaderships]
    found = [
        *_leaderless(peace, leaderships, patience),
        *_needless(peace, leaderships, patience),
        *_stubborn(peace, leaderships, patience),
        *_marching(lives),
        *_unprepared(peace, lives, leaderships, patience),
        *_stalled(peace, {life.node: life for life in lives}, leaderships, patience),
    ]
    if found:
        return Invalid(tuple(_first_of_each_kind(found)))
    if not leaderships:
        return Unknown(UnknownCause.NOTHING_TO_CHECK, "no leader was ever elected")
    return Valid(f"{len(peace.spans)} times of peace for a majority")


@dataclass(frozen=True, slots=True)
class _Span:
    """Within [since, until) nothing changes: ``away`` are the nodes that faults have taken."""

    since: int
    until: float
    away: frozenset[str]
    calm: bool
    transfers: bool


class _Peace:
    """Which nodes were in peace, and when."""

    def __init__(self, events: tuple[Event, ...], nodes: tuple[str, ...]) -> None:
        self.nodes = nodes
        self.end = max((event.time for event in events if hasattr(event, "time")), default=0)
        self.spans = list(_spans(events))
        self._starts = [span.since for span in self.spans]
        self.isolations = tuple(_isolations(events))
        self.transfers = any(span.transfers for span in self.spans)

    def over(self, since: float, until: float) -> list[_Span] | None:
        """The spans of [since, until]; ``None`` where something is expected of nobody."""
        if since < 0 or until > self.end:
            return None
        first = bisect_right(self._starts, since) - 1
        last = bisect_right(self._starts, until)
        spans = self.spans[max(first, 0) : last]
        return spans if all(span.calm for span in spans) else None

    def undisturbed(self, since: float, until: float) -> frozenset[str]:
        """The nodes in peace throughout; none if they are no majority, or nothing is expected."""
        spans = self.over(since, until)
        if spans is None:
            return frozenset()
        rest = frozenset(self.nodes).difference(*(span.away for span in spans))
        return rest if 2 * len(rest) > len(self.nodes) else frozenset()


def _spans(events: Iterable[Event]) -> Iterator[_Span]:
    held: dict[int, FaultBegan] = {}
    dead: set[str] = set()
    since, scarred = 0, False

    def span(until: float) -> _Span:
        kinds = {_kind(fault) for fault in held.values()}
        taken = (fault.nodes for fault in held.values() if fault.kind in LEAVES_THE_REST)
        calm = not scarred and kinds <= LEAVES_THE_REST | LEAVES_EVERYBODY | HANDS_OVER
        away = frozenset(dead).union(*taken)
        return _Span(since, until, away, calm, bool(kinds & HANDS_OVER))

    for event in events:
        match event:
            case FaultBegan(time=time, fault=number, kind=kind):
                doing = max(since, time - DOING_MAX) if kind in LEAVES_SCARS else time
                yield span(doing)
                if doing < time:
                    yield _Span(doing, time, frozenset(), calm=False, transfers=False)
                held[number], since = event, time
                scarred |= kind in LEAVES_SCARS | TURNS_CLOCKS_BACK
            case FaultEnded(time=time, fault=number):
                yield span(time)
                held.pop(number, None)
                since = time
            case NodeDied(time=time, node=node):
                yield span(time)
                dead.add(node)
                since = time
            case _:
                pass
    yield span(inf)


def _kind(fault: FaultBegan) -> str:
    """ "isolate" only if the links are cut, and not slow, say, which is told before them."""
    links = fault.detail.rpartition("; ")[2]  # What comes before says how nodes were chosen.
    is_else = fault.kind == "isolate" and ": " in links
    return f"{fault.kind}, but not cut" if is_else else fault.kind


def _isolations(events: Iterable[Event]) -> Iterator[tuple[str, int, float]]:
    """(node, since, until) of each node that a fault cut off from all others."""
    held: dict[int, FaultBegan] = {}
    for event in events:
        match event:
            case FaultBegan(fault=number) if _kind(event) == "isolate":
                held[number] = event
            case FaultEnded(time=time, fault=number) if number in held:
                began = held.pop(number)
                yield from ((node, began.time, time) for node in began.nodes)
            case _:
                pass


class _Life:
    """What one node's trace says of its leaderships and of its commit point."""

    def __init__(self, node: str, events: Sequence[NodeEvent]) -> None:
        self.node = node
        self.leaderships: list[Leadership] = []
        self.led: list[tuple[int, int, int]] = []
        """(time, term, index) of what it appended as a leader."""
        self.commits: list[tuple[int, int]] = []
        """(time, index), both ascending."""
        self.waits: list[int] = []
        """How long it waited each time it had nothing else to wait for than its time-out: from
        the beginning of all to its first campaign, from one campaign to the next."""
        self.asked: list[tuple[int, int]] = []
        """(time, term) of its campaigns without a pre-vote."""
        self._led: tuple[int, int] | None = None
        self._lead(events)
        self._wait(events)

    def _lead(self, events: Sequence[NodeEvent]) -> None:
        at = 0
        for event in events:
            match event:
                case RoleChanged(at=at, role="leader", term=term):
                    self._led = (term, at)
                case RoleChanged(at=at) | TermAdopted(at=at):
                    self._end(at, ended=True)
                case Booted():
                    self._end(at, ended=False)
                    at = event.at
                case Stopped(at=at):
                    self._end(at, ended=False)
                case Appended(at=at, index=index) if self._led is not None:
                    self.led.append((at, self._led[0], index))
                case Committed(at=at, index=index) | SnapshotInstalled(at=at, index=index):
                    self.commits.append((at, index))
                case _:
                    at = event.at
        self._end(inf, ended=False)

    def _wait(self, events: Sequence[NodeEvent]) -> None:
        since: int | None = None
        role = "follower"
        for event in events:
            if isinstance(event, RoleChanged):
                if (role, event.role) == ("follower", "candidate"):
                    self.asked.append((event.at, event.term))
                role = event.role
            match event:
                case Booted(at=0) | RoleChanged(role="candidate"):
                    since = event.at
                case RoleChanged(role="pre_candidate") if since is not None:
                    self.waits.append(event.at - since)
                    since = None
                case Voted(candidate=candidate) if candidate == self.node:
                    pass
                case RoleChanged() | TermAdopted() | Voted() | Booted() | Stopped():
                    since = None
                case _:
                    pass

    def _end(self, at: float, *, ended: bool) -> None:
        if self._led is not None:
            term, since = self._led
            self._led = None
            self.leaderships.append(
                Leadership(node=self.node, term=term, since=since, until=at, ended=ended)
            )

    def committed_at(self, index: int) -> float:
        """When it first knew the entry at ``index`` to be committed; never: infinity."""
        first = bisect_left(self.commits, index, key=lambda commit: commit[1])
        return self.commits[first][0] if first < len(self.commits) else inf


# --- the four laws -----------------------------------------------------------------------


def _leaderless(
    peace: _Peace, leaderships: Sequence[Leadership], patience: Patience
) -> Iterator[Anomaly]:
    for span in peace.spans:
        by = span.since + patience.elect
        rest = peace.undisturbed(span.since, by) if by <= min(span.until, peace.end) else None
        if not rest:
            continue
        lately = by - patience.elect // 2
        if not any(
            led.node in rest and led.since <= by and _until(led) >= lately for led in leaderships
        ):
            yield _anomaly(
                "no leader",
                f"for {patience.elect / 1e9:.1f} s from {span.since / 1e9:.3f} s on"
                f" {', '.join(sorted(rest))} were a majority in peace, and none of them led",
            )


def _needless(
    peace: _Peace, leaderships: Sequence[Leadership], patience: Patience
) -> Iterator[Anomaly]:
    for led in leaderships:
        if peace.transfers:
            return  # A transfer is told when it is over, and a leader may be meant to go.
        if led.ended and led.node in peace.undisturbed(led.until - patience.elect, led.until):
            yield _anomaly(
                "needless election",
                f"{led.node}, leader of term {led.term}, was replaced at {led.until / 1e9:.3f} s,"
                f" although it and a majority had been in peace for {patience.elect / 1e9:.1f} s",
            )


def _stubborn(
    peace: _Peace, leaderships: Sequence[Leadership], patience: Patience
) -> Iterator[Anomaly]:
    for node, since, until in peace.isolations:
        by = since + patience.abdicate
        spans = peace.over(since, by) if by <= until else None
        if spans is None or len(peace.nodes) == 1:
            continue
        for led in leaderships:
            if led.node == node and led.since <= since and led.until >= by:
                yield _anomaly(
                    "leads without a majority",
                    f"{node}, leader of term {led.term}, was cut off at {since / 1e9:.3f} s and"
                    f" led on for more than {patience.abdicate / 1e9:.1f} s",
                )


def _marching(lives: Sequence[_Life]) -> Iterator[Anomaly]:
    waits = sorted(wait for life in lives for wait in life.waits)
    if len(waits) >= WAITS_MIN and waits[-1] - waits[0] <= waits[0] // 100:
        yield _anomaly(
            "time-outs are not drawn",
            f"{len(waits)} times a node waited for its time-out before it campaigned, and always"
            f" for {waits[0] / 1e6:.0f} ms: nodes that begin together divide the votes for ever",
        )


def _unprepared(
    peace: _Peace,
    lives: Sequence[_Life],
    leaderships: Sequence[Leadership],
    patience: Patience,
) -> Iterator[Anomaly]:
    won = {led.term for led in leaderships}
    for life in lives:
        for at, term in life.asked:
            rest = peace.undisturbed(at - patience.elect, at + patience.abdicate)
            if peace.transfers and life.node in rest and term not in won:
                yield _anomaly(
                    "handed over to nobody",
                    f"{life.node} was asked to lead at {at / 1e9:.3f} s, and lost the election of"
                    f" term {term}, although {', '.join(sorted(rest))} were in peace",
                )


def _stalled(
    peace: _Peace,
    lives: Mapping[str, _Life],
    leaderships: Sequence[Leadership],
    patience: Patience,
) -> Iterator[Anomaly]:
    for led in leaderships:
        life = lives[led.node]
        for at, term, index in life.led:
            by = at + patience.commit
            if term != led.term or by > led.until:
                continue
            rest = peace.undisturbed(at - patience.commit, by)
            if led.node not in rest:
                continue
            if life.committed_at(index) > by:
                yield _anomaly(
                    "nothing is committed",
                    f"{led.node}, leader of term {term}, appended entry {index} at"
                    f" {at / 1e9:.3f} s; {patience.commit / 1e9:.1f} s later it was not"
                    f" committed, although {', '.join(sorted(rest))} were in peace",
                )
                break
            behind = [
                node
                for node in sorted(peace.undisturbed(0, by))
                if lives[node].committed_at(index) > by
            ]
            if behind:
                yield _anomaly(
                    "a node falls behind",
                    f"entry {index}, which {led.node} appended at {at / 1e9:.3f} s, had not"
                    f" come to {', '.join(behind)} {patience.commit / 1e9:.1f} s later, although"
                    " no fault had ever hit them",
                )
                break


def _until(led: Leadership) -> float:
    return led.until if led.ended else inf


def _anomaly(kind: str, explanation: str) -> Anomaly:
    return Anomaly(kind=kind, source=SOURCE, evidence=(), explanation=explanation)


def _first_of_each_kind(found: Iterable[Anomaly]) -> Iterator[Anomaly]:
    seen: set[str] = set()
    for anomaly in found:
        if anomaly.kind not in seen:
            seen.add(anomaly.kind)
            yield anomaly
