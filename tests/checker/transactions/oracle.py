"""Serializability and snapshot isolation by trying everything, straight from the definitions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from histories.call import Append, Indeterminate, Ok, Read, Txn, Value, Write
from histories.history import History
from histories.op import Op

State = tuple[tuple[str, Value], ...]


def is_serializable(history: History, *, sessions: bool = False, strict: bool = False) -> bool:
    """Whether the answered transactions, and some of the unknown ones, have a serial order.

    ``sessions``: one that keeps the order of each process; ``strict``: and of real time.
    """
    return any(
        _serial(chosen, frozenset(), {}, (sessions or strict, strict), set())
        for chosen in _committed(history)
    )


def is_snapshot_isolated(history: History) -> bool:
    """Whether they have snapshots and commits, first committer winning."""
    return any(_snapshots(chosen, {}, {}, frozenset(), set()) for chosen in _committed(history))


def _committed(history: History) -> Iterator[list[Op]]:
    certain = [op for op in history.ops if isinstance(op.outcome, Ok)]
    possible = [op for op in history.ops if isinstance(op.outcome, Indeterminate)]
    for count in range(len(possible) + 1):
        for some in combinations(possible, count):
            yield sorted([*certain, *some], key=lambda op: op.index)


def _serial(
    ops: list[Op],
    done: frozenset[int],
    state: dict[str, Value],
    order: tuple[bool, bool],
    dead: set[tuple[frozenset[int], State]],
) -> bool:
    if len(done) == len(ops):
        return True
    place = done, tuple(sorted(state.items()))
    if place in dead:
        return False
    left = [op for op in ops if op.index not in done]
    for op in left:
        if any(_precedes(other, op, *order) for other in left):
            continue
        after = _executed(op, state)
        if after is not None and _serial(ops, done | {op.index}, after, order, dead):
            return True
    dead.add(place)
    return False


def _precedes(one: Op, other: Op, sessions: bool, strict: bool) -> bool:
    if sessions and one.process == other.process:
        return one.index < other.index
    return strict and one.completed < other.invoked


def _snapshots(
    ops: list[Op],
    running: dict[int, bool],
    state: dict[str, Value],
    done: frozenset[int],
    dead: set[object],
) -> bool:
    """``running``: the begun ones, and whether a write of theirs would now conflict."""
    if len(done) == len(ops):
        return True
    place = tuple(sorted(running.items())), tuple(sorted(state.items())), done
    if place in dead:
        return False
    by_index = {op.index: op for op in ops}
    for op in ops:
        if op.index in done:
            continue
        if op.index not in running:
            if _executed(op, state) is not None and _snapshots(
                ops, {**running, op.index: False}, state, done, dead
            ):
                return True
        elif not running[op.index]:
            rest = {
                index: conflicts or bool(_written(by_index[index]) & _written(op))
                for index, conflicts in running.items()
                if index != op.index
            }
            if _snapshots(ops, rest, _installed(op, state), done | {op.index}, dead):
                return True
    dead.add(place)
    return False


def _written(op: Op) -> frozenset[str]:
    assert isinstance(op.call, Txn)
    return frozenset(micro.key for micro in op.call.micro if not isinstance(micro, Read))


def _executed(op: Op, state: dict[str, Value]) -> dict[str, Value] | None:
    """The state afterwards; None if its answers cannot be given."""
    assert isinstance(op.call, Txn)
    answers = iter(op.outcome.values) if isinstance(op.outcome, Ok) else None
    after = dict(state)
    for micro in op.call.micro:
        match micro:
            case Read(key=key):
                if answers is not None and (next(answers) or None) != after.get(key):
                    return None
            case Append(key=key, element=element):
                held = after.get(key)
                after[key] = (*held, element) if isinstance(held, tuple) else (element,)
            case Write(key=key, value=value):
                after[key] = value
    return after


def _installed(op: Op, state: dict[str, Value]) -> dict[str, Value]:
    """The state with its writes only, whatever it read."""
    assert isinstance(op.call, Txn)
    after = dict(state)
    for micro in op.call.micro:
        match micro:
            case Append(key=key, element=element):
                held = after.get(key)
                after[key] = (*held, element) if isinstance(held, tuple) else (element,)
            case Write(key=key, value=value):
                after[key] = value
            case Read():
                pass
    return after
