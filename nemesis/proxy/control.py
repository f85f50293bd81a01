"""The proxy layer: a proxy for every pair that talks, and the faults on their links."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self, assert_never

from nemesis.errors import UnknownNode
from nemesis.proxy.connection import Address
from nemesis.proxy.gate import Gate, LinkCounts
from nemesis.proxy.messages import Multiplexed
from nemesis.proxy.tcp import Proxy
from system_under_test.conditions import (
    Condition,
    Crowded,
    Cut,
    Flapping,
    HalfOpen,
    Meddled,
    Refused,
    Slow,
    SlowClose,
    Throttled,
    Weather,
)
from system_under_test.control import CLIENTS, Link

CUT: Final = Cut()


@dataclass(slots=True, kw_only=True, eq=False)
class _Imposed:
    """A condition that holds, and the counts of its links when it began."""

    links: frozenset[Link]
    condition: Condition
    before: dict[Link, LinkCounts]
    timer: asyncio.TimerHandle | None = None
    """Of the next period of a ``Flapping``, and whether it is cut in this one."""
    cuts: bool = False


class ProxyLayer:
    """All proxies of a cluster; ``Partitionable`` is implemented by this.

    There is a proxy from every node, and from the clients, to every other node.
    Its connections carry two links: source to target (what the opening side
    sends) and target to source (the answers).  A fault on a link therefore acts
    on the connections of two proxies, in one direction each.

    Everything takes effect before the call returns, and none of it suspends:
    after a ``Cut`` no byte is handed on any more, whether it was buffered here or
    comes later.  What the kernel took before, the target may still read: its own
    receive buffer, and if it does not read, one segment (64 KiB at most) more.
    Belongs to the loop that runs when it is made.
    """

    def __init__(
        self, nodes: Iterable[str], rng: random.Random, multiplexed: Multiplexed | None = None
    ) -> None:
        """Listen for every pair; no target is known yet.

        Args:
            nodes: The nodes' names.
            rng: Draws latencies, and what becomes of calls.
            multiplexed: How calls within a stream are told apart, if the system has such.

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
        self._imposed: list[_Imposed] = []
        self._healed = self._snapshots(self._gates)
        self._proxies: dict[Link, Proxy] = {}
        try:
            for link, gate in self._gates.items():
                if link.target != CLIENTS:
                    back = self._gates[Link(link.target, link.source)]
                    self._proxies[link] = Proxy(gate, back, multiplexed)
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
        return self._gate(link).snapshot

    @property
    def connections(self) -> int:
        return sum(proxy.connections for proxy in self._proxies.values())

    async def impose(self, links: Collection[Link], condition: Condition) -> None:
        """From now on it is so on ``links``, besides what else is imposed on them.

        A ``Cut`` is silent: connections are still accepted; the target is not dialled while the
        way to it is cut, and is heard but not passed on while the way back is.  Conditions on
        calls begin by breaking the connections there are, which nobody has followed.
        """
        gates = [self._gate(link) for link in sorted(frozenset(links))]
        imposed = _Imposed(
            links=frozenset(links), condition=condition, before=self._snapshots(links)
        )
        self._imposed.append(imposed)
        if isinstance(condition, Flapping):
            self._flap(imposed, condition, 0)
        else:
            self._begin(gates, condition)

    async def lift(self, links: Collection[Link], condition: Condition) -> str:
        """Undo one ``impose`` of the same; other conditions go on.

        What was held back by it is delivered now.  A connection that lost a byte, or the news of
        an end, or was opened during a cut is broken visibly: its stream has a hole.  The others
        live on.

        Returns what happened on the links since it was imposed.
        """
        wanted = frozenset(links)
        for imposed in self._imposed:
            if imposed.links == wanted and imposed.condition == condition:
                break
        else:
            return "nothing was imposed"
        self._imposed.remove(imposed)
        if isinstance(condition, Flapping):
            self._stop_flapping(imposed)
        else:
            self._end([self._gate(link) for link in sorted(wanted)], condition)
        after = self._snapshots(wanted)
        return _summary([after[link] - imposed.before[link] for link in sorted(wanted)])

    async def reset(self, links: Collection[Link]) -> str:
        """Break the connections that use ``links``, in either direction, now and visibly.

        Returns how many it broke, in words.
        """
        carrying = self._carrying(self._gate(link) for link in links)
        return f"broke {_count(sum(proxy.reset() for proxy in carrying), 'connection')}"

    async def heal(self) -> str:
        """Undo everything that is imposed, as ``lift`` does.

        Returns what happened since the last heal.
        """
        proxies = tuple(self._proxies.values())
        for imposed in self._imposed:
            self._stop_flapping(imposed)
        self._imposed.clear()
        for proxy in proxies:
            proxy.swallow_pending()
        for gate in self._gates.values():
            gate.clear()
        for proxy in proxies:
            proxy.mend()
        before, self._healed = self._healed, self._snapshots(self._gates)
        return _summary([self._healed[link] - before[link] for link in before])

    def _begin(self, gates: Sequence[Gate], condition: Condition) -> None:
        for gate in gates:
            gate.impose(condition)
        carrying = self._carrying(gates)
        match condition:
            case Cut():
                for proxy in carrying:
                    proxy.drop_held()
            case Refused() | Crowded():
                for proxy in carrying:
                    proxy.thin_out()
            case HalfOpen():
                for gate in gates:
                    for proxy in self._carrying([gate]):
                        proxy.desert(gate)
            case Weather():
                for proxy in carrying:
                    proxy.tell_calls_apart()
            case Meddled():
                for gate in gates:
                    if (opened := self._proxies.get(gate.link)) is not None:
                        opened.tell_calls_apart()
            case Slow() | Throttled() | SlowClose() | Flapping():
                pass
            case _:
                assert_never(condition)

    def _end(self, gates: Sequence[Gate], condition: Condition) -> None:
        carrying = self._carrying(gates)
        for proxy in carrying:
            proxy.swallow_pending()
        for gate in gates:
            gate.lift(condition)
        for proxy in carrying:
            proxy.mend()

    def _flap(self, imposed: _Imposed, flapping: Flapping, period: int) -> None:
        """Let another period begin."""
        if (cuts := flapping.cuts_in(period)) != imposed.cuts:
            imposed.cuts = cuts
            gates = [self._gate(link) for link in sorted(imposed.links)]
            (self._begin if cuts else self._end)(gates, CUT)
        imposed.timer = asyncio.get_running_loop().call_later(
            flapping.period_ns / 1e9, self._flap, imposed, flapping, period + 1
        )

    def _stop_flapping(self, imposed: _Imposed) -> None:
        if imposed.timer is not None:
            imposed.timer.cancel()
        if imposed.cuts:
            self._end([self._gate(link) for link in sorted(imposed.links)], CUT)

    def close(self) -> None:
        """Break everything and listen no more; harmless when repeated."""
        for imposed in self._imposed:
            if imposed.timer is not None:
                imposed.timer.cancel()
        for proxy in self._proxies.values():
            proxy.close()

    def _snapshots(self, links: Iterable[Link]) -> dict[Link, LinkCounts]:
        return {link: self._gate(link).snapshot for link in links}

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

    def _carrying(self, gates: Iterable[Gate]) -> list[Proxy]:
        wanted = {id(gate) for gate in gates}
        return [
            proxy
            for proxy in self._proxies.values()
            if id(proxy.forward) in wanted or id(proxy.backward) in wanted
        ]


