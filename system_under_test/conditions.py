"""What can be wrong with a directed link, as data, and the chance that is in it.

A condition is imposed on links and lifted from them; several may hold at once, and then all of
them act.  The worlds do what is said here each in its own way: proxies to connections, bytes
and calls, the simulated network to messages.  What is drawn is drawn here, for both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from enum import Enum
from typing import Final, NamedTuple, TypeAlias, assert_never

from msgspec import Struct

from system_under_test.gossip_raft.core.types import Nanos

MS: Final = 1_000_000
JITTERS_MAX: Final = 100.0
"""No draw of a tail is longer than so many times its mean."""
PARETO_SHAPE: Final = 2.0
STRAGGLE_MAX_NS: Final = Nanos(500 * MS)
OVERTAKEN_MAX_NS: Final = Nanos(1_000 * MS)
"""So long a call waits to be overtaken; then it goes, in its order."""
UNAVAILABLE: Final = 14


class Distribution(Enum):
    """How a latency varies around its base; what is drawn is never below 0.

    ``UNIFORM``: within ± jitter.  ``NORMAL``: with the jitter as standard deviation.
    ``EXPONENTIAL``: the jitter is the mean of what is added.  ``PARETO``: that too, with the
    heavy tail of Lomax's distribution of shape 2, whose variance is infinite.
    """

    UNIFORM = "uniform"
    NORMAL = "normal"
    EXPONENTIAL = "exponential"
    PARETO = "pareto"


class Cut(Struct, frozen=True, tag_field="condition", tag="cut"):
    """Nothing passes any more, and nobody is told (blackhole)."""


class Refused(Struct, frozen=True, tag_field="condition", tag="refuse"):
    """The source's connections to the target are broken and new ones refused, visibly."""


class Slow(Struct, frozen=True, tag_field="condition", tag="slow"):
    """What passes takes so much longer; the order within a connection is kept."""

    latency_ns: Nanos
    jitter_ns: Nanos = Nanos(0)
    distribution: Distribution = Distribution.UNIFORM

    def __post_init__(self) -> None:
        _above_0("latency_ns", self.latency_ns)
        if not 0 <= self.jitter_ns <= self.latency_ns:
            raise ValueError(f"jitter_ns: {self.jitter_ns} is not in 0..{self.latency_ns}")


class Throttled(Struct, frozen=True, tag_field="condition", tag="throttle"):
    """No more than so many bytes a second pass, of all connections together."""

    bytes_per_s: int

    def __post_init__(self) -> None:
        _above_0("bytes_per_s", self.bytes_per_s)


class HalfOpen(Struct, frozen=True, tag_field="condition", tag="half-open"):
    """The connections there are end at the target and the source does not learn of it: what it
    says on them is lost.  New ones work."""


class SlowClose(Struct, frozen=True, tag_field="condition", tag="slow-close"):
    """The news that a connection ended takes so much longer than what was sent on it."""

    latency_ns: Nanos

    def __post_init__(self) -> None:
        _above_0("latency_ns", self.latency_ns)


class Crowded(Struct, frozen=True, tag_field="condition", tag="crowd"):
    """The target takes so many connections of the source's and refuses more, visibly; of those
    there are it breaks the newest."""

    connections_max: int

    def __post_init__(self) -> None:
        _above_0("connections_max", self.connections_max)


class Flapping(Struct, frozen=True, tag_field="condition", tag="flap"):
    """Cut for ``period_ns`` at its turn, of so many turns that take as long, beginning with turn
    0 when it is imposed; whole in between."""

    period_ns: Nanos
    turn: int = 0
    turns: int = 2

    def __post_init__(self) -> None:
        _above_0("period_ns", self.period_ns)
        if not 0 <= self.turn < self.turns:
            raise ValueError(f"turn: {self.turn} is not in 0..{self.turns - 1}")

    def cuts_in(self, period: int) -> bool:
        """Whether it cuts in that period, from 0, since it was imposed."""
        return period % self.turns == self.turn


