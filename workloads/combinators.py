"""Further ways to combine generators (after Jepsen's), for workloads that need them.

All keep the laws of ``workloads.generator``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import assert_never

from histories.call import Call, Ok
from histories.op import FOREVER, Nanos, ProcessId
from workloads.generator import (
    EXHAUSTED,
    Completion,
    Context,
    Exhausted,
    Generator,
    Invoke,
    Pending,
    Step,
)


@dataclass(frozen=True, slots=True)
class Sleep:
    """Nothing for ``duration`` nanoseconds from the first question on: a pause in ``Phases``."""

    duration: Nanos
    until: Nanos | None = None

    def next(self, context: Context) -> tuple[Step, Generator]:
        until = Nanos(context.now + self.duration) if self.until is None else self.until
        if context.now >= until:
            return EXHAUSTED, Sleep(self.duration, until)
        return Pending(until), Sleep(self.duration, until)

    def update(self, completion: Completion) -> Generator:  # noqa: ARG002  # Part of the protocol.
        return self


@dataclass(frozen=True, slots=True)
class Map:
    """The calls of ``inner``, each as ``change`` makes it; it must be undone by nobody.

    ``inner`` is told of completions of the changed calls.
    """

    change: Callable[[Call], Call]
    inner: Generator

    def next(self, context: Context) -> tuple[Step, Generator]:
        step, inner = self.inner.next(context)
        if isinstance(step, Invoke):
            step = Invoke(step.process, self.change(step.call))
        return step, Map(self.change, inner)

    def update(self, completion: Completion) -> Generator:
        return Map(self.change, self.inner.update(completion))


@dataclass(frozen=True, slots=True)
class Delay:
    """At least ``interval`` nanoseconds between two calls, over all processes together."""

    interval: Nanos
    inner: Generator
    due: Nanos | None = None

    def next(self, context: Context) -> tuple[Step, Generator]:
        if self.due is not None and context.now < self.due:
            return Pending(self.due), self
        step, inner = self.inner.next(context)
        due = Nanos(context.now + self.interval) if isinstance(step, Invoke) else self.due
        return step, Delay(self.interval, inner, due)

    def update(self, completion: Completion) -> Generator:
        return Delay(self.interval, self.inner.update(completion), self.due)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Whoever of ``inners`` can call now, the first named first, until all are exhausted."""

    inners: tuple[Generator, ...]

    def next(self, context: Context) -> tuple[Step, Generator]:
        inners = list(self.inners)
        until, left = FOREVER, False
        for at, inner in enumerate(inners):
            step, inners[at] = inner.next(context)
            match step:
                case Invoke():
                    return step, AnyOf(tuple(inners))
                case Pending(until=time):
                    until, left = min(until, time), True
                case Exhausted():
                    pass
                case _:
                    assert_never(step)
        return (Pending(until) if left else EXHAUSTED), AnyOf(tuple(inners))

    def update(self, completion: Completion) -> Generator:
        return AnyOf(tuple(inner.update(completion) for inner in self.inners))


@dataclass(frozen=True, slots=True)
class FlipFlop:
    """A call of the first, one of the second, and so on in turns, until one is exhausted."""

    turn: Generator
    other: Generator

    def next(self, context: Context) -> tuple[Step, Generator]:
        step, turn = self.turn.next(context)
        if isinstance(step, Invoke):
            return step, FlipFlop(self.other, turn)
        return step, FlipFlop(turn, self.other)

    def update(self, completion: Completion) -> Generator:
        return FlipFlop(self.turn.update(completion), self.other.update(completion))


@dataclass(frozen=True, slots=True)
class CycleTimes:
    """Each generator for its number of nanoseconds, then the next, round and round.

    A call made in one's time may complete in another's: all are told of it.
    """

    parts: tuple[tuple[Nanos, Generator], ...]
    began: Nanos | None = None

    def next(self, context: Context) -> tuple[Step, Generator]:
        began = context.now if self.began is None else self.began
        period = sum(duration for duration, _ in self.parts)
        parts = list(self.parts)
        rest = (context.now - began) % period
        at = 0
        while rest >= parts[at][0]:
            rest -= parts[at][0]
            at += 1
        over = Nanos(context.now + parts[at][0] - rest)
        step, inner = parts[at][1].next(context)
        parts[at] = (parts[at][0], inner)
        if isinstance(step, Pending):
            step = Pending(min(step.until, over))
        return step, CycleTimes(tuple(parts), began)

    def update(self, completion: Completion) -> Generator:
        parts = tuple((duration, inner.update(completion)) for duration, inner in self.parts)
        return CycleTimes(parts, self.began)


@dataclass(frozen=True, slots=True)
class ProcessLimit:
    """Calls by at most ``processes_max`` different processes: bounds what may stay open."""

    processes_max: int
    inner: Generator
    seen: frozenset[ProcessId] = frozenset()

    def next(self, context: Context) -> tuple[Step, Generator]:
        step, inner = self.inner.next(context)
        if not isinstance(step, Invoke):
            return step, ProcessLimit(self.processes_max, inner, self.seen)
        seen = self.seen | {step.process}
        if len(seen) > self.processes_max:
            return EXHAUSTED, ProcessLimit(0, self.inner, frozenset())
        return step, ProcessLimit(self.processes_max, inner, seen)

    def update(self, completion: Completion) -> Generator:
        return ProcessLimit(self.processes_max, self.inner.update(completion), self.seen)


