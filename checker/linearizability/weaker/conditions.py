"""The conditions weaker than linearizability, by the names that users type."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, assert_never

from checker.base import Budget, Model, ValueModel
from checker.errors import CheckerError
from checker.linearizability.weaker.reads import (
    fresher_than,
    judge_reads,
    monotonic_reads,
    regular,
    safe,
)
from checker.linearizability.weaker.sequential import check_sequential
from checker.verdict import Verdict
from histories.history import History
from histories.op import Nanos


class Condition(Enum):
    """What one may ask of a history instead of linearizability.

    All but the first are for models with values: registers.
    """

    SEQUENTIAL = "sequential"
    REGULAR = "regular"
    SAFE = "safe"
    MONOTONIC_READS = "monotonic-reads"
    BOUNDED_STALENESS = "bounded-staleness"


class NoSuchCondition(CheckerError, ValueError):
    """The condition means nothing for the model."""

    def __init__(self, condition: Condition, model: str) -> None:
        super().__init__(f"{condition.value} is for registers, not for a {model}")


@dataclass(frozen=True, slots=True)
class WeakerChecker:
    """One weaker condition as a checker.  ``staleness_max_ns`` is for that condition."""

    model: Model[Any]
    condition: Condition
    staleness_max_ns: int = 0

    @property
    def name(self) -> str:
        return self.condition.value

    def check(self, history: History, budget: Budget) -> Verdict:
        if self.condition is Condition.SEQUENTIAL:
            return check_sequential(history, self.model, budget)
        if not isinstance(self.model, ValueModel):
            raise NoSuchCondition(self.condition, self.model.name)
        match self.condition:
            case Condition.REGULAR:
                return judge_reads(history, self.model, regular, "not regular")
            case Condition.SAFE:
                return judge_reads(history, self.model, safe, "not safe")
            case Condition.MONOTONIC_READS:
                return monotonic_reads(history, self.model)
            case Condition.BOUNDED_STALENESS:
                judge = fresher_than(Nanos(self.staleness_max_ns))
                return judge_reads(history, self.model, judge, "too stale")
            case _:
                assert_never(self.condition)