class Weather(Struct, frozen=True, tag_field="condition", tag="weather"):
    """Requests and replies are lost, requests repeated, either held up so that others overtake
    it, each with its probability."""

    loss: float = 0.0
    duplication: float = 0.0
    straggling: float = 0.0

    def __post_init__(self) -> None:
        for name in ("loss", "duplication", "straggling"):
            _probability(name, getattr(self, name))


class Meddling(Enum):
    """What may become of a call.

    ``DROP_REPLY``: the target executes it, the source never hears.  ``REORDER``: the next call
    overtakes it.  ``FAIL``: it is answered with a status, and the target hears nothing.
    """

    DROP_REQUEST = "drop-request"
    DROP_REPLY = "drop-reply"
    DUPLICATE = "duplicate"
    DELAY = "delay"
    REORDER = "reorder"
    FAIL = "fail"


class Meddled(Struct, frozen=True, tag_field="condition", tag="calls"):
    """That becomes of calls that the source makes of the target, each with a probability.

    Attributes:
        how: What becomes of them.
        methods: Which ones, by the last part of their path ("HeartbeatRPC"); none: all.
        probability: Of each by itself.
        latency_ns: How long ``DELAY`` holds one back, at most; drawn uniformly.
        status: gRPC's number of what ``FAIL`` answers.
    """

    how: Meddling
    methods: tuple[str, ...] = ()
    probability: float = 1.0
    latency_ns: Nanos = STRAGGLE_MAX_NS
    status: int = UNAVAILABLE

    def __post_init__(self) -> None:
        _probability("probability", self.probability)
        _above_0("latency_ns", self.latency_ns)
        if not 1 <= self.status <= 16:
            raise ValueError(f"status: {self.status} is not in 1..16")


CallCondition: TypeAlias = Weather | Meddled
"""What can only be done by whoever tells one call from another."""
Condition: TypeAlias = (
    Cut | Refused | Slow | Throttled | HalfOpen | SlowClose | Crowded | Flapping | CallCondition
)


def name_of(condition: Condition) -> str:
    """As in journals: "half-open", "drop-reply" ..."""
    if isinstance(condition, Meddled):
        return condition.how.value
    tag = condition.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def describe_condition(condition: Condition) -> str:
    """What is so on the links: "60 ± 20 ms slower (pareto)"."""
    match condition:
        case Cut():
            return "cut"
        case Refused():
            return "connections refused"
        case Slow(latency_ns=latency_ns, jitter_ns=jitter_ns, distribution=distribution):
            span = f"{latency_ns / 1e6:g} ± {jitter_ns / 1e6:g} ms"
            plain = distribution is Distribution.UNIFORM
            return span if plain else f"{span} ({distribution.value})"
        case Throttled(bytes_per_s=bytes_per_s):
            return f"{bytes_per_s:,} bytes/s"
        case HalfOpen():
            return "connections half-open"
        case SlowClose(latency_ns=latency_ns):
            return f"ends heard {latency_ns / 1e6:g} ms late"
        case Crowded(connections_max=most):
            return f"{most} connection{'s' * (most != 1)} at most"
        case Flapping(period_ns=period_ns, turn=turn, turns=turns):
            return f"cut for {period_ns / 1e6:g} ms in turn {turn + 1} of {turns}"
        case Weather(loss=loss, duplication=twice, straggling=late):
            return f"{loss:.0%} lost, {twice:.0%} twice, {late:.0%} late"
        case Meddled():
            return _describe_meddling(condition)
        case _:
            assert_never(condition)


_DONE: Final = {
    Meddling.DROP_REQUEST: "never arrive",
    Meddling.DROP_REPLY: "are executed, but not answered",
    Meddling.DUPLICATE: "arrive twice",
    Meddling.DELAY: "are held back",
    Meddling.REORDER: "are overtaken",
    Meddling.FAIL: "fail",
}


