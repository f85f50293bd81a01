"""Which near-linear algorithm is for which model.

Nothing here imports numba until an algorithm is asked: that takes longer than
searching a small history.
"""

from __future__ import annotations

from typing import Final

from checker.linearizability.fast.base import Algorithm, Answer, NotApplicable, judge
from histories.call import Scalar
from histories.columns import Columns

MODELS: Final = frozenset(
    {
        *("register", "cas-register", "set", "list-append", "counter", "unique-ids"),
        *("queue", "stack", "priority-queue", "unordered-queue"),
        *("owned-mutex", "reentrant-mutex", "fenced-mutex", "semaphore"),
    }
)
"""The names (of ``checker.models.catalogue``) for which there is an algorithm."""


def dispatch(columns: Columns, model_name: str, initial: Scalar = None) -> Answer:
    """What the algorithm for a model says of rows of one key.

    Args:
        columns: Of one key; where there are more, see ``dispatch_all``.
        model_name: As users type it; see ``MODELS``.
        initial: What the object begins with, as the model's factory takes it.
    """
    assert len(columns.keys) <= 1, "each key is an object of its own"
    return dispatch_all(columns, model_name, initial)[0]


def dispatch_all(columns: Columns, model_name: str, initial: Scalar = None) -> tuple[Answer, ...]:
    """``dispatch`` for each key, in the order of ``columns.keys``, in one pass.

    Rows are those of ``columns``.
    """
    algorithm = _algorithm(model_name, initial)
    if algorithm is None:
        nothing = NotApplicable(f"no near-linear algorithm for a {model_name} so begun")
        return (nothing,) * max(len(columns.keys), 1)
    return judge(columns, algorithm)


def _algorithm(model_name: str, initial: Scalar) -> Algorithm | None:
    match model_name, initial:
        case "register" | "cas-register", _:
            from checker.linearizability.fast import registers

            return lambda rows: registers.decide_keys(rows, initial)
        case "counter", None | int():
            from checker.linearizability.fast import counters

            return lambda rows: counters.decide_keys(rows, initial)
        case "semaphore", None | int():
            from checker.linearizability.fast.locks import decide_keys

            return lambda rows: decide_keys(rows, permits=initial or 1)
        case "owned-mutex" | "reentrant-mutex" | "fenced-mutex", None:
            from checker.linearizability.fast.locks import Lock, decide_keys

            locks = {"reentrant-mutex": Lock.REENTRANT, "fenced-mutex": Lock.FENCED}
            lock = locks.get(model_name, Lock.PERMITS)
            return lambda rows: decide_keys(rows, lock)
        case "list-append", None:
            from checker.linearizability.fast import lists

            return lists.decide_keys
        case "set", None:
            from checker.linearizability.fast import sets

            return sets.decide_keys
        case "queue", None:
            from checker.linearizability.fast import queues

            return queues.decide_keys
        case "unordered-queue", None:
            from checker.linearizability.fast import queues

            return queues.decide_unordered_keys
        case "stack", None:
            from checker.linearizability.fast import stacks

            return stacks.decide_keys
        case "priority-queue", None:
            from checker.linearizability.fast import priority_queues

            return priority_queues.decide_keys
        case "unique-ids", None:
            from checker.linearizability.fast import identifiers

            return identifiers.decide_keys
        case _:
            return None
