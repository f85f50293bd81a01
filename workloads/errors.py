"""What workloads raises."""

from __future__ import annotations

from collections.abc import Iterable

from histories.call import Call
from histories.notation import describe_call


class WorkloadError(Exception):
    """Base of what workloads raises."""


class UnknownWorkload(WorkloadError, ValueError):
    """The caller asked for a workload by a name that none has."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"no workload is named {name!r}; there are: {', '.join(known)}")
        self.name = name


class BadOption(WorkloadError, ValueError):
    """The caller set an option that the workload does not have, or to what it cannot be."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name


class UnsupportedCall(WorkloadError):
    """The store under test has no command for such a call."""

    def __init__(self, call: Call) -> None:
        super().__init__(f"no command of the store does {describe_call(call)!r}")
