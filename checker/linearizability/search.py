"""The search for a linearization of one object's operations.

Just-in-time linearization (Lowe 2017): the events of the history are processed
in order, with the set of all *configurations* that explain what was seen so
far.  Only when an operation returns must a configuration have it linearized,
and only then others are linearized before it.  What keeps the set small:

1. A configuration holds only what is open: the state, which open mutators have
   taken effect, which open observers have not been satisfied, and how many
   indeterminate operations of each kind were used.  Memory is O(window).
2. Observers are linearized as soon as the state agrees: nothing is lost, as
   they change no state and everything before them is linearized already.
3. Indeterminate operations with equal calls are interchangeable, so they are
   counted; one that would not change the state is not taken.
4. A configuration that used less and owes less, in the same state with the same
   mutators done, can do all that another can: only the least are kept.
5. For a ``ValueModel``, what ``look_ahead`` knows of the rest of the history.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from checker.base import Budget, Inconsistent, Model, State, ValueModel
from checker.linearizability.look_ahead import LookAhead
from checker.verdict import UnknownCause
from histories.call import Failed, Ok
from histories.op import FOREVER, Nanos, Op, ProcessId
from histories.values import identity

Trail: TypeAlias = "tuple[int, Trail] | None"
"""The indices linearized so far, last first; None at the start and when not traced."""


@dataclass(frozen=True, slots=True)
class Linearizable:
    """There is a linearization: ``order`` is one, if the search was traced.

    It holds the index of every ``Ok`` operation, and of those indeterminate ones
    that it assumes to have happened.
    """

    order: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadEnd:
    """One way to explain everything before the stuck operation, and where it ends.

    ``reason`` says why the operation cannot follow; ``order`` is the
    linearization so far, if the search was traced.
    """

    state: str
    reason: str
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """A value came more often than operations can have brought it.

    Attributes:
        others: Per time an operation that had found another value before; None if the
            object began with another.
        seers: Per time an operation that found the value, after the other.
        bringers: All that may have brought it, one time each: fewer.
    """

    others: tuple[Op | None, ...]
    seers: tuple[Op, ...]
    bringers: tuple[Op, ...]

    def ops(self) -> tuple[Op, ...]:
        """All of them, ascending by index."""
        named = {op.index: op for op in (*self.others, *self.seers, *self.bringers) if op}
        return tuple(named[index] for index in sorted(named))


class Stretch(Protocol):
    """Operations that have no linearization, whatever the value was before them.

    Of one that was open when the stretch began, it is not known whether it had happened.
    """

    @property
    def ops(self) -> Sequence[Op]:
        """Ascending by index; what may have happened or not is indeterminate."""
        ...

    @property
    def left_open(self) -> bool:
        """Whether some part was too hard to judge."""
        ...

    def stuck(self, positions: Sequence[int], budget: Budget) -> Stuck | None:
        """Where these of them, ascending, get stuck first, if they certainly do."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """No linearization exists, already because of what returned up to ``op``.

    Attributes:
        op: The operation whose completion nothing explains.
        explained: How many operations had completed before, all explainable.
        dead_ends: One per state that was possible at that moment.
        counted: What shows it without a search, if that is how it was found.
        nearby: A stretch of time that shows it by itself, if that is how it was found.
        all_ends: Whether ``dead_ends`` has all states that were possible.
    """

    op: Op
    explained: int
    dead_ends: tuple[DeadEnd, ...]
    counted: Counted | None = None
    nearby: Stretch | None = None
    all_ends: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhausted:
    """The budget ran out: nothing is known of ``op`` and what follows it."""

    cause: UnknownCause
    op: Op
    configurations: int


Found: TypeAlias = Linearizable | Stuck | Exhausted

_LANE: Final = 24
"""Bits per kind in the packed counts of used operations; the top one guards."""

_COMPARED_AT_ONCE: Final = 32
"""Comparisons that cost about as much as making a configuration, and count as one."""

_LOOKS_AT_CLOCK_EVERY: Final = 256


def search(
    ops: Sequence[Op],
    model: Model[State],
    budget: Budget,
    *,
    traced: bool = False,
    prophetic: bool = True,
) -> Found:
    """Decide whether the operations of one object are linearizable.

    Failed operations count as never called, indeterminate ones as optional from
    their invocation on.  Closed intervals that touch overlap, except that a
    process's own operations keep their order.

    Args:
        ops: Ascending by index; they keep the laws of ``Op``.
        model: What the object should do.
        budget: ``states_max`` bounds the configurations explored, each with what it takes to
            compare it with others.
        traced: Whether to remember orders; O(n) memory instead of O(window).
        prophetic: Whether to look ahead, which is much faster.  Then the op of a
            ``Stuck`` is only one by whose completion the search knew the end;
            without, it is the first completion that nothing explains.

    Cost: exponential in the mutators open at once, linear in the history.
    """
    relevant = _relevant(ops, model)
    look_ahead = LookAhead(relevant, model) if prophetic and isinstance(model, ValueModel) else None
    predecessors = _tied_predecessors(relevant)
    state = _Search(model, budget, traced=traced, look_ahead=look_ahead, tied=bool(predecessors))
    return state.run(relevant, predecessors)


def _relevant(ops: Sequence[Op], model: Model[State]) -> list[Op]:
    """The ops that can matter: not the failed, nor the indeterminate that none noticed."""
    certain = [op for op in ops if isinstance(op.outcome, Ok)]
    optional = [
        op
        for op in ops
        if not isinstance(op.outcome, Ok | Failed) and not model.observes_only(op.call, None)
    ]
    if isinstance(model, ValueModel):
        optional = _noticed(certain, optional, model)
    return sorted([*certain, *optional], key=lambda op: op.index)


def _noticed(certain: Sequence[Op], optional: Sequence[Op], model: ValueModel) -> list[Op]:
    """Those whose value was seen, or is needed by one whose value was seen."""
    seen = {model.needs(op.call, op.outcome) for op in certain if isinstance(op.outcome, Ok)}
    installers: dict[Hashable, list[Op]] = {}
    for op in optional:
        installers.setdefault(model.installs(op.call, None), []).append(op)
    noticed: list[Op] = []
    work = [value for value in installers if value in seen]
    while work:
        for op in installers.pop(work.pop(), ()):
            noticed.append(op)
            needed = model.needs(op.call, None)
            if needed is not None:
                work.append(needed)
    return noticed


class OpenSearch(Generic[State]):
    """The search one event at a time, for histories that are not over.

    It keeps configurations and what is open, nothing of what is over.
    ``states_max`` is for each completion.

    Events come in time order, at one instant invocations first; an op comes with
    its outcome at its invocation already.
    """

    def __init__(self, model: Model[State], budget: Budget) -> None:
        self._search = _Search(model, budget, traced=False, look_ahead=None, tied=True)
        self._returned = 0

    def invoke(self, op: Op, predecessor: int | None) -> None:
        """``predecessor``: the op of its process that ends at the very instant it begins."""
        if isinstance(op.outcome, Ok) or not self._search.observes_only(op):
            self._search.invoke(op, predecessor)

    def complete(self, op: Op) -> Stuck | Exhausted | None:
        """What is wrong with the answer, if something is; nothing may follow then."""
        found = self._search.complete(op, self._returned)
        self._returned += 1
        return found


@dataclass(slots=True)
class _Kind:
    """Indeterminate operations that ask for the same.

    ``after`` is the bit of an open operation of the same process that must come
    first (then the kind has one member), or 0.
    """

    number: int
    after: int
    ops: list[Op] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Entry:
    """The part of a configuration that is compared rather than equal.

    ``owed`` has a bit per open observer not yet satisfied; ``used`` a lane per
    kind of indeterminate operation.
    """

    owed: int
    used: int
    trail: Trail


_Where = TypeVar("_Where", bound=Hashable)
_Frontier: TypeAlias = dict[tuple[_Where, int], list[_Entry]]
"""From (state, bits of the open mutators that took effect) to the least entries."""


@dataclass(slots=True)
class _Wave(Generic[State]):
    """One search for the configurations in which the op with ``bit`` is linearized.

    ``goal`` has it, ``passed`` has not yet; ``work`` is what to go on from.
    """

    bit: int
    goal: _Frontier[State] = field(default_factory=dict)
    passed: _Frontier[State] = field(default_factory=dict)
    work: list[tuple[State, int, _Entry]] = field(default_factory=list)


class _OutOfBudget(Exception):
    def __init__(self, cause: UnknownCause) -> None:
        self.cause = cause


class _Search(Generic[State]):
    def __init__(
        self,
        model: Model[State],
        budget: Budget,
        *,
        traced: bool,
        look_ahead: LookAhead | None,
        tied: bool,
    ) -> None:
        self._model = model
        self._look_ahead = look_ahead
        self._budget = budget
        self._traced = traced
        self._explored = 0
        """Configurations, and what it took to compare them (``_COMPARED_AT_ONCE``)."""
        self._look_at_clock = _LOOKS_AT_CLOCK_EVERY
        self._frontier: _Frontier[State] = {(model.initial, 0): [_Entry(0, 0, None)]}
        self._open: dict[int, Op] = {}
        """By bit, mutators and observers alike; the bits are reused."""
        self._mutators: dict[int, Op] = {}
        self._observers: int = 0
        self._tied = tied
        """Whether some process calls at the very instant of its last answer."""
        self._after: dict[int, int] = {}
        """Bit to the bit of the same process's previous op, where both are open."""
        self._bits: dict[int, int] = {}
        """Op index to bit."""
        self._kinds: dict[Hashable, _Kind] = {}
        self._guards = 0

    def run(self, ops: Sequence[Op], predecessors: Mapping[int, int]) -> Found:
        returned = 0
        for is_return, op in _events(ops):
            if not is_return:
                self.invoke(op, predecessors.get(op.index))
                continue
            found = self._complete(op, returned)
            if found is not None:
                return found
            returned += 1
        trail = next(iter(self._frontier.values()))[0].trail
        return Linearizable(_order(trail))

    def complete(self, op: Op, returned: int) -> Stuck | Exhausted | None:
        """The next completion, with a budget of its own; ``returned`` came before."""
        self._explored, self._look_at_clock = 0, _LOOKS_AT_CLOCK_EVERY
        return self._complete(op, returned)

    def observes_only(self, op: Op) -> bool:
        return self._model.observes_only(op.call, None)

    def _complete(self, op: Op, returned: int) -> Stuck | Exhausted | None:
        before = self._frontier
        try:
            passed = self._return(op)
        except _OutOfBudget as out:
            return Exhausted(cause=out.cause, op=op, configurations=self._explored)
        if self._frontier:
            return None
        return Stuck(op=op, explained=returned, dead_ends=self._dead_ends(op, before, passed))

    # -- invocations

    def invoke(self, op: Op, predecessor: int | None) -> None:
        if not isinstance(op.outcome, Ok):
            self._invoke_optional(op, predecessor)
            return
        bit = _lowest_clear(self._open)
        self._open[bit] = op
        self._bits[op.index] = bit
        if self._look_ahead is not None:
            self._look_ahead.invoked(op, bit)
        if predecessor is not None:
            self._after[bit] = self._bits[predecessor]
        if not self._model.observes_only(op.call, op.outcome):
            self._mutators[bit] = op
            return
        self._observers |= bit
        settled: _Frontier[State] = {}
        for (state, done), entries in self._frontier.items():
            settled[state, done] = [
                self._settle(state, done, _Entry(entry.owed | bit, entry.used, entry.trail), bit)
                for entry in entries
            ]
        self._frontier = settled

    def _invoke_optional(self, op: Op, predecessor: int | None) -> None:
        after = 0 if predecessor is None else self._bits[predecessor]
        alike = (type(op.call), *_fields(op), op.index if after else None)
        kind = self._kinds.get(alike)
        if kind is None:
            kind = self._kinds[alike] = _Kind(len(self._kinds), after)
            self._guards |= 1 << (_LANE * kind.number + _LANE - 1)
        kind.ops.append(op)

    # -- returns

    def _return(self, op: Op) -> _Frontier[State]:
        """Advance to configurations in which ``op`` is linearized.

        Answers all that were passed on the way and do not have it linearized.
        """
        bit = self._bits[op.index]
        wave: _Wave[State] = _Wave(bit)
        for (state, done), entries in self._frontier.items():
            for entry in entries:
                self._arrive(wave, state, done, entry)
        for state, done, entry in wave.work:  # grows while it is walked
            for successor in self._successors(state, done, entry):
                self._arrive(wave, *successor)
        del self._open[bit], self._bits[op.index]
        self._mutators.pop(bit, None)
        self._observers &= ~bit
        self._forget_predecessor(bit)
        if self._look_ahead is not None:
            self._look_ahead.returned(op, bit)
        self._frontier = wave.goal
        return wave.passed

    def _forget_predecessor(self, bit: int) -> None:
        if self._tied:
            self._after = {late: early for late, early in self._after.items() if early != bit}
            for kind in self._kinds.values():
                if kind.after == bit:
                    kind.after = 0

    def _arrive(self, wave: _Wave[State], state: State, done: int, entry: _Entry) -> None:
        if self._linearized(done, entry) & wave.bit:
            self._keep_least(wave.goal, state, done & ~wave.bit, entry)
        elif self._keep_least(wave.passed, state, done, entry):
            wave.work.append((state, done, entry))

    def _keep_least(
        self, frontier: _Frontier[State], state: State, done: int, entry: _Entry
    ) -> bool:
        """Add the configuration unless one at least as good is there already."""
        entries = frontier.setdefault((state, done), [])
        self._explored += len(entries) // _COMPARED_AT_ONCE
        if any(self._covers(other, entry) for other in entries):
            return False
        entries[:] = [other for other in entries if not self._covers(entry, other)]
        entries.append(entry)
        self._explored += 1
        if self._explored > self._budget.states_max:
            raise _OutOfBudget(UnknownCause.MEMORY_LIMIT)
        if self._explored >= self._look_at_clock:
            self._look_at_clock = self._explored + _LOOKS_AT_CLOCK_EVERY
            if self._budget.deadline():
                raise _OutOfBudget(UnknownCause.TIME_LIMIT)
        return True

    def _covers(self, better: _Entry, worse: _Entry) -> bool:
        """Whether ``better`` owes and used no more than ``worse``, lane by lane."""
        if better.owed & ~worse.owed:
            return False
        guards = self._guards
        return not better.used or ((worse.used | guards) - better.used) & guards == guards

    def _successors(
        self, state: State, done: int, entry: _Entry
    ) -> Iterable[tuple[State, int, _Entry]]:
        step = self._model.step
        linearized = self._linearized(done, entry)
        for bit, op in self._mutators.items():
            if done & bit or not self._is_ready(bit, linearized):
                continue
            assert isinstance(op.outcome, Ok), "only answered operations have a bit"
            after = step(state, op.call, op.outcome)
            if isinstance(after, Inconsistent):
                continue
            hidden = self._hidden_before(op, done, linearized)
            if after != state and self._is_dead(state, linearized | bit | hidden):
                continue
            trail = entry.trail
            for before in _bits_of(hidden):
                trail = self._extended(trail, self._open[before])
            moved = _Entry(entry.owed, entry.used, self._extended(trail, op))
            moved_done = done | bit | hidden
            yield after, moved_done, self._settle(after, moved_done, moved, entry.owed)
        for kind in self._kinds.values():
            taken = entry.used >> (_LANE * kind.number) & ((1 << _LANE) - 1)
            if taken == len(kind.ops) or kind.after & ~linearized:
                continue
            op = kind.ops[taken]
            after = step(state, op.call, None)
            if isinstance(after, Inconsistent) or after == state:
                continue
            if not self._is_dead(state, linearized):
                used = entry.used + (1 << (_LANE * kind.number))
                moved = _Entry(entry.owed, used, self._extended(entry.trail, op))
                yield after, done, self._settle(after, done, moved, entry.owed)

    def _is_dead(self, left: State, linearized: int) -> bool:
        return self._look_ahead is not None and self._look_ahead.is_dead(left, linearized)

    def _hidden_before(self, op: Op, done: int, linearized: int) -> int:
        """Bits of the open writes that may as well be linearized just before ``op``."""
        if self._look_ahead is None or not self._look_ahead.is_blind(op):
            return 0
        hidden = self._look_ahead.hidden & ~done & ~self._bits[op.index]
        if not self._after:
            return hidden
        return sum(bit for bit in _bits_of(hidden) if self._is_ready(bit, linearized))

    def _settle(self, state: State, done: int, entry: _Entry, owed: int) -> _Entry:
        """Linearize every observer among the bits ``owed`` that ``state`` agrees with."""
        progress = True
        while owed and progress:
            progress = False
            for bit in _bits_of(owed):
                op = self._open[bit]
                assert isinstance(op.outcome, Ok), "only answered operations have a bit"
                if not self._is_ready(bit, self._linearized(done, entry)):
                    continue
                owed &= ~bit
                if isinstance(self._model.step(state, op.call, op.outcome), Inconsistent):
                    continue
                entry = _Entry(entry.owed & ~bit, entry.used, self._extended(entry.trail, op))
                progress = bool(self._after)
        return entry

    def _linearized(self, done: int, entry: _Entry) -> int:
        return done | (self._observers & ~entry.owed)

    def _is_ready(self, bit: int, linearized: int) -> bool:
        before = self._after.get(bit)
        return before is None or bool(linearized & before)

    def _extended(self, trail: Trail, op: Op) -> Trail:
        return (op.index, trail) if self._traced else None

    # -- failure

    def _dead_ends(
        self, op: Op, before: _Frontier[State], passed: _Frontier[State]
    ) -> tuple[DeadEnd, ...]:
        assert isinstance(op.outcome, Ok), "only answered operations return"
        ends: dict[State, DeadEnd] = {}
        for frontier in (before, passed):
            for (state, _), entries in frontier.items():
                after = self._model.step(state, op.call, op.outcome)
                if state in ends or not isinstance(after, Inconsistent):
                    continue
                ends[state] = DeadEnd(
                    state=self._model.describe(state),
                    reason=after.reason,
                    order=_order(entries[0].trail),
                )
        return tuple(ends.values())


