"""What a part of a history must contain to prove something of the whole.

A part proves something only if it is *closed*: it holds, with every operation,
those that it cannot be judged without.  Then any linearization of the whole,
restricted to the part, is one of the part; so if the part has none, the whole
has none.  What that takes depends on the model:

1. Values (``ValueModel``): whoever may have installed what an operation needs.
2. Elements (``ElementModel``): what brought and what took the elements named in
   an answer; and bringing and taking an element stay together.
3. Locks: an acquisition and the release that ends it stay together.  Where anybody may
   release, that holds if every owner releases only what it acquired: then the others'
   pairs do without this one.
4. Otherwise: all that may change the state, so that only observers can go.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from checker.base import ElementModel, Model, State, ValueModel
from checker.models.locks import OwnedMutex
from histories.call import Acquire, Failed, Ok, Release
from histories.op import FOREVER, Nanos, Op, answer_of
from histories.values import identity

_NEVER: Final = Nanos(-(2**63))


def dependencies(ops: Sequence[Op], model: Model[State]) -> list[list[int]]:
    """Per position the positions of the ops that it cannot be judged without.

    Positions past the ops stand for elements: to need one is to need all of it.
    """
    if isinstance(model, OwnedMutex) and (type(model) is OwnedMutex or _all_alternate(ops)):
        return _by_tenure(ops)
    if isinstance(model, ValueModel):
        sources = Sources(ops, model)
        return [sources.of(op) for op in ops]
    if isinstance(model, ElementModel):
        return _by_element(ops, model)
    if all(isinstance(op.call, Acquire | Release) for op in ops):
        return _by_tenure(ops)
    return _all_mutators(ops, model)


def _by_element(ops: Sequence[Op], model: ElementModel) -> list[list[int]]:
    """With a node per element, so that an element of many operations has few edges."""
    nodes: dict[Hashable, int] = {}
    needed: list[list[int]] = [[] for _ in ops]
    offers = [
        () if isinstance(op.outcome, Failed) else tuple(model.offers(op.call, answer_of(op)))
        for op in ops
    ]
    for position, tokens in enumerate(offers):
        for token in tokens:
            node = nodes.setdefault(token, len(needed))
            if node == len(needed):
                needed.append([])
            needed[node].append(position)
    for position, op in enumerate(ops):
        if not isinstance(op.outcome, Failed):
            relies_on = dict.fromkeys(model.relies_on(op.call, answer_of(op)))
            needed[position] = [nodes[token] for token in relies_on if token in nodes]
    return needed


def _by_tenure(ops: Sequence[Op]) -> list[list[int]]:
    """Pairs of the acquisitions and releases of one owner, if it makes them in turn.

    Otherwise all operations of the owner belong together.
    """
    needed: list[list[int]] = [[] for _ in ops]
    for mine in _by_owner(ops):
        if _alternate([ops[position] for position in mine]):
            together = [mine[at : at + 2] for at in range(0, len(mine), 2)]
        else:
            together = [mine]
        for tied in together:
            for position, other in zip(tied, [*tied[1:], tied[0]], strict=True):
                if other != position:
                    needed[position].append(other)
    return needed


def _by_owner(ops: Sequence[Op]) -> list[list[int]]:
    """The positions of each owner's operations."""
    owners: dict[Hashable, list[int]] = {}
    for position, op in enumerate(ops):
        if isinstance(op.call, Acquire | Release) and not isinstance(op.outcome, Failed):
            owners.setdefault(identity(op.call.owner), []).append(position)
    return list(owners.values())


def _all_alternate(ops: Sequence[Op]) -> bool:
    return all(_alternate([ops[position] for position in mine]) for mine in _by_owner(ops))


def _alternate(ops: Sequence[Op]) -> bool:
    for at, op in enumerate(ops):
        if isinstance(op.call, Acquire) != (at % 2 == 0):
            return False
        if at and not (ops[at - 1].completed < op.invoked or ops[at - 1].process == op.process):
            return False
        if at % 2 and op.call.permits != ops[at - 1].call.permits:  # type: ignore[union-attr]
            return False
    return all(isinstance(op.outcome, Ok) for op in ops[:-1])


def _all_mutators(ops: Sequence[Op], model: Model[State]) -> list[list[int]]:
    mutators = [
        position
        for position, op in enumerate(ops)
        if not (isinstance(op.outcome, Ok) and model.observes_only(op.call, op.outcome))
    ]
    if not mutators:
        return [[] for _ in ops]
    needed = [[mutators[0]] for _ in ops]
    needed[mutators[0]] = mutators[1:]
    return needed


