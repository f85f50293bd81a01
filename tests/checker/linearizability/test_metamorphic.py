"""Changes to a history that may not change its verdict, or only in one direction."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from checker.base import Budget, Model
from checker.linearizability.search import Linearizable, search
from checker.linearizability.window.search import search_window
from histories.call import Indeterminate, Ok
from histories.history import History
from histories.notation import print_history
from histories.op import FOREVER, Nanos, Op, ProcessId
from tests.checker.oracles.histories import random_history
from tests.checker.oracles.vocabulary import VOCABULARIES
from tests.checker.random_histories import Shape

NAMES = ("cas-register", "set", "queue", "counter", "owned-mutex", "key-value-store")
SHAPE = Shape(ops=30, processes=4, unknown=0.05)


def changed(op: Op, **fields: Any) -> Op:
    every: dict[str, Any] = {name: getattr(op, name) for name in op.__struct_fields__}
    return Op(**(every | fields))


def renumbered(ops: list[Op]) -> History:
    """In invocation order, with fresh processes: an interval may have grown over its next."""
    ops.sort(key=lambda op: op.invoked)
    return History.of(
        changed(op, index=number, process=ProcessId(number)) for number, op in enumerate(ops)
    )


def without_an_unknown(rng: random.Random, history: History) -> History:
    ops = list(history.ops)
    unknown = [op for op in ops if isinstance(op.outcome, Indeterminate)]
    if unknown:
        ops.remove(rng.choice(unknown))
    return History.of(changed(op, index=number) for number, op in enumerate(ops))


def with_other_processes(rng: random.Random, history: History) -> History:
    names = sorted({op.process for op in history.ops})
    shuffled = names[:]
    rng.shuffle(shuffled)
    others = dict(zip(names, shuffled, strict=True))
    return History.of(changed(op, process=others[op.process]) for op in history.ops)


def widened(rng: random.Random, history: History) -> History:
    ops: list[Op] = []
    for op in history.ops:
        began = Nanos(max(0, op.invoked - rng.randrange(3000)))
        ended = op.completed if op.completed == FOREVER else op.completed + rng.randrange(3000)
        ops.append(changed(op, invoked=began, completed=Nanos(ended)))
    return renumbered(ops)


def doubted(rng: random.Random, history: History) -> History:
    """One answer was lost."""
    ops = list(history.ops)
    answered = [at for at, op in enumerate(ops) if isinstance(op.outcome, Ok)]
    if answered:
        at = rng.choice(answered)
        ops[at] = changed(ops[at], outcome=Indeterminate("lost"), completed=FOREVER)
    return renumbered(ops)


@pytest.mark.parametrize("change", [with_other_processes, widened, doubted])
@pytest.mark.parametrize("name", NAMES)
def test_a_good_history_stays_good(
    name: str, change: Callable[[random.Random, History], History], histories: int
) -> None:
    vocabulary = VOCABULARIES[name]
    model: Model[Any] = vocabulary.model(name)
    rng = random.Random(f"{name} {change.__name__}")
    for _ in range(histories // 5):
        history = random_history(rng, SHAPE, vocabulary, model, 0.0)
        after = change(rng, history)
        assert is_good(after, model), f"{print_history(history)}\n\n{print_history(after)}"


@pytest.mark.parametrize("change", [with_other_processes, without_an_unknown])
@pytest.mark.parametrize("name", NAMES)
def test_a_bad_history_stays_bad(
    name: str, change: Callable[[random.Random, History], History], histories: int
) -> None:
    """Taking an unknown call away leaves fewer explanations, other names as many."""
    vocabulary = VOCABULARIES[name]
    model: Model[Any] = vocabulary.model(name)
    rng = random.Random(f"{name} {change.__name__}")
    bad = 0
    for _ in range(histories // 5):
        history = random_history(rng, SHAPE, vocabulary, model, 0.1)
        if is_good(history, model):
            continue
        bad += 1
        after = change(rng, history)
        assert not is_good(after, model), f"{print_history(history)}\n\n{print_history(after)}"
    assert bad


def is_good(history: History, model: Model[Any]) -> bool:
    """By both searches, which must agree."""
    fast = isinstance(search_window(history.ops, model, Budget()), Linearizable)
    if len(history.ops) < 12:
        assert isinstance(search(history.ops, model, Budget()), Linearizable) == fast
    return fast
