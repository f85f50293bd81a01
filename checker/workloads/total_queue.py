"""What goes into a queue comes out, once (Jepsen's total-queue): no order is asked for.

The history must drain the queue at its end, or elements still in it count as lost.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from checker.base import Budget
from checker.verdict import Anomaly, Verdict
from checker.workloads.answers import anomaly, verdict
from histories.call import Dequeue, Enqueue, Failed, Ok, Value
from histories.history import History
from histories.notation import describe_key, describe_value
from histories.op import Op
from histories.values import identity


@dataclass(slots=True)
class _Element:
    value: Value
    attempted: list[Op] = field(default_factory=list)
    certain: int = 0
    taken: list[Op] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TotalQueueChecker:
    """Lost, duplicated and unexpected elements; recovered ones are counted in the note."""

    name: str = "total-queue"

    def check(self, history: History, budget: Budget) -> Verdict:  # noqa: ARG002  It is linear.
        found: list[Anomaly] = []
        enqueued = taken = recovered = open_takes = 0
        for key, part in history.by_key().items():
            elements: dict[Hashable, _Element] = {}
            for op in part.ops:
                match op.call, op.outcome:
                    case Enqueue(element=value), outcome if not isinstance(outcome, Failed):
                        element = elements.setdefault(identity(value), _Element(value))
                        element.attempted.append(op)
                        element.certain += isinstance(outcome, Ok)
                    case Dequeue(), Ok(values=(value,)):
                        elements.setdefault(identity(value), _Element(value)).taken.append(op)
                    case Dequeue(), outcome if not isinstance(outcome, Ok | Failed):
                        open_takes += 1
                    case _:
                        pass
            for element in elements.values():
                enqueued += element.certain
                taken += len(element.taken)
                extra = len(element.taken) - element.certain
                recovered += max(0, min(extra, len(element.attempted) - element.certain))
                wrong = _wrong(key, element)
                found += [] if wrong is None else [wrong]
        found = _excused(found, open_takes)
        return verdict(
            history,
            found,
            f"{enqueued:,} elements acknowledged, {taken:,} taken, {recovered:,} of them "
            f"recovered from enqueues of unknown outcome",
        )


def _wrong(key: str, element: _Element) -> Anomaly | None:
    value, queue = describe_value(element.value), describe_key(key)
    attempts, taken = len(element.attempted), len(element.taken)
    ops = [*element.attempted, *element.taken]
    if not attempts:
        text = f"{value} came out of {queue}, and was never put in"
        return anomaly("unexpected-element", "Jepsen, total-queue", ops, text)
    if taken > attempts:
        text = f"{value} was put into {queue} {attempts} times and came out {taken} times"
        return anomaly("duplicated-element", "Jepsen, total-queue", ops, text)
    if taken < element.certain:
        text = f"{value} was put into {queue} and never came out"
        return anomaly("lost-element", "Jepsen, total-queue", ops, text)
    return None


def _excused(found: list[Anomaly], open_takes: int) -> list[Anomaly]:
    """Without losses, if dequeues of unknown outcome may have taken so many."""
    lost = [each for each in found if each.kind == "lost-element"]
    if len(lost) > open_takes:
        return found
    return [each for each in found if each.kind != "lost-element"]
