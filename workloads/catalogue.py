"""Workloads by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from workloads.base import Workload
from workloads.errors import UnknownWorkload
from workloads.register import Register

WORKLOADS: Final[Mapping[str, Callable[[], Workload]]] = MappingProxyType({"register": Register})


def workload(name: str) -> Workload:
    """The workload of that name with its default options.  Raises UnknownWorkload."""
    if name not in WORKLOADS:
        raise UnknownWorkload(name, WORKLOADS)
    return WORKLOADS[name]()
