"""The register workload against a sequential store in virtual time."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.base import Budget
from checker.verdict import Invalid, Unknown, Valid, Verdict, combine
from histories.call import (
    Call,
    CompareAndSet,
    Failed,
    Indeterminate,
    Ok,
    Outcome,
    Read,
    Scalar,
    Write,
)
from histories.history import History
from histories.op import FOREVER, Nanos, Op
from system_under_test.gossip_raft.core.messages import Consistency, ReadKeys
from workloads.catalogue import WORKLOADS, workload
from workloads.generator import Limit
from workloads.simulation import SimulatedCall, simulate

WORKLOAD = workload("register", {"keys-active": 4, "ops-per-key": 30, "concurrency-per-key-max": 3})


class Store:
    """Executes a call when it is invoked; some answers are lost, some calls refused."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.values: dict[str, Scalar] = {}

    def __call__(self, call: Call, now: Nanos) -> tuple[Nanos, Outcome]:  # noqa: ARG002
        latency = Nanos(self.rng.randrange(1_000))
        luck = self.rng.random()
        if luck < 0.05:
            return latency, Failed("refused")
        outcome = self.execute(call)
        return latency, outcome if luck < 0.95 else Indeterminate("lost")

    def execute(self, call: Call) -> Outcome:
        held = self.values.get(call.key)
        match call:
            case Read():
                return Ok((held,))
            case Write(value=value):
                self.values[call.key] = value
                return Ok()
            case CompareAndSet(expected=expected, replacement=replacement):
                if held == expected:
                    self.values[call.key] = replacement
                return Ok((held,))
            case _:
                raise AssertionError(f"not of this workload: {call}")


def played(seed: int, calls: int = 1_000, concurrency: int = 8) -> list[SimulatedCall]:
    generator = WORKLOAD.generator(random.Random(seed))
    done = simulate(Limit(calls, generator), concurrency=concurrency, answer=Store(seed))
    return sorted(done, key=lambda one: one.invoked)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_no_value_is_written_twice_to_a_key(seed: int) -> None:
    calls = [one.call for one in played(seed)]
    written = Counter(
        [(call.key, call.value) for call in calls if isinstance(call, Write)]
        + [(call.key, call.replacement) for call in calls if isinstance(call, CompareAndSet)]
    )
    assert set(written.values()) == {1}
    assert all(isinstance(value, int) and value > 0 for _, value in written)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_keys_take_turns_and_none_is_crowded(seed: int) -> None:
    done = played(seed)
    calls = Counter(one.call.key for one in done)
    assert set(calls) <= {f"k{number}" for number in range(1_000 // 30 + 4)}
    assert max(calls.values()) == 30
    assert sum(count < 30 for count in calls.values()) <= 4
    for key in calls:
        mine = [one for one in done if one.call.key == key]
        for one in mine:
            others = [o for o in mine if o.invoked <= one.invoked < o.completed]
            assert len(others) <= 3


def test_a_compare_and_set_expects_what_was_seen_and_often_succeeds() -> None:
    done = played(1)
    swaps = [one for one in done if isinstance(one.call, CompareAndSet)]
    succeeded = sum(
        isinstance(one.outcome, Ok)
        and isinstance(one.call, CompareAndSet)
        and one.outcome.values == (one.call.expected,)
        for one in swaps
    )
    assert len(swaps) > 200
    assert succeeded > len(swaps) // 4
    assert len(swaps) - succeeded > len(swaps) // 10


def test_the_shares_of_calls_are_those_of_the_options() -> None:
    kinds = Counter(type(one.call) for one in played(2, calls=3_000))
    assert 1_080 < kinds[Read] < 1_320
    assert 780 < kinds[Write] < 1_020


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_equal_seeds_make_equal_calls(seed: int) -> None:
    assert played(seed, calls=200) == played(seed, calls=200)


def test_other_seeds_make_other_calls() -> None:
    assert played(1, calls=50) != played(2, calls=50)


def test_every_worker_reads_the_latest_keys_at_the_end() -> None:
    done = played(3)
    finals = simulate(
        WORKLOAD.final_generator(one.call for one in done), concurrency=3, answer=Store(1)
    )
    latest = list(dict.fromkeys(one.call.key for one in reversed(done)))[:10]
    for worker in range(3):
        mine = sorted(
            (one for one in finals if one.process % 3 == worker), key=lambda one: one.invoked
        )
        assert [one.call for one in mine] == [Read(key) for key in latest]


def test_without_calls_there_is_nothing_to_read_at_the_end() -> None:
    assert simulate(WORKLOADS["register"].final_generator(()), concurrency=3, answer=Store(1)) == []


def test_reads_ask_for_linearizability() -> None:
    assert WORKLOAD.to_request(Read("x")) == ReadKeys(("x",), Consistency.LINEARIZABLE)


def judged(done: list[SimulatedCall]) -> Verdict:
    ops = [
        Op(
            index=index,
            process=one.process,
            call=one.call,
            outcome=one.outcome,
            invoked=one.invoked,
            completed=FOREVER if isinstance(one.outcome, Indeterminate) else one.completed,
        )
        for index, one in enumerate(done)
    ]
    history = History.of(ops)
    return combine(checker.check(history, Budget()) for checker in WORKLOAD.checkers())


@pytest.mark.parametrize("seed", range(3))
def test_a_correct_store_is_judged_valid(seed: int) -> None:
    assert isinstance(judged(played(seed)), Valid)


def test_a_stale_read_on_one_key_of_many_is_found_and_the_key_named() -> None:
    done = played(1)
    at, stale = next(
        (at, one)
        for at, one in enumerate(done)
        if isinstance(one.call, Read)
        and isinstance(one.outcome, Ok)
        and one.outcome.values != (None,)
        and one.invoked > 1_000
    )
    done[at] = stale._replace(outcome=Ok((None,)))
    verdict = judged(done)
    assert isinstance(verdict, Invalid)
    (anomaly,) = verdict.anomalies
    assert stale.call.key in anomaly.explanation
    assert at in anomaly.evidence


def test_a_run_in_which_little_was_answered_is_no_proof() -> None:
    assert isinstance(judged(played(1, calls=20)), Unknown)
