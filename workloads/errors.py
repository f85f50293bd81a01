"""What workloads raises."""

from __future__ import annotations

from collections.abc import Iterable


class WorkloadError(Exception):
    """Base of what workloads raises."""


class UnknownWorkload(WorkloadError, ValueError):
    """The caller asked for a workload by a name that none has."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"no workload is named {name!r}; there are: {', '.join(known)}")
        self.name = name
