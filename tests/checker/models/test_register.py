"""The register, call by call."""

from __future__ import annotations

import pytest

from checker.base import Inconsistent, ValueModel
from checker.models.catalogue import MODELS
from checker.models.register import CasRegister, RegisterState
from histories.call import Call, CompareAndSet, Ok, Read, Write

MODEL = CasRegister()
ONE: RegisterState = (int, 1)
TWO: RegisterState = (int, 2)
CAS = CompareAndSet("x", 1, 2)


@pytest.mark.parametrize(
    ("state", "call", "outcome", "after"),
    [
        (ONE, Read("x"), Ok((1,)), ONE),
        (ONE, Read("x"), None, ONE),
        (ONE, Write("x", 2), Ok(), TWO),
        (ONE, Write("x", 2), None, TWO),
        (ONE, CAS, Ok((1,)), TWO),
        (ONE, CAS, None, TWO),
        (TWO, CAS, Ok((2,)), TWO),
        (TWO, CAS, None, TWO),
        ((bool, True), CAS, None, (bool, True)),
        ((bool, True), CAS, Ok((True,)), (bool, True)),
        ((float, 1.0), CAS, None, (float, 1.0)),
    ],
)
def test_a_step_that_fits(
    state: RegisterState, call: Call, outcome: Ok | None, after: RegisterState
) -> None:
    assert MODEL.step(state, call, outcome) == after


@pytest.mark.parametrize(
    ("state", "call", "outcome", "reason"),
    [
        (ONE, Read("x"), Ok((2,)), "the register held 1, the read answered 2"),
        (ONE, Read("x"), Ok((True,)), "the register held 1, the read answered true"),
        ((float, 1.0), Read("x"), Ok((1,)), "the register held 1.0, the read answered 1"),
        ((type(None), None), Read("x"), Ok((0,)), "the register held nil, the read answered 0"),
        (TWO, CAS, Ok((1,)), "the register held 2, the cas found 1"),
        (ONE, CAS, Ok((2,)), "the register held 1, the cas found 2"),
    ],
)
def test_a_step_that_does_not_fit_says_why(
    state: RegisterState, call: Call, outcome: Ok, reason: str
) -> None:
    assert MODEL.step(state, call, outcome) == Inconsistent(reason)


def test_what_observes_only() -> None:
    assert MODEL.observes_only(Read("x"), None)
    assert MODEL.observes_only(CAS, Ok((3,)))
    assert MODEL.observes_only(CAS, Ok((True,)))
    assert MODEL.observes_only(CompareAndSet("x", 1, 1), None)
    assert not MODEL.observes_only(CAS, Ok((1,)))
    assert not MODEL.observes_only(CAS, None)
    assert not MODEL.observes_only(Write("x", 1), Ok())


def test_the_catalogue_makes_registers_with_an_initial_value() -> None:
    model = MODELS["cas-register"](0)
    assert model.initial == (int, 0)
    assert isinstance(model, ValueModel)
