"""What a live run asks of the system it runs, whoever made it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol, Self

from histories.call import Call, Outcome
from histories.event import Wait
from histories.op import ProcessId
from system_under_test.control import SystemUnderTest

DeathWatch = Callable[[str, str, tuple[str, ...]], None]
"""Hears (node, status, last log lines)."""


class OperationClient(Protocol):
    """Makes the calls of one process, one at a time."""

    async def call(self, call: Call) -> Outcome:
        """What became of it.  Whatever is raised means: it may have been executed."""

    async def close(self) -> None: ...


class RunningSystem(SystemUnderTest, Protocol):
    """A system that lives while its asynchronous context is entered.

    ``on_death`` hears of every end of a process that nobody asked for.  What it can suffer
    is said by further capabilities (``system_under_test.control``).
    """

    on_death: DeathWatch | None

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    def client(self, process: ProcessId, contact: int) -> OperationClient:
        """A new client whose first contact is the node of that number."""

    async def unreachable(self) -> str | None:
        """What is not connected, in words; ``None`` if every link works."""

    async def settled(self, seconds: float) -> tuple[bool, str, tuple[Wait, ...]]:
        """Wait until the system is at rest, with no fault on it.

        Returns:
            Whether that came within ``seconds``; how it is, or what is missing; and in that
            case who waits for whom.
        """


async def all_of(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all at once; if some fail, the first is told when all are done."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
