"""Requests that bear a key of their client's, so that repeating one executes it once.

The key becomes the name of a client session of one single request, and sessions are
replicated state (PROTOCOL rule 10): so it holds across time-outs, leaders, restarts of
nodes and of gateways, and for two gateways at once.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Final

from system_under_test.gossip_raft.core.client_session import Answered, Ending, Execute
from system_under_test.gossip_raft.core.messages import Results
from system_under_test.gossip_raft.core.types import ClientId, LogCommand, Position
from system_under_test.gossip_raft.runtime.errors import BadRequest, KeyReused

KEYS_MAX: Final = 10_000
_KEY: Final = re.compile(r"[!-~]{1,255}")


class IdempotentRequests:
    """1. All requests with one key that are under way together share one ending.
    2. A key that comes with other commands than before is refused if that can be known:
       it came to us lately, or the entry that answered it is still in the log.
    """

    def __init__(
        self,
        run: Callable[[ClientId, Execute], Awaitable[Ending]],
        commands_at: Callable[[Position], Awaitable[tuple[LogCommand, ...] | None]],
    ) -> None:
        """``run`` executes as the first request of a client; ``commands_at`` reads the log."""
        self._run = run
        self._commands_at = commands_at
        self._under_way: dict[str, asyncio.Task[Ending]] = {}
        self._commands: OrderedDict[str, bytes] = OrderedDict()

    async def execute(self, key: str, request: Execute) -> Ending:
        """
        Raises:
            BadRequest: The key is not 1 to 255 visible ASCII characters.
            KeyReused: It belongs to another request.
        """
        if not _KEY.fullmatch(key):
            raise BadRequest("Idempotency-Key must be 1 to 255 visible ASCII characters")
        fingerprint = _fingerprint(request.commands)
        seen = self._commands.get(key)
        if seen not in (None, fingerprint):
            raise KeyReused(key)
        self._commands[key] = fingerprint
        self._commands.move_to_end(key)
        while len(self._commands) > KEYS_MAX:
            self._commands.popitem(last=False)
        task = self._under_way.get(key)
        if task is None:
            client = ClientId(f"key-{sha256(key.encode()).hexdigest()}")
            task = asyncio.ensure_future(self._run(client, request))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key))
        # Whoever hangs up must not end it for the others.
        ending = await asyncio.shield(task)
        if seen is None and isinstance(ending, Answered) and isinstance(ending.reply, Results):
            executed = await self._commands_at(ending.reply.position)
            if executed not in (None, request.commands):
                self._commands.pop(key, None)
                raise KeyReused(key)
        return ending


def _fingerprint(commands: tuple[LogCommand, ...]) -> bytes:
    return sha256(repr(commands).encode()).digest()