@dataclass(slots=True)
class _Installers:
    """Who may have installed one value, each list in the order of invocation."""

    answered: list[tuple[int, Op]] = field(default_factory=list)
    latest_end: list[Nanos] = field(default_factory=list)
    """Of ``answered``, up to and including each."""
    optional: list[tuple[int, Op]] = field(default_factory=list)
    failed: list[tuple[int, Op]] = field(default_factory=list)


class Sources:
    """Who may have installed the value that an operation needs."""

    def __init__(self, ops: Sequence[Op], model: ValueModel) -> None:
        self._model = model
        self._installers: dict[Hashable, _Installers] = {}
        certain: list[tuple[Nanos, Nanos, Hashable]] = []
        for position, op in enumerate(ops):
            value = model.installs(op.call, answer_of(op))
            if value is None:
                continue
            installers = self._installers.setdefault(value, _Installers())
            if isinstance(op.outcome, Ok):
                installers.answered.append((position, op))
                before = installers.latest_end[-1] if installers.latest_end else op.completed
                installers.latest_end.append(max(before, op.completed))
                certain.append((op.completed, op.invoked, value))
            elif isinstance(op.outcome, Failed):
                installers.failed.append((position, op))
            else:
                installers.optional.append((position, op))
        self._overwriters = _Overwriters(certain)
        self._needed_until = self._latest_needs(ops)

    def of(self, op: Op) -> list[int]:
        """Positions of the installers that ``op`` cannot be judged without.

        They are those that may have served it.  If none may have, then the last
        one before it, so that the evidence shows what became of its value; or
        else one that failed.
        """
        if isinstance(op.outcome, Failed):
            return []
        needed = self._model.needs(op.call, answer_of(op))
        installers = None if needed is None else self._installers.get(needed)
        if installers is None:
            return []
        latest = self._latest_effect(op)
        began_in_time = bisect_right(installers.answered, latest, key=lambda each: each[1].invoked)
        horizon = self._overwriters.latest_start(needed, before=op.invoked)
        serving: list[int] = []
        for at in reversed(range(began_in_time)):
            if installers.latest_end[at] < horizon:
                break
            position, source = installers.answered[at]
            if source.completed >= horizon and source is not op:
                serving.append(position)
        serving += [
            position
            for position, source in installers.optional
            if source.invoked <= latest and source is not op
        ]
        if not serving:
            earlier = installers.answered[:began_in_time]
            serving = [position for position, source in earlier if source is not op][-1:]
        if not serving and needed != self._model.initial:
            serving = [position for position, _ in installers.failed[:1]]
        return serving

    def _latest_effect(self, op: Op) -> Nanos:
        """When ``op`` must have taken effect, if it is to matter to anyone."""
        if op.completed != FOREVER:
            return op.completed
        return self._needed_until.get(self._model.installs(op.call, None), _NEVER)

    def _latest_needs(self, ops: Sequence[Op]) -> dict[Hashable, Nanos]:
        """Until when some operation may find each value."""
        until: dict[Hashable, Nanos] = {}
        for op in ops:
            value = self._model.needs(op.call, answer_of(op))
            if value is not None and not isinstance(op.outcome, Failed):
                until[value] = max(until.get(value, _NEVER), op.completed)
        return until


class _Overwriters:
    """What certainly replaced a value: installers with an answer, by completion."""

    def __init__(self, certain: Iterable[tuple[Nanos, Nanos, Hashable]]) -> None:
        self._completed: list[Nanos] = []
        self._best: list[tuple[Nanos, Hashable, Nanos]] = []
        """Up to each: the latest start, its value, the latest start of another value."""
        latest, value, runner_up = _NEVER, None, _NEVER
        for completed, invoked, installed in sorted(certain, key=lambda each: each[:2]):
            if installed == value:
                latest = max(latest, invoked)
            elif invoked > latest:
                latest, value, runner_up = invoked, installed, latest
            else:
                runner_up = max(runner_up, invoked)
            self._completed.append(completed)
            self._best.append((latest, value, runner_up))

    def latest_start(self, value: Hashable, *, before: Nanos) -> Nanos:
        """When the last installer of another value that ended ``before`` began.

        A source of ``value`` that completed earlier than that was overwritten.
        """
        count = bisect_left(self._completed, before)
        if not count:
            return _NEVER
        latest, installed, runner_up = self._best[count - 1]
        return runner_up if installed == value else latest
