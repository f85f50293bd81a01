"""The search of the twin, ``checker.linearizability.search``, done by the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Generic, assert_never

import numpy as np

from checker.base import Budget, Inconsistent, Model, State
from checker.linearizability.search import Counted, DeadEnd, Exhausted, Found, Linearizable, Stuck
from checker.linearizability.window.encode import Encoded, encode
from checker.linearizability.window.engine import (
    Abandoned,
    Explained,
    Refuted,
    decide,
    decide_from_any_value,
)
from checker.linearizability.window.layout import Operations
from checker.linearizability.window.overdrawn import NOBODY, Overdrawn
from histories.call import Indeterminate, Ok
from histories.columns import Columns, Int64s
from histories.op import FOREVER, Op, changed

_OPEN: Final = Indeterminate("open at an end of the stretch")


def search_window(
    ops: Sequence[Op],
    model: Model[State],
    budget: Budget,
    *,
    traced: bool = False,
    prophetic: bool = True,
    columns: Columns | None = None,
) -> Found:
    """As ``search``, for histories of any length; ``columns`` are those of ``ops``, if known.

    ``states_max`` bounds the configurations kept at one time, and fifty times as
    many may be made.

    Cost: the import of numba; memory is O(n) for the numbers, and O(window) for
    the search unless it is traced.
    """
    encoded = encode(ops, model, columns)
    answer = decide(
        encoded.operations, budget, step=encoded.steps, traced=traced, look_ahead=prophetic
    )
    match answer:
        case Explained(order=order):
            return Linearizable(_indices(ops, encoded, order))
        case Refuted(row=row, returned=returned, counted=counted, within=within):
            op = ops[encoded.rows[row]]
            return Stuck(
                op=op,
                explained=returned,
                dead_ends=_dead_ends(ops, encoded, model, op, answer),
                counted=None if counted is None else _counted(ops, encoded, counted),
                nearby=None if within is None else Nearby(ops, encoded, model, *within),
                all_ends=answer.all_ends,
            )
        case Abandoned(cause=cause, row=row, configurations=configurations):
            return Exhausted(cause=cause, op=ops[encoded.rows[row]], configurations=configurations)
        case _:
            assert_never(answer)


class Nearby(Generic[State]):
    """The operations in some rows of a register, as ``stretch`` has them."""

    def __init__(
        self,
        ops: Sequence[Op],
        encoded: Encoded[State],
        model: Model[State],
        rows: Int64s,
        part: Operations,
    ) -> None:
        self._whole = ops
        self._encoded = encoded
        self._model = model
        self._rows = rows
        self._part = part
        self.left_open = False
        open_ones = (part.completed == FOREVER).tolist()
        self.ops = [
            changed(op, outcome=_OPEN, completed=FOREVER) if is_open else op
            for op, is_open in zip(self._original(range(rows.size)), open_ones, strict=True)
        ]

    def _original(self, positions: Sequence[int]) -> list[Op]:
        return [self._whole[self._encoded.rows[self._rows[at]]] for at in positions]

    def stuck(self, positions: Sequence[int], budget: Budget) -> Stuck | None:
        part = self._part.only(np.array(positions, dtype=np.int64))
        answer = decide_from_any_value(part, budget, look_ahead=False)
        self.left_open |= isinstance(answer, Abandoned)
        if not isinstance(answer, Refuted):
            return None
        op = self._original(positions)[answer.row]
        known = tuple(end for end in answer.ends if end[0] < part.values)
        ends = _dead_ends(self._whole, self._encoded, self._model, op, replace(answer, ends=known))
        return Stuck(
            op=op,
            explained=answer.returned,
            dead_ends=ends,
            all_ends=len(known) == len(answer.ends),
        )


class Refuter(Generic[State]):
    """Says of many parts of one object's operations which have no linearization."""

    def __init__(self, ops: Sequence[Op], model: Model[State]) -> None:
        self._encoded = encode(ops, model)
        self._place = np.full(len(ops), -1, dtype=np.int64)
        self._place[self._encoded.rows] = np.arange(self._encoded.rows.size)
        self.work = 0
        """Operations and configurations looked at so far."""

    def refutes(self, positions: Sequence[int], budget: Budget) -> bool | None:
        """Whether the ops at these positions, ascending, have none; None if it cannot tell."""
        rows = self._place[list(positions)]
        part = self._encoded.operations.only(rows[rows >= 0])
        answer = decide(part, budget, step=self._encoded.steps)
        self.work += rows.size + answer.configurations
        return None if isinstance(answer, Abandoned) else isinstance(answer, Refuted)


def _counted(ops: Sequence[Op], encoded: Encoded[State], counted: Overdrawn) -> Counted:
    def of(rows: Sequence[int]) -> tuple[Op, ...]:
        return tuple(ops[encoded.rows[row]] for row in rows)

    began = counted.others[0] == NOBODY
    others = of(counted.others[1:] if began else counted.others)
    return Counted((None, *others) if began else others, of(counted.seers), of(counted.bringers))


def _indices(ops: Sequence[Op], encoded: Encoded[State], rows: Sequence[int]) -> tuple[int, ...]:
    return tuple(ops[encoded.rows[row]].index for row in rows)


def _dead_ends(
    ops: Sequence[Op], encoded: Encoded[State], model: Model[State], op: Op, refuted: Refuted
) -> tuple[DeadEnd, ...]:
    assert isinstance(op.outcome, Ok), "only answered operations return"
    ends: list[DeadEnd] = []
    for number, order in refuted.ends:
        state = encoded.state(number)
        after = model.step(state, op.call, op.outcome)
        if isinstance(after, Inconsistent):
            ends.append(
                DeadEnd(
                    state=model.describe(state),
                    reason=after.reason,
                    order=_indices(ops, encoded, order),
                )
            )
    return tuple(ends)
