"""Letting checkers judge, whatever happens to them."""

from __future__ import annotations

from collections.abc import Callable

from checker.base import Budget, Checker
from checker.verdict import Unknown, UnknownCause, Verdict
from histories.history import History


def judge(checker: Checker, history: History, budget: Budget) -> Verdict:
    """The verdict of ``checker``; if it breaks, that proves nothing and is unknown."""
    return guarded(lambda: checker.check(history, budget))


def guarded(check: Callable[[], Verdict]) -> Verdict:
    try:
        return check()
    except Exception as error:  # noqa: BLE001  A checker that breaks has proven nothing.
        return Unknown(UnknownCause.CHECKER_CRASHED, f"{type(error).__name__}: {error}")
