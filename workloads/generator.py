"""What to call next, as immutable values that can be combined (after Jepsen's).

Laws that every generator keeps:

1. ``next`` and ``update`` are functions of their arguments: asked twice, a
   generator answers the same.  Whoever asks goes on with the generator returned.
2. ``Invoke`` names a process of ``context.free``.
3. ``Exhausted`` is final; ``Pending`` is not, and holds until a call completes or
   until its time has come.

Whoever asks must report every completed call with ``update``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, assert_never

from histories.call import Call, Outcome
from histories.op import FOREVER, Nanos, ProcessId
from workloads.draws import Draws, draw

BACKLOG_INTERVALS_MAX: Final = 10


@dataclass(frozen=True, slots=True)
class Context:
    """What a generator may know.

    ``free`` are the processes without a call in flight, the longest idle first.
    A process belongs to the worker ``process % concurrency``; of a worker's
    processes only the latest is alive.
    """

    now: Nanos
    free: tuple[ProcessId, ...]
    concurrency: int


@dataclass(frozen=True, slots=True)
class Invoke:
    """``process`` is to make ``call`` now."""

    process: ProcessId
    call: Call


@dataclass(frozen=True, slots=True)
class Pending:
    """Nothing now.  Ask again after a completion, or at ``until``."""

    until: Nanos = FOREVER


@dataclass(frozen=True, slots=True)
class Exhausted:
    """Nothing, ever again."""


Step: TypeAlias = Invoke | Pending | Exhausted
PENDING: Final = Pending()
EXHAUSTED: Final = Exhausted()


@dataclass(frozen=True, slots=True)
class Completion:
    """A call has ended."""

    time: Nanos
    process: ProcessId
    call: Call
    outcome: Outcome


class Generator(Protocol):
    def next(self, context: Context) -> tuple[Step, Generator]: ...

    def update(self, completion: Completion) -> Generator: ...


@dataclass(frozen=True, slots=True)
class Sequence:
    """These calls in order, each by the process that has been idle longest."""

    calls: tuple[Call, ...]

    def next(self, context: Context) -> tuple[Step, Generator]:
        if not self.calls:
            return EXHAUSTED, self
        if not context.free:
            return PENDING, self
        return Invoke(context.free[0], self.calls[0]), Sequence(self.calls[1:])

    def update(self, completion: Completion) -> Generator:  # noqa: ARG002  # Part of the protocol.
        return self


def once(call: Call) -> Sequence:
    """One call."""
    return Sequence((call,))


@dataclass(frozen=True, slots=True)
class Repeat:
    """``original`` from its beginning whenever it is exhausted; ``times`` in all.

    It must make at least one call each time round.
    """

    original: Generator
    times: int | None = None
    current: Generator | None = None

    def next(self, context: Context) -> tuple[Step, Generator]:
        if self.times == 0:
            return EXHAUSTED, self
        step, after = (self.current or self.original).next(context)
        if not isinstance(step, Exhausted):
            return step, Repeat(self.original, self.times, after)
        assert self.current is not None, "an empty generator cannot be repeated"
        left = None if self.times is None else self.times - 1
        return Repeat(self.original, left).next(context)

    def update(self, completion: Completion) -> Generator:
        if self.current is None:
            return self
        return Repeat(self.original, self.times, self.current.update(completion))


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``calls_max`` calls."""

    calls_max: int
    inner: Generator

    def next(self, context: Context) -> tuple[Step, Generator]:
        if self.calls_max == 0:
            return EXHAUSTED, self
        step, inner = self.inner.next(context)
        return step, Limit(self.calls_max - isinstance(step, Invoke), inner)

    def update(self, completion: Completion) -> Generator:
        return Limit(self.calls_max, self.inner.update(completion))


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """No call ``duration`` nanoseconds after the first question, or later."""

    duration: Nanos
    inner: Generator
    until: Nanos | None = None

    def next(self, context: Context) -> tuple[Step, Generator]:
        until = Nanos(context.now + self.duration) if self.until is None else self.until
        if context.now >= until:
            return EXHAUSTED, self
        step, inner = self.inner.next(context)
        if isinstance(step, Pending) and step.until > until:
            step = Pending(until)
        return step, TimeLimit(self.duration, inner, until)

    def update(self, completion: Completion) -> Generator:
        return TimeLimit(self.duration, self.inner.update(completion), self.until)


