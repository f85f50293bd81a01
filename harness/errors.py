"""What can go wrong around a run, each with the exit code it means."""

from __future__ import annotations

from typing import ClassVar

from harness.exit_codes import ExitCode


class HarnessError(Exception):
    """Base of what harness raises.  Its text is one line, fit for a terminal."""

    exit_code: ClassVar[ExitCode] = ExitCode.ENVIRONMENT


class BadInput(HarnessError):
    """The user asked for what cannot be: names the option or the file and why."""

    exit_code = ExitCode.BAD_INPUT


class EnvironmentFailure(HarnessError):
    """A port, a disk or a process failed us; the system under test is not to blame."""

    exit_code = ExitCode.ENVIRONMENT


class ReportError(HarnessError):
    """The report could not be made.  Never changes a verdict."""
