"""The interfaces a checker is made of."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from checker.verdict import Verdict
from histories.call import Call, Ok
from histories.history import History

State = TypeVar("State", bound=Hashable)


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

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        """Whether such an answer leaves every state that it fits as it was."""
        ...

    def describe(self, state: State) -> str: ...


@runtime_checkable
class ValueModel(Protocol):
    """A model whose state is one value, installed whole and seen whole.

    Its states are the values, as ``histories.values.identity`` gives them.

    Then a part of a history that keeps, for every value seen in it, whoever may
    have installed it, is linearizable if the history is; and an indeterminate
    call whose value nobody saw need not have happened (Gibbons & Korach 1997).

    Where ``installs`` or ``needs`` answers None there is no such value.
    """

    @property
    def initial(self) -> Hashable: ...

    def installs(self, call: Call, outcome: Ok | None) -> Hashable | None:
        """The value that is there right after the call took effect."""
        ...

    def needs(self, call: Call, outcome: Ok | None) -> Hashable | None:
        """The value that must be there right before, for the answer or the effect."""
        ...


@runtime_checkable
class SumModel(Protocol):
    """A model whose state is a sum, to which calls add and which answers tell."""

    @property
    def first_sum(self) -> int: ...

    def adds(self, call: Call, outcome: Ok | None) -> tuple[int | None, int] | None:
        """The sum right after, if the answer tells, and what is added.

        None if the answer is no sum at all.
        """
        ...


@runtime_checkable
class ElementModel(Protocol):
    """A model of elements that come and go, each independent of the others.

    Then of a linearizable history the part without all operations on an element is
    linearizable too.
    """

    def offers(self, call: Call, outcome: Ok | None) -> Iterable[Hashable]:
        """What others may rely on because of this operation."""
        ...

    def relies_on(self, call: Call, outcome: Ok | None) -> Iterable[Hashable]:
        """What this operation cannot be judged without: all who offer it."""
        ...


class Deadline(Protocol):
    def __call__(self) -> bool: ...


def never() -> bool:
    """The deadline that does not come."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much a check may cost before it must answer ``Unknown``.

    Attributes:
        states_max: How many configurations of an object a search may keep.
        bytes_max: And how much memory it may take for them.
        deadline: Tells whether the time is over; checkers read no clocks.
    """

    states_max: int = 2_000_000
    bytes_max: int = 2 * 2**30
    deadline: Deadline = never


class Checker(Protocol):
    @property
    def name(self) -> str: ...

    def check(self, history: History, budget: Budget) -> Verdict: ...
