"""What the process says when it ends, the same for every command that judges."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import assert_never

from checker.verdict import Invalid, Unknown, Valid, Verdict


class ExitCode(IntEnum):
    VALID = 0
    INVALID = 1
    BAD_INPUT = 2
    UNKNOWN = 3
    ENVIRONMENT = 4


_WORST_FIRST = (
    ExitCode.INVALID,
    ExitCode.ENVIRONMENT,
    ExitCode.BAD_INPUT,
    ExitCode.UNKNOWN,
    ExitCode.VALID,
)


def of_verdict(verdict: Verdict) -> ExitCode:
    match verdict:
        case Valid():
            return ExitCode.VALID
        case Invalid():
            return ExitCode.INVALID
        case Unknown():
            return ExitCode.UNKNOWN
        case _:
            assert_never(verdict)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Invalid over environment over unknown over valid; nothing at all is unknown."""
    return min(codes, key=_WORST_FIRST.index, default=ExitCode.UNKNOWN)
