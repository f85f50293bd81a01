"""Linearizability of a history, key by key (Herlihy & Wing 1990: it is local)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, TypeAlias, assert_never

from checker.base import Budget, Model, State
from checker.errors import ForeignCall
from checker.linearizability.engines import (
    EASY_STATES_MAX,
    NEAR_LINEAR,
    SMALL_OPS_MAX,
    SMALL_STATES_MAX,
    find,
)
from checker.linearizability.explanation import explain
from checker.linearizability.search import Exhausted, Linearizable, Stuck
from checker.models.catalogue import known_as
from checker.models.nondeterministic import Specification, as_model
from checker.verdict import Invalid, Unknown, UnknownCause, Valid, Verdict, combine
from histories.call import Ok
from histories.columns import Columns, to_columns
from histories.history import History
from histories.notation import describe_key, describe_op


class _Part:
    """The ops of one key; its columns are made once, when somebody wants them."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._columns: Columns | None = None

    def columns(self) -> Columns:
        if self._columns is None:
            self._columns = self.history.columns()
        return self._columns

    def in_memory(self) -> History:
        """With all its ops made, as they will be looked at again and again."""
        return History(tuple(self.history.ops), self.history.faults)


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known of one key, and what found it out."""

    verdict: Verdict
    engine: str


Each: TypeAlias = Callable[[Callable[[str], Judged], Iterable[str]], Iterable[Judged]]
"""Applies a function to some keys and answers in their order: ``map``, or a pool's."""


@dataclass(frozen=True, slots=True)
class LinearizabilityChecker(Generic[State]):
    """``check`` as a checker."""

    model: Model[State] | Specification[State]
    name: str = "linearizable"
    each: Each = map

    def check(self, history: History, budget: Budget) -> Verdict:
        return check(history, self.model, budget=budget, each=self.each)


def check(
    history: History,
    model: Model[State] | Specification[State],
    *,
    budget: Budget | None = None,
    each: Each = map,
) -> Verdict:
    """Whether every key behaves as one ``model``.

    All keys get a little first, so that one hard key does not starve the others.

    Args:
        history: Of any number of keys.
        model: What each of them is.
        budget: ``states_max`` and ``bytes_max`` are for each key, the deadline for all.
        each: How to go through the keys that are hard: the search lets other threads
            run meanwhile.

    Returns:
        ``Invalid`` with one anomaly per key that does not, its evidence a minimal
        sub-history that is itself not linearizable.  ``Unknown`` if some key
        could not be decided within the budget and no other is invalid, or if the
        history is empty or nothing in it was answered.
        (Where every call failed, that is an answer: Jepsen's failed
        compare-and-set.  Whether a run showed enough is for ``VacuityChecker``.)

    Raises:
        ForeignCall: The model does not know some call.
    """
    budget = budget or Budget()
    known = as_model(model)
    parts = {key: _Part(part) for key, part in history.by_key().items()}
    _require_known(history, known)
    judged: dict[str, Judged] = {}
    # Numba takes longer to import than searching a small and easy history does.
    if len(history.ops) <= SMALL_OPS_MAX:
        easy = replace(budget, states_max=min(EASY_STATES_MAX, budget.states_max))
        judged = {key: _judge_at_the_door(key, part, known, easy) for key, part in parts.items()}
    judged |= _judge_near_linear(history, parts, _undecided(parts, judged), known, budget)
    hard = _undecided(parts, judged)
    for states_max in dict.fromkeys((min(SMALL_STATES_MAX, budget.states_max), budget.states_max)):
        if len(hard) > 1 or states_max == budget.states_max:
            more = replace(budget, states_max=states_max)
            judge = partial(_judge_named, parts, known, more)
            judged |= dict(zip(hard, each(judge, hard), strict=True))
            hard = _undecided(hard, judged)
    return _summary(history, [judged[key] for key in parts])


def witness(
    history: History, model: Model[State] | Specification[State], *, budget: Budget | None = None
) -> Mapping[str, tuple[int, ...]] | None:
    """Per key one linearization, as op indices, if every key has one.

    An order holds every ``Ok`` op of the key and the indeterminate ones that it
    takes to have happened.  None if a key has none or the budget ran out.
    """
    orders: dict[str, tuple[int, ...]] = {}
    for key, part in history.by_key().items():
        order = _order(part, as_model(model), budget or Budget())
        if order is None:
            return None
        orders[key] = order
    return orders


def _order(part: History, model: Model[State], budget: Budget) -> tuple[int, ...] | None:
    """One linearization of a key, as op indices, by whatever finds it first."""
    ops = tuple(part.ops)
    if len(ops) <= SMALL_OPS_MAX:
        easy = replace(budget, states_max=min(EASY_STATES_MAX, budget.states_max))
        found, _ = find(ops, model, easy, traced=True)
        if not isinstance(found, Exhausted):
            return found.order if isinstance(found, Linearizable) else None
    identified = known_as(model)
    if identified is not None:
        # These need numba, which small and easy histories do not pay for.
        from checker.linearizability.fast.base import Linearizable as Proven  # noqa: PLC0415
        from checker.linearizability.fast.base import NotApplicable, Violation  # noqa: PLC0415
        from checker.linearizability.fast.choose import dispatch  # noqa: PLC0415

        match dispatch(part.columns(), *identified):
            case Proven() as proven:
                return tuple(ops[row].index for row in proven.order().tolist())
            case Violation():
                return None
            case NotApplicable():
                pass
    found, _ = find(ops, model, budget, traced=True)
    return found.order if isinstance(found, Linearizable) else None


