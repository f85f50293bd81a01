"""A witness convinces whoever does not know how it was found, whatever found it."""

from __future__ import annotations

import random

import pytest

from checker.linearizability.check import check, witness
from checker.linearizability.witness import verify
from checker.verdict import Invalid
from histories.notation import print_history
from tests.checker.oracles.histories import random_history
from tests.checker.oracles.vocabulary import VOCABULARIES
from tests.checker.random_histories import Shape

SHAPES = (Shape(ops=8), Shape(ops=20, processes=4), Shape(ops=20, processes=4, unknown=0.0))


@pytest.mark.parametrize("easy_states_max", [1, 2000], ids=["hard", "easy"])
@pytest.mark.parametrize("name", VOCABULARIES)
def test_every_witness_is_a_linearization(
    name: str, easy_states_max: int, histories: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where little is easy, near-linear algorithms and the kernel find it."""
    monkeypatch.setattr("checker.linearizability.check.EASY_STATES_MAX", easy_states_max)
    vocabulary = VOCABULARIES[name]
    model = vocabulary.model(name)
    rng = random.Random(f"witness {name}")
    for number in range(histories // 5):
        history = random_history(rng, SHAPES[number % len(SHAPES)], vocabulary, model, 0.0)
        orders = witness(history, model)
        assert orders is not None, print_history(history)
        for key, part in history.by_key().items():
            at = {op.index: position for position, op in enumerate(part.ops)}
            order = [at[index] for index in orders[key]]
            wrong = verify(part.ops, model, order)
            assert wrong is None, (wrong, print_history(history))


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_bad_history_has_no_witness(name: str, histories: int) -> None:
    vocabulary = VOCABULARIES[name]
    model = vocabulary.model(name)
    rng = random.Random(f"no witness {name}")
    bad = 0
    for _ in range(histories // 5):
        history = random_history(rng, Shape(ops=8), vocabulary, model, 0.5)
        is_bad = isinstance(check(history, model), Invalid)
        bad += is_bad
        assert (witness(history, model) is None) == is_bad, print_history(history)
    assert bad > histories / 50
