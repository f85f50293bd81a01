"""Many operations of unknown outcome on one register: told apart no more than they need be."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from benchmarks.register_histories import Case, Fault, register_history
from checker.base import Budget
from checker.linearizability.check import check
from checker.linearizability.search import (
    Exhausted,
    Linearizable,
    Stuck,
    _Entry,
    _Search,
    search,
)
from checker.linearizability.window.encode import encode
from checker.linearizability.window.engine import Refuted, decide
from checker.linearizability.window.overdrawn import NOBODY, overdrawn
from checker.linearizability.window.search import search_window
from checker.models.register import CasRegister
from checker.verdict import Invalid
from histories.call import Call, CompareAndSet, Indeterminate, Ok, Write
from histories.history import History
from histories.notation import print_history
from histories.op import FOREVER, Nanos, Op, ProcessId, changed
from tests.checker.linearizability.late_reads import late_reads
from tests.checker.oracle import is_linearizable

MODEL = CasRegister()


def crashed(calls: Sequence[Call]) -> list[Op]:
    """From the start on, of one client each."""
    return [
        Op(
            index=number,
            process=ProcessId(number),
            call=call,
            outcome=Indeterminate("crashed"),
            invoked=Nanos(number),
            completed=FOREVER,
        )
        for number, call in enumerate(calls)
    ]


def few_answered(rng: random.Random) -> list[Op]:
    """Calls of which half were not answered, on a register of three values, that errs."""

    def call() -> Call:
        if rng.random() < 0.4:
            return Write("x", rng.randrange(3))
        return CompareAndSet("x", rng.choice((None, 0, 1, 2)), rng.randrange(3))

    ops = crashed([call() for _ in range(rng.randrange(2, 6))])
    answers = late_reads(
        [rng.choice((None, 0, 1, 2)) for _ in range(rng.randrange(1, 6))], len(ops)
    )
    if rng.random() < 0.5:
        until = Nanos(answers[0].completed + rng.randrange(8))
        answers[0] = changed(
            answers[0], process=ProcessId(20_000), call=call(), outcome=Ok((1,)), completed=until
        )
    ops = [
        changed(op, invoked=Nanos(10_000 + rng.randrange(8))) if rng.random() < 0.3 else op
        for op in ops
    ]
    ordered = sorted([*ops, *answers], key=lambda op: op.invoked)
    return [changed(op, index=index) for index, op in enumerate(ordered)]


def test_the_search_says_what_the_definition_says(histories: int) -> None:
    rng = random.Random(5)
    bad = 0
    for _ in range(histories):
        ops = few_answered(rng)
        expected = is_linearizable(ops, MODEL)
        found = search_window(ops, MODEL, Budget())
        assert isinstance(found, Linearizable if expected else Stuck), print_history(
            History.of(ops)
        )
        bad += not expected
    assert histories / 20 < bad < histories * 19 / 20, "the histories must be of both sorts"


def test_what_counting_rules_out_has_no_linearization(histories: int) -> None:
    rng = random.Random(6)
    ruled_out = 0
    for _ in range(histories):
        ops = few_answered(rng)
        short = overdrawn(encode(ops, MODEL).operations)
        if short is not None:
            assert len(short.bringers) < len(short.seers)
            assert not is_linearizable(ops, MODEL), print_history(History.of(ops))
            ruled_out += 1
    assert ruled_out > histories / 10


@pytest.mark.parametrize("writes", [3, 4])
def test_a_value_came_once_more_than_it_was_written(writes: int) -> None:
    ops = crashed([Write("x", 1)] * writes + [CompareAndSet("x", 1, 0)] * 9)
    short = overdrawn(encode([*ops, *late_reads([1, 0] * 4, len(ops))], MODEL).operations)
    assert (short is not None) == (writes == 3)
    if short is not None:
        assert short.others[0] == NOBODY
        assert short.seers == (12, 14, 16, 18)
        assert short.bringers == (0, 1, 2)


def test_writes_are_kept_where_a_compare_and_set_does() -> None:
    """Else each choice between the two would be something else to remember: 90,000 in all."""
    calls: list[Call] = []
    for value in range(4):
        calls += [Write("x", value), CompareAndSet("x", (value + 1) % 4, value)] * 6
    ops = crashed(calls)
    round_about: list[int | None] = [value for _ in range(6) for value in (3, 2, 1, 0)]
    history = [*ops, *late_reads([*round_about, 9], len(ops))]
    answer = decide(encode(history, MODEL).operations, Budget(), traced=True)
    assert isinstance(answer, Refuted)
    assert answer.row == len(history) - 1
    assert answer.configurations < 1_000


def test_a_value_that_came_too_often_is_explained_by_counting() -> None:
    case = Case(ops=3_000, clients=5, crashed=0.02, fault=Fault.WORN_OUT)
    verdict = check(register_history(case, seed=1), MODEL)
    assert isinstance(verdict, Invalid)
    anomaly = verdict.anomalies[0]
    assert "times from" in anomaly.explanation
    assert "each time another operation must have brought it, but only" in anomaly.explanation
    assert len(anomaly.evidence) < 60


def test_comparing_configurations_counts_against_the_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or thousands that are each none the worse for another are compared pair by pair."""
    compared = 0
    covers = _Search._covers

    def counted(self: _Search[object], better: _Entry, worse: _Entry) -> bool:
        nonlocal compared
        compared += 1
        return covers(self, better, worse)

    monkeypatch.setattr(_Search, "_covers", counted)
    pairs = [(one, other) for one in range(5) for other in range(5) if one != other]
    calls: list[Call] = [Write("x", 0), *(CompareAndSet("x", *pair) for pair in pairs)]
    ops = crashed(calls)
    history = [*ops, *late_reads([0, 1, 2, 3, 4, 3, 2, 1, 0, 2, 4, 1, 3, 0], len(ops))]
    found = search(history, MODEL, Budget(states_max=2_000))
    assert isinstance(found, Exhausted)
    assert compared < 200 * 2_000