@dataclass(frozen=True, slots=True)
class Stagger:
    """One call per ``interval`` nanoseconds on average, over all processes together.

    The gaps are uniform in [0, 2 ``interval``) and counted from when the last call
    was due, so that late questions do not lower the rate.  Calls that could not be
    made for lack of a free process are made up for, up to ``BACKLOG_INTERVALS_MAX``:
    more would be a burst that nobody asked for.
    """

    interval: Nanos
    draws: Draws
    inner: Generator
    due: Nanos | None = None

    def next(self, context: Context) -> tuple[Step, Generator]:
        due = context.now if self.due is None else self.due
        if context.now < due:
            return Pending(due), self
        step, inner = self.inner.next(context)
        if not isinstance(step, Invoke):
            return step, Stagger(self.interval, self.draws, inner, due)
        number, draws = draw(self.draws)
        gap = number % (2 * self.interval)
        backlog_start = context.now - BACKLOG_INTERVALS_MAX * self.interval
        return step, Stagger(self.interval, draws, inner, Nanos(max(due, backlog_start) + gap))

    def update(self, completion: Completion) -> Generator:
        return Stagger(self.interval, self.draws, self.inner.update(completion), self.due)


@dataclass(frozen=True, slots=True)
class Mix:
    """One of ``inners`` at random for each call, until all are exhausted.

    One that is pending holds up the others, or else the mixture would depend on
    who is slow.
    """

    inners: tuple[Generator, ...]
    draws: Draws

    def next(self, context: Context) -> tuple[Step, Generator]:
        inners, draws = self.inners, self.draws
        while inners:
            number, following = draw(draws)
            at = number % len(inners)
            step, inner = inners[at].next(context)
            match step:
                case Invoke():
                    return step, Mix((*inners[:at], inner, *inners[at + 1 :]), following)
                case Pending():
                    return step, Mix((*inners[:at], inner, *inners[at + 1 :]), draws)
                case Exhausted():
                    inners, draws = inners[:at] + inners[at + 1 :], following
                case _:
                    assert_never(step)
        return EXHAUSTED, Mix((), draws)

    def update(self, completion: Completion) -> Generator:
        return Mix(tuple(inner.update(completion) for inner in self.inners), self.draws)


@dataclass(frozen=True, slots=True)
class Filter:
    """The calls of ``inner`` that ``keep`` accepts."""

    keep: Callable[[Call], bool]
    inner: Generator

    def next(self, context: Context) -> tuple[Step, Generator]:
        step, inner = self.inner.next(context)
        while isinstance(step, Invoke) and not self.keep(step.call):
            step, inner = inner.next(context)
        return step, Filter(self.keep, inner)

    def update(self, completion: Completion) -> Generator:
        return Filter(self.keep, self.inner.update(completion))


@dataclass(frozen=True, slots=True)
class EachWorker:
    """A copy of ``original`` for every worker, each made by that worker alone.

    A worker whose process is retired goes on with its next process.  To a copy its
    worker is the only one there is.
    """

    original: Generator
    copies: tuple[Generator | None, ...] = ()

    def next(self, context: Context) -> tuple[Step, Generator]:
        copies = list(self.copies) or [self.original] * context.concurrency
        until = FOREVER
        for process in context.free:
            worker = process % context.concurrency
            copy = copies[worker]
            if copy is None:
                continue
            step, after = copy.next(Context(context.now, (process,), 1))
            copies[worker] = after
            match step:
                case Invoke():
                    return step, EachWorker(self.original, tuple(copies))
                case Pending(until=time):
                    until = min(until, time)
                case Exhausted():
                    copies[worker] = None
                case _:
                    assert_never(step)
        after_all = EachWorker(self.original, tuple(copies))
        return (Pending(until) if any(copies) else EXHAUSTED), after_all

    def update(self, completion: Completion) -> Generator:
        if not self.copies:
            return self
        worker = completion.process % len(self.copies)
        copies = list(self.copies)
        copy = copies[worker]
        copies[worker] = None if copy is None else copy.update(completion)
        return EachWorker(self.original, tuple(copies))


@dataclass(frozen=True, slots=True)
class Phases:
    """One after the other; each begins when no call of the one before is in flight."""

    inners: tuple[Generator, ...]

    def next(self, context: Context) -> tuple[Step, Generator]:
        inners = self.inners
        while inners:
            step, inner = inners[0].next(context)
            if not isinstance(step, Exhausted):
                return step, Phases((inner, *inners[1:]))
            if len(context.free) < context.concurrency:
                return PENDING, Phases((inner, *inners[1:]))
            inners = inners[1:]
        return EXHAUSTED, Phases(())

    def update(self, completion: Completion) -> Generator:
        if not self.inners:
            return self
        return Phases((self.inners[0].update(completion), *self.inners[1:]))
