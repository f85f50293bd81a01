"""What operations did, as parts of sentences."""

from __future__ import annotations

from dataclasses import dataclass

from histories.call import (
    Acquire,
    Call,
    CompareAndSet,
    Indeterminate,
    Ok,
    Read,
    Release,
    Scalar,
    Value,
    Write,
)
from histories.notation import Clock, describe_call, describe_outcome, describe_value
from histories.op import Op
from histories.values import same


@dataclass(frozen=True, slots=True)
class Acts:
    """Tells of operations, with moments as ``clock`` prints them."""

    clock: Clock

    def saw(self, op: Op) -> str:
        """``process 4 read 7 at 1.204 s``, the moment being its completion."""
        return f"{self.did(op)} at {self.clock(op.completed)}"

    def did(self, op: Op) -> str:
        match op.call, op.outcome:
            case Read(), Ok(values=values):
                return f"process {op.process} read {describe_value(values[0])}"
            case CompareAndSet(), Ok(values=values):
                return (
                    f"process {op.process} found {describe_value(values[0])} "
                    f"(in {describe_call(op.call)})"
                )
            case Acquire(), Ok(values=values):
                token = f" with token {describe_value(values[0])}" if values else ""
                return f"process {op.process} acquired the lock{token}"
            case Release(), Ok():
                return f"process {op.process} released the lock"
            case _, Ok(values=values) if values:
                answer = describe_outcome(op.call, op.outcome)
                return f"process {op.process}'s {describe_call(op.call)} {answer}"
            case _:
                return f"process {op.process}'s {describe_call(op.call)}"

    def attempt(self, op: Op) -> str:
        """``process 2's write of 9``, ``process 3's read of 5``."""
        match op.call, op.outcome:
            case Read(), Ok(values=values):
                return f"process {op.process}'s read of {describe_value(values[0])}"
            case Write(value=value), _:
                return f"process {op.process}'s write of {describe_value(value)}"
            case CompareAndSet(expected=expected), Ok(values=values) if not same(
                values[0], expected
            ):
                return (
                    f"process {op.process}'s {describe_call(op.call)} "
                    f"that found {describe_value(values[0])}"
                )
            case CompareAndSet(expected=expected, replacement=replacement), _:
                return (
                    f"process {op.process}'s change from {describe_value(expected)} "
                    f"to {describe_value(replacement)}"
                )
            case _:
                return f"process {op.process}'s {describe_call(op.call)}"


def describe_seen(op: Op) -> str:
    assert isinstance(op.outcome, Ok), "only an answered op saw something"
    value: Value = op.outcome.values[0]
    return describe_value(value)


def describe_found(op: Op) -> str:
    if isinstance(op.outcome, Ok) and op.outcome.values:
        return describe_value(op.outcome.values[0])
    return describe_value(op.call.expected) if isinstance(op.call, CompareAndSet) else ""


def of_unknown_outcome(op: Op) -> str:
    return " (its outcome unknown)" if isinstance(op.outcome, Indeterminate) else ""


def noun(call: Call) -> str:
    return "read" if isinstance(call, Read) else "cas"


def describe_installed(call: Call) -> str:
    value: Scalar
    match call:
        case Write(value=value) | CompareAndSet(replacement=value):
            return describe_value(value)
        case _:
            return describe_call(call)
