"""The proxy layer: a proxy for every pair that talks, and the faults on their links."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable
from typing import Self

from nemesis.errors import UnknownNode
from nemesis.proxy.connection import Address
from nemesis.proxy.gate import Gate, LinkCounts
from nemesis.proxy.tcp import Proxy
from system_under_test.control import CLIENTS, Link
from system_under_test.gossip_raft.core.types import Nanos


class ProxyLayer:
    """All proxies of a cluster; ``Partitionable`` is implemented by this.

    There is a proxy from every node, and from the clients, to every other node.
    Its connections carry two links: source to target (what the opening side
    sends) and target to source (the answers).  A fault on a link therefore acts
    on the connections of two proxies, in one direction each.

    Everything takes effect before the call returns, and none of it suspends:
    after ``cut`` no byte is handed on any more, whether it was buffered here or
    comes later.  What the kernel took before, the target may still read: its own
    receive buffer, and if it does not read, one segment (64 KiB at most) more.
    Belongs to the loop that runs when it is made.
    """

    def __init__(self, nodes: Iterable[str], rng: random.Random) -> None:
        """Listen for every pair; no target is known yet.

        Args:
            nodes: The nodes' names.
            rng: Draws the jitter of delays.

        Raises:
            ProxyUnavailable: The system gives no more ports or sockets.
        """
        self._nodes = tuple(nodes)
        sources = (*self._nodes, CLIENTS)
        self._gates = {
            link: Gate(link, rng)
            for link in (Link(a, b) for a in sources for b in sources)
            if link.source != link.target
        }
        self._healed = {link: gate.counts for link, gate in self._gates.items()}
        self._proxies: dict[Link, Proxy] = {}
        try:
            for link, gate in self._gates.items():
                if link.target != CLIENTS:
                    back = self._gates[Link(link.target, link.source)]
                    self._proxies[link] = Proxy(gate, back)
        except BaseException:  # Whatever it was: no listener may outlive a failed start.
            self.close()
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def address(self, source: str, target: str) -> Address:
        """Where ``source`` (a node or ``CLIENTS``) reaches ``target``: host, port.

        Stays the same for the life of the layer.
        """
        return self._proxy(Link(source, target)).address

    def retarget(self, node: str, host: str, port: int) -> None:
        """``node`` listens at ``host`` (an IPv4 address), ``port`` from now on."""
        for proxy in self._toward(node):
            proxy.retarget(host, port)

    def untarget(self, node: str) -> None:
        """``node`` listens nowhere: new connections to it are refused."""
        for proxy in self._toward(node):
            proxy.untarget()

    def counts(self, link: Link) -> LinkCounts:
        """What happened on ``link`` since the layer was made."""
        return self._gate(link).counts

    @property
    def connections(self) -> int:
        return sum(proxy.connections for proxy in self._proxies.values())

    async def cut(self, links: Collection[Link]) -> None:
        """Let nothing more pass on ``links``; silent: nobody is told (blackhole).

        Connections are still accepted; the target is not dialled while the way to
        it is cut, and is heard but not passed on while the way back is.
        """
        for gate in [self._gate(link) for link in links]:
            gate.cut = True
        for proxy in self._carrying(links):
            proxy.discard()

    async def reset(self, links: Collection[Link]) -> None:
        """Break the connections that use ``links``, in either direction, now and visibly."""
        for proxy in self._carrying(links):
            proxy.reset()

    async def delay(self, links: Collection[Link], latency: Nanos, jitter: Nanos) -> None:
        """Hold back what passes on ``links`` for ``latency`` ± ``jitter`` nanoseconds.

        Drawn anew for each piece, uniformly; order within a connection is kept.
        """
        for gate in [self._gate(link) for link in links]:
            gate.delay(latency, jitter)

    async def heal(self) -> str:
        """Undo every cut and delay.

        What a delay held back is delivered now.  A connection that lost a byte, or
        the news of a close, or was opened during a cut is broken visibly: its
        stream has a hole.  The others live on.

        Returns what the faults did since the last heal.
        """
        proxies = tuple(self._proxies.values())
        for proxy in proxies:
            proxy.swallow_pending()
        for gate in self._gates.values():
            gate.open()
        for proxy in proxies:
            proxy.mend()
        return self._summary()

    def close(self) -> None:
        """Break everything and listen no more; harmless when repeated."""
        for proxy in self._proxies.values():
            proxy.close()

    def _summary(self) -> str:
        now = {link: gate.counts for link, gate in self._gates.items()}
        since = [now[link] - self._healed[link] for link in now]
        self._healed = now
        did = [
            _total("dropped", [counts.bytes_dropped for counts in since], "byte"),
            _total("held back", [counts.bytes_delayed for counts in since], "byte"),
            _total("broke", [counts.connections_broken for counts in since], "connection"),
        ]
        return ", ".join(filter(None, did)) or "nothing was dropped, held back or broken"

    def _gate(self, link: Link) -> Gate:
        try:
            return self._gates[link]
        except KeyError:
            raise UnknownNode(f"no link {link.source} -> {link.target}") from None

    def _proxy(self, link: Link) -> Proxy:
        try:
            return self._proxies[link]
        except KeyError:
            raise UnknownNode(f"no proxy from {link.source} to {link.target}") from None

    def _toward(self, node: str) -> list[Proxy]:
        if node not in self._nodes:
            raise UnknownNode(f"no node {node}; there are {', '.join(self._nodes)}")
        return [proxy for link, proxy in self._proxies.items() if link.target == node]

    def _carrying(self, links: Collection[Link]) -> list[Proxy]:
        gates = {id(self._gate(link)) for link in links}
        return [
            proxy
            for proxy in self._proxies.values()
            if id(proxy.forward) in gates or id(proxy.backward) in gates
        ]


def _total(did: str, amounts: list[int], unit: str) -> str:
    links = sum(1 for amount in amounts if amount)
    if not links:
        return ""
    return f"{did} {_count(sum(amounts), unit)} on {_count(links, 'link')}"


def _count(number: int, unit: str) -> str:
    return f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s"