def _describe_meddling(meddled: Meddled) -> str:
    share = "" if meddled.probability == 1 else f"{meddled.probability:.0%} of "
    which = ", ".join(meddled.methods) or "all calls"
    more = ""
    if meddled.how is Meddling.DELAY:
        more = f" for {meddled.latency_ns / 1e6:g} ms at most"
    elif meddled.how is Meddling.FAIL:
        more = f" with status {meddled.status}"
    return f"{share}{which} {_DONE[meddled.how]}{more}"


# --- chance ----------------------------------------------------------------------

Draw: TypeAlias = Callable[[], float]
"""Uniform in [0, 1)."""


def drawn_latency(slow: Slow, draw: Draw) -> int:
    """How many nanoseconds longer one thing takes, never below 0."""
    latency, jitter = slow.latency_ns, slow.jitter_ns
    if not jitter:
        return latency
    match slow.distribution:
        case Distribution.UNIFORM:
            return latency + int(jitter * (2 * draw() - 1))
        case Distribution.NORMAL:
            # Box and Muller; 1 - draw() is never 0.
            normal = math.sqrt(-2 * math.log(1 - draw())) * math.cos(math.tau * draw())
            return max(0, latency + int(jitter * normal))
        case Distribution.EXPONENTIAL:
            return latency + int(jitter * min(JITTERS_MAX, -math.log(1 - draw())))
        case Distribution.PARETO:
            excess = (1 - draw()) ** (-1 / PARETO_SHAPE) - 1
            return latency + int(jitter * min(JITTERS_MAX, (PARETO_SHAPE - 1) * excess))
        case _:
            assert_never(slow.distribution)


class Fate(NamedTuple):
    """What is to become of one request, or of one reply.

    ``how`` is what a ``Meddled`` has chosen to do, for the record; at most one of them does.
    """

    lost: bool = False
    copies: int = 1
    late_ns: int = 0
    how: Meddling | None = None
    status: int = 0


UNHARMED: Final = Fate()


def fate_of_request(conditions: Sequence[CallCondition], method: str, draw: Draw) -> Fate:
    """Of one call of ``method``, on a link where these hold; the first that acts decides."""
    for condition in conditions:
        match condition:
            case Weather(duplication=twice):
                fate = _weathered(condition, draw)
                if not fate.lost and draw() < twice:
                    fate = fate._replace(copies=2)
            case Meddled():
                fate = _meddled(condition, method, draw)
            case _:
                assert_never(condition)
        if fate != UNHARMED:
            return fate
    return UNHARMED


def fate_of_reply(conditions: Sequence[CallCondition], draw: Draw) -> Fate:
    """Of one reply that travels on a link where these hold."""
    for condition in conditions:
        if isinstance(condition, Weather):
            fate = _weathered(condition, draw)
            if fate != UNHARMED:
                return fate
    return UNHARMED


def _weathered(weather: Weather, draw: Draw) -> Fate:
    if draw() < weather.loss:
        return Fate(lost=True)
    if draw() < weather.straggling:
        return Fate(late_ns=int(STRAGGLE_MAX_NS * draw()))
    return UNHARMED


def _meddled(meddled: Meddled, method: str, draw: Draw) -> Fate:
    if not concerns(meddled.methods, method):
        return UNHARMED
    if meddled.probability < 1 and draw() >= meddled.probability:
        return UNHARMED
    how = meddled.how
    match how:
        case Meddling.DROP_REQUEST:
            return Fate(lost=True, how=how)
        case Meddling.DROP_REPLY | Meddling.REORDER:
            return Fate(how=how)
        case Meddling.DUPLICATE:
            return Fate(copies=2, how=how)
        case Meddling.DELAY:
            return Fate(late_ns=int(meddled.latency_ns * draw()), how=how)
        case Meddling.FAIL:
            return Fate(lost=True, how=how, status=meddled.status)
        case _:
            assert_never(how)


def concerns(methods: Collection[str], method: str) -> bool:
    return not methods or method in methods


def _above_0(name: str, value: int) -> None:
    if value <= 0:
        raise ValueError(f"{name}: {value} is not above 0")


def _probability(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name}: {value} is not in 0..1")
