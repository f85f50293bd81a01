"""One test per row of the mapping from endings to outcomes."""

from __future__ import annotations

import pytest

from histories.call import (
    Acquire,
    Add,
    Append,
    Call,
    CompareAndSet,
    Contains,
    Dequeue,
    Enqueue,
    Failed,
    GenerateId,
    Increment,
    Indeterminate,
    Ok,
    Outcome,
    Read,
    Release,
    Remove,
    Transfer,
    Txn,
    Write,
)
from system_under_test.gossip_raft.core import types as core
from system_under_test.gossip_raft.core.client_session import (
    Answered,
    Ending,
    Execute,
    Refused,
    Request,
    TimedOut,
)
from system_under_test.gossip_raft.core.messages import Consistency, ReadKeys, Results, Values
from system_under_test.gossip_raft.core.types import ORIGIN, Applied, Cas, LogIndex, Put
from system_under_test.gossip_raft.core.types import Refused as Rejected
from workloads.catalogue import WORKLOADS, workload
from workloads.client import outcome_of, request_of
from workloads.errors import UnknownWorkload, UnsupportedCall

READ, WRITE, CAS = Read("x"), Write("x", 1), CompareAndSet("x", None, 2)
TXN = Txn("", (Read("x"), Write("y", 1), Append("z", 2)))


def results(*results: Applied | Rejected) -> Answered:
    return Answered(Results(ORIGIN, results))


def values(*values: core.Value) -> Answered:
    return Answered(Values(LogIndex(3), Consistency.LINEARIZABLE, values))


REQUESTS: list[tuple[Call, Request]] = [
    (READ, ReadKeys(("x",), Consistency.LINEARIZABLE)),
    (WRITE, Execute((Put("x", 1),))),
    (CAS, Execute((Cas("x", None, 2),))),
    (Append("x", 1), Execute((core.Append("x", 1),))),
    (Add("x", 1), Execute((core.AddToSet("x", 1),))),
    (Enqueue("x", 1), Execute((core.Enqueue("x", 1),))),
    (Dequeue("x"), Execute((core.Dequeue("x"),))),
    (Increment("x", 2), Execute((core.Increment("x", 2),))),
    (Contains("x", 2), ReadKeys(("x",), Consistency.LINEARIZABLE)),
    (Acquire("m", "p"), Execute((core.Cas("m", None, "p"),))),
    (Release("m", "p"), Execute((core.Cas("m", "p", None),))),
    (GenerateId("i"), Execute((core.Increment("i", 1),))),
    (Transfer("b", "x", "y", 3), Execute((core.Increment("x", -3), core.Increment("y", 3)))),
    (TXN, Execute((core.Txn((core.Get("x"), core.Put("y", 1), core.Append("z", 2))),))),
]

OUTCOMES: list[tuple[Call, Ending, Outcome]] = [
    (READ, values(7), Ok((7,))),
    (READ, values(None), Ok((None,))),
    (WRITE, results(Applied()), Ok()),
    (CAS, results(Applied((None,))), Ok((None,))),
    (CAS, results(Applied((5,))), Ok((5,))),
    (WRITE, results(Rejected("not a list")), Failed("not a list")),
    (Dequeue("x"), results(Applied()), Ok()),
    (
        Contains("x", 2),
        Answered(Values(LogIndex(3), Consistency.LINEARIZABLE, ((1, 2),))),
        Ok((True,)),
    ),
    (Contains("x", 2), values(None), Ok((False,))),
    (Acquire("m", "p"), results(Applied((None,))), Ok((0,))),
    (Acquire("m", "p"), results(Applied(("q",))), Failed("held by q")),
    (Release("m", "p"), results(Applied(("p",))), Ok()),
    (Release("m", "p"), results(Applied((None,))), Failed("held by None")),
    (GenerateId("i"), results(Applied((7,))), Ok((7,))),
    (Transfer("b", "x", "y", 3), results(Applied((-3,)), Applied((3,))), Ok()),
    (Dequeue("x"), results(Applied((4,))), Ok((4,))),
    (TXN, results(Applied(((1, 2),))), Ok(((1, 2),))),
    *((call, Refused("no leader"), Failed("no leader")) for call in (READ, WRITE, CAS)),
    *((call, TimedOut("silence"), Indeterminate("silence")) for call in (READ, WRITE, CAS)),
]

MALFORMED: list[tuple[Call, Ending]] = [
    (READ, values()),
    (READ, values(1, 2)),
    (WRITE, values(1)),
    (WRITE, results()),
    (WRITE, results(Applied((1,)))),
    (WRITE, results(Applied(), Applied())),
    (CAS, results(Applied())),
    (CAS, results(Applied((1, 2)))),
    (TXN, results(Applied())),
    (Dequeue("x"), results(Applied((1, 2)))),
    (Transfer("b", "x", "y", 3), results(Applied((-3,)))),
    (Transfer("b", "x", "y", 3), results(Applied((-3,)), Rejected("not a counter"))),
]


@pytest.mark.parametrize(("call", "request_"), REQUESTS)
def test_each_call_has_its_request(call: Call, request_: Request) -> None:
    assert request_of(call, Consistency.LINEARIZABLE) == request_


@pytest.mark.parametrize(("call", "ending", "outcome"), OUTCOMES)
def test_each_ending_has_its_outcome(call: Call, ending: Ending, outcome: Outcome) -> None:
    assert outcome_of(call, ending) == outcome


@pytest.mark.parametrize(("call", "ending"), MALFORMED)
def test_a_malformed_answer_is_indeterminate(call: Call, ending: Ending) -> None:
    assert isinstance(outcome_of(call, ending), Indeterminate)


@pytest.mark.parametrize("value", [True, 1.0])
def test_values_that_look_alike_are_not_stored(value: float) -> None:
    with pytest.raises(AssertionError, match="holds no"):
        request_of(Write("x", value), Consistency.LINEARIZABLE)


def test_what_the_store_cannot_do_is_said() -> None:
    with pytest.raises(UnsupportedCall, match="remove s 1"):
        request_of(Remove("s", 1), Consistency.LINEARIZABLE)


def test_every_workload_has_the_name_it_is_found_by() -> None:
    for name in WORKLOADS:
        assert workload(name).name == name


def test_an_unknown_workload_is_named_together_with_the_known_ones() -> None:
    with pytest.raises(UnknownWorkload, match="'regster'; there are: register"):
        workload("regster")
