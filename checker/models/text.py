"""A text that is replaced, lengthened, and read whole."""

from __future__ import annotations

from checker.base import Inconsistent
from checker.errors import ForeignCall
from histories.call import Append, Call, Ok, Read, Scalar, Write
from histories.notation import describe_value


class Text:
    """One key of the key-value service that Porcupine's tests model (put, append, get).

    1. A write replaces the text, an append adds to its end.
    2. A read answers it.  Before the first write it is empty, which None says too.
    """

    name = "kv"

    def __init__(self, initial: Scalar = None) -> None:
        """``initial`` is the text before the first write; None is the empty one."""
        match initial:
            case None | str():
                self.initial = initial or ""
            case _:
                raise ValueError(f"a {self.name} starts with a text, not {describe_value(initial)}")

    def step(self, state: str, call: Call, outcome: Ok | None) -> str | Inconsistent:
        match call:
            case Write(value=str() as text):
                return text
            case Append(element=str() as text):
                return state + text
            case Read():
                if outcome is None or _text(outcome) == state:
                    return state
                answer = describe_value(outcome.values[0])
                return Inconsistent(f"the text was {describe_value(state)}, the read said {answer}")
            case _:
                raise ForeignCall(self.name, call)

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        match call:
            case Read():
                return True
            case Write(value=str()):
                return False
            case Append(element=str() as text):
                return not text
            case _:
                raise ForeignCall(self.name, call)

    def describe(self, state: str) -> str:
        return describe_value(state)


def _text(outcome: Ok) -> object:
    answer = outcome.values[0]
    return "" if answer is None else answer
