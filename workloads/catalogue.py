"""Workloads by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from workloads.append import ListAppend
from workloads.bank import Bank
from workloads.base import Workload
from workloads.counter import Counters
from workloads.errors import UnknownWorkload
from workloads.ids import Ids
from workloads.lists import Lists
from workloads.locks import Locks
from workloads.queue import Queues
from workloads.register import Register
from workloads.sets import GrowingSet
from workloads.wr import ReadWriteRegister

WORKLOADS: Final[Mapping[str, Callable[[], Workload]]] = MappingProxyType(
    {
        made().name: made
        for made in (
            *(Register, GrowingSet, Lists, Counters, Queues, Locks, Ids),
            *(ListAppend, ReadWriteRegister, Bank),
        )
    }
)


def workload(name: str) -> Workload:
    """The workload of that name with its default options.  Raises UnknownWorkload."""
    if name not in WORKLOADS:
        raise UnknownWorkload(name, WORKLOADS)
    return WORKLOADS[name]()
