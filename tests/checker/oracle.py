"""The slow twins: what linearizable means, written down without any cleverness."""

from __future__ import annotations

from collections.abc import Sequence

from checker.base import Inconsistent, Model, State
from histories.call import Failed, Ok
from histories.op import Op


def precedes(earlier: Op, later: Op) -> bool:
    """Real-time order (closed intervals), and program order where times touch."""
    if earlier.process == later.process:
        return earlier.index < later.index
    return earlier.completed < later.invoked


def is_linearizable(ops: Sequence[Op], model: Model[State]) -> bool:
    """Try every subset of the indeterminate and every order: all (done, state) pairs."""
    ops = [op for op in ops if not isinstance(op.outcome, Failed)]
    answered = sum(1 << at for at, op in enumerate(ops) if isinstance(op.outcome, Ok))
    needed = [
        sum(1 << at for at, earlier in enumerate(ops) if precedes(earlier, later)) & answered
        for later in ops
    ]
    seen: set[tuple[int, State]] = set()
    work: list[tuple[int, State]] = [(0, model.initial)]
    while work:
        done, state = work.pop()
        if (done, state) in seen:
            continue
        seen.add((done, state))
        if done & answered == answered:
            return True
        for at, op in enumerate(ops):
            if done >> at & 1 or needed[at] & ~done:
                continue
            after = model.step(state, op.call, op.outcome if isinstance(op.outcome, Ok) else None)
            if not isinstance(after, Inconsistent):
                work.append((done | 1 << at, after))
    return False


def is_linearization(order: Sequence[int], ops: Sequence[Op], model: Model[State]) -> bool:
    """Whether ``order`` is a legal order of the answered and some indeterminate ops."""
    by_index = {op.index: op for op in ops}
    chosen = [by_index[index] for index in order]
    answered = {op.index for op in ops if isinstance(op.outcome, Ok)}
    if len(set(order)) != len(order) or not answered <= set(order):
        return False
    state = model.initial
    for at, op in enumerate(chosen):
        if isinstance(op.outcome, Failed) or any(precedes(op, before) for before in chosen[:at]):
            return False
        after = model.step(state, op.call, op.outcome if isinstance(op.outcome, Ok) else None)
        if isinstance(after, Inconsistent):
            return False
        state = after
    return True
