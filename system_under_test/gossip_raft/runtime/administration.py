"""An administrator's side: find the leader, ask it for one change, say what came of it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from typing import Final, Self

from system_under_test.gossip_raft.core.messages import (
    Administration,
    Body,
    GetStatus,
    Lost,
    Message,
    NotLeader,
    Results,
    Status,
    Unavailable,
)
from system_under_test.gossip_raft.core.types import Membership, Nanos, NodeId, RequestId, Term
from system_under_test.gossip_raft.runtime.client import Connections
from system_under_test.gossip_raft.runtime.clock import pause
from system_under_test.gossip_raft.runtime.errors import CodecError, NoAnswer, NotConnected
from system_under_test.gossip_raft.runtime.security import Security

NAME: Final = "administrator"
LOOK_TIMEOUT_S: Final = 0.5
LOOK_AGAIN: Final = Nanos(50_000_000)


class Administrator:
    """Knows some nodes by ``addresses``, learns the others from them.  Close it after use."""

    def __init__(
        self, addresses: Mapping[NodeId, str], cluster: str, security: Security | None = None
    ) -> None:
        self._cluster = cluster
        self._connections = Connections(addresses, cluster, security)
        self._requests = itertools.count(1)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connections.close()

    async def ask(self, request: Administration, timeout_s: float) -> Results | Unavailable | Lost:
        """The leader's answer; ``Lost`` too if none came in time.

        Raises:
            NotConnected: No leader was found in time; nothing was asked.
        """
        asked = False
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    leader, _ = await self.leader()
                    asked = True
                    answer = await self._ask(leader, request, timeout_s)
                    if isinstance(answer, Results | Unavailable | Lost):
                        return answer
                    assert isinstance(answer, NotLeader | None), answer
                    if answer is None:
                        return Lost(f"{leader} did not answer")
                    asked = False
        except TimeoutError as error:
            if asked:
                return Lost("no answer in time")
            raise self._nobody_leads() from error

    async def membership(self, timeout_s: float) -> Membership:
        """As the leader has it.

        Raises:
            NotConnected: No leader was found in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return (await self.leader())[1].membership
        except TimeoutError as error:
            raise self._nobody_leads() from error

    async def leader(self) -> tuple[NodeId, Status]:
        """Who leads, and what it says of itself; waits until somebody does."""
        while True:
            nodes = self._connections.nodes
            looks = await asyncio.gather(
                *(self._ask(node, GetStatus(), LOOK_TIMEOUT_S) for node in nodes)
            )
            statuses = {n: s for n, s in zip(nodes, looks, strict=True) if isinstance(s, Status)}
            for status in statuses.values():
                await self._connections.learn(status.membership.addresses)
            leading = [(s.term, n) for n, s in statuses.items() if s.role == "leader"]
            if leading:
                _, node = max(leading)
                return node, statuses[node]
            await pause(LOOK_AGAIN)

    async def voter(self, node: NodeId) -> None:
        """Wait until the leader counts ``node``."""
        while True:
            _, status = await self.leader()
            if node in status.membership.voters:
                return
            await pause(LOOK_AGAIN)

    def _nobody_leads(self) -> NotConnected:
        return NotConnected(f"nobody leads {self._cluster}, as far as can be seen")

    async def _ask(self, node: NodeId, body: Body, timeout_s: float) -> Body | None:
        """``None`` if there was no answer."""
        message = Message(NAME, node, RequestId(next(self._requests)), Term(0), (), body)
        try:
            return (await self._connections.ask(message, timeout_s)).body
        except (NotConnected, NoAnswer, CodecError):
            return None
