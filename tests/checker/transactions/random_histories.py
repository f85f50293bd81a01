"""Random histories of a few transactions: often almost right, sometimes nonsense."""

from __future__ import annotations

import random

from histories.call import Append, Ok, Read, Txn, Value, Write
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
    changed = Op(
        index=chosen.index,
        process=chosen.process,
        call=chosen.call,
        outcome=Ok(tuple(values)),
        invoked=chosen.invoked,
        completed=chosen.completed,
    )
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
