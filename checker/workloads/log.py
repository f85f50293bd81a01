"""A log that only grows at its end: reads are parts of one sequence that respects real time.

What is appended is a batch of entries, as one operation.  A read answers how many entries are
no longer kept, and then those that are; it may be old, but must never differ from others where
they overlap.  Entries are told apart by what they hold; of those that hold nothing (None) only
the number is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Final

from checker.base import Budget
from checker.verdict import Anomaly, Unknown, UnknownCause, Verdict
from checker.workloads.answers import anomaly, verdict
from histories.call import Append, Failed, Ok, Read, Txn, Value
from histories.history import History
from histories.notation import describe_key, describe_op, describe_value
from histories.op import Op
from histories.values import identity

_SOURCE = "Herlihy & Wing 1990, of a log"
EMPTY: Final = identity(None)


@dataclass(frozen=True, slots=True)
class LogChecker:
    """Whether entries are lost, doubled, torn apart, out of order, or from nowhere.

    Order: an entry that was acknowledged before another was sent stands before it.  Loss: it
    is not there although such a later one is.  If acknowledged entries were not seen, and
    nothing after them either, nobody knows whether they are lost: the history does not read
    its log to the end.

    Cost: O(n log n) in calls, and O(1) for each entry of each read.
    """

    name: str = "log"

    def check(self, history: History, budget: Budget) -> Verdict:  # noqa: ARG002  See its cost.
        found: list[Anomaly] = []
        entries = unread = 0
        for key, part in history.by_key().items():
            log = _Log(key)
            for op in part.ops:
                log.take(op)
            found += log.wrong_reads()
            found += log.wrong_batches()
            entries += len(log.places) + len(log.empty)
            lost, of_unknown_fate = log.lost_or_late()
            found += lost
            unread += of_unknown_fate
        if unread and not found:
            return Unknown(
                UnknownCause.INCOMPLETE_EVIDENCE,
                f"{unread:,} acknowledged batches were not read, nor anything after them",
            )
        return verdict(history, found, f"{entries:,} entries read")


@dataclass(slots=True)
class _Log:
    """One log.  ``at`` has who first saw what at a place, ``places`` where each entry is, and
    ``empty`` where those without content are."""

    key: str
    appends: list[tuple[Op, tuple[Hashable, ...]]] = field(default_factory=list)
    reads: list[tuple[Op, int, tuple[Value, ...]]] = field(default_factory=list)
    at: dict[int, tuple[Hashable, Op]] = field(default_factory=dict)
    places: dict[Hashable, int] = field(default_factory=dict)
    empty: set[int] = field(default_factory=set)

    def take(self, op: Op) -> None:
        match op.call:
            case Txn(micro=micro):
                batch = tuple(identity(step.element) for step in micro if isinstance(step, Append))
                self.appends.append((op, batch))
            case Read() if isinstance(op.outcome, Ok):
                value = op.outcome.values[0]
                if isinstance(value, tuple) and value and isinstance(value[0], int):
                    self.reads.append((op, value[0], value[1:]))
            case _:
                pass

    def wrong_reads(self) -> Iterator[Anomaly]:
        """Also fills ``at``, ``places`` and ``empty``."""
        attempted = Counter(
            name
            for op, batch in self.appends
            if not isinstance(op.outcome, Failed)
            for name in batch
        )
        for op, gone, values in self.reads:
            for place, value in enumerate(values, start=gone):
                name = identity(value)
                known, by = self.at.setdefault(place, (name, op))
                if known != name:
                    text = f"entry {place} of {describe_key(self.key)} differs between two reads"
                    yield self._anomaly("diverging-logs", (by, op), text)
                    break
                if name == EMPTY:
                    self.empty.add(place)
                    if by is op and len(self.empty) > attempted[EMPTY]:
                        text = f"{describe_key(self.key)} has an entry without content too many"
                        yield self._anomaly("unexpected-entry", (op,), text)
                    continue
                if self.places.setdefault(name, place) != place:
                    text = (
                        f"{describe_value(value)} stands in {describe_key(self.key)} twice, "
                        f"as entry {self.places[name]} and as entry {place}"
                    )
                    yield self._anomaly("duplicated-entry", (op,), text)
                    break
                if by is op and name not in attempted:
                    text = f"{describe_value(value)} is in {describe_key(self.key)}, and nobody"
                    yield self._anomaly("unexpected-entry", (op,), f"{text} appended it")

    def wrong_batches(self) -> Iterator[Anomaly]:
        """Those that were seen, but not whole and in one piece: reads show whole batches."""
        for op, batch in self.appends:
            named = [(offset, name) for offset, name in enumerate(batch) if name != EMPTY]
            begins = [self.places[name] - offset for offset, name in named if name in self.places]
            if not begins or begins == [begins[0]] * len(named):
                continue
            text = (
                f"a batch of {len(batch)} entries is not in one piece in {describe_key(self.key)}"
            )
            yield self._anomaly("torn-batch", (op,), text)

    @property
    def _end(self) -> int:
        """How far the log was read without a gap."""
        end = 0
        while end in self.at:
            end += 1
        return end

    def lost_or_late(self) -> tuple[list[Anomaly], int]:
        """What breaks the order of real time; and of how many batches nothing is known."""
        end = self._end
        acknowledged = sorted(
            (
                (op, batch)
                for op, batch in self.appends
                if batch.count(EMPTY) < len(batch) and isinstance(op.outcome, Ok)
            ),
            key=lambda append: append[0].completed,
        )
        found: list[Anomaly] = []
        missing: list[Op] = []
        last: tuple[int, Op] | None = None
        ended = 0
        for op, batch in self.appends:  # In the order in which they were sent.
            while ended < len(acknowledged) and acknowledged[ended][0].completed < op.invoked:
                before, names = acknowledged[ended]
                place = max((self.places.get(name, -1) for name in names), default=-1)
                if place < 0:
                    missing.append(before)
                elif last is None or place > last[0]:
                    last = place, before
                ended += 1
            seen = [self.places[name] for name in batch if name in self.places]
            if not seen:
                continue
            if last is not None and last[0] > min(seen):
                text = "stands before one that had been acknowledged before it was sent"
                found.append(self._anomaly("out-of-order", (last[1], op), f"an entry {text}"))
            if max(seen) < end:
                # Behind what had been acknowledged before, there is something later.
                found += [self._lost(one, op) for one in missing]
                missing = []
        rest = acknowledged[ended:]
        unseen = [op for op, batch in rest if not any(name in self.places for name in batch)]
        return found, len(missing) + len(unseen)

    def _lost(self, op: Op, later: Op) -> Anomaly:
        text = (
            f"what process {op.process} appended to {describe_key(self.key)} was acknowledged, "
            f"and is not there, but what process {later.process} sent after that is"
        )
        return self._anomaly("lost-entry", (op, later), text)

    def _anomaly(self, kind: str, ops: tuple[Op, ...], text: str) -> Anomaly:
        return anomaly(kind, _SOURCE, ops, text, [describe_op(op)[:200] for op in ops])
