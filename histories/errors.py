"""What histories raises.  Every message is one line and says whose fault it is."""

from __future__ import annotations


class HistoryError(Exception):
    """Base of everything that this package raises."""


class MalformedHistory(HistoryError, ValueError):
    """A history breaks a law of its format: the fault of whoever wrote it.

    Attributes:
        problem: What is wrong, in words, without the place.
        file: Where it was read from, if anywhere.
        line: The line in that file, counted from 1.
        column: The column in that line, counted from 1.
        field: The field that is wrong.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        field: str | None = None,
    ) -> None:
        at = [f"{what} {number}" for what, number in (("line", line), ("column", column)) if number]
        place = [
            *([file] if file else []),
            *([", ".join(at)] if at else []),
            *([f"field {field!r}"] if field else []),
        ]
        super().__init__(": ".join([*place, " ".join(problem.split())]))
        self.problem = problem
        self.file = file
        self.line = line
        self.column = column
        self.field = field


class UnreadableHistory(HistoryError):
    """A file cannot be opened or read: wrong path, no permission, bad disk."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: cannot be read: {reason}")
        self.file = file


class UnwritableHistory(HistoryError):
    """A line did not reach the file: disk full, no permission, already there."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: cannot be written: {reason}")
        self.file = file