_SAID: Final = (
    ("bytes_dropped", "dropped", "byte"),
    ("bytes_delayed", "held back", "byte"),
    ("ends_delayed", "told late", "end"),
    ("connections_deserted", "left half-open", "connection"),
    ("connections_refused", "refused", "connection"),
    ("requests_dropped", "dropped", "request"),
    ("requests_repeated", "repeated", "request"),
    ("requests_delayed", "held back", "request"),
    ("requests_overtaken", "let overtake", "request"),
    ("requests_failed", "failed", "request"),
    ("replies_dropped", "dropped", "reply"),
    ("replies_delayed", "held back", "reply"),
    ("connections_broken", "broke", "connection"),
)
"""Which count, what was done, to what."""


def _summary(since: Sequence[LinkCounts]) -> str:
    did = [
        _total(word, [getattr(counts, name) for counts in since], unit)
        for name, word, unit in _SAID
    ]
    return ", ".join(filter(None, did)) or "nothing was dropped, held back or broken"


def _total(did: str, amounts: list[int], unit: str) -> str:
    links = sum(1 for amount in amounts if amount)
    if not links:
        return ""
    return f"{did} {_count(sum(amounts), unit)} on {_count(links, 'link')}"


def _count(number: int, unit: str) -> str:
    plural = "replies" if unit == "reply" else f"{unit}s"
    return f"{number:,} {unit if number == 1 else plural}"
