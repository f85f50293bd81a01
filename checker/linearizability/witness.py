"""Is this order a linearization?  Asked without knowing how it was found."""

from __future__ import annotations

from collections.abc import Sequence

from checker.base import Inconsistent, Model, State
from histories.call import Failed, Ok
from histories.notation import describe_op
from histories.op import Op, ProcessId


def verify(ops: Sequence[Op], model: Model[State], order: Sequence[int]) -> str | None:
    """What is wrong with ``order``, positions in ``ops``, as a linearization; None if nothing.

    It must name every answered op and no failed one, each once; keep what ended
    before what began later, and each process's ops as they come; and the model
    must allow each answer in turn.  Cost: O(n) and the steps of the model.
    """
    if missing := {at for at, op in enumerate(ops) if isinstance(op.outcome, Ok)} - set(order):
        return f"leaves out op {min(missing)}, which was answered"
    if len(set(order)) != len(order):
        return "names an op twice"
    state, begun = model.initial, -1
    latest: dict[ProcessId, int] = {}
    for at in order:
        op = ops[at]
        if isinstance(op.outcome, Failed):
            return f"has what failed take effect: {describe_op(op)}"
        if op.completed < begun or latest.get(op.process, -1) > op.index:
            return f"comes too late in the order: {describe_op(op)}"
        begun, latest[op.process] = max(begun, op.invoked), op.index
        after = model.step(state, op.call, op.outcome if isinstance(op.outcome, Ok) else None)
        if isinstance(after, Inconsistent):
            return f"{describe_op(op)}: {after.reason}"
        state = after
    return None
