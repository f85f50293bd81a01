"""A closed loop of writers, and what it measured."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


def now_ns() -> int:
    """The machine's monotonic clock, the same in all its processes."""
    return time.monotonic_ns()


def cpu_seconds() -> float:
    """What this process has used so far of any core, in user and system mode."""
    return time.process_time()


@dataclass(frozen=True, slots=True)
class Limit:
    """A round ends at whichever comes first; writes under way are waited for."""

    writes_max: int
    seconds_max: float


@dataclass(frozen=True, slots=True)
class Round:
    """One system under one load, once."""

    elapsed_ns: int
    latencies_ns: tuple[int, ...]


class System(Protocol):
    """A cluster of three nodes on loopback that takes writes."""

    @property
    def name(self) -> str: ...

    @property
    def durability(self) -> str:
        """What has happened to a write when it is acknowledged."""

    async def start(self) -> None:
        """Returns when it has a leader and has taken a write."""

    async def load(self, outstanding: int, limit: Limit) -> Round:
        """Keep ``outstanding`` writes under way, each a key and a value of its own."""

    async def stop(self) -> None:
        """Leave no process behind."""


async def closed_loop(
    write: Callable[[int, int], Awaitable[None]], outstanding: int, limit: Limit
) -> Round:
    """``write(writer, number)`` by each writer, one after the other."""
    left = limit.writes_max
    latencies: list[int] = []
    began = now_ns()
    end = began + int(limit.seconds_max * 1e9)

    async def writer(name: int) -> None:
        nonlocal left
        while left > 0:
            before = now_ns()
            if before >= end:
                return
            left -= 1
            await write(name, left)
            latencies.append(now_ns() - before)

    async with asyncio.TaskGroup() as group:
        for name in range(outstanding):
            group.create_task(writer(name))
    return Round(now_ns() - began, tuple(latencies))


def percentile(sorted_values: Sequence[int], share: float) -> int:
    """The value that ``share`` of all do not exceed; nearest rank."""
    rank = max(1, -(-len(sorted_values) * share // 1))
    return sorted_values[int(rank) - 1]


def cpu_ns(pid: int) -> int:
    """How long process ``pid`` has computed so far, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // _TICKS_PER_S


def fdatasync_ns(directory: Path, times: int = 200) -> tuple[int, ...]:
    """What a small append and its fdatasync take here, sorted."""
    taken: list[int] = []
    file = os.open(directory / "probe", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for _ in range(times):
            before = now_ns()
            os.write(file, bytes(128))
            os.fdatasync(file)
            taken.append(now_ns() - before)
    finally:
        os.close(file)
    return tuple(sorted(taken))


def descendants_cpu_ns() -> int:
    """How long all processes have computed so far that this one, or one of them, started."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # It may just have ended.
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
                parent = int(stat.rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    total, waiting = 0, list(children.get(os.getpid(), ()))
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, ())
        with contextlib.suppress(OSError):
            total += cpu_ns(pid)
    return total