def _require_known(history: History, model: Model[State]) -> None:
    for op in history.first_of_each_function():
        model.observes_only(op.call, op.outcome if isinstance(op.outcome, Ok) else None)


def _undecided(parts: Iterable[str], judged: Mapping[str, Judged]) -> list[str]:
    """The keys that more configurations may decide."""
    return [key for key in parts if key not in judged or _is_hard(judged[key].verdict)]


def _is_hard(verdict: Verdict) -> bool:
    match verdict:
        case Unknown(cause=cause):
            return cause is UnknownCause.MEMORY_LIMIT
        case Valid() | Invalid():
            return False
        case _:
            assert_never(verdict)


def _judge_near_linear(
    history: History,
    parts: Mapping[str, _Part],
    wanted: Collection[str],
    model: Model[State],
    budget: Budget,
) -> dict[str, Judged]:
    """Of the ``wanted`` keys those that a near-linear algorithm decides."""
    identified = known_as(model)
    judged: dict[str, Judged] = {}
    if identified is None or not wanted:
        return judged
    from checker.linearizability.fast.base import Linearizable as Proven  # noqa: PLC0415
    from checker.linearizability.fast.base import Violation  # noqa: PLC0415
    from checker.linearizability.fast.choose import dispatch_all  # noqa: PLC0415

    asked, among = set(wanted), history.ops
    if len(asked) < len(parts) and len(among) <= SMALL_OPS_MAX:
        among = [op for op in among if op.call.key in asked]
    if len(asked) < len(parts):
        columns = to_columns(among)
    else:
        columns = parts[next(iter(parts))].columns() if len(parts) == 1 else history.columns()
    for key, answer in zip(columns.keys, dispatch_all(columns, *identified), strict=True):
        if key not in asked:
            continue
        if isinstance(answer, Proven):
            judged[key] = Judged(Valid(), NEAR_LINEAR)
        elif isinstance(answer, Violation):
            within = [among[row] for row in answer.evidence]
            anomaly = explain(key, parts[key].in_memory(), None, model, budget, within=within)
            judged[key] = Judged(Invalid((anomaly,)), NEAR_LINEAR)
    return judged


def _judge_named(
    parts: Mapping[str, _Part], model: Model[State], budget: Budget, key: str
) -> Judged:
    return _judge_at_the_door(key, parts[key], model, budget)


def _judge_at_the_door(key: str, part: _Part, model: Model[State], budget: Budget) -> Judged:
    try:
        return _judge(key, part, model, budget)
    except ForeignCall:
        raise
    except Exception as error:  # noqa: BLE001  a model or search that breaks proves nothing
        what = f"key {describe_key(key)}: {type(error).__name__}: {error}"
        return Judged(Unknown(UnknownCause.CHECKER_CRASHED, what), "nothing")


def _judge(key: str, part: _Part, model: Model[State], budget: Budget) -> Judged:
    ops = part.history.ops
    if len(ops) <= SMALL_OPS_MAX:
        ops = part.in_memory().ops
    found, engine = find(ops, model, budget, columns=part.columns)
    match found:
        case Linearizable():
            return Judged(Valid(), engine)
        case Stuck():
            anomaly = explain(key, part.in_memory(), found, model, budget)
            return Judged(Invalid((anomaly,)), engine)
        case Exhausted(cause=cause, op=op, configurations=configurations):
            what = (
                f"key {describe_key(key)} is undecided from op {op.index} on "
                f"({describe_op(op)}): stopped after {configurations:,} configurations"
            )
            return Judged(Unknown(cause, what), engine)
        case _:
            assert_never(found)


def _summary(history: History, judged: Sequence[Judged]) -> Verdict:
    acknowledged, failed, _ = history.counts()
    verdicts = [each.verdict for each in judged]
    verdict = combine(verdicts)
    match verdict:
        case Invalid():
            return verdict
        case Unknown():
            undecided = sum(isinstance(each, Unknown) for each in verdicts)
            if not history.ops:
                return Unknown(UnknownCause.NOTHING_TO_CHECK, "the history is empty")
            if undecided < 2:
                return verdict
            return Unknown(verdict.cause, f"{verdict.detail}; {undecided} keys are undecided")
        case Valid():
            if not acknowledged and failed < len(history.ops):
                return Unknown(
                    UnknownCause.NOTHING_TO_CHECK,
                    f"none of {len(history.ops):,} operations was answered",
                )
            seen = f"{_count(len(verdicts), 'key')}, {_count(acknowledged, 'answered op')}"
            return Valid(f"{seen} ({_engines(judged)})")
        case _:
            assert_never(verdict)


def _engines(judged: Sequence[Judged]) -> str:
    """``by search``, ``near-linear for 3 keys, by windowed search for 1 key``."""
    counts = Counter(each.engine for each in judged)
    if len(counts) == 1:
        return f"by {judged[0].engine}"
    return ", ".join(f"by {engine} for {_count(many, 'key')}" for engine, many in counts.items())


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
