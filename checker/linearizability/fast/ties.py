"""Ops of one process that touch in time, and how to make their order show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from checker.linearizability.fast.base import Rows
from checker.linearizability.jit import jit
from histories.columns import Int64s


def touching(rows: Rows) -> Int64s:
    """The keys on which an op of some process begins when its previous one ends."""
    process = rows.process
    bound = int(process.max(initial=0)) + 1
    if bound > 8 * process.size + 1024:
        names, process = np.unique(process, return_inverse=True)
        bound = names.size
    level = np.zeros(process.size, dtype=np.int64)
    keys = _levels(rows.starts, rows.invoked, rows.completed, process, bound, level)
    return np.flatnonzero(keys)


def spread(rows: Rows, keys: Sequence[int]) -> Rows:
    """The same ops with ranks for times, so that touching ops of a process do not touch.

    At one instant, first come invocations, then completions, then the
    invocations of processes whose previous op ended at that instant, and so on.
    Every precedence there was remains; some ops of different processes that
    touched now precede each other.
    """
    pieces = [np.arange(*rows.span(key)) for key in keys]
    sizes = [piece.size for piece in pieces]
    chosen = rows.only(np.concatenate(pieces), np.concatenate(([0], np.cumsum(sizes))))
    names, process = np.unique(chosen.process, return_inverse=True)
    level = np.zeros(process.size, dtype=np.int64)
    _levels(chosen.starts, chosen.invoked, chosen.completed, process, names.size, level)
    ended = np.where(chosen.completed == chosen.invoked, level + 1, 1)
    times = np.concatenate((chosen.invoked, chosen.completed))
    levels = np.concatenate((level, ended))
    order = np.lexsort((levels, times))
    new = np.ones(order.size, dtype=np.int64)
    new[1:] = (np.diff(times[order]) != 0) | (np.diff(levels[order]) != 0)
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.cumsum(new)
    invoked, completed = rank[: process.size], rank[process.size :]
    forever = chosen.completed == np.iinfo(np.int64).max
    completed = np.where(forever, chosen.completed, completed)
    key = np.repeat(np.arange(len(sizes)), sizes)
    by_invocation = np.lexsort((invoked, key))
    moved = replace(chosen, invoked=invoked, completed=completed)
    return moved.only(by_invocation, chosen.starts)


@jit
def _levels(starts, invoked, completed, process, processes, level):  # type: ignore[no-untyped-def]
    """Fill in at which step of its instant each op begins; say which keys have any but 0."""
    touched = np.zeros(starts.size - 1, dtype=np.bool_)
    latest = np.full(processes, -1, dtype=np.int64)
    for key in range(starts.size - 1):
        for at in range(starts[key], starts[key + 1]):
            before = latest[process[at]]
            if before >= starts[key] and completed[before] >= invoked[at]:
                touched[key] = True
                began = level[before] if invoked[before] == completed[before] else 0
                level[at] = began + 2
            latest[process[at]] = at
    return touched
