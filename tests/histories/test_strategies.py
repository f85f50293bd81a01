"""Drawn histories keep the laws; those right by construction are right, the others mostly not."""

from __future__ import annotations

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from checker.models.register import CasRegister
from histories.call import Indeterminate, Ok
from histories.history import History
from histories.notation import parse_history, print_history
from histories.strategies import KINDS, calls, histories, linearizable_histories, outcomes
from tests.checker.oracle import is_linearizable

MODEL = CasRegister()
REGISTER = calls("register", st.just("k0"))


@given(histories())
def test_any_history_can_be_printed_and_read_again(history: History) -> None:
    assert parse_history(print_history(history)) == history


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_histories_of_every_kind_keep_the_laws(kind: str, data: st.DataObject) -> None:
    history = data.draw(linearizable_histories(kind))
    assert History.of(history.ops) == history


@given(linearizable_histories("register", ops_max=7))
def test_a_history_that_is_right_by_construction_is_linearizable(history: History) -> None:
    for part in history.by_key().values():
        assert is_linearizable(part.ops, MODEL)


def test_a_history_that_is_not_is_found_and_shrinks_to_one_read() -> None:
    wrong = find(
        histories(REGISTER, ops_max=6),
        lambda history: not is_linearizable(history.ops, MODEL),
        settings=settings(settings.get_profile("quick"), max_examples=500),
    )
    assert len(wrong.ops) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_some_calls_are_answered_and_some_are_lost(kind: str) -> None:
    seen: set[type] = set()

    @given(linearizable_histories(kind))
    def look(history: History) -> None:
        seen.update(type(op.outcome) for op in history.ops)

    look()
    assert {Ok, Indeterminate} <= seen


@given(st.data())
def test_outcomes_have_the_form_of_answers(data: st.DataObject) -> None:
    call = data.draw(st.sampled_from(KINDS).flatmap(calls))
    outcome = data.draw(outcomes(call))
    assert isinstance(outcome, Ok | Indeterminate) or outcome.reason
