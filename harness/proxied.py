"""The faults on links, for every system whose links lead through our proxies."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from nemesis.proxy.control import ProxyLayer
from system_under_test.conditions import CallCondition, Condition
from system_under_test.control import CLIENTS, Link


class Proxied:
    """``Partitionable`` by ``_proxies``, which whoever inherits this sets.

    ``_hides_calls`` is why proxies cannot tell its calls apart, ``None`` if they can.
    """

    _proxies: ProxyLayer
    _hides_calls: str | None

    def cannot_suffer(self, condition: Condition) -> str | None:
        return self._hides_calls if isinstance(condition, CallCondition) else None

    async def impose(self, links: Collection[Link], condition: Condition) -> None:
        await self._proxies.impose(links, condition)

    async def lift(self, links: Collection[Link], condition: Condition) -> str:
        return await self._proxies.lift(links, condition)

    async def reset(self, links: Collection[Link]) -> str:
        return await self._proxies.reset(links)

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
