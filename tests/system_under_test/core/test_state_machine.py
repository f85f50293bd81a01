"""What committed entries do."""

from __future__ import annotations

from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.state_machine import StateMachine
from system_under_test.gossip_raft.core.types import (
    Append,
    Applied,
    Cas,
    ClientId,
    Command,
    Delete,
    Entry,
    Get,
    LogIndex,
    Put,
    Raw,
    Refused,
    Result,
    Session,
    Term,
    Txn,
    Value,
)


class Machine:
    """Applies one command an entry, by a new client each time."""

    def __init__(self) -> None:
        self.machine = StateMachine(Rules())
        self.index = 0

    def do(self, *commands: Command, session: Session | None = None) -> tuple[Result, ...]:
        self.index += 1
        session = session or Session(ClientId(f"c{self.index}"), 1)
        entry = Entry(Term(1), LogIndex(self.index), session, commands)
        return self.machine.apply(entry).results

    def get(self, key: str) -> Value:
        return self.machine.read((key,))[0]


def test_writes_and_deletes_change_one_key() -> None:
    machine = Machine()
    assert machine.do(Put("x", 1), Put("y", "a")) == (Applied(), Applied())
    assert machine.do(Delete("y")) == (Applied(),)
    assert (machine.get("x"), machine.get("y")) == (1, None)


def test_cas_answers_what_it_saw_whether_it_replaced_it_or_not() -> None:
    machine = Machine()
    assert machine.do(Cas("x", None, 1)) == (Applied((None,)),)
    assert machine.do(Cas("x", 2, 3)) == (Applied((1,)),)
    assert machine.do(Cas("x", 1, 3)) == (Applied((1,)),)
    assert machine.get("x") == 3


def test_append_makes_a_list_and_refuses_what_is_none() -> None:
    machine = Machine()
    machine.do(Append("x", 1), Append("x", 2), Put("y", 1))
    assert machine.get("x") == (1, 2)
    assert machine.do(Append("y", 2)) == (Refused("append to 'y', which is not a list"),)
    assert machine.get("y") == 1


def test_a_txn_sees_its_own_writes() -> None:
    machine = Machine()
    txn = Txn((Get("x"), Put("x", 1), Get("x"), Append("l", 5), Get("l")))
    assert machine.do(txn) == (Applied((None, 1, (5,))),)
    assert (machine.get("x"), machine.get("l")) == (1, (5,))


def test_a_txn_of_which_one_part_is_refused_changes_nothing() -> None:
    machine = Machine()
    machine.do(Put("y", 1))
    (result,) = machine.do(Txn((Put("x", 1), Append("y", 2))))
    assert isinstance(result, Refused)
    assert (machine.get("x"), machine.get("y")) == (None, 1)


def test_a_repeat_gets_the_first_answer_and_has_no_effect() -> None:
    machine = Machine()
    session = Session(ClientId("alice"), 1)
    first = machine.do(Cas("x", None, 1), session=session)
    machine.do(Put("x", 9))
    assert machine.do(Cas("x", None, 1), session=session) == first
    assert machine.get("x") == 9


def test_a_sequence_below_the_newest_has_no_effect() -> None:
    machine = Machine()
    machine.do(Put("x", 2), session=Session(ClientId("alice"), 2))
    (result,) = machine.do(Put("x", 1), session=Session(ClientId("alice"), 1))
    assert result == Refused("stale sequence 1, newest is 2")
    assert machine.get("x") == 2


def test_raw_entries_are_listed_in_order() -> None:
    machine = Machine()
    machine.do(Raw("{}"), Raw("[]"))
    machine.do(Put("x", 1))
    machine.do(Raw("1"))

    def indices(first: int, entries_max: int) -> list[int]:
        raw = machine.machine.raw_entries(LogIndex(first), entries_max)
        return [entry.index for entry in raw]

    assert indices(1, 10) == [1, 3]
    assert indices(2, 10) == [3]
    assert indices(1, 1) == [1]
