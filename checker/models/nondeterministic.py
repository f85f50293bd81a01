"""Models whose operations may leave one of several states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Protocol, cast

from checker.base import ElementModel, Inconsistent, Model, State
from histories.call import Call, Ok


@dataclass(frozen=True, slots=True)
class Choice(Generic[State]):
    """The states of which an operation may have left any; at least one."""

    states: frozenset[State]


class Specification(Protocol[State]):
    """The least that a model must have: what users write in ten lines.

    ``step`` answers the state afterwards, a ``Choice`` of states, or why the answer
    cannot be given; ``outcome`` is None for an indeterminate call.  It may have
    ``name``, ``describe`` and ``observes_only`` too, as ``Model``.
    """

    @property
    def initial(self) -> State: ...

    def step(
        self, state: State, call: Call, outcome: Ok | None
    ) -> State | Choice[State] | Inconsistent: ...


def as_model(model: Model[State] | Specification[State]) -> Model[Any]:
    """The model itself, or of what is less than one its possibilities."""
    if hasattr(model, "observes_only"):
        return cast("Model[Any]", model)
    return Possibilities(model)


class Possibilities(Generic[State]):
    """A specification made a deterministic model: its states are sets of states.

    An order of operations is legal exactly when some choice of states along it is,
    that is, when the set of states that can be there is never empty (the subset
    construction of Rabin & Scott 1959).
    """

    def __init__(self, specification: Specification[State]) -> None:
        self._specification = specification
        self.name: str = getattr(specification, "name", type(specification).__name__)
        self.initial: frozenset[State] = frozenset((specification.initial,))
        if isinstance(specification, ElementModel):
            self.offers = specification.offers
            self.relies_on = specification.relies_on

    def is_of(self, kind: type[object]) -> bool:
        """Whether the specification is exactly of this class."""
        return type(self._specification) is kind

    def step(
        self, state: frozenset[State], call: Call, outcome: Ok | None
    ) -> frozenset[State] | Inconsistent:
        reached: set[State] = set()
        reasons: set[str] = set()
        for each in state:
            after = self._specification.step(each, call, outcome)
            if isinstance(after, Inconsistent):
                reasons.add(after.reason)
            elif isinstance(after, Choice):
                reached |= after.states
            else:
                reached.add(after)
        return frozenset(reached) if reached else Inconsistent(min(reasons))

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        """Only what nobody saw the answer of: other answers rule states out."""
        observes = getattr(self._specification, "observes_only", None)
        return outcome is None and observes is not None and bool(observes(call, None))

    def describe(self, state: frozenset[State]) -> str:
        describe = getattr(self._specification, "describe", repr)
        return " or ".join(sorted(describe(each) for each in state))
