"""The windowed search agrees with the definition on very many small histories of every model.

Nothing is looked at but the verdicts, and the definition remembers what the model had
answered, so that one takes less than a millisecond: with ``--histories 100000`` all of
this file takes half an hour of one core.
"""

from __future__ import annotations

import random
from collections.abc import Hashable
from typing import Any

import pytest

from checker.base import Budget, Inconsistent, Model
from checker.linearizability.search import Linearizable, Stuck
from checker.linearizability.window.search import search_window
from histories.call import Call, Ok
from histories.notation import describe_call, print_history
from tests.checker.oracle import is_linearizable
from tests.checker.oracles.histories import random_history
from tests.checker.oracles.vocabulary import VOCABULARIES
from tests.checker.random_histories import Shape

SHAPES = (
    Shape(ops=4, processes=2, unknown=0.1),
    Shape(ops=5, processes=3, spread=8),
    Shape(ops=6, processes=3, unknown=0.2),
    Shape(ops=6, processes=4, spread=0, unknown=0.05),
    Shape(ops=7, processes=3, spread=2, unknown=0.05),
)
ERRS = (0.0, 0.2, 0.5)


class Remembered:
    """A model that is asked every question once."""

    def __init__(self, model: Model[Any]) -> None:
        self._model = model
        self.initial = model.initial
        self._known: dict[Hashable, Any] = {}

    def step(self, state: Any, call: Call, outcome: Ok | None) -> Any | Inconsistent:
        # Of calls that are equal some differ: 1 == True.
        question = state, describe_call(call), outcome
        after = self._known.get(question)
        if after is None:
            after = self._known[question] = self._model.step(state, call, outcome)
        return after


@pytest.mark.parametrize("name", VOCABULARIES)
def test_the_search_says_what_the_definition_says(name: str, histories: int) -> None:
    vocabulary = VOCABULARIES[name]
    model = vocabulary.model(name)
    remembered: Any = Remembered(model)
    rng = random.Random(f"many {name}")
    bad = 0
    for number in range(histories):
        shape = SHAPES[number % len(SHAPES)]
        history = random_history(rng, shape, vocabulary, remembered, rng.choice(ERRS))
        expected = is_linearizable(history.ops, remembered)
        found = search_window(history.ops, model, Budget())
        assert isinstance(found, Linearizable if expected else Stuck), print_history(history)
        bad += not expected
    assert histories / 20 < bad < histories * 19 / 20, "the histories must be of both sorts"
