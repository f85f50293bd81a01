"""What checkers raise: the fault of whoever asked, never of the history's system."""

from __future__ import annotations

from histories.call import Call
from histories.notation import describe_call


class CheckerError(Exception):
    """Base of everything that this package raises."""


class ForeignCall(CheckerError, ValueError):
    """A history holds a call that the model does not know: the wrong model was chosen."""

    def __init__(self, model: str, call: Call) -> None:
        super().__init__(f"a {model} knows no {describe_call(call)!r}")
