"""The only place in the harness that reads clocks or the system's entropy."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime

from histories.op import Nanos


class RunClock:
    """Nanoseconds since this object was made, monotonic: the time of a journal."""

    def __init__(self) -> None:
        self.began_at = time.monotonic_ns()

    def now(self) -> Nanos:
        return Nanos(time.monotonic_ns() - self.began_at)


def utc_now() -> datetime:
    return datetime.now(UTC)


def fresh_seed() -> int:
    """A seed nobody chose: 32 bits, so that it is short to type again."""
    return int.from_bytes(os.urandom(4), "big")


def deadline_after(seconds: float) -> Callable[[], bool]:
    """Tells whether ``seconds`` have passed since the call: a checker's deadline."""
    end = time.monotonic_ns() + int(seconds * 1e9)
    return lambda: time.monotonic_ns() >= end


def cpu_seconds() -> float:
    """What this process has computed so far."""
    return time.process_time()


def spent_after(seconds: float) -> Callable[[], bool]:
    """Tells whether this process has computed for ``seconds`` since the call."""
    end = cpu_seconds() + seconds
    return lambda: cpu_seconds() >= end


async def pause(seconds: float) -> None:
    """Let others run for ``seconds``: between two looks at what cannot be waited for."""
    import asyncio  # noqa: PLC0415  takes long to load, and judging needs none of it

    await asyncio.sleep(seconds)
