"""Conditions that judge each read of registers by itself, in O(n log n).

All of them ask which writes a read may have seen.  A write is *overwritten* at a
moment if another began after it had ended and had itself ended by then.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final

from checker.base import ValueModel
from checker.verdict import Anomaly, Invalid, Unknown, UnknownCause, Valid, Verdict
from histories.call import Failed, Ok
from histories.history import History
from histories.notation import clock_for, describe_call, describe_key, describe_op, describe_outcome
from histories.op import FOREVER, Nanos, Op, answer_of

_START: Final = Nanos(-1)

Judge = Callable[["Writes", Op], str | None]
"""Why a read is wrong, if it is."""


class Writes:
    """The writes of one register, with what is certain of their order."""

    def __init__(self, ops: Sequence[Op], model: ValueModel) -> None:
        self._model = model
        self._by_value: dict[Hashable, list[Op]] = {}
        certain: list[Op] = []
        for op in ops:
            installed = model.installs(op.call, answer_of(op))
            if installed is None or isinstance(op.outcome, Failed):
                continue
            self._by_value.setdefault(installed, []).append(op)
            if isinstance(op.outcome, Ok):
                certain.append(op)
        by_end = sorted(certain, key=lambda op: op.completed)
        self._ends = [op.completed for op in by_end]
        self._latest_start = _running([op.invoked for op in by_end], max)
        self._starts = [op.invoked for op in certain]
        self._earliest_end = _running([op.completed for op in reversed(certain)], min)[::-1]

    def seen(self, op: Op) -> Hashable | None:
        return self._model.needs(op.call, op.outcome) if isinstance(op.outcome, Ok) else None

    def installed(self, op: Op) -> Hashable | None:
        return self._model.installs(op.call, answer_of(op))

    def sources(self, op: Op) -> list[Op]:
        """The writes of what ``op`` saw that had begun when it ended, itself apart."""
        writes = self._by_value.get(self.seen(op), [])
        begun = bisect_right(writes, op.completed, key=lambda write: write.invoked)
        return [write for write in writes[:begun] if write is not op]

    def is_initial(self, op: Op) -> bool:
        return self.seen(op) == self._model.initial

    def overwritten_at(self, write: Op | None) -> Nanos:
        """When it was certain that ``write`` (None: the initial value) was overwritten."""
        ended = _START if write is None else write.completed
        later = bisect_right(self._starts, ended)
        return self._earliest_end[later] if later < len(self._starts) else FOREVER

    def fresh_until(self, op: Op) -> Nanos | None:
        """Until when what ``op`` saw may have been there; None if nobody wrote it in time."""
        ends = [self.overwritten_at(write) for write in self.sources(op)]
        if self.is_initial(op):
            ends.append(self.overwritten_at(None))
        return max(ends, default=None)

    def is_concurrent_with_a_write(self, op: Op) -> bool:
        """Whether some write may have taken effect while ``op`` was going on."""
        return any(
            write is not op and write.invoked <= op.completed and write.completed >= op.invoked
            for writes in self._by_value.values()
            for write in writes
        )


def regular(writes: Writes, op: Op) -> str | None:
    """Lamport 1986, for many writers: a read sees a write that is not overwritten when
    it begins, or one that goes on at the same time."""
    until = writes.fresh_until(op)
    if until is None:
        return "nobody had begun to write that"
    return "it had been overwritten before the read began" if until < op.invoked else None


def safe(writes: Writes, op: Op) -> str | None:
    """Lamport 1986: the same, but what goes on while someone writes may see anything."""
    return None if writes.is_concurrent_with_a_write(op) else regular(writes, op)


def fresher_than(bound: Nanos) -> Judge:
    """No read sees what had been overwritten more than ``bound`` before it began."""

    def judge(writes: Writes, op: Op) -> str | None:
        until = writes.fresh_until(op)
        if until is None:
            return "nobody had begun to write that"
        late = op.invoked - until
        return f"it had been overwritten {late:,} ns before" if late > bound else None

    return judge


@dataclass(slots=True)
class _Newest:
    """What one process has seen of one key: the write that began last, and how it saw it."""

    began: Nanos = _START
    by: Op | None = None
    left: dict[Hashable, Op] = field(default_factory=dict)
    """Values seen before the present one, and who saw the first other one after."""
    present: Hashable | None = None


def judge_reads(history: History, model: ValueModel, judge: Judge, kind: str) -> Verdict:
    """Judge every read of every key by itself.

    Compare-and-sets count as reads of what they found, and as writes if they swapped.
    """
    anomalies: list[Anomaly] = []
    reads = 0
    for key, part in history.by_key().items():
        writes = Writes(part.ops, model)
        for op in part.ops:
            if writes.seen(op) is None:
                continue
            reads += 1
            problem = judge(writes, op)
            if problem is not None:
                anomalies.append(_anomaly(key, op, writes.sources(op), problem, kind))
                break
    return _verdict(anomalies, reads)


def monotonic_reads(history: History, model: ValueModel) -> Verdict:
    """No process sees a value older than one that it has seen (Terry et al. 1994).

    Older is what was overwritten for certain before the other was written, or a
    value written once that the process has seen replaced.
    """
    anomalies: list[Anomaly] = []
    reads = 0
    for key, part in history.by_key().items():
        writes = Writes(part.ops, model)
        newest: dict[int, _Newest] = {}
        for op in part.ops:
            if writes.seen(op) is None:
                continue
            reads += 1
            before = _step_back(writes, newest.setdefault(op.process, _Newest()), op)
            if before is not None:
                problem = f"the same process had seen a later value: {describe_op(before)}"
                anomalies.append(_anomaly(key, op, [before], problem, "monotonic reads"))
                break
    return _verdict(anomalies, reads)


def stalest(history: History, model: ValueModel) -> tuple[Nanos, Op | None]:
    """How long before it began the value of the oldest read had been overwritten, and that
    read; 0 and None if no read was stale.  Reads of what nobody wrote do not count."""
    worst, oldest = Nanos(0), None
    for part in history.by_key().values():
        writes = Writes(part.ops, model)
        for op in part.ops:
            until = writes.fresh_until(op) if writes.seen(op) is not None else None
            if until is not None and op.invoked - until > worst:
                worst, oldest = Nanos(op.invoked - until), op
    return worst, oldest


def _step_back(writes: Writes, newest: _Newest, op: Op) -> Op | None:
    """The earlier read that saw something later than ``op``; notes what ``op`` saw."""
    value = writes.seen(op)
    sources = writes.sources(op)
    once = len(sources) + writes.is_initial(op) == 1
    if once and value in newest.left:
        return newest.left[value]
    if not sources and not writes.is_initial(op):
        return None
    last_end = max([source.completed for source in sources], default=_START)
    if newest.by is not None and last_end < newest.began:
        return newest.by
    if newest.present is not None and newest.present != value:
        newest.left.setdefault(newest.present, op)
    installed = writes.installed(op)
    newest.present = value if installed is None else installed
    began = min([source.invoked for source in sources], default=_START)
    if not writes.is_initial(op) and began > newest.began:
        newest.began, newest.by = began, op
    return None


def _anomaly(key: str, op: Op, others: Sequence[Op], problem: str, kind: str) -> Anomaly:
    clock = clock_for([op, *others])
    did = f"{describe_call(op.call)} {describe_outcome(op.call, op.outcome)}"
    return Anomaly(
        kind=kind,
        source="Terry et al. 1994" if kind == "monotonic reads" else "Lamport 1986",
        evidence=tuple(sorted({op.index, *(other.index for other in others)})),
        explanation=(
            f"key {describe_key(key)}: process {op.process}'s {did} at "
            f"{clock(op.completed)}: {problem}"
        ),
    )


def _verdict(anomalies: Sequence[Anomaly], reads: int) -> Verdict:
    if anomalies:
        return Invalid(tuple(anomalies))
    if not reads:
        return Unknown(UnknownCause.NOTHING_TO_CHECK, "nothing was read")
    return Valid(f"{reads:,} reads")


def _running(numbers: Sequence[Nanos], best: Callable[[Nanos, Nanos], Nanos]) -> list[Nanos]:
    result: list[Nanos] = []
    for number in numbers:
        result.append(best(result[-1], number) if result else number)
    return result
