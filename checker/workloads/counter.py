"""Every read of a counter lies between what it must and what it may be (Jepsen's counter)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from checker.base import Budget
from checker.verdict import Anomaly, Verdict
from checker.workloads.answers import anomaly, verdict
from histories.call import Failed, Increment, Ok, Read, Value
from histories.history import History
from histories.notation import describe_key, describe_op, describe_value
from histories.op import FOREVER, Op


@dataclass(frozen=True, slots=True)
class CounterChecker:
    """The bounds are necessary for linearizability, not sufficient; they cost O(n log n)."""

    initial: int = 0
    name: str = "counter"

    def check(self, history: History, budget: Budget) -> Verdict:  # noqa: ARG002  It is linear.
        found: list[Anomaly] = []
        reads = 0
        for key, part in history.by_key().items():
            judged = list(_bounds(part, self.initial))
            reads += len(judged)
            for op, value, least, most in judged:
                if type(value) is int and least <= value <= most:
                    continue
                found.append(
                    anomaly(
                        "counter-out-of-bounds",
                        "Jepsen, counter",
                        (op,),
                        f"{describe_key(key)} was read as {describe_value(value)}, but must have "
                        f"been {least} to {most}: {describe_op(op)}",
                    )
                )
        return verdict(history, found, f"{reads:,} reads of counters")


def _bounds(part: History, initial: int) -> Iterator[tuple[Op, Value, int, int]]:
    """Each answered read with its value and bounds, by one sweep over all instants.

    Certainly counted are the changes that ended before the read began; possibly, those
    that began before it ended.  Closed intervals that touch overlap.
    """
    moments: list[tuple[int, int, Op]] = []
    for op in part.ops:
        if isinstance(op.outcome, Failed):
            continue
        moments.append((op.invoked, 0, op))
        if op.completed != FOREVER:
            moments.append((op.completed, 1, op))
    raised, lowered = _Total(), _Total()
    certain: dict[int, tuple[int, int]] = {}
    for _, ends, op in sorted(moments, key=lambda moment: moment[:2]):
        match op.call:
            case Increment(by=by):
                total = raised if by > 0 else lowered
                if ends:
                    total.ended += by
                else:
                    total.begun += by
            case Read() if isinstance(op.outcome, Ok):
                if not ends:
                    certain[op.index] = raised.ended, lowered.ended
                    continue
                up, down = certain.pop(op.index)
                value = op.outcome.values[0]
                shown = 0 if value is None else value
                yield op, shown, initial + up + lowered.begun, initial + raised.begun + down
            case _:
                pass


@dataclass(slots=True)
class _Total:
    """Sums of changes, of those that have begun and of those that have ended."""

    begun: int = 0
    ended: int = 0
