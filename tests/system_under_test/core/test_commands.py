"""Every command of the state machine: its answer, its refusals, and what holds of them all."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from system_under_test.gossip_raft.core import describe
from system_under_test.gossip_raft.core.digest import log_digest, results_digest
from system_under_test.gossip_raft.core.image import Answer
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.state_machine import INTEGER_MAX, StateMachine
from system_under_test.gossip_raft.core.types import (
    AddToSet,
    Append,
    Applied,
    ClientId,
    Command,
    Dequeue,
    Enqueue,
    Entry,
    Get,
    Increment,
    LogIndex,
    Put,
    Refused,
    Session,
    Term,
    Txn,
    Value,
)
from tests.system_under_test.core.commands import KINDS, commands, txns

KEYS = ("a", "b", "c", "q", "s", "n")


def entries(of: list[Command]) -> list[Entry]:
    return [
        Entry(Term(1), LogIndex(i), Session(ClientId(f"c{i}"), 1), (command,))
        for i, command in enumerate(of, 1)
    ]


def applied(of: list[Command]) -> tuple[StateMachine, list[Answer]]:
    machine = StateMachine(Rules())
    return machine, [machine.apply(entry) for entry in entries(of)]


def results_of(*of: Command) -> list[Applied | Refused]:
    return [answer.results[0] for answer in applied(list(of))[1]]


def state_of(machine: StateMachine) -> tuple[Value, ...]:
    return machine.read(KEYS)


def test_there_is_a_strategy_for_every_command() -> None:
    assert set(KINDS) == set(get_args(Command))


def test_a_queue_gives_back_first_what_came_first() -> None:
    script: list[Command] = [Enqueue("q", 1), Enqueue("q", None), Dequeue("q"), Dequeue("q")]
    assert results_of(*script) == [Applied(), Applied(), Applied((1,)), Applied((None,))]


def test_an_empty_queue_gives_no_value_which_differs_from_the_element_null() -> None:
    assert results_of(Dequeue("q")) == [Applied(())]
    script: list[Command] = [Enqueue("q", None), Dequeue("q"), Dequeue("q")]
    assert results_of(*script) == [Applied(), Applied((None,)), Applied(())]


def test_a_set_holds_nothing_twice() -> None:
    machine, answers = applied([AddToSet("s", 2), AddToSet("s", 1), AddToSet("s", 2)])
    assert machine.read(("s",)) == ((2, 1),)
    assert {answer.results for answer in answers} == {(Applied(),)}


def test_a_counter_answers_the_new_value() -> None:
    assert results_of(Increment("n", 2), Increment("n", -5)) == [Applied((2,)), Applied((-3,))]


def test_a_counter_never_leaves_what_a_message_can_hold() -> None:
    high, over = results_of(Increment("n", INTEGER_MAX), Increment("n", 1))
    assert high == Applied((INTEGER_MAX,))
    assert over == Refused(f"increment of 'n' by 1: {INTEGER_MAX + 1} is out of range")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (Enqueue("a", 1), "enqueue on 'a', which is not a queue"),
        (Dequeue("a"), "dequeue on 'a', which is not a queue"),
        (AddToSet("a", 1), "add to 'a', which is not a set"),
        (Append("a", 1), "append to 'a', which is not a list"),
        (Increment("a", 1), "increment of 'a', which is not a counter"),
        (Txn((Put("b", 1), Append("a", 1))), "append to 'a', which is not a list"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_wrong_kind_of_value_is_refused_and_nothing_changes(
    command: Command, reason: str
) -> None:
    machine, answers = applied([Put("a", "text"), command])
    assert answers[-1].results == (Refused(reason),)
    assert state_of(machine) == state_of(applied([Put("a", "text")])[0])


@given(st.lists(commands, max_size=20))
def test_machines_that_applied_the_same_are_the_same(script: list[Command]) -> None:
    one, first = applied(script)
    other, second = applied(script)
    assert state_of(one) == state_of(other)
    assert first == second
    assert log_digest(entries(script)) == log_digest(entries(script))
    assert [results_digest(a.results) for a in first] == [results_digest(a.results) for a in second]


@given(st.lists(commands, max_size=10), txns)
def test_a_transaction_takes_effect_as_a_whole_or_not_at_all(
    script: list[Command], txn: Txn
) -> None:
    before, _ = applied(script)
    after, answers = applied([*script, txn])
    result = answers[-1].results[0]
    writes: list[Command] = [op for op in txn.micro if not isinstance(op, Get)]
    one_by_one, parts = applied([*script, *writes])
    if isinstance(result, Refused):
        assert state_of(after) == state_of(before)
        assert any(isinstance(part.results[0], Refused) for part in parts[len(script) :])
    else:
        assert state_of(after) == state_of(one_by_one)
        assert len(result.values) == len(txn.micro) - len(writes)


@given(st.lists(commands, max_size=10), commands, st.lists(commands, max_size=3))
def test_a_repeated_request_gets_its_first_answer_and_changes_nothing(
    script: list[Command], command: Command, between: list[Command]
) -> None:
    machine, _ = applied(script)
    session, at = Session(ClientId("alice"), 7), len(script) + 1
    first = machine.apply(Entry(Term(1), LogIndex(at), session, (command,)))
    for offset, other in enumerate(between, 1):
        machine.apply(Entry(Term(1), LogIndex(at + offset), None, (other,)))
    before = state_of(machine), machine.raw_entries(LogIndex(1), 100)
    at += len(between) + 1
    assert machine.apply(Entry(Term(2), LogIndex(at), session, (command,))) == first
    assert (state_of(machine), machine.raw_entries(LogIndex(1), 100)) == before


@given(commands)
def test_every_command_is_rendered_on_one_line(command: Command) -> None:
    assert "\n" not in describe.command(command)


_SCRIPT = """
from system_under_test.gossip_raft.core.digest import log_digest, results_digest
from system_under_test.gossip_raft.core.types import *
from tests.system_under_test.core.test_commands import applied, entries, state_of
script = [AddToSet("s", e) for e in ("x", "y", 1, None, "x")]
script += [Increment("n", 3), Enqueue("q", "e"), Dequeue("q"), Enqueue("s", "z")]
machine, answers = applied(script)
print(state_of(machine), log_digest(entries(script)))
print([results_digest(answer.results) for answer in answers])
"""


def test_state_and_digests_do_not_depend_on_the_hash_seed() -> None:
    def output(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert output("1") == output("2") != ""
