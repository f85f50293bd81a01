"""Random histories of a few transactions: often almost right, sometimes nonsense."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import assert_never, cast

from msgspec.structs import replace

from histories.call import Append, Micro, Ok, Read, Scalar, Txn, Value, Write
from histories.history import History
from histories.op import Op
from tests.checker.transactions.executors import (
    Database,
    Losing,
    ReadCommitted,
    ReadUncommitted,
    Shape,
    SnapshotIsolated,
    Stale,
    WithoutConflicts,
    run,
)

DATABASES = (
    *(Database, SnapshotIsolated, WithoutConflicts, ReadCommitted, ReadUncommitted),
    *(Losing, Stale),
)


def small_history(
    rng: random.Random, *, lists: bool, read_back: bool, unknown: float = 0.1
) -> History:
    """Up to six transactions of some database, with an answer or two perhaps replaced."""
    shape = Shape(
        txns=rng.randint(2, 6 - read_back),
        processes=rng.randint(1, 4),
        keys=rng.randint(1, 3),
        micro_max=3,
        lists=lists,
        unknown=unknown,
        read_back=read_back,
    )
    history = run(rng.choice(DATABASES), rng, shape)
    if rng.random() < 0.4:
        history = _altered(history, rng)
    return history


def with_fewer_values(history: History, rng: random.Random) -> History:
    """The same, but some values are written more than once, and some registers to nil."""
    chosen: dict[Value, Value] = {None: None}

    def renamed(value: Value) -> Value:
        if isinstance(value, tuple):
            return tuple(cast("Scalar", renamed(element)) for element in value)
        return chosen.setdefault(value, rng.choice([None, 1, 2, 3, value]))

    return History.of(_renamed(op, renamed) for op in history.ops)


def _renamed(op: Op, renamed: Callable[[Value], Value]) -> Op:
    assert isinstance(op.call, Txn)
    micro: list[Micro] = []
    for step in op.call.micro:
        match step:
            case Read():
                micro.append(step)
            case Append(key=key, element=element):
                micro.append(Append(key, cast("Scalar", renamed(element))))
            case Write(key=key, value=value):
                micro.append(Write(key, cast("Scalar", renamed(value))))
            case _:
                assert_never(step)
    outcome = op.outcome
    if isinstance(outcome, Ok):
        outcome = Ok(tuple(map(renamed, outcome.values)))
    return replace(op, call=Txn(op.call.key, tuple(micro)), outcome=outcome)


def _altered(history: History, rng: random.Random) -> History:
    """With one answer replaced by something that was at least written to that key."""
    reads = [
        (op, place)
        for op in history.ops
        if isinstance(op.outcome, Ok)
        for place in range(len(op.outcome.values))
    ]
    if not reads:
        return history
    chosen, place = rng.choice(reads)
    assert isinstance(chosen.outcome, Ok)
    values = list(chosen.outcome.values)
    values[place] = _another(history, chosen, place, rng)
    changed = replace(chosen, outcome=Ok(tuple(values)))
    return History.of(changed if op is chosen else op for op in history.ops)


def _another(history: History, op: Op, place: int, rng: random.Random) -> Value:
    assert isinstance(op.call, Txn)
    key = [micro.key for micro in op.call.micro if isinstance(micro, Read)][place]
    written = [
        micro
        for each in history.ops
        if isinstance(each.call, Txn)
        for micro in each.call.micro
        if not isinstance(micro, Read) and micro.key == key
    ]
    elements = [m.element for m in written if isinstance(m, Append)]
    if elements:
        size = rng.randint(0, len(elements))
        seen = sorted(elements, key=str) if rng.random() < 0.7 else rng.sample(elements, size)
        return tuple(seen[:size]) or None
    values = [m.value for m in written if isinstance(m, Write)]
    return rng.choice([None, *values])
