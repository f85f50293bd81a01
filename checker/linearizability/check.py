"""Linearizability of a history, key by key (Herlihy & Wing 1990: it is local)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, assert_never

from checker.base import Budget, Model, State
from checker.linearizability.explanation import explain
from checker.linearizability.search import Exhausted, Linearizable, Stuck, search
from checker.verdict import Invalid, Unknown, UnknownCause, Valid, Verdict, combine
from histories.call import Failed, Ok
from histories.history import History
from histories.notation import describe_key, describe_op

_FIRST_ROUND_STATES: Final = 20_000
"""All keys get this much first, so that one hard key does not starve the others."""


@dataclass(frozen=True, slots=True)
class LinearizabilityChecker(Generic[State]):
    """``check`` as a checker."""

    model: Model[State]
    name: str = "linearizable"

    def check(self, history: History, budget: Budget) -> Verdict:
        return check(history, self.model, budget=budget)


def check(history: History, model: Model[State], *, budget: Budget | None = None) -> Verdict:
    """Whether every key behaves as one ``model``.

    Returns:
        ``Invalid`` with one anomaly per key that does not, its evidence a minimal
        sub-history that is itself not linearizable.  ``Unknown`` if some key
        could not be decided within the budget (``states_max`` is per key) and no
        other is invalid, or if the history is empty or nothing in it was answered.
        (Where every call failed, that is an answer: Jepsen's failed
        compare-and-set.  Whether a run showed enough is for ``VacuityChecker``.)
    """
    budget = budget or Budget()
    verdicts: dict[str, Verdict] = {}
    parts = history.by_key()
    for states_max in (min(_FIRST_ROUND_STATES, budget.states_max), budget.states_max):
        for key, part in parts.items():
            if _is_undecided(verdicts.get(key), states_max):
                verdicts[key] = _judge_at_the_door(
                    key, part, model, replace(budget, states_max=states_max)
                )
    return _summary(history, [verdicts[key] for key in parts])


def witness(
    history: History, model: Model[State], *, budget: Budget | None = None
) -> Mapping[str, tuple[int, ...]] | None:
    """Per key one linearization, as op indices, if every key has one.

    An order holds every ``Ok`` op of the key and the indeterminate ones that it
    takes to have happened.  None if a key has none or the budget ran out.
    """
    orders: dict[str, tuple[int, ...]] = {}
    for key, part in history.by_key().items():
        found = search(part.ops, model, budget or Budget(), traced=True)
        if not isinstance(found, Linearizable):
            return None
        orders[key] = found.order
    return orders


def _is_undecided(verdict: Verdict | None, states_max: int) -> bool:
    match verdict:
        case None:
            return True
        case Unknown(cause=cause):
            return cause is UnknownCause.MEMORY_LIMIT and states_max > _FIRST_ROUND_STATES
        case Valid() | Invalid():
            return False
        case _:
            assert_never(verdict)


def _judge_at_the_door(key: str, part: History, model: Model[State], budget: Budget) -> Verdict:
    try:
        return _judge(key, part, model, budget)
    except Exception as error:  # noqa: BLE001  a model or search that breaks proves nothing
        what = f"key {describe_key(key)}: {type(error).__name__}: {error}"
        return Unknown(UnknownCause.CHECKER_CRASHED, what)


def _judge(key: str, part: History, model: Model[State], budget: Budget) -> Verdict:
    found = search(part.ops, model, budget)
    match found:
        case Linearizable():
            return Valid()
        case Stuck():
            return Invalid((explain(key, part, found, model, budget),))
        case Exhausted(cause=cause, op=op, configurations=configurations):
            return Unknown(
                cause,
                f"key {describe_key(key)} is undecided from op {op.index} on "
                f"({describe_op(op)}): stopped after {configurations:,} configurations",
            )
        case _:
            assert_never(found)


def _summary(history: History, verdicts: Sequence[Verdict]) -> Verdict:
    acknowledged = sum(isinstance(op.outcome, Ok) for op in history.ops)
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
            if not acknowledged and not all(isinstance(op.outcome, Failed) for op in history.ops):
                return Unknown(
                    UnknownCause.NOTHING_TO_CHECK,
                    f"none of {len(history.ops):,} operations was answered",
                )
            return Valid(f"{_count(len(verdicts), 'key')}, {_count(acknowledged, 'answered op')}")
        case _:
            assert_never(verdict)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
