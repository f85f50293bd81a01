"""When values were there for certain: the zones of Gibbons & Korach (1997).

A value that was installed once is there in one stretch of time.  The stretch
has begun when the first operation on the value has ended, and has not ended
when the last one begins.  Values linked by compare-and-sets follow each other
without anything in between, so their stretches are one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

from checker.base import ValueModel
from histories.call import Failed, Ok
from histories.op import Nanos, Op, answer_of

_START: Final = Nanos(-1)


@dataclass(frozen=True, slots=True)
class Zone:
    """Values that were there in one stretch.

    Attributes:
        values: In the order of the evidence.
        first: The operation on them that ended first; None if the stretch began
            with the history, as one is the initial value.
        last: The operation on them that began last.
    """

    values: tuple[Hashable, ...]
    first: Op | None
    last: Op

    @property
    def begun_by(self) -> Nanos:
        return _START if self.first is None else self.first.completed

    @property
    def not_ended_at(self) -> Nanos:
        return self.last.invoked


def conflict(
    ops: Sequence[Op], evidence: Sequence[Op], model: ValueModel
) -> tuple[Zone, Zone] | None:
    """Two zones of the evidence of which neither can come first, if there are such.

    The first of them has an extent in time: ``begun_by < not_ended_at``.

    Args:
        ops: All of the object: they tell which values were installed only once.
        evidence: Those that may be named.
        model: What a value is.
    """
    zones = _zones(ops, evidence, model)
    for one in zones:
        for other in zones:
            if (
                one is not other
                and one.begun_by < one.not_ended_at
                and one.begun_by < other.not_ended_at
                and other.begun_by < one.not_ended_at
            ):
                return one, other
    return None


def _zones(ops: Sequence[Op], evidence: Sequence[Op], model: ValueModel) -> list[Zone]:
    installed = Counter(
        model.installs(op.call, answer_of(op)) for op in ops if not isinstance(op.outcome, Failed)
    )
    installed[model.initial] += 1
    chains: dict[Hashable, list[Hashable]] = {}
    seen = {model.needs(op.call, op.outcome) for op in evidence if isinstance(op.outcome, Ok)}
    for op in evidence:
        found, left = model.needs(op.call, answer_of(op)), model.installs(op.call, answer_of(op))
        happened = isinstance(op.outcome, Ok) or (
            not isinstance(op.outcome, Failed) and left in seen and installed[left] == 1
        )
        mine = [
            chains.setdefault(value, [value])
            for value in (found, left)
            if happened and value is not None and installed[value] == 1
        ]
        if len(mine) == 2 and mine[0] is not mine[1]:
            mine[0].extend(mine[1])
            for value in mine[1]:
                chains[value] = mine[0]
    distinct = {id(chain): chain for chain in chains.values()}
    return [
        zone
        for chain in distinct.values()
        if (zone := _zone(tuple(chain), evidence, model)) is not None
    ]


def _zone(values: tuple[Hashable, ...], evidence: Sequence[Op], model: ValueModel) -> Zone | None:
    members = [
        op
        for op in evidence
        if isinstance(op.outcome, Ok)
        and (
            model.needs(op.call, op.outcome) in values
            or model.installs(op.call, op.outcome) in values
        )
    ]
    if not members:
        return None
    first = min(members, key=lambda op: op.completed)
    return Zone(
        values,
        None if model.initial in values else first,
        max(members, key=lambda op: op.invoked),
    )
