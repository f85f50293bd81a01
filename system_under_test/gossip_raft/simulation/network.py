"""The network of a simulated world: messages are handed over as objects, late or never."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from system_under_test.control import CLIENTS, Link
from system_under_test.gossip_raft.core.log import bytes_of_commands
from system_under_test.gossip_raft.core.messages import ClientRequest, Message, PulledEntries
from system_under_test.gossip_raft.core.types import Nanos, NodeId
from system_under_test.gossip_raft.simulation.priorities import Priorities, PriorityOptions
from system_under_test.gossip_raft.simulation.scheduler import Scheduler

Deliver = Callable[[Message], None]
MS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How a link treats each message, as probabilities.

    Attributes:
        loss: It never arrives.
        duplication: It arrives twice; but never a client's request, whose transport does not
            repeat them (law 2 of ``ClientSession`` rests on that).
        straggling: It takes up to ``straggle_max_ns`` longer, so that others overtake it.
    """

    loss: float = 0.0
    duplication: float = 0.0
    straggling: float = 0.0
    straggle_max_ns: int = 500 * MS

    @property
    def is_fair(self) -> bool:
        return not (self.loss or self.duplication or self.straggling)


HELD_UP: Final = 0.7
HELD_UP_MAX_NS: Final = 8_000 * MS
BURST_MAX_NS: Final = 300 * MS
"""What hardly ever happens: a message held up for so long at most, with that probability, or
else a link that loses all it is given for so long at most."""

FAIR: Final = Weather()


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOptions:
    """Attributes:
    latency_min_ns, latency_max_ns: Every link draws its own base from this range; what a
        message takes is that and up to ``jitter`` times more, seldom much.
    weather: At all times, on all links between nodes.
    priorities: Which messages between nodes are late, beyond that.
    entries_bytes_max: Entries of more bytes together never arrive in one message, as with
        every transport that limits what it carries; ``None``: with this one they do.
    """

    latency_min_ns: int = 200_000
    latency_max_ns: int = 2 * MS
    jitter: float = 1.0
    weather: Weather = FAIR
    priorities: PriorityOptions | None = None
    entries_bytes_max: int | None = None


class Route:
    """One directed link, as it is now."""

    __slots__ = (
        "base",
        "cut",
        "deliver",
        "dropped",
        "extra",
        "extra_jitter",
        "faults",
        "is_plain",
        "spread",
        "weather",
    )

    def __init__(self, base: int, spread: int, weather: Weather, deliver: Deliver) -> None:
        self.base = base
        self.spread = spread
        self.deliver = deliver
        self.cut = False
        self.extra = self.extra_jitter = 0
        self.weather = weather
        self.dropped = self.faults = 0
        self.is_plain = weather.is_fair

    def arrive(self, message: Message) -> None:
        if self.cut:
            self.dropped += 1
        else:
            self.deliver(message)

    def restore(self, weather: Weather) -> None:
        self.faults += 1
        self.cut = False
        self.extra = self.extra_jitter = 0
        self.weather = weather
        self.is_plain = weather.is_fair


