"""Plans made simpler, one way each.  Whether they still fail is for others to see.  Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Final

from msgspec.structs import asdict, replace

from harness.config import RunConfig, Script
from harness.simulated import SETTLE_MAX, Plan
from histories.call import Call, CompareAndSet, Txn, Write
from histories.event import FaultBegan
from histories.op import Nanos
from nemesis.fault import (
    BadWeather,
    BumpClock,
    CrashAt,
    DriftClock,
    Fault,
    FlipBit,
    Halves,
    Impair,
    Isolate,
    Kill,
    LoseDisk,
    LosePower,
    OneWay,
    RemoveNode,
    ReplaceNode,
    SkewClock,
    SlowDisk,
    SlowLinks,
    StrobeClock,
    TearLog,
    Terminate,
    kind_of,
)
from nemesis.faults.network import CUT, Partition
from nemesis.schedule import Schedule, Timed, heal_at
from nemesis.target import Named, Target
from system_under_test.conditions import Meddled
from system_under_test.control import Moment
from system_under_test.gossip_raft.core import types as core
from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.messages import Consistency
from system_under_test.gossip_raft.simulation.cluster import ClockOptions, WorldOptions
from system_under_test.gossip_raft.simulation.network import NetworkOptions
from system_under_test.gossip_raft.simulation.storage import DiskOptions
from workloads.options import Setting
from workloads.scripted import ScriptedCall

MS: Final = 1_000_000
SECOND: Final = 1_000 * MS
QUICKLY: Final = 10 * SECOND
"""So soon a cluster comes to rest after the few things that happen in a small run."""

_CUT: Final = re.compile(r"(\w+) -x-> (\w+)")
"""As ``nemesis.partition.describe_cuts`` tells of it."""

VALUES: Final = ("value", "expected", "replacement", "element")
"""Fields of calls that hold what is stored."""


def faults_of(plan: Plan) -> tuple[Timed, ...]:
    """Without the healing at the end."""
    return plan.schedule.steps[:-1]


def script_of(plan: Plan) -> Script:
    assert plan.script is not None, "only what is written down can be shrunk"
    return plan.script


def calls_of(plan: Plan) -> tuple[ScriptedCall, ...]:
    return script_of(plan).calls


def end_of(plan: Plan) -> int:
    """When the main phase ends, in nanoseconds."""
    return round(plan.config.time_s * 1e9)


# --- scripts -------------------------------------------------------------------------------


def scripts(plan: Plan, calls: tuple[ScriptedCall, ...]) -> Iterator[Plan]:
    """``plan`` with the ``calls`` that it led to written down, the simplest variant first."""
    end = end_of(plan)
    main = tuple(call for call in calls if call.at_ns < end)
    last = max((call.at_ns for call in calls), default=0)
    for settle_max in (QUICKLY, SETTLE_MAX):
        for chosen, final_reads in ((main, False), (calls, False), (main, True)):
            script = Script(calls=chosen, final_reads=final_reads, settle_max_ns=settle_max)
            longer = max(end, last + MS) if chosen is calls else end
            config = replace(plan.config, time_s=longer / 1e9)
            yield dataclasses.replace(plan, config=config, script=script)


def with_calls(plan: Plan, calls: Iterable[ScriptedCall]) -> Plan:
    script = replace(script_of(plan), calls=tuple(calls))
    return dataclasses.replace(plan, script=script)


def with_faults(plan: Plan, faults: Iterable[Timed]) -> Plan:
    """Healing comes at the end of the main phase, or of the last fault."""
    chosen = tuple(faults)
    last = max((step.at_ns + step.duration_ns for step in chosen), default=0)
    kinds = tuple(dict.fromkeys(kind_of(step.fault) for step in chosen))
    return dataclasses.replace(
        plan,
        config=replace(plan.config, faults=kinds),
        schedule=Schedule(steps=(*chosen, heal_at(max(last, end_of(plan))))),
    )


def with_seed(plan: Plan, seed: int) -> Plan:
    """The same deeds in a world with other luck."""
    return dataclasses.replace(plan, config=replace(plan.config, seed=seed))


def _with_world(plan: Plan, **changes: Any) -> Plan:
    return dataclasses.replace(plan, world=dataclasses.replace(plan.world, **changes))


def is_possible(plan: Plan) -> bool:
    """Whether the settings of its nodes go together."""
    settings: dict[str, Any] = dict(plan.world.node)
    try:
        NodeConfig(id=core.NodeId("n0"), members=(core.NodeId("n0"),), **settings)
    except ValueError:
        return False
    return True


def with_settings(plan: Plan, settings: Iterable[tuple[str, int | str | None]]) -> Plan:
    """Of the nodes; whatever is not named has its default."""
    return _with_world(plan, node=dict(settings))


def with_options(plan: Plan, options: Iterable[tuple[str, Setting]]) -> Plan:
    """Of the workload and its clients, likewise."""
    return dataclasses.replace(plan, config=replace(plan.config, options=dict(options)))


# --- time ----------------------------------------------------------------------------------


def ended(plan: Plan, end: int) -> Plan:
    """Without all that begins at ``end`` nanoseconds or later."""
    faults = [
        replace(step, duration_ns=Nanos(min(step.duration_ns, end - step.at_ns)))
        for step in faults_of(plan)
        if step.at_ns < end
    ]
    config = replace(plan.config, time_s=end / 1e9)
    calls = (call for call in calls_of(plan) if call.at_ns < end)
    return with_faults(with_calls(dataclasses.replace(plan, config=config), calls), faults)


def moments(plan: Plan) -> tuple[int, ...]:
    """When something begins or ends, ascending; the end of the main phase is the last."""
    times: set[int] = {call.at_ns for call in calls_of(plan)}
    for step in faults_of(plan):
        times |= {step.at_ns, step.at_ns + step.duration_ns}
    end = end_of(plan)
    return tuple(sorted({time for time in times if time < end} | {end}))


def retimed(plan: Plan, move: Callable[[int], int]) -> Plan:
    """Every moment moved; ``move`` keeps their order."""
    calls = [dataclasses.replace(call, at_ns=Nanos(move(call.at_ns))) for call in calls_of(plan)]
    faults = []
    for step in faults_of(plan):
        began, over = move(step.at_ns), move(step.at_ns + step.duration_ns)
        faults.append(replace(step, at_ns=Nanos(began), duration_ns=Nanos(over - began)))
    config = replace(plan.config, time_s=max(MS, move(end_of(plan))) / 1e9)
    return with_faults(with_calls(dataclasses.replace(plan, config=config), calls), faults)


def rounded(plan: Plan, unit: int) -> Plan:
    """Every moment at a whole number of ``unit`` nanoseconds."""
    return retimed(plan, lambda time: (time + unit // 2) // unit * unit)


def shifted(plan: Plan, shift: int) -> Plan:
    """All faults so much later, or earlier: against the calls."""
    faults = faults_of(plan)
    by = max(shift, -faults[0].at_ns) if faults else 0
    return with_faults(plan, (replace(step, at_ns=Nanos(step.at_ns + by)) for step in faults))


def postponed(plan: Plan, number: int, unit: int) -> Plan:
    """All from the ``number``-th moment on so much later that it is at a whole ``unit``."""
    time_was = moments(plan)[number]
    missing = -time_was % unit
    return retimed(plan, lambda time: time + missing if time >= time_was else time)


def nearer(plan: Plan, number: int, gap: int) -> Plan:
    """All from the ``number``-th moment on so much earlier that ``gap`` lies before it."""
    times = moments(plan)
    before = times[number - 1] if number else 0
    saved = times[number] - before - gap
    return retimed(plan, lambda time: time - saved if time >= times[number] else time)


# --- nodes and clients ---------------------------------------------------------------------


def with_nodes(plan: Plan, nodes: int) -> Plan:
    """Faults aimed at nodes that there are no more hit others."""

    def renamed(target: Target) -> Target:
        if not isinstance(target, Named):
            return target
        names = dict.fromkeys(core.NodeId(f"n{int(name[1:]) % nodes}") for name in target.nodes)
        return Named(tuple(names))

    config = replace(plan.config, nodes=nodes)
    fewer = dataclasses.replace(_with_world(plan, nodes=nodes), config=config)
    return with_faults(fewer, (replace(s, fault=_aimed(s.fault, renamed)) for s in faults_of(plan)))


def fewer_workers(plan: Plan) -> Iterator[Plan]:
    """One worker; or those with a call, numbered in the order of their first; or so that each
    keeps its contact; the fewest first."""
    used = tuple(dict.fromkeys(call.worker for call in calls_of(plan)))
    nodes = plan.config.nodes
    kept: dict[int, int] = {}
    for worker in used:
        same_contact = count(worker % nodes, nodes)
        kept[worker] = next(n for n in same_contact if n not in kept.values())
    for numbers in (dict.fromkeys(used, 0), {w: n for n, w in enumerate(used)}, kept):
        calls = (dataclasses.replace(c, worker=numbers[c.worker]) for c in calls_of(plan))
        config = replace(plan.config, concurrency=max(numbers.values(), default=0) + 1)
        fewer = dataclasses.replace(with_calls(plan, calls), config=config)
        if config.concurrency < plan.config.concurrency or fewer != plan:
            yield fewer


def plain_names(plan: Plan) -> Plan:
    """Keys k0, k1 ... and whole numbers as values 1, 2 ... in the order of their first use."""
    keys: dict[str, str] = {}
    values: dict[int, int] = {}

    def named(call: Any) -> Any:
        changes: dict[str, Any] = {"key": keys.setdefault(call.key, f"k{len(keys)}")}
        for field, value in asdict(call).items():
            if field in VALUES and isinstance(value, int) and not isinstance(value, bool):
                changes[field] = values.setdefault(value, len(values) + 1)
        if isinstance(call, Txn):
            changes["micro"] = tuple(named(step) for step in call.micro)
        return replace(call, **changes)

    calls = [dataclasses.replace(c, call=named(c.call)) for c in calls_of(plan)]
    return with_calls(plan, calls)


def simpler_calls(call: Call) -> Iterator[Call]:
    """Calls that do less, the simplest first."""
    match call:
        case CompareAndSet(key=key, replacement=value):
            yield Write(key, value)
        case Txn(micro=micro) if len(micro) > 1:
            for number in reversed(range(len(micro))):
                yield replace(call, micro=(*micro[:number], *micro[number + 1 :]))
        case _:
            pass


# --- the world -----------------------------------------------------------------------------

STEADY: Final = NetworkOptions(latency_min_ns=MS, latency_max_ns=MS, jitter=0.0)
"""Every message takes a millisecond."""


def calmer(plan: Plan) -> Iterator[Plan]:
    """Worlds and settings in which less happens by chance, the calmest first."""
    world, config = plan.world, plan.config
    calm = WorldOptions(nodes=world.nodes, node=world.node, network=STEADY, disk=_steady(world))
    usual = RunConfig(seed=0)
    steady = dataclasses.replace(
        plan,
        world=calm,
        config=replace(
            config, rate_hz=usual.rate_hz, operation_timeout_ms=usual.operation_timeout_ms
        ),
    )
    changes: tuple[Mapping[str, Any], ...] = (
        {"network": STEADY},
        {"network": dataclasses.replace(world.network, weather=STEADY.weather)},
        {"network": dataclasses.replace(world.network, jitter=0.0)},
        {"disk": _steady(world)},
        {"clock": ClockOptions()},
        {"rare": 0.0},
    )
    settings: tuple[Mapping[str, Any], ...] = (
        {"reads": Consistency.LINEARIZABLE.value},
        {"operation_timeout_ms": usual.operation_timeout_ms},
        {"rate_hz": usual.rate_hz},
    )
    candidates = [steady]
    candidates += [_with_world(plan, **change) for change in changes]
    candidates += [
        dataclasses.replace(plan, config=replace(config, **change)) for change in settings
    ]
    yield from (candidate for candidate in candidates if candidate != plan)


def _steady(world: WorldOptions) -> DiskOptions:
    """Every write takes two milliseconds; what a crash does to it is left as it is."""
    return dataclasses.replace(world.disk, sync_min_ns=2 * MS, sync_max_ns=2 * MS, hiccup=0.0)


# --- faults --------------------------------------------------------------------------------


def certain(faults: Sequence[Timed], began: Mapping[int, FaultBegan]) -> tuple[Timed, ...]:
    """Aimed by name at the nodes that they hit, as the journal says of each by its number."""
    return tuple(
        replace(step, fault=_named(step.fault, began[number])) if number in began else step
        for number, step in enumerate(faults)
    )


def _named(fault: Fault, began: FaultBegan) -> Fault:
    hit = Named(tuple(core.NodeId(node) for node in began.nodes))
    match fault:
        case Halves():
            return Isolate(hit)
        case OneWay():
            cuts = _CUT.findall(began.detail)
            ends = (dict.fromkeys(core.NodeId(cut[end]) for cut in cuts) for end in (0, 1))
            return OneWay(*(Named(tuple(nodes)) for nodes in ends)) if cuts else fault
        case _:
            return _aimed(fault, lambda _: hit)


def _aimed(fault: Fault, aim: Callable[[Target], Target]) -> Fault:
    """The same done to others."""
    match fault:
        case OneWay(source=source, dest=dest):
            return OneWay(aim(source), aim(dest))
        case _ if hasattr(fault, "target"):
            aimed: Fault = replace(fault, target=aim(fault.target))
            return aimed
        case _:
            return fault


def simpler_faults(fault: Fault) -> Iterator[Fault]:
    """Faults that do less, or are simpler to tell, the simplest first."""
    match fault:
        case LosePower(target=target, torn=torn):
            yield Kill(target)
            if torn:
                yield LosePower(target)
        case Terminate(target=target) | TearLog(target=target):
            yield Kill(target)
        case ReplaceNode(target=target):
            yield Kill(target)
            yield LoseDisk(target)
            yield RemoveNode(target)
        case FlipBit(target=target) | LoseDisk(target=target):
            yield Kill(target)
            yield LosePower(target)
        case CrashAt(target=target, moment=moment, count=count):
            yield Kill(target)
            if count > 1:
                yield CrashAt(target, moment, 1)
                yield CrashAt(target, moment, count // 2)
            if moment is Moment.ANY:
                yield CrashAt(target, Moment.PERSIST, 1)
        case BadWeather():
            yield from _better_weather(fault)
        case Impair(what=Meddled() as meddled) if meddled.probability < 1:
            certain = replace(meddled, probability=1.0)
            yield replace(fault, what=certain)
        case Partition(how=how) if how != CUT:
            yield replace(fault, how=CUT)
        case SlowLinks(target=target, latency_ns=latency, jitter_ns=jitter):
            if jitter:
                yield SlowLinks(target, latency)
            yield from (
                SlowLinks(target, core.Nanos(ns), jitter) for ns in _rounder(latency, jitter)
            )
        case SlowDisk(target=target, latency_ns=latency):
            yield from (SlowDisk(target, core.Nanos(ns)) for ns in _rounder(latency, 1))
        case BumpClock(target=target, offset_ns=offset):
            sign = 1 if offset > 0 else -1
            yield from (BumpClock(target, sign * ns) for ns in _rounder(abs(offset), 1))
        case SkewClock(target=target, offset_ns=offset):
            yield BumpClock(target, offset)
        case StrobeClock(target=target, offset_ns=offset):
            yield BumpClock(target, offset)
            yield SkewClock(target, offset)
        case DriftClock(target=target, ppm=ppm) if ppm % 1_000:
            yield DriftClock(target, round(ppm, -3))
        case _:
            pass


def _better_weather(fault: BadWeather) -> Iterator[BadWeather]:
    names = [name for name in ("loss", "duplication", "straggling") if getattr(fault, name)]
    if len(names) > 1:
        yield from (replace(fault, **{name: 0.0}) for name in names)
    for name in names:
        if getattr(fault, name) < 1.0:
            yield replace(fault, **{name: 1.0})  # Certain is simpler than likely.


def _rounder(time: int, least: int) -> Iterator[int]:
    for unit in (SECOND, 100 * MS, 10 * MS, MS):
        near = (time + unit // 2) // unit * unit
        if near >= max(least, 1) and time % unit:
            yield near
