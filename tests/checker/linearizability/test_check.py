"""Verdicts over many keys, budgets, crashes, and histories that prove nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from checker.base import Budget, Checker, Inconsistent
from checker.linearizability.check import Judged, LinearizabilityChecker, check, witness
from checker.models.register import CasRegister, RegisterState
from checker.verdict import Invalid, Unknown, UnknownCause, Valid
from histories.call import Call, Ok, Read, Write
from histories.history import History
from histories.notation import parse_history
from tests.checker.oracle import is_linearization
from tests.checker.random_histories import Shape, correct_history

VALID = {
    "reads see what is there": """
        0: read x -> nil          [1, 2]
        0: write x 1              [3, 4]
        0: read x -> 1            [5, 6]
        0: cas x 1 -> 2: swapped  [7, 8]
        0: cas x 1 -> 3: saw 2    [9, 10]
        0: read x -> 2            [11, 12]
        """,
    "overlapping ops in an order of their own": """
        0: write x 1    [1, 10]
        1: read x -> 1  [2, 3]
        2: read x -> 1  [4, 5]
        """,
    "concurrent reads may disagree": """
        0: write x 1      [1, 10]
        1: read x -> nil  [2, 9]
        2: read x -> 1    [2, 9]
        """,
    "an unknown write that happened late": """
        0: write x 1                      [1, 2]
        1: write x 2: unknown (timed out) [3, ?]
        0: read x -> 1                    [4, 5]
        0: read x -> 1                    [6, 7]
        0: read x -> 2                    [8, 9]
        """,
    "an unknown write that never happened": """
        0: write x 1                      [1, 2]
        1: write x 2: unknown (timed out) [3, ?]
        0: read x -> 1                    [4, 5]
        """,
    "an unknown cas that happened": """
        0: write x 1                 [1, 2]
        1: cas x 1 -> 2: unknown     [3, ?]
        0: read x -> 2               [4, 5]
        """,
    "an unknown cas that found something else": """
        0: write x 1                 [1, 2]
        1: cas x 7 -> 2: unknown     [3, ?]
        0: read x -> 1               [4, 5]
        """,
    "a failed write that nobody saw": """
        0: write x 1           [1, 2]
        1: write x 2: failed   [3, 4]
        0: read x -> 1         [5, 6]
        """,
    "intervals that touch overlap": """
        0: write x 1      [1, 5]
        1: read x -> nil  [5, 6]
        """,
    "an unknown read says nothing": """
        0: write x 1          [1, 2]
        1: read x: unknown    [3, ?]
        0: read x -> 1        [5, 6]
        """,
    "a cas that changes nothing": """
        0: write x 1              [1, 2]
        0: cas x 1 -> 1: swapped  [3, 4]
        0: read x -> 1            [5, 6]
        """,
}

INVALID = {
    "an unknown write happens at most once": """
        0: write x 1: unknown  [1, ?]
        1: read x -> 1         [2, 3]
        1: write x 2           [4, 5]
        1: read x -> 2         [6, 7]
        1: read x -> 1         [8, 9]
        """,
    "an unknown write not before its call": """
        0: read x -> 1         [1, 2]
        1: write x 1: unknown  [3, ?]
        """,
    "a process keeps its order even where its calls touch": """
        0: write x 1    [1, 5]
        0: write x 2    [5, 9]
        1: read x -> 1  [10, 11]
        """,
    "the order of touching calls also holds at an instant": """
        0: write x 1      [5, 5]
        0: read x -> nil  [5, 5]
        """,
    "an unknown call keeps its place in its process": """
        0: read x -> 1         [1, 5]
        0: write x 1: unknown  [5, ?]
        1: read x -> nil       [1, 9]
        """,
    "a cas answers what it found": """
        0: write x 1              [1, 2]
        0: cas x 2 -> 3: swapped  [3, 4]
        """,
    "reads of two processes in opposite orders": """
        0: write x 1    [1, 20]
        1: write x 2    [1, 20]
        2: read x -> 1  [2, 3]
        2: read x -> 2  [4, 5]
        3: read x -> 1  [6, 7]
        """,
}


@pytest.mark.parametrize("name", VALID)
def test_valid_histories_pass_with_a_witness(name: str) -> None:
    history = parse_history(VALID[name])
    assert isinstance(check(history, CasRegister()), Valid)
    orders = witness(history, CasRegister())
    assert orders is not None
    assert is_linearization(orders["x"], history.ops, CasRegister())


@pytest.mark.parametrize("name", INVALID)
def test_invalid_histories_are_caught_and_have_no_witness(name: str) -> None:
    history = parse_history(INVALID[name])
    verdict = check(history, CasRegister())
    assert isinstance(verdict, Invalid)
    assert isinstance(check(history.only(verdict.anomalies[0].evidence), CasRegister()), Invalid)
    assert witness(history, CasRegister()) is None


def test_the_initial_value_is_that_of_the_model() -> None:
    history = parse_history("0: read x -> 0 [1, 2]")
    assert isinstance(check(history, CasRegister(0)), Valid)
    assert isinstance(check(history, CasRegister(False)), Invalid)
    assert isinstance(check(history, CasRegister()), Invalid)


def test_each_bad_key_is_named_and_good_keys_are_not() -> None:
    history = parse_history(
        """
        0: write a 1    [1, 2]
        0: write b 1    [3, 4]
        0: write c 1    [5, 6]
        0: read a -> 2  [7, 8]
        0: read b -> 1  [9, 10]
        0: read c -> 3  [11, 12]
        """
    )
    verdict = check(history, CasRegister())
    assert isinstance(verdict, Invalid)
    assert [anomaly.evidence for anomaly in verdict.anomalies] == [(3,), (5,)]
    assert verdict.anomalies[0].explanation.startswith("key a: ")
    assert verdict.anomalies[1].explanation.startswith("key c: ")


@pytest.mark.parametrize(
    "text", ["", "0: write x 1: failed [1, 2]\n1: write x 1: unknown [1, ?]"], ids=["empty", "lost"]
)
def test_a_history_without_answers_proves_nothing(text: str) -> None:
    verdict = check(parse_history(text), CasRegister())
    assert isinstance(verdict, Unknown)
    assert verdict.cause is UnknownCause.NOTHING_TO_CHECK


def test_where_every_call_failed_nothing_happened_and_that_is_valid() -> None:
    verdict = check(parse_history("0: write x 1: failed [1, 2]"), CasRegister())
    assert verdict == Valid("1 key, 0 answered ops (by search)")


def hard_key(key: str, writers: int, first: int = 0) -> str:
    """Many concurrent writes, all seen, and reads that keep every order possible.

    One value is written twice, so that nothing but a search can decide it.
    """
    lines = [f"{first + number}: write {key} {number} [1, 1000]" for number in range(writers)]
    lines.append(f"{first + 49}: write {key} 0 [1, 1000]")
    lines += [
        f"{first + 50 + number}: read {key} -> {number} [1, 2000]" for number in range(writers)
    ]
    return "\n".join(lines)


def test_a_spent_budget_is_unknown_and_says_how_far_it_got() -> None:
    history = parse_history(hard_key("x", 12))
    verdict = check(history, CasRegister(), budget=Budget(states_max=100))
    assert isinstance(verdict, Unknown)
    assert verdict.cause is UnknownCause.MEMORY_LIMIT
    assert "key x is undecided from op" in verdict.detail
    assert "configurations" in verdict.detail


def test_a_deadline_is_unknown_too() -> None:
    history = parse_history(hard_key("x", 12))
    verdict = check(history, CasRegister(), budget=Budget(deadline=lambda: True))
    assert isinstance(verdict, Unknown)
    assert verdict.cause is UnknownCause.TIME_LIMIT


def test_a_hard_key_hides_neither_a_bad_key_nor_a_good_one() -> None:
    good = "80: write g 1 [3000, 3001]"
    bad = "80: read b -> 1 [3002, 3003]"
    budget = Budget(states_max=100)
    verdict = check(
        parse_history(f"{hard_key('x', 12)}\n{good}\n{bad}"), CasRegister(), budget=budget
    )
    assert isinstance(verdict, Invalid)
    assert [anomaly.explanation[:6] for anomaly in verdict.anomalies] == ["key b:"]
    verdict = check(parse_history(f"{hard_key('x', 12)}\n{good}"), CasRegister(), budget=budget)
    assert isinstance(verdict, Unknown)
    assert "1 key is" in verdict.detail or "key x" in verdict.detail


@pytest.mark.parametrize("seen", [False, True])
def test_thirty_crashed_writes_on_one_key_are_decided(seen: bool) -> None:
    lines = [f"{number}: write x {number % 4}: unknown [{number}, ?]" for number in range(30)]
    if seen:
        lines += [
            f"99: read x -> {number % 4} [{100 + 2 * number}, {101 + 2 * number}]"
            for number in range(25)
        ]
    else:
        lines.append("99: read x -> nil [100, 101]")
    assert isinstance(check(parse_history("\n".join(lines)), CasRegister()), Valid)


@dataclass(frozen=True, slots=True)
class BrokenModel:
    name: str = "broken"
    initial: int = 0

    def step(self, state: int, call: Call, _: Ok | None) -> int | Inconsistent:
        if call.key == "bad":
            raise ZeroDivisionError("by zero")
        return Inconsistent("never") if call.key == "wrong" else state

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:  # noqa: ARG002
        return False

    def describe(self, state: int) -> str:
        return str(state)


def test_a_checker_that_crashes_proves_nothing_and_hides_nothing() -> None:
    verdict = check(parse_history("0: write bad 1 [1, 2]\n0: write good 1 [3, 4]"), BrokenModel())
    assert verdict == Unknown(UnknownCause.CHECKER_CRASHED, "key bad: ZeroDivisionError: by zero")
    verdict = check(parse_history("0: write bad 1 [1, 2]\n0: write wrong 1 [3, 4]"), BrokenModel())
    assert isinstance(verdict, Invalid)


def test_a_model_without_values_keeps_all_its_mutators_as_evidence() -> None:
    verdict = check(
        parse_history("0: write a 1 [1, 2]\n0: write wrong 1 [3, 4]\n1: write wrong 2 [3, 4]"),
        BrokenModel(),
    )
    assert isinstance(verdict, Invalid)
    assert verdict.anomalies[0].evidence == (1, 2)


def test_many_keys_and_crashes_of_a_correct_register_raise_no_alarm() -> None:
    rng = random.Random(5)
    shape = Shape(ops=2000, processes=10, keys=20, values=None, unknown=0.05)
    history = correct_history(rng, shape)
    checker: Checker = LinearizabilityChecker(CasRegister())
    assert checker.name == "linearizable"
    verdict = checker.check(history, Budget())
    assert isinstance(verdict, Valid)
    assert verdict.note.startswith("20 keys, ")
    orders = witness(history, CasRegister())
    assert orders is not None
    for key, part in history.by_key().items():
        assert is_linearization(orders[key], part.ops, CasRegister())


def test_indices_of_a_part_of_a_run_are_those_of_the_run() -> None:
    run = parse_history("0: write y 1 [1, 2]\n0: write x 1 [3, 4]\n0: read x -> 2 [5, 6]")
    part: History = run.by_key()["x"]
    verdict = check(part, CasRegister())
    assert isinstance(verdict, Invalid)
    assert verdict.anomalies[0].evidence == (2,)


def test_states_tell_types_apart() -> None:
    model = CasRegister()
    one: RegisterState = (int, 1)
    assert model.step(one, parse_history("0: read x -> true [1, 2]").ops[0].call, Ok((1,))) == one
    assert isinstance(
        model.step(one, parse_history("0: read x -> 1 [1, 2]").ops[0].call, Ok((True,))),
        Inconsistent,
    )


@pytest.mark.parametrize("value", ["made up", "stale", "from the future"])
def test_a_bad_answer_is_found_among_thousands_and_many_crashed_writes(value: str) -> None:
    """Of five values that everybody writes again and again; no search gets that far."""
    shape = Shape(ops=4000, processes=5, values=5, unknown=0.02, failed=0.0)
    ops = list(correct_history(random.Random(4), shape).ops)
    read = next(op for op in ops[3800:] if isinstance(op.call, Read) and isinstance(op.outcome, Ok))
    ops[read.index] = replace(read, outcome=Ok((77,)))
    if value != "made up":
        among = ops[2000:] if value == "stale" else ops[3900:]
        write = next(
            op for op in among if isinstance(op.call, Write) and isinstance(op.outcome, Ok)
        )
        ops[write.index] = replace(write, call=Write(write.call.key, 77))
    verdict = check(History(tuple(ops)), CasRegister())
    assert isinstance(verdict, Invalid)
    (anomaly,) = verdict.anomalies
    assert read.index in anomaly.evidence
    assert len(anomaly.evidence) <= 3


def test_hard_keys_in_threads_get_the_same_verdict() -> None:
    """In the order of the keys, whichever is done first."""
    texts = [
        hard_key(key, writers, first)
        for key, writers, first in (("a", 8, 0), ("b", 7, 100), ("c", 7, 200))
    ]
    stale = "300: read b -> 1 [3002, 3003]\n300: read b -> 2 [3004, 3005]"
    history = parse_history("\n".join([*texts, stale]))

    def in_threads(judge: Callable[[str], Judged], keys: Iterable[str]) -> Iterable[Judged]:
        with ThreadPoolExecutor(3) as pool:
            return list(pool.map(judge, keys))

    verdict = check(history, CasRegister())
    assert isinstance(verdict, Invalid)
    assert check(history, CasRegister(), each=in_threads) == verdict
