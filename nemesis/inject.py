"""Doing faults to a system, and undoing them, through its capabilities only."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar, assert_never

from nemesis import partition
from nemesis.errors import UnsupportedFault
from nemesis.fault import (
    BadWeather,
    Bridge,
    BumpClock,
    CrashAt,
    DiskFault,
    DriftClock,
    FailSync,
    Fault,
    FillDisk,
    FlipBit,
    Halves,
    HealAll,
    Isolate,
    Kill,
    LeaderSide,
    LoseDisk,
    LosePower,
    MajoritiesRing,
    OneWay,
    Partition,
    Pause,
    ReadOnlyDisk,
    RemoveNode,
    ResetConnections,
    SlowDisk,
    SlowLinks,
    TargetedFault,
    TransferLeadership,
    describe_weather,
    kind_of,
)
from nemesis.target import AnyNode, Follower, Minority, Resolved, resolve
from system_under_test.control import (
    CLIENTS,
    Crashable,
    DiskFaulty,
    Killable,
    Link,
    Lossy,
    Partitionable,
    Pausable,
    Reconfigurable,
    Skewable,
    SystemUnderTest,
)
from system_under_test.gossip_raft.core.types import NodeId

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Injected:
    """A fault that holds, with what it became.

    Attributes:
        fault: As it was scheduled.
        kind: Its name ("isolate", "kill" ...).
        nodes: Those it hit or was aimed at: the killed ones, the smaller half, the bridge,
            the fewer at an end of a one-way cut.
        detail: The rest in words ("leader; n0 <-x-> n1").
    """

    fault: Fault
    kind: str
    nodes: tuple[NodeId, ...]
    detail: str


async def inject(fault: Fault, system: SystemUnderTest, rng: random.Random) -> Injected:
    """Do ``fault`` to ``system``; returns when it holds.

    If it raises midway, part of it may hold: ``heal_all`` undoes that.

    Args:
        fault: What to do.
        system: Whom to do it to.
        rng: Draws what the fault leaves open.

    Raises:
        UnsupportedFault: The system lacks the capability.
        UnknownNode: The fault names a node that the system does not have.
        ImpossibleShape: The system has too few nodes for the shape.
    """
    check_supported((fault,), system)
    leader = await system.leader()
    match fault:
        case Isolate() | Halves() | MajoritiesRing() | Bridge() | OneWay():
            hit, cuts = _grudge(fault, system.nodes, leader, rng)
            await _partitionable(fault, system).cut(cuts)
            return _injected(fault, hit, partition.describe_cuts(cuts))
        case HealAll():
            return _injected(fault, Resolved(()), await heal_all(system))
        case _:
            hit = resolve(fault.target, system.nodes, leader, rng)
            return _injected(fault, hit, await _hit(fault, hit.nodes, system))


async def _hit(fault: TargetedFault, nodes: Sequence[NodeId], system: SystemUnderTest) -> str:
    """Do it to ``nodes``; in words what it came to, where that is more than its kind."""
    match fault:
        case Kill():
            killable = _killable(fault, system)
            for node in nodes:
                await killable.kill(node)
        case Pause():
            pausable = _pausable(fault, system)
            for node in nodes:
                await pausable.pause(node)
        case SlowLinks(latency_ns=latency_ns, jitter_ns=jitter_ns):
            links = _links_of(nodes, system.nodes)
            await _partitionable(fault, system).delay(links, latency_ns, jitter_ns)
            return f"{latency_ns / 1e6:g} ± {jitter_ns / 1e6:g} ms"
        case ResetConnections():
            await _partitionable(fault, system).reset(_links_of(nodes, system.nodes))
        case BadWeather(loss=loss, duplication=duplication, straggling=straggling):
            links = _links_of(nodes, system.nodes, clients=False)
            await _lossy(fault, system).disturb(links, loss, duplication, straggling)
            return describe_weather(fault)
        case BumpClock(offset_ns=offset_ns):
            for node in nodes:
                await _skewable(fault, system).bump_clock(node, offset_ns)
            return f"{offset_ns / 1e6:+g} ms"
        case DriftClock(ppm=ppm):
            for node in nodes:
                await _skewable(fault, system).drift_clock(node, ppm)
            return f"{ppm:+,} ppm"
        case CrashAt(moment=moment, count=count):
            for node in nodes:
                await _crashable(fault, system).crash_at(node, moment, count)
            return f"before effect {count} ({moment.value})"
        case RemoveNode():
            changing = _reconfigurable(fault, system)
            return "; ".join([await changing.remove(node) for node in nodes])
        case TransferLeadership():
            changing = _reconfigurable(fault, system)
            return "; ".join([await changing.transfer(node) for node in nodes])
        case _:
            disks = _disk_faulty(fault, system)
            said = [await _fail_disk(fault, node, disks) for node in nodes]
            return "; ".join(filter(None, said))
    return ""


async def _fail_disk(fault: DiskFault, node: NodeId, disks: DiskFaulty) -> str:
    match fault:
        case LosePower(torn=torn):
            await disks.lose_power(node, torn=torn)
        case FlipBit():
            return await disks.flip_bit(node)
        case LoseDisk():
            return await disks.lose_disk(node)
        case FillDisk():
            await disks.fill_disk(node)
        case SlowDisk(latency_ns=latency_ns):
            await disks.slow_disk(node, latency_ns)
            return f"{latency_ns / 1e6:g} ms"
        case ReadOnlyDisk():
            await disks.make_read_only(node)
        case FailSync():
            await disks.fail_sync(node)
        case _:
            assert_never(fault)
    return ""


async def undo(injected: Injected, system: SystemUnderTest) -> str:
    """Undo what ``inject`` did; returns when it is undone.

    Faults on links are undone by healing all links: they must not overlap.

    Returns:
        What the fault did or what was undone: "dropped 812 bytes on 4 links".
    """
    fault = injected.fault
    match fault:
        case (
            Isolate()
            | Halves()
            | MajoritiesRing()
            | Bridge()
            | OneWay()
            | SlowLinks()
            | ResetConnections()
            | BadWeather()
        ):
            return await _partitionable(fault, system).heal()
        case BumpClock() | DriftClock():
            for node in injected.nodes:
                await _skewable(fault, system).reset_clock(node)
            return f"let the clocks of {', '.join(injected.nodes)} go on"
        case CrashAt():
            crashable, killable = _crashable(fault, system), _killable(fault, system)
            for node in injected.nodes:
                await crashable.let_live(node)
                await killable.start(node)
            return f"started {', '.join(injected.nodes)} again"
        case Kill():
            killable = _killable(fault, system)
            for node in injected.nodes:
                await killable.start(node)
            return f"restarted {', '.join(injected.nodes)}"
        case Pause():
            pausable = _pausable(fault, system)
            for node in injected.nodes:
                await pausable.resume(node)
            return f"resumed {', '.join(injected.nodes)}"
        case RemoveNode():
            return await _reconfigurable(fault, system).readmit() or "all are members"
        case TransferLeadership() | HealAll():
            return ""
        case _:
            disks, killable = _disk_faulty(fault, system), _killable(fault, system)
            for node in injected.nodes:
                await disks.repair_disk(node)
                await killable.start(node)
            return f"repaired and started {', '.join(injected.nodes)}"


async def heal_all(system: SystemUnderTest) -> str:
    """Undo all that may ever have been done: heal links, resume, start, then readmit all nodes.

    Needs no knowledge of what was done; harmless when repeated.  Does what the
    system is capable of.

    Returns:
        What healing the links and readmitting said, else "".

    Raises:
        ExceptionGroup: Some of it failed; everything was tried before it is raised.
    """
    errors: list[Exception] = []
    said = ""
    if isinstance(system, Partitionable):
        said = await _try(system.heal(), errors) or ""
    for node in system.nodes:
        if isinstance(system, Skewable):
            await _try(system.reset_clock(node), errors)
        if isinstance(system, DiskFaulty):
            await _try(system.repair_disk(node), errors)
        if isinstance(system, Crashable):
            await _try(system.let_live(node), errors)
    if isinstance(system, Pausable):
        for node in system.nodes:
            await _try(system.resume(node), errors)
    if isinstance(system, Killable):
        for node in system.nodes:
            await _try(system.start(node), errors)
    if isinstance(system, Reconfigurable):
        readmitted = await _try(system.readmit(), errors) or ""
        said = "; ".join(filter(None, (said, readmitted)))
    if errors:
        raise ExceptionGroup("could not undo every fault", errors)
    return said


def check_supported(faults: Iterable[Fault], system: SystemUnderTest) -> None:
    """Can ``system`` suffer all of ``faults``?  Asked before a run, it spares half a run.

    Raises:
        UnsupportedFault: The first one that it cannot, and which capability it lacks.
    """
    for fault in faults:
        match fault:
            case Kill():
                _killable(fault, system)
            case Pause():
                _pausable(fault, system)
            case HealAll():
                pass
            case BadWeather():
                _lossy(fault, system)
            case BumpClock() | DriftClock():
                _skewable(fault, system)
            case CrashAt():
                _crashable(fault, system)
            case RemoveNode() | TransferLeadership():
                _reconfigurable(fault, system)
            case (
                Isolate()
                | Halves()
                | MajoritiesRing()
                | Bridge()
                | OneWay()
                | SlowLinks()
                | ResetConnections()
            ):
                _partitionable(fault, system)
            case _:
                _disk_faulty(fault, system)


async def _try(step: Awaitable[_Result], errors: list[Exception]) -> _Result | None:
    try:
        return await step
    # Any error of one step must not keep the others from being undone; all are raised.
    except Exception as error:  # noqa: BLE001
        errors.append(error)
        return None


def _killable(fault: Fault, system: SystemUnderTest) -> Killable:
    if isinstance(system, Killable):
        return system
    raise _unsupported(fault, "Killable", system)


def _pausable(fault: Fault, system: SystemUnderTest) -> Pausable:
    if isinstance(system, Pausable):
        return system
    raise _unsupported(fault, "Pausable", system)


def _partitionable(fault: Fault, system: SystemUnderTest) -> Partitionable:
    if isinstance(system, Partitionable):
        return system
    raise _unsupported(fault, "Partitionable", system)


def _reconfigurable(fault: Fault, system: SystemUnderTest) -> Reconfigurable:
    if isinstance(system, Reconfigurable):
        return system
    raise _unsupported(fault, "Reconfigurable", system)


def _lossy(fault: Fault, system: SystemUnderTest) -> Lossy:
    if isinstance(system, Lossy):
        return system
    raise _unsupported(fault, "Lossy", system)


def _skewable(fault: Fault, system: SystemUnderTest) -> Skewable:
    if isinstance(system, Skewable):
        return system
    raise _unsupported(fault, "Skewable", system)


def _crashable(fault: Fault, system: SystemUnderTest) -> Crashable:
    if isinstance(system, Crashable):
        return system
    raise _unsupported(fault, "Crashable", system)


def _disk_faulty(fault: Fault, system: SystemUnderTest) -> DiskFaulty:
    if isinstance(system, DiskFaulty):
        return system
    raise _unsupported(fault, "DiskFaulty", system)


def _unsupported(fault: Fault, capability: str, system: SystemUnderTest) -> UnsupportedFault:
    return UnsupportedFault(
        f"{kind_of(fault)} needs a system that is {capability}; {type(system).__name__} is not"
    )


def _injected(fault: Fault, hit: Resolved, detail: str = "") -> Injected:
    said = "; ".join(filter(None, (hit.note, detail)))
    return Injected(fault=fault, kind=kind_of(fault), nodes=hit.nodes, detail=said)


def _grudge(
    fault: Partition, nodes: Sequence[NodeId], leader: NodeId | None, rng: random.Random
) -> tuple[Resolved, frozenset[Link]]:
    """Whom a partition is aimed at, and the links it cuts."""
    match fault:
        case Isolate(target=target):
            hit = resolve(target, nodes, leader, rng)
            return hit, partition.isolate(nodes, hit.nodes)
        case Halves(leader_side=side):
            order, note = _with_leader(rng.sample(nodes, len(nodes)), side, leader)
            smaller, larger = partition.halves(order)
            return Resolved(smaller, note), partition.between(smaller, larger)
        case MajoritiesRing():
            order = rng.sample(nodes, len(nodes))
            return Resolved(tuple(order)), partition.majorities_ring(order)
        case Bridge():
            order = rng.sample(nodes, len(nodes))
            return Resolved((order[0],), "bridge"), partition.bridge(order)
        case OneWay(source=source, dest=dest):
            origin = resolve(source, nodes, leader, rng)
            others = [node for node in nodes if node not in origin.nodes]
            drawn = isinstance(dest, Follower | AnyNode | Minority)
            end = resolve(dest, others if drawn and others else nodes, leader, rng)
            hit = min(origin, end, key=lambda resolved: len(resolved.nodes))
            return hit, partition.one_way(origin.nodes, end.nodes)
        case _:
            assert_never(fault)


def _with_leader(
    order: list[NodeId], side: LeaderSide, leader: NodeId | None
) -> tuple[list[NodeId], str]:
    """``order`` with the leader first (in the smaller half) or last (in the larger)."""
    if side is LeaderSide.ANY:
        return order, ""
    if leader is None:
        return order, "no leader known: random halves"
    others = [node for node in order if node != leader]
    if side is LeaderSide.MINORITY:
        return [leader, *others], "leader in the smaller half"
    return [*others, leader], "leader in the larger half"


def _links_of(
    hit: Collection[NodeId], nodes: Sequence[NodeId], *, clients: bool = True
) -> frozenset[Link]:
    """All links from and to ``hit``, those of ``clients`` too."""
    everyone = (*nodes, CLIENTS) if clients else tuple(nodes)
    return frozenset(
        link
        for node in hit
        for other in everyone
        if other != node
        for link in (Link(node, other), Link(other, node))
    )
