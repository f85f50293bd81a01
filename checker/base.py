"""The interfaces a checker is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from histories.history import History

from checker.verdict import Verdict
from histories.call import Call, Ok

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Inconsistent:
    """The answer cannot be given in that state, and why: "register held 3"."""

    reason: str


class Model(Protocol[State]):
    """A sequential specification: pure, deterministic and total.

    States are hashable values.  ``outcome`` is ``None`` for an indeterminate
    call, whose answer nobody saw: every answer is then consistent.
    """

    @property
    def name(self) -> str: ...

    @property
    def initial(self) -> State: ...

    def step(self, state: State, call: Call, outcome: Ok | None) -> State | Inconsistent: ...

    def describe(self, state: State) -> str: ...


class Deadline(Protocol):
    def __call__(self) -> bool: ...


def never() -> bool:
    """The deadline that does not come."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much a check may cost before it must answer ``Unknown``.

    ``deadline`` tells whether the time is over; checkers read no clocks.
    """

    states_max: int = 2_000_000
    deadline: Deadline = never


class Checker(Protocol):
    @property
    def name(self) -> str: ...

    def check(self, history: History, budget: Budget) -> Verdict: ...
