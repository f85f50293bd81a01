"""Conditions weaker than linearizability, beside their definitions and one another."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from checker.base import Budget, Inconsistent, Model
from checker.linearizability.weaker.conditions import Condition, NoSuchCondition, WeakerChecker
from checker.linearizability.weaker.reads import stalest
from checker.models.queues import Queue
from checker.models.register import CasRegister
from checker.verdict import Invalid, Unknown, UnknownCause, Valid, Verdict
from histories.call import CompareAndSet, Failed, Ok, Read
from histories.history import History
from histories.notation import parse_history, print_history
from histories.op import Op, answer_of
from histories.values import identity
from tests.checker.oracle import is_linearizable
from tests.checker.random_histories import (
    Shape,
    correct_history,
    nonsense_history,
    spoiled_history,
)

MODEL = CasRegister()


def judge(history: History, condition: Condition, staleness_max_ns: int = 0) -> Verdict:
    return WeakerChecker(MODEL, condition, staleness_max_ns).check(history, Budget())


def holds(history: History, condition: Condition) -> bool:
    verdict = judge(history, condition)
    assert not isinstance(verdict, Unknown)
    return isinstance(verdict, Valid)


def is_sequential(ops: Sequence[Op], model: Model[Any]) -> bool:
    """Every order of every choice of the indeterminate, as the definition says."""
    ops = tuple(op for op in ops if not isinstance(op.outcome, Failed))
    answered = frozenset(op.index for op in ops if isinstance(op.outcome, Ok))
    for size in range(len(answered), len(ops) + 1):
        for order in permutations(ops, size):
            indices = [op.index for op in order]
            if not answered <= set(indices):
                continue
            latest: dict[int, int] = {}
            states: dict[str, Any] = {}
            for op in order:
                if latest.get(op.process, -1) > op.index:
                    break
                latest[op.process] = op.index
                state = states.get(op.call.key, model.initial)
                outcome = op.outcome if isinstance(op.outcome, Ok) else None
                after = model.step(state, op.call, outcome)
                if isinstance(after, Inconsistent):
                    break
                states[op.call.key] = after
            else:
                return True
    return False


def test_sequential_consistency_is_that_of_the_definition(histories: int) -> None:
    rng = random.Random(31)
    of_each_sort = [0, 0]
    for number in range(histories // 2):
        make = (spoiled_history, nonsense_history)[number % 2]
        history = make(rng, Shape(ops=6, processes=2, keys=2))
        if not any(isinstance(op.outcome, Ok) for op in history.ops):
            continue
        expected = is_sequential(history.ops, MODEL)
        verdict = judge(history, Condition.SEQUENTIAL)
        assert isinstance(verdict, Valid if expected else Invalid), print_history(history)
        of_each_sort[expected] += 1
        if isinstance(verdict, Invalid):
            require_evidence(history, verdict.anomalies[0].evidence)
    assert min(of_each_sort) > 5


def require_evidence(history: History, evidence: Sequence[int]) -> None:
    """Not sequential by itself; and so is no part of it that holds all sources of its reads."""
    shown = [history.op(index) for index in evidence]
    assert not is_sequential(shown, MODEL), print_history(history)
    for op in shown:
        rest = [other for other in shown if other is not op]
        needs_it = any(
            MODEL.installs(op.call, answer_of(op)) == needed and op.call.key == other.call.key
            for other in rest
            if (needed := MODEL.needs(other.call, answer_of(other))) is not None
        )
        assert needs_it or is_sequential(rest, MODEL), print_history(history)


def may_have_seen(ops: Sequence[Op], read: Op) -> bool:
    """Regularity of one read, straight from its definition."""
    value = MODEL.needs(read.call, read.outcome if isinstance(read.outcome, Ok) else None)
    writes = [
        op
        for op in ops
        if not isinstance(op.outcome, Failed)
        and MODEL.installs(op.call, op.outcome if isinstance(op.outcome, Ok) else None) is not None
    ]
    certain = [op for op in writes if isinstance(op.outcome, Ok)]
    if value == MODEL.initial and not any(w.completed < read.invoked for w in certain):
        return True
    for write in writes:
        installed = MODEL.installs(
            write.call, write.outcome if isinstance(write.outcome, Ok) else None
        )
        if write is read or installed != value or write.invoked > read.completed:
            continue
        if not any(write.completed < w.invoked and w.completed < read.invoked for w in certain):
            return True
    return False


@pytest.mark.parametrize("make", [spoiled_history, nonsense_history])
def test_regularity_is_that_of_the_definition(make: Any, histories: int) -> None:
    rng = random.Random(make.__name__)
    of_each_sort = [0, 0]
    for number in range(histories):
        history = make(rng, Shape(ops=10, values=(None, 2)[number % 2], processes=3))
        reads = [
            op
            for op in history.ops
            if isinstance(op.outcome, Ok) and isinstance(op.call, Read | CompareAndSet)
        ]
        if not reads:
            continue
        expected = all(may_have_seen(history.ops, read) for read in reads)
        assert holds(history, Condition.REGULAR) == expected, print_history(history)
        of_each_sort[expected] += 1
    assert min(of_each_sort) > 5


def test_every_weaker_condition_follows_from_linearizability(histories: int) -> None:
    rng = random.Random(7)
    linearizable = 0
    for number in range(2 * histories):
        make = (spoiled_history, correct_history)[number % 2]
        history = make(rng, Shape(ops=9, values=(None, 3)[number // 2 % 2]))
        if not any(isinstance(op.outcome, Ok) and op.outcome.values for op in history.ops):
            continue
        if is_linearizable(history.ops, MODEL):
            linearizable += 1
            for condition in Condition:
                assert holds(history, condition), (condition, print_history(history))
        if holds(history, Condition.REGULAR):
            assert holds(history, Condition.SAFE), print_history(history)
    assert linearizable > histories / 2


STALE = """
    0: write x 1   [1, 2]
    1: read x -> 1 [3, 4]
    0: write x 2   [5, 6]
    2: read x -> 1 [20, 21]
    2: read x -> 2 [30, 31]
    """


def test_a_stale_read_is_sequential_but_neither_regular_nor_safe() -> None:
    history = parse_history(STALE)
    assert holds(history, Condition.SEQUENTIAL)
    assert holds(history, Condition.MONOTONIC_READS)
    for condition in (Condition.REGULAR, Condition.SAFE):
        verdict = judge(history, condition)
        assert isinstance(verdict, Invalid)
        assert verdict.anomalies[0].evidence == (0, 3)
        assert "it had been overwritten before the read began" in verdict.anomalies[0].explanation


def test_staleness_is_counted_from_the_overwriting_write() -> None:
    history = parse_history(STALE)
    worst, op = stalest(history, MODEL)
    assert worst == 14
    assert op is not None
    assert op.index == 3
    assert isinstance(judge(history, Condition.BOUNDED_STALENESS, 14), Valid)
    verdict = judge(history, Condition.BOUNDED_STALENESS, 13)
    assert isinstance(verdict, Invalid)
    assert "14 ns" in verdict.anomalies[0].explanation


def test_going_back_is_not_monotonic() -> None:
    history = parse_history(f"{STALE}\n2: read x -> 1 [40, 41]")
    verdict = judge(history, Condition.MONOTONIC_READS)
    assert isinstance(verdict, Invalid)
    assert verdict.anomalies[0].evidence == (4, 5)
    assert not holds(history, Condition.SEQUENTIAL)


def test_a_read_beside_a_write_is_safe_whatever_it_saw() -> None:
    history = parse_history("0: write x 1 [1, 10]\n1: read x -> 7 [2, 3]")
    assert holds(history, Condition.SAFE)
    assert not holds(history, Condition.REGULAR)


def test_two_keys_may_be_bad_together_only() -> None:
    """Sequential consistency is not local: each key by itself is fine."""
    history = parse_history(
        """
        0: write x 1     [1, 2]
        1: write y 1     [1, 2]
        0: read y -> nil [3, 4]
        1: read x -> nil [3, 4]
        """
    )
    for part in history.by_key().values():
        assert holds(part, Condition.SEQUENTIAL)
    verdict = judge(history, Condition.SEQUENTIAL)
    assert isinstance(verdict, Invalid)
    anomaly = verdict.anomalies[0]
    assert anomaly.kind == "not sequentially consistent"
    assert anomaly.explanation.startswith("no order of the 4 operations shown explains all answers")
    assert anomaly.details[0].endswith("but the state is 1 then")


def test_what_sequential_consistency_does_not_forbid_is_no_evidence() -> None:
    history = parse_history(
        """
        2: write z 5     [0, 1]
        0: write x 1     [1, 2]
        1: write y 1     [1, 2]
        2: read z -> 5   [2, 3]
        0: read y -> nil [3, 4]
        1: read x -> nil [3, 4]
        2: write x 9     [5, 6]
        """
    )
    verdict = judge(history, Condition.SEQUENTIAL)
    assert isinstance(verdict, Invalid)
    assert verdict.anomalies[0].evidence == (1, 2, 4, 5)


def test_budgets_and_empty_histories_are_unknown() -> None:
    history = parse_history("\n".join(f"{at}: write x {at} [1, 9]" for at in range(9)))
    spoiled = parse_history(f"{print_history(history)}\n20: read x -> 77 [10, 11]")
    verdict = WeakerChecker(MODEL, Condition.SEQUENTIAL).check(spoiled, Budget(states_max=50))
    assert isinstance(verdict, Unknown)
    assert verdict.cause is UnknownCause.MEMORY_LIMIT
    for condition in Condition:
        assert isinstance(judge(parse_history(""), condition), Unknown)


def test_conditions_of_reads_are_for_registers() -> None:
    with pytest.raises(NoSuchCondition):
        WeakerChecker(Queue(), Condition.REGULAR).check(parse_history(STALE), Budget())


def test_identities_are_told_apart() -> None:
    history = parse_history("0: write x 1 [1, 2]\n0: read x -> true [3, 4]")
    assert not holds(history, Condition.REGULAR)
    assert identity(1) != identity(True)
