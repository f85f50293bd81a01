"""The monitor says what the search says, as soon as it is certain, and forgets what is over."""

from __future__ import annotations

import random
from typing import Any

import pytest

from checker.base import Budget, Model
from checker.errors import ForeignCall
from checker.linearizability.monitor import LinearizabilityMonitor
from checker.models.register import CasRegister
from checker.verdict import Invalid, Unknown, Valid
from histories.call import Dequeue, Indeterminate, Ok, Read, Write
from histories.history import History
from histories.notation import parse_history, print_history
from histories.op import FOREVER, Nanos, Op, ProcessId
from tests.checker.oracle import is_linearizable
from tests.checker.oracles.histories import random_history
from tests.checker.oracles.vocabulary import VOCABULARIES
from tests.checker.random_histories import Shape, correct_history


def events_of(history: History) -> list[tuple[Nanos, bool, Op]]:
    """Calls and outcomes as they happen; a process's outcome before its next call.

    What is indeterminate is given up by the client at the end.
    """
    end = max((op.invoked for op in history.ops), default=Nanos(0))
    events = [(op.invoked, op.index, False, op) for op in history.ops]
    events += [
        (end if op.completed == FOREVER else op.completed, op.index, True, op) for op in history.ops
    ]
    events.sort(key=lambda event: event[:3])
    return [(at, is_outcome, op) for at, _, is_outcome, op in events]


def feed(monitor: LinearizabilityMonitor[Any], history: History) -> int:
    """Show it everything; the most operations that it kept."""
    most = 0
    for at, is_outcome, op in events_of(history):
        if is_outcome:
            monitor.completed(op.process, op.outcome, at)
        else:
            monitor.invoked(op.process, op.call, at)
        most = max(most, monitor.kept())
    return most


@pytest.mark.parametrize("name", VOCABULARIES)
def test_it_agrees_with_the_definition(name: str, histories: int) -> None:
    vocabulary = VOCABULARIES[name]
    model: Model[Any] = vocabulary.model(name)
    rng = random.Random(f"monitor {name}")
    bad = 0
    for number in range(histories // 3):
        shape = rng.choice((Shape(ops=8, spread=6), Shape(ops=7, spread=0)))
        history = random_history(rng, shape, vocabulary, model, (0.0, 0.3)[number % 2])
        monitor = LinearizabilityMonitor(model, Budget())
        feed(monitor, history)
        verdict = monitor.finish()
        expected = is_linearizable(history.ops, model)
        assert isinstance(verdict, Invalid) != expected, print_history(history)
        bad += not expected
    assert bad


def test_a_stale_read_is_reported_while_the_run_goes_on() -> None:
    monitor = LinearizabilityMonitor(CasRegister(), Budget())
    monitor.invoked(ProcessId(0), Write("x", 1), Nanos(1))
    assert monitor.completed(ProcessId(0), Ok(), Nanos(2)) is None
    monitor.invoked(ProcessId(1), Read("x"), Nanos(3))
    assert monitor.completed(ProcessId(1), Ok((None,)), Nanos(4)) is None, "a call may begin now"
    anomaly = monitor.invoked(ProcessId(0), Write("y", 1), Nanos(5))
    assert anomaly is not None
    assert anomaly.evidence == (1,)
    assert "the register held 1" in anomaly.details[0]
    assert monitor.violation == anomaly


def test_what_a_call_in_flight_may_still_explain_is_not_reported() -> None:
    monitor = LinearizabilityMonitor(CasRegister(), Budget())
    monitor.invoked(ProcessId(0), Write("x", 1), Nanos(1))
    monitor.invoked(ProcessId(1), Read("x"), Nanos(2))
    assert monitor.completed(ProcessId(1), Ok((1,)), Nanos(3)) is None
    assert monitor.completed(ProcessId(0), Indeterminate("timed out"), Nanos(9)) is None
    assert isinstance(monitor.finish(), Valid)


def test_memory_is_bounded_by_what_is_open() -> None:
    rng = random.Random(8)
    history = correct_history(rng, Shape(ops=3000, processes=5, values=None, unknown=0, failed=0))
    monitor = LinearizabilityMonitor(CasRegister(), Budget())
    most = feed(monitor, history)
    assert isinstance(monitor.finish(), Valid)
    assert most < 60


def test_a_spent_budget_gives_a_key_up_and_says_so() -> None:
    lines = [f"{number}: write x {number} [1, 1000]" for number in range(12)]
    lines += [f"{50 + number}: read x -> {number} [1, 2000]" for number in range(12)]
    monitor = LinearizabilityMonitor(CasRegister(), Budget(states_max=50))
    feed(monitor, parse_history("\n".join(lines)))
    verdict = monitor.finish()
    assert isinstance(verdict, Unknown)
    assert "key x was given up" in verdict.detail


def test_a_foreign_call_is_an_error() -> None:
    with pytest.raises(ForeignCall):
        LinearizabilityMonitor(CasRegister(), Budget()).invoked(
            ProcessId(0), Dequeue("x"), Nanos(1)
        )
