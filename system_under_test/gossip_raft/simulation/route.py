"""One directed link of a simulated network, and what is imposed on it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, assert_never

from system_under_test.conditions import (
    Condition,
    Crowded,
    Cut,
    Distribution,
    Flapping,
    HalfOpen,
    Meddled,
    Refused,
    Slow,
    SlowClose,
    Throttled,
)
from system_under_test.conditions import Weather as ImposedWeather
from system_under_test.gossip_raft.core.messages import (
    AckEntries,
    AddServer,
    GetStatus,
    Heartbeat,
    Message,
    PulledEntries,
    PullEntries,
    PullSnapshot,
    PutEntries,
    ReadKeys,
    ReadLog,
    RemoveServer,
    RequestVote,
    SnapshotChunk,
    TimeoutNow,
    TransferLeadership,
    UpdatePosition,
)

Deliver = Callable[[Message], None]
MS: Final = 1_000_000

METHODS: Final[dict[type, str]] = {
    Heartbeat: "HeartbeatRPC",
    RequestVote: "RequestVoteRPC",
    PullEntries: "PullEntriesRPC",
    UpdatePosition: "UpdatePositionRPC",
    PullSnapshot: "PullSnapshotRPC",
    TimeoutNow: "TimeoutNowRPC",
    PutEntries: "PutEntriesRPC",
    ReadKeys: "ReadRPC",
    ReadLog: "ReadLogRPC",
    GetStatus: "StatusRPC",
    AddServer: "AdministerRPC",
    RemoveServer: "AdministerRPC",
    TransferLeadership: "AdministerRPC",
    AckEntries: "AckEntriesRPC",
}
"""What a request is called on the wire; every other message is a reply."""

_ENVELOPE_BYTES: Final = 60
_RECORD_BYTES: Final = 50
_ENTRY_BYTES: Final = 70


def wire_bytes(message: Message) -> int:
    """About as many as a live node would send."""
    body = message.body
    size = _ENVELOPE_BYTES + _RECORD_BYTES * len(message.gossip)
    match body:
        case PulledEntries(entries=entries):
            return size + _ENTRY_BYTES * sum(len(entry.commands) for entry in entries)
        case PutEntries(commands=commands):
            return size + _ENTRY_BYTES * len(commands)
        case SnapshotChunk(chunk=chunk):
            return size + len(chunk)
        case _:
            return size


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


FAIR: Final = Weather()


class Impairment:
    """What is imposed on a route besides cuts, weather and a first slowness.

    Attributes:
        slow: Each adds its own draw.
        bytes_per_s, free_at: How wide it is, 0 for any; when it has sent what it was given.
        refuses: No request of anybody passes.
        connections_max, admitted: Whose requests pass, and how many senders may join them.
        deserted: Whose requests go nowhere.
        slow_close_ns: How late the end of a connection is heard.
        meddled: What becomes of calls.
        waiting: Requests that wait to be overtaken.
    """

    __slots__ = (
        "admitted",
        "bytes_per_s",
        "connections_max",
        "deserted",
        "free_at",
        "meddled",
        "refuses",
        "slow",
        "slow_close_ns",
        "waiting",
    )

    def __init__(self) -> None:
        self.slow: tuple[Slow, ...] = ()
        self.bytes_per_s = 0
        self.free_at = 0
        self.refuses = False
        self.connections_max: int | None = None
        self.admitted: dict[str, None] = {}
        self.deserted: frozenset[str] = frozenset()
        self.slow_close_ns = 0
        self.meddled: tuple[Meddled, ...] = ()
        self.waiting: list[Message] = []

    def admits(self, source: str) -> bool:
        """Whether a request of ``source`` is taken; it counts as connected from then on."""
        if self.refuses:
            return False
        if self.connections_max is not None and source not in self.admitted:
            if len(self.admitted) >= self.connections_max:
                return False
            self.admitted[source] = None
        return True


class Route:
    """One directed link, as it is now.

    ``is_plain``: a message just takes its time.  ``is_watched``: replies that travel on it may
    have been chosen to get lost.
    """

    __slots__ = (
        "_own_weather",
        "base",
        "bursting",
        "conditions",
        "cut",
        "deliver",
        "did",
        "extra",
        "extra_jitter",
        "faults",
        "impairment",
        "is_plain",
        "is_watched",
        "spread",
        "weather",
    )

    def __init__(self, base: int, spread: int, weather: Weather, deliver: Deliver) -> None:
        self.base = base
        self.spread = spread
        self.deliver = deliver
        self.conditions: list[Condition] = []
        self.did: Counter[str] = Counter()
        self.faults = 0
        self.bursting = self.is_watched = False
        self.impairment: Impairment | None = None
        self._own_weather = weather
        self._set(())

    def arrive(self, message: Message) -> None:
        if self.cut:
            self.did["dropped"] += 1
        else:
            self.deliver(message)

    def impose(self, condition: Condition, connected: Iterable[str]) -> None:
        """``connected`` are those at its beginning who have a connection to its end."""
        self.conditions.append(condition)
        if isinstance(condition, Cut):
            self._end_burst()
        self._set(connected)

    def lift(self, condition: Condition) -> list[Message]:
        """Of several that are equal, one; the requests that wait for nothing more."""
        if condition not in self.conditions:
            return []
        self.conditions.remove(condition)
        return self._relieve()

    def clear(self) -> list[Message]:
        """As it was in the beginning; the requests that wait for nothing more."""
        self.conditions.clear()
        return self._relieve()

    def _relieve(self) -> list[Message]:
        waiting = [] if self.impairment is None else self.impairment.waiting
        self._end_burst()
        self._set(())
        return [] if self.cut else waiting

    def _end_burst(self) -> None:
        self.faults += 1
        self.bursting = False

    def _set(self, connected: Iterable[str]) -> None:
        before = self.impairment
        self.cut = self.bursting
        self.extra = self.extra_jitter = 0
        weathers: list[ImposedWeather] = []
        impairment = Impairment()
        plain = True
        for condition in self.conditions:
            match condition:
                case Cut():
                    self.cut = True
                case ImposedWeather():
                    weathers.append(condition)
                case Slow(distribution=Distribution.UNIFORM) if not self.extra:
                    self.extra, self.extra_jitter = condition.latency_ns, condition.jitter_ns
                case Flapping():
                    pass  # The network imposes cuts and lifts them by turns.
                case _:
                    plain = False
                    _add(impairment, condition, before, connected)
        self.weather = _together(weathers, self._own_weather)
        self.impairment = None if plain else impairment
        self.is_plain = (
            plain
            and not (self.cut or self.extra or weathers or self.is_watched)
            and self.weather.is_fair
        )

    def watch(self, watched: bool) -> None:
        """Replies on it may be chosen to get lost, or none is any more."""
        self.is_watched = watched
        self._set(())

    def begin_burst(self) -> None:
        """It loses all that it is given."""
        self.cut = self.bursting = True
        self.is_plain = False

    def end_burst(self, faults: int) -> None:
        """Unless somebody has cut or healed it since it had so many ``faults``."""
        if self.faults == faults:
            self.bursting = False
            self._set(())


def _add(
    impairment: Impairment,
    condition: Refused | Slow | Throttled | HalfOpen | SlowClose | Crowded | Meddled,
    before: Impairment | None,
    connected: Iterable[str],
) -> None:
    """Let it act; connections are those of ``before``, or at first those that there are."""
    match condition:
        case Refused():
            impairment.refuses = True
        case Slow():
            impairment.slow += (condition,)
        case Throttled(bytes_per_s=rate):
            impairment.bytes_per_s = min(impairment.bytes_per_s or rate, rate)
            impairment.free_at = 0 if before is None else before.free_at
        case HalfOpen():
            known = frozenset[str]() if before is None else before.deserted
            impairment.deserted = known or frozenset(connected)
        case SlowClose(latency_ns=latency_ns):
            impairment.slow_close_ns += latency_ns
        case Crowded(connections_max=most):
            fresh = before is None or before.connections_max is None
            admitted = connected if fresh or before is None else before.admitted
            most = min(most, impairment.connections_max or most)
            impairment.connections_max = most
            impairment.admitted = dict.fromkeys(list(admitted)[:most])
        case Meddled():
            impairment.meddled += (condition,)
            if before is not None:
                impairment.waiting = before.waiting
        case _:
            assert_never(condition)


def _together(imposed: list[ImposedWeather], own: Weather) -> Weather:
    """What is imposed replaces a link's own weather, and acts all together."""
    if not imposed:
        return own
    if len(imposed) == 1:  # Exactly as it says, without rounding.
        (one,) = imposed
        return Weather(loss=one.loss, duplication=one.duplication, straggling=one.straggling)
    return Weather(
        loss=1 - math.prod(1 - weather.loss for weather in imposed),
        duplication=1 - math.prod(1 - weather.duplication for weather in imposed),
        straggling=1 - math.prod(1 - weather.straggling for weather in imposed),
    )
