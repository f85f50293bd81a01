"""Errors that we foresee, as one line and an exit code."""

from __future__ import annotations

from harness.errors import HarnessError
from harness.exit_codes import ExitCode
from histories.errors import HistoryError, UnwritableHistory


def explain_failure(error: Exception) -> tuple[str, ExitCode] | None:
    """The line and the code that ``error`` means; ``None`` for a bug of ours."""
    line = ": ".join(line.strip() for line in str(error).splitlines())
    match error:
        case HarnessError():
            return line, error.exit_code
        case UnwritableHistory():
            return line, ExitCode.ENVIRONMENT
        case HistoryError():
            return line, ExitCode.BAD_INPUT
        case _:
            return None
