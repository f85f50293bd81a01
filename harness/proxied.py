"""The faults on links, for every system whose links lead through our proxies."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from nemesis.proxy.control import ProxyLayer
from system_under_test.control import CLIENTS, Link
from system_under_test.gossip_raft.core.types import Nanos


class Proxied:
    """``Partitionable`` by ``_proxies``, which whoever inherits this sets."""

    _proxies: ProxyLayer

    async def cut(self, links: Collection[Link]) -> None:
        await self._proxies.cut(links)

    async def reset(self, links: Collection[Link]) -> None:
        await self._proxies.reset(links)

    async def delay(self, links: Collection[Link], latency: Nanos, jitter: Nanos) -> None:
        await self._proxies.delay(links, latency, jitter)

    async def heal(self) -> str:
        return await self._proxies.heal()

    async def _clients_cut_off(self, nodes: Iterable[str]) -> str | None:
        """Which of ``nodes`` takes no connection from clients, in words; ``None`` if all do."""
        for node in nodes:
            try:
                _, writer = await asyncio.open_connection(*self._proxies.address(CLIENTS, node))
                writer.close()
            except OSError as error:
                return f"clients do not reach {node}: {error}"
        return None

    def _route(self, source: str, target: str) -> str:
        host, port = self._proxies.address(source, target)
        return f"{host}:{port}"