class SimulatedNetwork:
    """Carries messages between nodes, and between clients and nodes.

    1. A cut is silent.  It takes effect on what is under way, too, and nothing that a cut
       held back is ever delivered.
    2. Messages may overtake each other.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        rng: random.Random,
        options: NetworkOptions,
        *,
        rare: float = 0.0,
        nodes: Iterable[NodeId],
        to_node: Callable[[NodeId], Deliver],
        to_clients: Deliver,
    ) -> None:
        """Where messages go is said by ``to_node``, for each node, and ``to_clients``.  ``rare``
        is how likely a message meets what hardly ever happens (``_send_strangely``)."""
        self._usual = 1.0 - rare
        self._scheduler = scheduler
        self._random = rng.random
        self._options = options
        names = tuple(nodes)
        limit = options.entries_bytes_max
        ends: dict[str, Deliver] = {
            node: to_node(node) if limit is None else _limited(to_node(node), limit)
            for node in names
        }
        ends[CLIENTS] = to_clients
        self._routes: dict[str, dict[str, Route]] = {
            source: {
                target: self._route(source, target, deliver)
                for target, deliver in ends.items()
                if source != target
            }
            for source in ends
        }
        self._from_clients = self._routes[CLIENTS]
        if options.priorities is not None:
            self._prioritize(names, rng, options.priorities)

    def _route(self, source: str, target: str, deliver: Deliver) -> Route:
        options = self._options
        span = options.latency_max_ns - options.latency_min_ns
        base = options.latency_min_ns + int(self._random() * span)
        weather = FAIR if CLIENTS in {source, target} else options.weather
        return Route(base, int(base * options.jitter), weather, deliver)

    def _prioritize(
        self, nodes: Sequence[NodeId], rng: random.Random, options: PriorityOptions
    ) -> None:
        sent = [[self._routes[a][b] for b in nodes if b != a] for a in nodes]
        ranked = sent if options.by_node else [[route] for routes in sent for route in routes]
        Priorities(self._scheduler, rng, options, ranked)

    # --- messages ----------------------------------------------------------------

    def send(self, message: Message) -> None:
        """Best effort, as the port says."""
        routes = self._routes.get(message.source, self._from_clients)
        route = routes.get(message.target)
        if route is None:
            route = routes[CLIENTS]
        if not route.is_plain:
            self._send_badly(route, message)
            return
        # Squared: mostly about the base, with a tail.
        draw = self._random()
        if draw >= self._usual:
            self._send_strangely(route, message)
            return
        latency = route.base + int(route.spread * draw * draw)
        scheduler = self._scheduler
        scheduler.at(scheduler.now + latency, route.arrive, message)

    def _send_badly(self, route: Route, message: Message) -> None:
        draw, weather = self._random, route.weather
        if route.cut or draw() < weather.loss:
            route.dropped += 1
            return
        copies = (
            1 if isinstance(message.body, ClientRequest) else 1 + (draw() < weather.duplication)
        )
        for _ in range(copies):
            latency = route.base + int(route.spread * draw() ** 2) + route.extra
            latency += int(route.extra_jitter * (2 * draw() - 1))
            if draw() < weather.straggling:
                latency += int(weather.straggle_max_ns * draw())
            self._scheduler.at(self._scheduler.now + max(0, latency), route.arrive, message)

    def _send_strangely(self, route: Route, message: Message) -> None:
        """Held up for seconds; or the first of many that a link loses in a row."""
        draw = self._random()
        if draw < HELD_UP:
            latency = route.base + int(draw / HELD_UP * HELD_UP_MAX_NS)
            self._scheduler.at(self._scheduler.now + latency, route.arrive, message)
            return
        lasts = int((draw - HELD_UP) / (1 - HELD_UP) * BURST_MAX_NS)
        route.dropped += 1
        route.cut, route.is_plain = True, False
        self._scheduler.at(self._scheduler.now + lasts, self._end_burst, (route, route.faults))

    def _end_burst(self, burst: tuple[Route, int]) -> None:
        route, faults = burst
        if route.faults == faults:  # Otherwise somebody has cut or healed it since.
            route.cut = False
            route.is_plain = route.weather.is_fair and not route.extra

    # --- faults --------------------------------------------------------------------

    def cut(self, links: Collection[Link]) -> None:
        for route in self._of(links):
            route.faults += 1
            route.cut, route.is_plain = True, False

    def delay(self, links: Collection[Link], latency: Nanos, jitter: Nanos) -> None:
        for route in self._of(links):
            route.extra, route.extra_jitter, route.is_plain = latency, jitter, False

    def set_weather(self, links: Collection[Link], weather: Weather) -> None:
        for route in self._of(links):
            route.weather, route.is_plain = weather, False

    def heal(self) -> str:
        """Every link as it was in the beginning; says what the faults did."""
        dropped = links = 0
        for source, routes in self._routes.items():
            for target, route in routes.items():
                if route.dropped:
                    links += 1
                    dropped += route.dropped
                route.dropped = 0
                route.restore(FAIR if CLIENTS in {source, target} else self._options.weather)
        return f"dropped {dropped:,} messages on {links} links"

    def _of(self, links: Collection[Link]) -> list[Route]:
        return [self._routes[link.source][link.target] for link in sorted(links)]


def _limited(deliver: Deliver, bytes_max: int) -> Deliver:
    def deliver_small(message: Message) -> None:
        body = message.body
        if not isinstance(body, PulledEntries) or bytes_max >= sum(
            bytes_of_commands(entry.commands) for entry in body.entries
        ):
            deliver(message)

    return deliver_small
