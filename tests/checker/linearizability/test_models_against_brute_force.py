"""Both searches agree with the definition on every model, and so do their explanations."""

from __future__ import annotations

import random
from typing import Any

import pytest

from checker.base import Budget, Model
from checker.linearizability.dependencies import dependencies
from checker.linearizability.foresight import with_foresight
from checker.linearizability.minimal import minimal_part
from checker.linearizability.search import Found, Linearizable, Stuck, search
from checker.linearizability.window.search import search_window
from histories.history import History
from histories.notation import print_history
from histories.op import Op
from tests.checker.oracle import is_linearizable, is_linearization
from tests.checker.oracles.histories import random_history
from tests.checker.oracles.vocabulary import VOCABULARIES
from tests.checker.random_histories import Shape

SHAPES = (
    Shape(ops=6),
    Shape(ops=8),
    Shape(ops=8, spread=12, unknown=0.3),
    Shape(ops=7, spread=0),
    Shape(ops=9, processes=5, spread=8, unknown=0.2),
)
ERRS = (0.0, 0.15, 0.6)


@pytest.mark.parametrize("name", VOCABULARIES)
def test_the_verdict_is_that_of_the_definition(name: str, histories: int) -> None:
    vocabulary = VOCABULARIES[name]
    model = vocabulary.model(name)
    rng = random.Random(f"definition {name}")
    of_each_sort = [0, 0]
    for number in range(histories):
        errs = ERRS[number % len(ERRS)]
        history = random_history(rng, rng.choice(SHAPES), vocabulary, model, errs)
        expected = is_linearizable(history.ops, model)
        assert expected or errs, "a correct object raised an alarm"
        of_each_sort[expected] += 1
        found = search(history.ops, model, Budget(), traced=True)
        require(history, model, found, expected)
        plain = search_window(history.ops, model, Budget(), traced=True, prophetic=False)
        require(history, model, plain, expected)
        require(history, model, search_window(history.ops, model, Budget(), traced=True), expected)
        knowing = with_foresight(model, history.ops)
        require(history, model, search(history.ops, knowing, Budget(), traced=True), expected)
        if isinstance(found, Stuck) and isinstance(plain, Stuck):
            require_minimal(history, model, minimal_part(history.ops, found, model, Budget()).ops)
            first = minimal_part(history.ops, plain, model, Budget(), is_first=True).ops
            assert not is_linearizable(first, model), print_history(history)
    assert min(of_each_sort) > histories / 20, "the histories must be of both sorts"


def require(history: History, model: Model[Any], found: Found, expected: bool) -> None:
    assert isinstance(found, Linearizable if expected else Stuck), print_history(history)
    if isinstance(found, Linearizable):
        assert is_linearization(found.order, history.ops, model), print_history(history)


def require_minimal(history: History, model: Model[Any], part: tuple[Op, ...]) -> None:
    """Still invalid alone; nothing can go without what cannot be judged without it."""
    assert not is_linearizable(part, model), print_history(history)
    needed = dependencies(part, model)
    for position in range(len(part)):
        gone = {position}
        while True:
            more = {at for at, each in enumerate(needed) if at not in gone and gone & set(each)}
            if not more:
                break
            gone |= more
        rest = [op for at, op in enumerate(part) if at not in gone]
        assert is_linearizable(rest, model), (part[position], print_history(history))


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_closed_part_of_a_good_history_is_good(name: str, histories: int) -> None:
    """Otherwise evidence would prove nothing."""
    vocabulary = VOCABULARIES[name]
    model = vocabulary.model(name)
    rng = random.Random(f"closed {name}")
    smaller = 0
    for _ in range(histories):
        history = random_history(rng, rng.choice(SHAPES), vocabulary, model, 0.0)
        needed = dependencies(history.ops, model)
        kept = {at for at in range(len(history.ops)) if rng.random() < 0.4}
        while more := {source for at in kept for source in needed[at]} - kept:
            kept |= more
        part = [history.ops[at] for at in sorted(kept) if at < len(history.ops)]
        smaller += len(part) < len(history.ops)
        assert is_linearizable(part, model), print_history(history)
    assert smaller > histories / 20


@pytest.mark.parametrize("name", VOCABULARIES)
def test_the_searches_get_stuck_at_the_same_completion(name: str, histories: int) -> None:
    """Where they do not look ahead, that is the first that nothing explains."""
    vocabulary = VOCABULARIES[name]
    model = vocabulary.model(name)
    rng = random.Random(f"stuck {name}")
    shape = Shape(ops=20, processes=4, unknown=0.05)
    stuck = 0
    for _ in range(histories // 3):
        history = random_history(rng, shape, vocabulary, model, 0.05)
        slow = search(history.ops, model, Budget(), prophetic=False)
        fast = search_window(history.ops, model, Budget(), prophetic=False)
        assert type(slow) is type(fast), print_history(history)
        if isinstance(slow, Stuck) and isinstance(fast, Stuck):
            stuck += 1
            assert (slow.op, slow.explained) == (fast.op, fast.explained), print_history(history)
            states = {end.state for end in fast.dead_ends}
            assert states <= {end.state for end in slow.dead_ends}, print_history(history)
            assert states, print_history(history)
    assert stuck
