"""Doing faults to a system, and undoing them, through its capabilities only."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, assert_never

from nemesis.errors import UnsupportedFault
from nemesis.fault import Fault, HealAll, kind_of
from nemesis.faults.base import LinkFault, NodeFault, Scene
from nemesis.outage import Outage
from nemesis.target import NO_SOURCES, ChainRole, Resolved
from system_under_test.control import (
    Chained,
    Crashable,
    DiskFaulty,
    Killable,
    Link,
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
        links: Those it hit, if it is one of links.
    """

    fault: Fault
    kind: str
    nodes: tuple[NodeId, ...]
    detail: str
    links: frozenset[Link] = frozenset()


async def inject(
    fault: Fault, system: SystemUnderTest, rng: random.Random, held: Collection[Injected] = ()
) -> Injected:
    """Do ``fault`` to ``system``; returns when it holds.

    If it raises midway, part of it may hold: ``heal_all`` undoes that.

    Args:
        fault: What to do.
        system: Whom to do it to.
        rng: Draws what the fault leaves open.
        held: The faults that hold already; see ``nemesis.outage``.

    Raises:
        NobodyToHit: Whom it is aimed at is out already, or must be left for a majority.
        UnsupportedFault: The system lacks the capability.
        UnknownNode: The fault names a node that the system does not have.
        ImpossibleShape: The system has too few nodes for the shape.
    """
    check_supported((fault,), system)
    capable: Any = system  # Of what the fault needs, as has just been seen.
    scene = Scene(system.nodes, await system.leader(), rng, await _sources(fault, system))
    outage = Outage.of((other.fault, other.nodes) for other in held)
    links: frozenset[Link] = frozenset()
    match fault:
        case LinkFault():
            hit, links = fault.aim(scene)
            said = [await fault.do(links, capable)]
            said += [outage.lost_majority(hit.nodes, scene)] if fault.silences else []
        case NodeFault():
            hit = outage.choose(fault, scene)
            said = [await fault.do(node, capable) for node in hit.nodes]
        case HealAll():
            hit, said = Resolved(()), [await heal_all(system)]
        case _:
            assert_never(fault)
    return Injected(
        fault=fault,
        kind=kind_of(fault),
        nodes=hit.nodes,
        # What is the same of each node is said once.
        detail="; ".join(dict.fromkeys(filter(None, (hit.note, *said)))),
        links=links,
    )


async def _sources(fault: Fault, system: SystemUnderTest) -> Mapping[NodeId, NodeId]:
    """Whom each node pulls from, if that matters to ``fault`` and is to be had."""
    aims = (getattr(fault, name) for name in fault.__struct_fields__)
    if isinstance(system, Chained) and any(isinstance(aim, ChainRole) for aim in aims):
        return await system.sources()
    return NO_SOURCES


async def undo(injected: Injected, system: SystemUnderTest) -> str:
    """Undo what ``inject`` did; returns when it is undone.

    Returns:
        What the fault did or what was undone: "dropped 812 bytes on 4 links".
    """
    fault = injected.fault
    capable: Any = system
    match fault:
        case LinkFault():
            return await fault.undo(injected.links, capable)
        case NodeFault():
            return await fault.undo(injected.nodes, capable)
        case HealAll():
            return ""
        case _:
            assert_never(fault)


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
            await _try(system.heal_clock(node), errors)
        if isinstance(system, DiskFaulty):
            await _try(system.repair_disk(node), errors)
        if isinstance(system, Crashable):
            await _try(system.let_live(node), errors)
    if isinstance(system, Pausable):
        for node in system.nodes:
            await _try(system.resume(node), errors)
    if isinstance(system, Killable):
        await _try(system.start(*system.nodes), errors)
    if isinstance(system, Reconfigurable):
        readmitted = await _try(system.readmit(system.nodes), errors) or ""
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
        for capability in () if isinstance(fault, HealAll) else fault.needs:
            if not isinstance(system, capability):
                raise UnsupportedFault(
                    f"{kind_of(fault)} needs a system that is {capability.__name__};"
                    f" {type(system).__name__} is not"
                )
        capable: Any = system
        if isinstance(fault, LinkFault) and (why := fault.unsuited(capable)) is not None:
            raise UnsupportedFault(f"{kind_of(fault)}: {why}")


async def _try(step: Awaitable[_Result], errors: list[Exception]) -> _Result | None:
    try:
        return await step
    # Any error of one step must not keep the others from being undone; all are raised.
    except Exception as error:  # noqa: BLE001
        errors.append(error)
        return None
