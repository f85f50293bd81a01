"""Letting checkers judge, whatever happens to them."""

from __future__ import annotations

from collections.abc import Callable

from checker.base import Budget, Checker
from checker.errors import ForeignCall
from checker.verdict import Unknown, UnknownCause, Verdict
from harness.errors import BadInput
from histories.history import History


def judge(checker: Checker, history: History, budget: Budget) -> Verdict:
    """The verdict of ``checker``; if it breaks, that proves nothing and is unknown.

    Raises:
        BadInput: The history holds calls that the model of the checker does not know.
    """
    try:
        return guarded(lambda: checker.check(history, budget))
    except ForeignCall as error:
        raise BadInput(str(error)) from error


def guarded(check: Callable[[], Verdict]) -> Verdict:
    """The verdict of ``check``; if it breaks, unknown.  Raises ForeignCall."""
    try:
        return check()
    except ForeignCall:
        raise
    except Exception as error:  # noqa: BLE001  A checker that breaks has proven nothing.
        return Unknown(UnknownCause.CHECKER_CRASHED, f"{type(error).__name__}: {error}")