@dataclass(frozen=True, slots=True)
class UntilOk:
    """Calls of ``inner`` until one of them is answered; those then in flight go on."""

    inner: Generator
    answered: bool = False
    open: frozenset[ProcessId] = frozenset()

    def next(self, context: Context) -> tuple[Step, Generator]:
        if self.answered:
            return EXHAUSTED, self
        step, inner = self.inner.next(context)
        opened = self.open | {step.process} if isinstance(step, Invoke) else self.open
        return step, UntilOk(inner, self.answered, opened)

    def update(self, completion: Completion) -> Generator:
        ours = completion.process in self.open
        answered = self.answered or (ours and isinstance(completion.outcome, Ok))
        return UntilOk(self.inner.update(completion), answered, self.open - {completion.process})


@dataclass(frozen=True, slots=True)
class EachProcess:
    """``original`` anew for every process: whoever succeeds a retired one begins again."""

    original: Generator
    copies: tuple[tuple[ProcessId, Generator], ...] = ()
    """Of each worker's latest process, in the order of first use."""

    def next(self, context: Context) -> tuple[Step, Generator]:
        copies = dict(self.copies)
        until, left = FOREVER, len(context.free) < context.concurrency
        for process in context.free:
            copy = copies.get(process, self.original)
            step, copies[process] = copy.next(Context(context.now, (process,), 1))
            match step:
                case Invoke():
                    return step, self._with(copies, context.concurrency)
                case Pending(until=time):
                    until, left = min(until, time), True
                case Exhausted():
                    pass
                case _:
                    assert_never(step)
        # While a call is out its process may be retired, and its successor begins anew.
        return (Pending(until) if left else EXHAUSTED), self._with(copies, context.concurrency)

    def update(self, completion: Completion) -> Generator:
        copies = dict(self.copies)
        if completion.process in copies:
            copies[completion.process] = copies[completion.process].update(completion)
        return EachProcess(self.original, tuple(copies.items()))

    def _with(self, copies: dict[ProcessId, Generator], concurrency: int) -> EachProcess:
        latest: dict[int, ProcessId] = {}
        for process in copies:
            worker = process % concurrency
            latest[worker] = max(process, latest.get(worker, process))
        alive = set(latest.values())
        kept = tuple((process, copy) for process, copy in copies.items() if process in alive)
        return EachProcess(self.original, kept)


@dataclass(frozen=True, slots=True)
class Reserve:
    """Workers 0 .. n1 - 1 for the first generator, the next n2 for the second, and so on.

    The workers left over belong to ``rest``.  To each generator its workers are all there
    are, numbered from 0; of a retired process's successors it hears likewise.
    """

    parts: tuple[tuple[int, Generator], ...]
    rest: Generator
    workers: int | None = None

    def next(self, context: Context) -> tuple[Step, Generator]:
        ranges = self._ranges(context.concurrency)
        inners = [inner for _, inner in self.parts] + [self.rest]
        until, left = FOREVER, False
        for at, (first, count) in enumerate(ranges):
            free = tuple(
                _inward(process, context.concurrency, first, count)
                for process in context.free
                if first <= process % context.concurrency < first + count
            )
            if count == 0:
                continue
            step, inners[at] = inners[at].next(Context(context.now, free, count))
            match step:
                case Invoke(process=process, call=call):
                    outside = _outward(process, context.concurrency, first, count)
                    return Invoke(outside, call), self._with(inners, context.concurrency)
                case Pending(until=time):
                    until, left = min(until, time), True
                case Exhausted():
                    pass
                case _:
                    assert_never(step)
        return (Pending(until) if left else EXHAUSTED), self._with(inners, context.concurrency)

    def update(self, completion: Completion) -> Generator:
        assert self.workers is not None, "nothing completes before it was called"
        inners = [inner for _, inner in self.parts] + [self.rest]
        for at, (first, count) in enumerate(self._ranges(self.workers)):
            if first <= completion.process % self.workers < first + count:
                process = _inward(completion.process, self.workers, first, count)
                inners[at] = inners[at].update(
                    Completion(completion.time, process, completion.call, completion.outcome)
                )
        return self._with(inners, self.workers)

    def _ranges(self, workers: int) -> list[tuple[int, int]]:
        """The first worker of each part and how many it has."""
        bounds = [0]
        for count, _ in self.parts:
            bounds.append(bounds[-1] + count)
        assert bounds[-1] <= workers, f"{bounds[-1]} workers reserved of {workers}"
        bounds.append(workers)
        return [(first, last - first) for first, last in pairwise(bounds)]

    def _with(self, inners: list[Generator], workers: int) -> Reserve:
        counts = [count for count, _ in self.parts]
        return Reserve(tuple(zip(counts, inners, strict=False)), inners[-1], workers)


def on_workers(count: int, inner: Generator) -> Reserve:
    """``inner`` for the first ``count`` workers alone; the others stay idle."""
    return Reserve(((count, inner),), _NOTHING)


@dataclass(frozen=True, slots=True)
class _Nothing:
    def next(self, context: Context) -> tuple[Step, Generator]:  # noqa: ARG002
        return EXHAUSTED, self

    def update(self, completion: Completion) -> Generator:  # noqa: ARG002
        return self


_NOTHING = _Nothing()


def _inward(process: ProcessId, workers: int, first: int, count: int) -> ProcessId:
    """How a part numbers ``process``: so that worker is again process modulo workers."""
    generation, worker = divmod(process, workers)
    return ProcessId(generation * count + worker - first)


def _outward(process: ProcessId, workers: int, first: int, count: int) -> ProcessId:
    generation, worker = divmod(process, count)
    return ProcessId(generation * workers + worker + first)
