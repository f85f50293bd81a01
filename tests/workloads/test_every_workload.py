"""Every workload against the store that the cluster replicates, and against broken ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from checker.base import Budget
from checker.verdict import Invalid, Valid, Verdict, combine
from histories.call import Call, Indeterminate, Outcome
from histories.history import History
from histories.op import FOREVER, Nanos, Op, ProcessId
from system_under_test.gossip_raft.core.client_session import Answered, Execute, Refused
from system_under_test.gossip_raft.core.messages import Consistency, ReadKeys, Results, Values
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.state_machine import StateMachine
from system_under_test.gossip_raft.core.types import Entry, LogIndex, Term
from workloads.base import Workload
from workloads.catalogue import WORKLOADS
from workloads.client import outcome_of
from workloads.generator import Limit
from workloads.simulation import simulate

MS = 1_000_000


class Store:
    """Executes at the moment of the call; some calls are refused, some answers lost.

    ``loses``: of one request in so many the last command is answered but not executed;
    ``repeats``: one in so many is executed twice.
    """

    def __init__(self, workload: Workload, seed: int, loses: int = 0, repeats: int = 0) -> None:
        self._workload = workload
        self._machine = StateMachine(Rules())
        self._rng = random.Random(seed)
        self._index = 0
        self._loses, self._repeats = loses, repeats

    def __call__(self, call: Call, now: Nanos) -> tuple[Nanos, Outcome]:
        del now
        latency, luck = Nanos(self._rng.randrange(1, 20 * MS)), self._rng.random()
        if luck < 0.05:
            return latency, outcome_of(call, Refused("no leader"))
        outcome = self._execute(call)
        return latency, Indeterminate("no answer") if luck > 0.97 else outcome

    def _execute(self, call: Call) -> Outcome:
        request = self._workload.to_request(call)
        if isinstance(request, ReadKeys):
            values = self._machine.read(request.keys)
            reply = Values(LogIndex(self._index), Consistency.LINEARIZABLE, values)
            return outcome_of(call, Answered(reply))
        assert isinstance(request, Execute)
        lost = self._loses and self._rng.randrange(self._loses) == 0
        again = self._repeats and self._rng.randrange(self._repeats) == 0
        self._index += 1
        entry = Entry(Term(1), LogIndex(self._index), None, request.commands)
        image = self._machine.image()
        answer = self._machine.apply(entry)
        if lost:
            self._machine.restore(image)
            self._machine.apply(replace(entry, commands=entry.commands[:-1]))
        if again:
            self._machine.apply(entry)
        return outcome_of(call, Answered(Results(answer.position, answer.results)))


def judged(workload: Workload, store: Store, calls: int = 500) -> Verdict:
    """Of a run of the workload and its final calls on ``store``."""
    main = Limit(calls, workload.generator(random.Random(1)))
    done = simulate(main, concurrency=8, answer=store)
    asked = [one.call for one in done]
    over = max(one.completed for one in done)
    final = simulate(workload.final_generator(asked), concurrency=8, answer=store)
    # Other processes: those of the main phase may have been retired.
    done += [
        one._replace(
            process=ProcessId(one.process + 8 * calls),
            invoked=Nanos(one.invoked + over),
            completed=Nanos(one.completed + over),
        )
        for one in final
    ]
    done.sort(key=lambda one: one.invoked)
    history = History.of(
        Op(
            index=index,
            process=one.process,
            call=one.call,
            outcome=one.outcome,
            invoked=one.invoked,
            completed=FOREVER if isinstance(one.outcome, Indeterminate) else one.completed,
        )
        for index, one in enumerate(done)
    )
    return combine(checker.check(history, Budget()) for checker in workload.checkers())


@pytest.mark.parametrize("make", WORKLOADS.values(), ids=WORKLOADS)
def test_a_correct_store_is_judged_valid(make: Callable[[], Workload]) -> None:
    workload = make()
    assert isinstance(judged(workload, Store(workload, 7)), Valid)


@pytest.mark.parametrize("make", WORKLOADS.values(), ids=WORKLOADS)
def test_a_store_that_loses_writes_is_caught(make: Callable[[], Workload]) -> None:
    workload = make()
    assert isinstance(judged(workload, Store(workload, 7, loses=20)), Invalid)


@pytest.mark.parametrize("name", ["list", "counter", "queue", "append"])
def test_a_store_that_executes_twice_is_caught(name: str) -> None:
    workload = WORKLOADS[name]()
    assert isinstance(judged(workload, Store(workload, 7, repeats=20)), Invalid)


@pytest.mark.parametrize("make", WORKLOADS.values(), ids=WORKLOADS)
def test_equal_seeds_make_equal_calls(make: Callable[[], Workload]) -> None:
    workload = make()

    def calls() -> list[Call]:
        generator = Limit(200, workload.generator(random.Random(3)))
        return [one.call for one in simulate(generator, concurrency=5, answer=Store(workload, 3))]

    assert calls() == calls()
