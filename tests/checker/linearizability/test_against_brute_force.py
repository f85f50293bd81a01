"""The search agrees with the definition, on 15,000 small histories."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from checker.base import Budget
from checker.linearizability.minimal import minimal_part
from checker.linearizability.search import Linearizable, Stuck, search
from checker.models.register import CasRegister
from histories.call import Failed, Ok, Value
from histories.history import History
from histories.notation import print_history
from histories.op import Op
from histories.values import identity
from tests.checker.oracle import is_linearizable, is_linearization
from tests.checker.random_histories import (
    Shape,
    correct_history,
    nonsense_history,
    spoiled_history,
)

MODEL = CasRegister()
SHAPES = (
    Shape(ops=6),
    Shape(ops=8),
    Shape(ops=8, spread=12, unknown=0.3),
    Shape(ops=8, values=None),
    Shape(ops=7, spread=0),
)


@pytest.mark.parametrize("shape", SHAPES, ids=range(len(SHAPES)))
@pytest.mark.parametrize("make", [spoiled_history, nonsense_history, correct_history])
def test_the_verdict_is_that_of_the_definition(
    make: Callable[[random.Random, Shape], History], shape: Shape
) -> None:
    rng = random.Random(f"{make.__name__} {shape}")
    linearizable = 0
    for _ in range(1000):
        history = make(rng, shape)
        expected = is_linearizable(history.ops, MODEL)
        found = search(history.ops, MODEL, Budget(), traced=True)
        assert isinstance(found, Linearizable if expected else Stuck), print_history(history)
        plain = search(history.ops, MODEL, Budget(), prophetic=False)
        assert isinstance(plain, Linearizable if expected else Stuck), print_history(history)
        linearizable += expected
        if isinstance(found, Linearizable):
            assert is_linearization(found.order, history.ops, MODEL), print_history(history)
        elif isinstance(found, Stuck):
            require_minimal(history, minimal_part(history.ops, found, MODEL, Budget()).ops)
    if make is correct_history:
        assert linearizable == 1000, "a correct register raised an alarm"
    else:
        assert 20 < linearizable < 980, "the histories must be of both sorts"


def require_minimal(history: History, part: tuple[Op, ...]) -> None:
    """Still invalid alone; nothing can go but what would make up a value."""
    assert not is_linearizable(part, MODEL), print_history(history)
    for op in part:
        without = tuple(other for other in part if other is not op)
        if not is_source(op, without):
            assert is_linearizable(without, MODEL), (op, print_history(history))


def is_source(op: Op, others: tuple[Op, ...]) -> bool:
    """Whether ``op`` may have installed a value that one of the others needs."""
    installed = MODEL.installs(op.call, op.outcome if isinstance(op.outcome, Ok) else None)
    return installed is not None and any(
        installed
        == MODEL.needs(other.call, other.outcome if isinstance(other.outcome, Ok) else None)
        for other in others
        if not isinstance(other.outcome, Failed)
    )


def test_equality_is_that_of_values_and_types() -> None:
    values: tuple[Value, ...] = (1, True, 1.0, "1", None, 0, False, (1,), (True,))
    assert len({identity(value) for value in values}) == len(values)
