"""Every workload against the store that the cluster replicates, and against broken ones."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from checker.base import Budget
from checker.verdict import Invalid, Valid, Verdict, combine
from histories.call import Call, Indeterminate, Outcome, Read, Txn
from histories.history import History
from histories.op import FOREVER, Nanos, Op, ProcessId
from system_under_test.gossip_raft.core.client_session import Answered, Execute, Refused
from system_under_test.gossip_raft.core.messages import (
    Consistency,
    LogEntries,
    ReadKeys,
    ReadLog,
    Results,
    Values,
)
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.state_machine import StateMachine
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    Applied,
    Entry,
    LogIndex,
    Term,
    Value,
)
from workloads.base import Workload
from workloads.catalogue import WORKLOADS
from workloads.client import outcome_of
from workloads.generator import Limit
from workloads.simulation import simulate

MS = 1_000_000
BLIND_TO_LOSS = ("monotonic", "causal", "long-fork")
"""What is lost before anybody saw it does not go back, and forks nothing."""


class Store:
    """Executes at the moment of the call; some calls are refused, some answers lost.

    ``loses``: of one request in so many the last command is answered but not executed;
    ``repeats``: one in so many is executed twice; ``ages``: one read in so many is answered from
    the state that was there ten to twenty writes before; ``skews``: so is one in so many of
    the reads of a transaction that only reads.
    """

    def __init__(
        self,
        workload: Workload,
        seed: int,
        *,
        loses: int = 0,
        repeats: int = 0,
        ages: int = 0,
        skews: int = 0,
    ) -> None:
        self._workload = workload
        self._machine, self._old = StateMachine(Rules()), StateMachine(Rules())
        self._image = self._machine.image()
        self._rng = random.Random(seed)
        self._index = 0
        self._loses, self._repeats = loses, repeats
        self._ages, self._skews = ages, skews

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
            machine = self._old if self._happens(self._ages) else self._machine
            values = machine.read(request.keys)
            reply = Values(LogIndex(self._index), Consistency.LINEARIZABLE, values)
            return outcome_of(call, Answered(reply))
        if isinstance(request, ReadLog):
            entries = self._machine.raw_entries(request.first, request.entries_max)
            return outcome_of(call, Answered(LogEntries(entries, LogIndex(self._index))))
        assert isinstance(request, Execute)
        if isinstance(call, Txn) and all(isinstance(step, Read) for step in call.micro):
            seen = tuple(self._seen(step.key) for step in call.micro)
            return outcome_of(call, Answered(Results(ORIGIN, (Applied(seen),))))
        lost, again = self._happens(self._loses), self._happens(self._repeats)
        self._index += 1
        if self._index % 10 == 0:
            self._old.restore(self._image)
            self._image = self._machine.image()
        entry = Entry(Term(1), LogIndex(self._index), None, request.commands)
        image = self._machine.image()
        answer = self._machine.apply(entry)
        if lost:
            self._machine.restore(image)
            self._machine.apply(replace(entry, commands=entry.commands[:-1]))
        if again:
            self._machine.apply(entry)
        return outcome_of(call, Answered(Results(answer.position, answer.results)))

    def _seen(self, key: str) -> Value:
        machine = self._old if self._happens(self._skews) else self._machine
        return machine.read((key,))[0]

    def _happens(self, one_in: int) -> bool:
        return one_in > 0 and self._rng.randrange(one_in) == 0


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


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=WORKLOADS)
def test_a_correct_store_is_judged_valid(workload: Workload) -> None:
    assert isinstance(judged(workload, Store(workload, 7)), Valid)


@pytest.mark.parametrize("name", [name for name in WORKLOADS if name not in BLIND_TO_LOSS])
def test_a_store_that_loses_writes_is_caught(name: str) -> None:
    workload = WORKLOADS[name]
    assert isinstance(judged(workload, Store(workload, 7, loses=5)), Invalid)


@pytest.mark.parametrize("name", ["list", "counter", "queue", "log", "append"])
def test_a_store_that_executes_twice_is_caught(name: str) -> None:
    workload = WORKLOADS[name]
    assert isinstance(judged(workload, Store(workload, 7, repeats=20)), Invalid)


@pytest.mark.parametrize(
    "name",
    [
        *("register", "cas-register", "read-modify-write", "set", "set-full", "list", "counter"),
        *("monotonic", "causal", "session-guarantees"),
    ],
)
def test_a_store_that_answers_reads_from_the_past_is_caught(name: str) -> None:
    workload = WORKLOADS[name]
    assert isinstance(judged(workload, Store(workload, 7, ages=10)), Invalid)


@pytest.mark.parametrize("name", ["multi-register", "append", "wr", "bank", "long-fork"])
def test_a_store_whose_snapshots_are_of_two_moments_is_caught(name: str) -> None:
    workload = WORKLOADS[name]
    assert isinstance(judged(workload, Store(workload, 7, skews=20)), Invalid)


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=WORKLOADS)
def test_equal_seeds_make_equal_calls(workload: Workload) -> None:

    def calls() -> list[Call]:
        generator = Limit(200, workload.generator(random.Random(3)))
        return [one.call for one in simulate(generator, concurrency=5, answer=Store(workload, 3))]

    assert calls() == calls()
