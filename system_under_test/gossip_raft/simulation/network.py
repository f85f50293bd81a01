"""The network of a simulated world: messages are handed over as objects, late or never."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from system_under_test.conditions import (
    OVERTAKEN_MAX_NS,
    UNHARMED,
    Condition,
    Cut,
    Flapping,
    Meddled,
    Meddling,
    drawn_latency,
    fate_of_request,
)
from system_under_test.control import CLIENTS, Link
from system_under_test.gossip_raft.core.log import bytes_of_commands
from system_under_test.gossip_raft.core.messages import FROM_CLIENTS, Message, PulledEntries
from system_under_test.gossip_raft.core.types import NodeId, RequestId
from system_under_test.gossip_raft.simulation.priorities import Priorities, PriorityOptions
from system_under_test.gossip_raft.simulation.route import (
    FAIR,
    METHODS,
    MS,
    Deliver,
    Impairment,
    Route,
    Weather,
    wire_bytes,
)
from system_under_test.gossip_raft.simulation.scheduler import Scheduler


class Bounce(Protocol):
    """Hears of a request that did not arrive; ``certainly``: its sender can be sure of that."""

    def __call__(self, request: Message, *, certainly: bool) -> None: ...


HELD_UP: Final = 0.7
HELD_UP_MAX_NS: Final = 8_000 * MS
BURST_MAX_NS: Final = 300 * MS
QUEUE_MAX_NS: Final = 2_000 * MS
"""What would wait for longer to get through a narrow link is lost."""
"""What hardly ever happens: a message held up for so long at most, with that probability, or
else a link that loses all it is given for so long at most."""


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


@dataclass(frozen=True, slots=True, eq=False)
class _Imposed:
    """A condition that holds, and what had happened on its links when it began."""

    links: frozenset[Link]
    condition: Condition
    before: Mapping[Link, Counter[str]]


class _Flap:
    """A ``Flapping`` that is imposed."""

    __slots__ = ("cuts", "flapping", "is_over", "links", "period")

    def __init__(self, links: Collection[Link], flapping: Flapping) -> None:
        self.links = frozenset(links)
        self.flapping = flapping
        self.period = 0
        self.cuts = self.is_over = False


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
        bounce: Bounce,
    ) -> None:
        """Where messages go is said by ``to_node``, for each node, and ``to_clients``; who sent
        what was turned away visibly hears it by ``bounce``.  ``rare`` is how likely a message
        meets what hardly ever happens (``_send_strangely``)."""
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
        self._bounce = bounce
        self._flaps: list[_Flap] = []
        self._imposed: list[_Imposed] = []
        self._healed = self._counted(self._links)
        self._unanswered: set[tuple[str, str, RequestId]] = set()
        """Source, target and number of requests whose replies are to get lost."""
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
            route.did["dropped"] += 1
            return
        if route.is_watched and type(message.body) not in METHODS:
            asked = (message.target, message.source, message.request)
            if asked in self._unanswered:
                self._unanswered.discard(asked)
                self._back(route, message).did["unanswered"] += 1
                return
        copies = 1 if type(message.body) in FROM_CLIENTS else 1 + (draw() < weather.duplication)
        if route.impairment is not None:
            self._send_impaired(route, route.impairment, message, copies)
        else:
            self._transmit(route, message, copies)

    def _transmit(self, route: Route, message: Message, copies: int, later: int = 0) -> None:
        draw, weather = self._random, route.weather
        for _ in range(copies):
            latency = route.base + int(route.spread * draw() ** 2) + route.extra
            latency += int(route.extra_jitter * (2 * draw() - 1))
            if draw() < weather.straggling:
                latency += int(weather.straggle_max_ns * draw())
            self._scheduler.at(self._scheduler.now + max(0, latency) + later, route.arrive, message)

    def _send_impaired(
        self, route: Route, impairment: Impairment, message: Message, copies: int
    ) -> None:
        now = self._scheduler.now
        later = sum(drawn_latency(slow, self._random) for slow in impairment.slow)
        if impairment.bytes_per_s:
            sending = wire_bytes(message) * 1_000_000_000 // impairment.bytes_per_s
            free_at = max(now, impairment.free_at) + sending
            if free_at - now > QUEUE_MAX_NS:
                route.did["dropped"] += 1
                return
            impairment.free_at = free_at
            later += free_at - now
            route.did["narrowed"] += 1
        method = METHODS.get(type(message.body))
        if method is None:
            self._transmit(route, message, copies, later)
            return
        if not impairment.admits(message.source):
            route.did["refused"] += 1
            self._scheduler.at(now + 2 * route.base, self._refuse, message)
            return
        if message.source in impairment.deserted:
            route.did["dropped"] += 1
            return
        fate = fate_of_request(impairment.meddled, method, self._random)
        waiting = list(impairment.waiting)
        if fate != UNHARMED:
            assert fate.how is not None, "only meddling is asked here"
            route.did[fate.how.value] += fate.how is not Meddling.DROP_REPLY
        if fate.status:
            self._scheduler.at(now + 2 * route.base, self._fail, message)
        elif fate.how is Meddling.REORDER:
            impairment.waiting.append(message)
            self._scheduler.at(now + OVERTAKEN_MAX_NS, self._wait_no_more, (route, message))
        elif not fate.lost:
            if fate.how is Meddling.DROP_REPLY:
                self._unanswered.add((message.source, message.target, message.request))
            if type(message.body) not in FROM_CLIENTS:
                copies = max(copies, fate.copies)
            self._transmit(route, message, copies, later + fate.late_ns)
            for overtaken in waiting:
                impairment.waiting.remove(overtaken)
                # Each may draw less time than the one that is to overtake it.
                self._transmit(route, overtaken, 1, later + route.spread + 1)

    def _wait_no_more(self, waiting: tuple[Route, Message]) -> None:
        route, message = waiting
        if route.impairment is not None and message in route.impairment.waiting:
            route.impairment.waiting.remove(message)
            self._transmit(route, message, 1)

    def _refuse(self, message: Message) -> None:
        self._bounce(message, certainly=True)

    def _fail(self, message: Message) -> None:
        self._bounce(message, certainly=False)

    def _back(self, route: Route, reply: Message) -> Route:
        """The link that what ``reply`` answers came on."""
        del route
        asker = reply.target if reply.target in self._routes else CLIENTS
        return self._routes[asker][reply.source]

    def _send_strangely(self, route: Route, message: Message) -> None:
        """Held up for seconds; or the first of many that a link loses in a row."""
        draw = self._random()
        if draw < HELD_UP:
            latency = route.base + int(draw / HELD_UP * HELD_UP_MAX_NS)
            self._scheduler.at(self._scheduler.now + latency, route.arrive, message)
            return
        lasts = int((draw - HELD_UP) / (1 - HELD_UP) * BURST_MAX_NS)
        route.did["dropped"] += 1
        route.begin_burst()
        self._scheduler.at(self._scheduler.now + lasts, self._end_burst, (route, route.faults))

    def _end_burst(self, burst: tuple[Route, int]) -> None:
        route, faults = burst
        route.end_burst(faults)

    # --- faults --------------------------------------------------------------------

    def impose(
        self, links: Collection[Link], condition: Condition, clients: Collection[str] = ()
    ) -> None:
        """``clients``: those that there are, each connected to every node."""
        self._imposed.append(_Imposed(frozenset(links), condition, self._counted(links)))
        if isinstance(condition, Flapping):
            self._flaps.append(flap := _Flap(links, condition))
            self._flap(flap)
            return
        for link in sorted(links):
            connected = clients if link.source == CLIENTS else (link.source,)
            self._routes[link.source][link.target].impose(condition, connected)
        self._watch(links)

    def lift(self, links: Collection[Link], condition: Condition) -> str:
        """Undo one ``impose``; says what happened on the links since."""
        wanted = frozenset(links)
        for imposed in self._imposed:
            if imposed.links == wanted and imposed.condition == condition:
                self._imposed.remove(imposed)
                break
        else:
            return "nothing was imposed"
        if isinstance(condition, Flapping):
            for flap in self._flaps:
                if flap.links == frozenset(links) and flap.flapping == condition:
                    self._stop(flap)
                    break
        else:
            for route in self._of(links):
                self._resume(route, route.lift(condition))
            self._watch(links)
        return _summary(imposed.before, self._counted(wanted))

    def heal(self) -> str:
        """Every link as it was in the beginning; says what happened since the last time."""
        self._imposed.clear()
        for flap in list(self._flaps):
            self._stop(flap)
        for route in self._of(self._links):
            self._resume(route, route.clear())
            route.watch(False)
        self._unanswered.clear()
        before, self._healed = self._healed, self._counted(self._links)
        return _summary(before, self._healed)

    def forget(self, client: str) -> None:
        """It is gone, and its connections with it."""
        for route in self._from_clients.values():
            if route.impairment is not None:
                route.impairment.admitted.pop(client, None)

    def late_ns(self, link: Link) -> int:
        """How much later the end of a connection is heard that travels there now."""
        route = self._routes[link.source][link.target]
        late = 0 if route.impairment is None else route.impairment.slow_close_ns
        route.did["late ends"] += late > 0
        return late

    def _resume(self, route: Route, waiting: Sequence[Message]) -> None:
        for message in waiting:
            self._transmit(route, message, 1)

    def _watch(self, links: Collection[Link]) -> None:
        """Look at replies where calls are to stay without one."""
        for link in links:
            drops = any(
                isinstance(condition, Meddled) and condition.how is Meddling.DROP_REPLY
                for condition in self._routes[link.source][link.target].conditions
            )
            self._routes[link.target][link.source].watch(drops)

    def _flap(self, flap: _Flap) -> None:
        if flap.is_over:
            return
        if (cuts := flap.flapping.cuts_in(flap.period)) != flap.cuts:
            flap.cuts = cuts
            for route in self._of(flap.links):
                if cuts:
                    route.impose(Cut(), ())
                else:
                    self._resume(route, route.lift(Cut()))
        flap.period += 1
        self._scheduler.at(self._scheduler.now + flap.flapping.period_ns, self._flap, flap)

    def _stop(self, flap: _Flap) -> None:
        self._flaps.remove(flap)
        flap.is_over = True
        if flap.cuts:
            for route in self._of(flap.links):
                self._resume(route, route.lift(Cut()))

    @property
    def _links(self) -> list[Link]:
        return [Link(source, target) for source in self._routes for target in self._routes[source]]

    def _counted(self, links: Collection[Link]) -> dict[Link, Counter[str]]:
        return {link: self._routes[link.source][link.target].did.copy() for link in links}

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


_SAID: Final = (
    ("dropped", "dropped", "message"),
    ("refused", "refused", "request"),
    ("late ends", "told late", "end"),
    ("narrowed", "let through one by one", "message"),
    (Meddling.DROP_REQUEST.value, "dropped", "request"),
    ("unanswered", "left unanswered", "request"),
    (Meddling.DUPLICATE.value, "repeated", "request"),
    (Meddling.DELAY.value, "held back", "request"),
    (Meddling.REORDER.value, "let overtake", "request"),
    (Meddling.FAIL.value, "failed", "request"),
)
"""What was counted, what was done, to what."""


def _summary(before: Mapping[Link, Counter[str]], after: Mapping[Link, Counter[str]]) -> str:
    """What happened in between, in words."""
    did: Counter[str] = Counter()
    met: Counter[str] = Counter()
    for link, counts in after.items():
        since = counts - before[link]
        did += since
        met.update(since.keys())
    said = [
        f"{words} {did[name]:,} {unit}s on {met[name]} links"
        for name, words, unit in _SAID
        if did[name]
    ]
    return ", ".join(said) or "dropped 0 messages on 0 links"
