"""The near-linear algorithms agree with the definition wherever they say anything.

Ten small histories of each type for each of ``--histories``, for they are judged in batches.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, assert_never

import pytest
from msgspec.structs import replace

from checker.base import Model
from checker.linearizability.fast.base import Answer, Linearizable, NotApplicable, Violation
from checker.linearizability.fast.choose import MODELS, dispatch, dispatch_all
from checker.linearizability.witness import verify
from histories.call import Scalar
from histories.columns import Int64s, to_columns
from histories.history import History
from histories.notation import parse_history, print_history
from tests.checker.oracle import is_linearizable
from tests.checker.oracles.histories import random_history
from tests.checker.oracles.vocabulary import VOCABULARIES
from tests.checker.random_histories import Shape
from tests.checker.random_objects import (
    SUBJECTS,
    correct_history,
    shuffled_history,
    spoiled_history,
)

BATCH: Final = 200
SHAPES: Final = (
    Shape(ops=6, values=None, failed=0.05),
    Shape(ops=8, values=None, spread=12, unknown=0.3),
    Shape(ops=10, values=None, spread=1, unknown=0.05, failed=0),
    Shape(ops=9, values=None, spread=6, processes=4, unknown=0.1, failed=0),
    Shape(ops=8, values=8, processes=5),
    Shape(ops=8, values=3, spread=2, unknown=0.05),
)
MODEL_OF: Final = {"growing set": "set", "sums": "counter"}
"""The model of a subject that is not called by its name."""
INITIAL: Final = {"semaphore": 2}


@pytest.mark.parametrize("name", SUBJECTS)
def test_whatever_is_decided_is_so_by_the_definition(name: str, histories: int) -> None:
    histories_max = 10 * histories
    subject = SUBJECTS[name]
    counts: Counter[str] = Counter()
    makers = (correct_history, spoiled_history, shuffled_history)
    for begin in range(0, histories_max, BATCH):
        rng = random.Random(f"{name} {begin}")
        batch = [
            makers[number % len(makers)](rng, SHAPES[number // len(makers) % len(SHAPES)], subject)
            for number in range(begin, min(begin + BATCH, histories_max))
        ]
        for history, answer in zip(batch, _answers(batch, name), strict=True):
            _require_right(history, answer, subject.model)
            counts[type(answer).__name__] += 1
    assert counts["Linearizable"] > histories_max // 10, counts
    assert counts["Violation"] > histories_max // 25, counts


@pytest.mark.parametrize("name", SUBJECTS)
def test_large_correct_histories_have_a_witness(name: str) -> None:
    rng = random.Random(name)
    shape = Shape(ops=400, processes=8, values=None, unknown=0.02)
    decided = 0
    for _ in range(4):
        history = correct_history(rng, shape, SUBJECTS[name])
        (answer,) = _answers([history], name)
        assert not isinstance(answer, Violation), answer
        if isinstance(answer, Linearizable):
            decided += 1
            order = answer.order().tolist()
            assert verify(history.ops, SUBJECTS[name].model, order) is None
    assert decided or name in {"queue", "stack", "priority-queue", "unordered-queue", "sums"}


def _answers(batch: Sequence[History], name: str) -> list[Answer]:
    """All judged in one pass, as keys of one system; rows are positions in each history."""
    ops = [
        replace(op, call=replace(op.call, key=f"h{number}"))
        for number, history in enumerate(batch)
        for op in history.ops
    ]
    columns = to_columns(sorted(ops, key=lambda op: op.invoked))
    answers = dispatch_all(columns, MODEL_OF.get(name, name), INITIAL.get(name))
    of_key = dict(zip(columns.keys, answers, strict=True))
    return [_in_history(of_key[f"h{number}"], columns.index) for number in range(len(batch))]


def _in_history(answer: Answer, index: Int64s) -> Answer:
    match answer:
        case Linearizable():
            return Linearizable(lambda: index[answer.order()])
        case Violation(evidence=evidence, core=core, hint=hint):
            return Violation(
                evidence=tuple(index[list(evidence)].tolist()),
                core=tuple(index[list(core)].tolist()),
                hint=hint,
            )
        case NotApplicable():
            return answer
        case _:
            assert_never(answer)


def _require_right(history: History, answer: Answer, model: Model[Any]) -> None:
    match answer:
        case Linearizable():
            problem = verify(history.ops, model, answer.order().tolist())
            assert problem is None, f"{problem}\n{print_history(history)}"
        case Violation(evidence=evidence, core=core):
            assert not is_linearizable(history.ops, model), print_history(history)
            assert set(core) <= set(evidence)
            part = [history.ops[at] for at in evidence]
            assert not is_linearizable(part, model), f"{answer}\n{print_history(history)}"
        case NotApplicable(reason=reason):
            assert reason


@pytest.mark.parametrize("name", sorted(MODELS))
def test_few_values_and_strange_owners_are_judged_as_by_the_models(
    name: str, histories: int
) -> None:
    rng = random.Random(name)
    vocabulary = VOCABULARIES[name]
    model = vocabulary.model(name)
    decided = 0
    for _ in range(histories):
        shape = Shape(ops=rng.choice((4, 5, 7)), spread=rng.choice((1, 4)), unknown=0.1)
        history = random_history(rng, shape, vocabulary, model, rng.choice((0, 0.3)))
        answer = dispatch(history.columns(), name, vocabulary.initial)
        _require_right(history, answer, model)
        decided += not isinstance(answer, NotApplicable)
    assert decided > histories // 3


@pytest.mark.parametrize("name", ["list-append", "set"])
def test_values_of_other_types_are_other_elements(name: str) -> None:
    add = {"list-append": "append", "set": "add"}[name]
    lines = f"0: {add} k 1: done [0, 1]\n1: {add} k true: done [2, 3]\n"
    right = parse_history(lines + "0: read k -> [1, true] [4, 5]\n")
    wrong = parse_history(lines + "0: read k -> [1, 1] [4, 5]\n")
    early = parse_history(lines + "2: read k -> [true] [0, 3]\n")
    assert isinstance(dispatch(right.columns(), name), Linearizable)
    assert isinstance(dispatch(wrong.columns(), name), Violation)
    assert isinstance(dispatch(early.columns(), name), Violation)


def test_one_key_is_judged_like_many() -> None:
    rng = random.Random("one")
    for number in range(40):
        history = spoiled_history(rng, SHAPES[number % 4], SUBJECTS["register"])
        one = dispatch(history.columns(), "register")
        (many,) = _answers([history], "register")
        assert type(one) is type(many)
        if isinstance(one, Violation):
            assert one == many


@pytest.mark.parametrize(
    ("initial", "model", "applies"),
    [(3, "queue", False), ("a", "counter", False), (7, "register", True), (None, "no such", False)],
)
def test_what_no_algorithm_covers_is_left_alone(initial: Scalar, model: str, applies: bool) -> None:
    columns = to_columns(())
    assert isinstance(dispatch(columns, model, initial), Linearizable) is applies