def _events(ops: Sequence[Op]) -> Iterable[tuple[bool, Op]]:
    """(is a return, op) in time order; at one instant invocations come first."""
    events = [(op.invoked, False, position) for position, op in enumerate(ops)]
    events += [
        (op.completed, True, position)
        for position, op in enumerate(ops)
        if isinstance(op.outcome, Ok)
    ]
    events.sort()
    return ((is_return, ops[position]) for _, is_return, position in events)


def _tied_predecessors(ops: Sequence[Op]) -> dict[int, int]:
    """Op index to the index of its process's previous op, where the two touch in time."""
    latest: dict[ProcessId, tuple[int, Nanos]] = {}
    tied: dict[int, int] = {}
    for op in ops:
        previous = latest.get(op.process)
        if previous is not None and previous[1] >= op.invoked:
            tied[op.index] = previous[0]
        if op.completed != FOREVER:
            latest[op.process] = op.index, op.completed
    return tied


def _fields(op: Op) -> tuple[Hashable, ...]:
    return tuple(identity(getattr(op.call, name)) for name in op.call.__struct_fields__)


def _lowest_clear(used: dict[int, Op]) -> int:
    bit = 1
    while bit in used:
        bit <<= 1
    return bit


def _bits_of(mask: int) -> Iterable[int]:
    while mask:
        bit = mask & -mask
        yield bit
        mask ^= bit


def _order(trail: Trail) -> tuple[int, ...]:
    indices: list[int] = []
    while trail is not None:
        index, trail = trail
        indices.append(index)
    return tuple(reversed(indices))
