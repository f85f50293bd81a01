"""What each model allows and what it does not, by hand; and models that users write."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from checker.base import Inconsistent
from checker.errors import ForeignCall
from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.models.nondeterministic import Choice
from checker.verdict import Invalid, Valid
from histories.call import (
    Acquire,
    Add,
    Append,
    Call,
    Contains,
    Dequeue,
    Enqueue,
    GenerateId,
    Increment,
    Ok,
    Read,
    Release,
    Remove,
    Scalar,
    Txn,
    Write,
)
from histories.notation import parse_history

Script = Sequence[tuple[Call, tuple[object, ...]]]
TWO = (Enqueue("q", 2), ()), (Enqueue("q", 1), ())

ALLOWED: list[tuple[str, Scalar, Script]] = [
    ("queue", None, (*TWO, (Dequeue("q"), (2,)), (Dequeue("q"), (1,)), (Dequeue("q"), ()))),
    ("stack", None, (*TWO, (Dequeue("q"), (1,)), (Dequeue("q"), (2,)), (Dequeue("q"), ()))),
    ("priority-queue", None, (*TWO, (Dequeue("q"), (1,)), (Dequeue("q"), (2,)))),
    ("unordered-queue", None, (*TWO, (Dequeue("q"), (1,)), (Dequeue("q"), (2,)))),
    ("set", None, ((Add("s", 1), ()), (Contains("s", 1), (True,)), (Remove("s", 1), (True,)))),
    ("list-append", None, ((Append("l", 1), ()), (Append("l", 2), ()), (Read("l"), ((1, 2),)))),
    ("counter", 5, ((Increment("c", -7), ()), (Increment("c", 1), (-1,)), (Read("c"), (-1,)))),
    ("mutex", None, ((Acquire("m", 1), ()), (Release("m", 2), ()), (Acquire("m", 1), ()))),
    ("owned-mutex", None, ((Acquire("m", 1), ()), (Release("m", 1), ()), (Acquire("m", 2), ()))),
    ("reentrant-mutex", None, ((Acquire("m", 1), ()), (Acquire("m", 1), ()))),
    (
        "fenced-mutex",
        None,
        ((Acquire("m", 1), (3,)), (Release("m", 1), ()), (Acquire("m", 2), (4,))),
    ),
    ("semaphore", 3, ((Acquire("m", 1, 2), ()), (Acquire("m", 2, 1), ()))),
    ("unique-ids", None, ((GenerateId("i"), (1,)), (GenerateId("i"), (2,)))),
    (
        "key-value-store",
        None,
        (
            (Txn("", (Append("x", 1), Read("x"), Write("y", 2))), ((1,),)),
            (Txn("", (Read("y"),)), (2,)),
        ),
    ),
    ("multi-register", None, ((Txn("", (Write("x", 1), Read("y"))), (None,)),)),
]

FORBIDDEN: list[tuple[str, Scalar, Script]] = [
    ("queue", None, (*TWO, (Dequeue("q"), (1,)))),
    ("stack", None, (*TWO, (Dequeue("q"), (2,)))),
    ("priority-queue", None, (*TWO, (Dequeue("q"), (2,)))),
    ("unordered-queue", None, (*TWO, (Dequeue("q"), ()))),
    ("set", None, ((Add("s", 1), ()), (Read("s"), ((1, 1),)))),
    ("list-append", None, ((Append("l", 1), ()), (Append("l", 2), ()), (Read("l"), ((2, 1),)))),
    ("counter", 5, ((Increment("c", 1), (5,)),)),
    ("mutex", None, ((Acquire("m", 1), ()), (Acquire("m", 2), ()))),
    ("owned-mutex", None, ((Acquire("m", 1), ()), (Release("m", 2), ()))),
    ("reentrant-mutex", None, ((Acquire("m", 1), ()), (Acquire("m", 2), ()))),
    (
        "fenced-mutex",
        None,
        ((Acquire("m", 1), (3,)), (Release("m", 1), ()), (Acquire("m", 2), (3,))),
    ),
    ("semaphore", 3, ((Acquire("m", 1, 2), ()), (Acquire("m", 2, 2), ()))),
    ("unique-ids", None, ((GenerateId("i"), (1,)), (GenerateId("i"), (1,)))),
    ("key-value-store", None, ((Txn("", (Append("x", 1), Read("x"))), (None,)),)),
    ("multi-register", None, ((Txn("", (Write("x", 1), Read("x"))), (None,)),)),
]


def first_refusal(name: str, initial: Scalar, script: Script) -> int | None:
    """Which step of the script the model refuses, if any."""
    model = MODELS[name](initial)
    state = model.initial
    for number, (call, values) in enumerate(script):
        state = model.step(state, call, Ok(values))  # type: ignore[arg-type]
        if isinstance(state, Inconsistent):
            return number
        assert model.describe(state)
    return None


@pytest.mark.parametrize(("name", "initial", "script"), ALLOWED, ids=[each[0] for each in ALLOWED])
def test_what_the_model_allows(name: str, initial: Scalar, script: Script) -> None:
    assert first_refusal(name, initial, script) is None


@pytest.mark.parametrize(
    ("name", "initial", "script"), FORBIDDEN, ids=[each[0] for each in FORBIDDEN]
)
def test_what_the_model_forbids(name: str, initial: Scalar, script: Script) -> None:
    assert first_refusal(name, initial, script) == len(script) - 1


class LossyRegister:
    """Ten lines: a register that may forget a write."""

    initial = 0

    def step(self, state: int, call: Call, outcome: Ok | None) -> int | Choice[int] | Inconsistent:
        if isinstance(call, Write) and isinstance(call.value, int):
            return Choice(frozenset({state, call.value}))
        if outcome is None or outcome.values[0] == state:
            return state
        return Inconsistent(f"it held {state}")


def test_a_users_nondeterministic_model_is_searched_like_any_other() -> None:
    lost = "0: write x 1 [1, 2]\n0: read x -> 0 [3, 4]"
    assert isinstance(check(parse_history(lost), LossyRegister()), Valid)
    found_again = f"{lost}\n0: read x -> 1 [5, 6]"
    assert isinstance(check(parse_history(found_again), LossyRegister()), Invalid)


def test_a_call_that_the_model_does_not_know_is_an_error_of_whoever_asks() -> None:
    for name, factory in MODELS.items():
        stranger: Call = Read("x") if name == "queue" else Dequeue("x")
        if "queue" in name or name == "stack":
            stranger = Read("x")
        with pytest.raises(ForeignCall):
            factory(None).observes_only(stranger, None)
