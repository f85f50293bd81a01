"""Every seed draws its own configuration (swarm testing: Groce et al., ISSTA 2012).

A run with everything switched on hides what only shows with something switched off: so each
seed also draws which faults there are, and limits so small that they matter all the time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from msgspec import structs

from harness.config import RunConfig
from harness.planning import plan_faults, scheduled
from harness.seeds import derive
from harness.simulated import Plan
from harness.suspicion import (
    ENTRIES_BYTES_MAX,
    Draft,
    Settings,
    coarse,
    compacting,
    narrow,
    suspected,
)
from nemesis.faults.membership import MembershipFault
from nemesis.packages import SECOND, UNSAFE_FOR_LEASES
from nemesis.plan import KINDS, Pace
from nemesis.schedule import Timed
from system_under_test.gossip_raft.core.messages import Consistency
from system_under_test.gossip_raft.mutants.mutant import Need
from system_under_test.gossip_raft.simulation.cluster import ClockOptions, WorldOptions
from system_under_test.gossip_raft.simulation.network import NetworkOptions
from system_under_test.gossip_raft.simulation.route import FAIR, Weather
from system_under_test.gossip_raft.simulation.storage import DiskOptions
from workloads.catalogue import WORKLOADS, options
from workloads.log import WORKLOAD as RAW_LOG
from workloads.options import Setting

US: Final = 1_000
MS: Final = 1_000_000

ELECTIONS_MS: Final = (100, 100, 200, 300, 500, 1000, 1000, 2000)
"""The shortest election time-outs.  Small ones make many elections of a second, and faults that
last no longer than they do."""
BRISK_BELOW_MS: Final = 300
"""With such time-outs a few seconds are a long time, and cost as much to simulate."""
CALLS_WANTED: Final = 75
"""Half as many again as workloads want to see answered (``VacuityChecker``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the user fixed; ``None`` leaves it to each seed."""

    workload: str | None = None
    nodes: int | None = None
    faults: tuple[str, ...] | None = None
    schedule: str | None = None
    time_s: float | None = None
    concurrency: int | None = None
    rate_hz: float | None = None
    operation_timeout_ms: int | None = None
    reads: str | None = None
    bug: str | None = None
    options: Mapping[str, Setting] = field(default_factory=dict)
    """Of the workload; those that are not given are drawn, or the default."""


def draw_plan(seed: int, given: Given, needs: Collection[Need] = ()) -> Plan:
    """The run that ``seed`` stands for, under what is ``given``; one in which that may well
    happen which ``needs`` name, as somebody would choose it who suspects something.

    Raises:
        BadInput: What is given cannot be.
    """
    rng = derive(seed, "swarm")
    # Everything is drawn, in one order, whatever is given: what one option fixes must not
    # change what the others become.
    election_ms = rng.choice(ELECTIONS_MS)
    brisk = election_ms < BRISK_BELOW_MS
    drawn = RunConfig(
        seed=seed,
        workload=derive(seed, "swarm", "workload").choice(tuple(WORKLOADS)),
        nodes=rng.choice((3, 3, 3, 3, 4, 5, 5, 5, 6, 7)),
        faults=_faults(rng),
        time_s=rng.choice((5.0, 6.0, 8.0) if brisk else (10.0, 15.0, 20.0)),
        concurrency=rng.choice((5, 10, 10, 20)),
        # Fewer calls, and a run may be too poor to mean anything.
        rate_hz=rng.choice((50.0, 100.0) if brisk else (20.0, 30.0, 50.0)),
        operation_timeout_ms=rng.choice((500, 1000, 1000, 3000)),
        reads=rng.choice((Consistency.LINEARIZABLE.value, Consistency.LEASE.value)),
    )
    calm = rng.random() < 0.35
    node = _node(rng, election_ms)
    network = _network(rng, election_ms, calm=calm)
    disk = _disk(rng, election_ms, calm=calm)
    drift = rng.choice((0, 0, 100, 4_000))
    is_coarse = rng.random() < 0.1
    rare = rng.choice((0.0,) if calm else (0.0, 0.0, 0.001, 0.01))
    draft = Draft(
        config=drawn,
        node=node,
        network=network,
        disk=disk,
        clock=ClockOptions(drift_max_ppm=drift),
        pace=_pace(rng, node),
        rare=rare,
        forwarding=rng.random() < 0.2,
        at_once=rng.choice((1, 1, 1, 2, 3)),
    )
    if is_coarse:
        draft = coarse(draft)
    # What is given does not matter here, either.
    if needs:
        draft = suspected(derive(seed, "suspicion"), needs, draft)
    draft = _fitting(draft)
    chosen = {
        name: getattr(draft.config, name) if getattr(given, name) is None else getattr(given, name)
        for name in Given.__dataclass_fields__
    }
    drawn_options = _options(derive(seed, "swarm", "options"), chosen["workload"])
    chosen["options"] = drawn_options | draft.config.options | dict(given.options)
    config = RunConfig(seed=seed, at_once=draft.at_once, **chosen)
    config.check()
    config = scheduled(config)
    if given.faults is None:
        config = _safe_for_leases(config)
    plan = Plan(
        config=config,
        schedule=plan_faults(config, pace=draft.pace, leader_first=False),
        world=_roomy(config, _world(config, draft)),
    )
    is_free = given.time_s is None and given.schedule is None and not needs
    return _rich(plan, draft) if is_free else plan


def _world(config: RunConfig, draft: Draft) -> WorldOptions:
    return WorldOptions(
        nodes=config.nodes,
        node=draft.node,
        network=draft.network,
        disk=draft.disk,
        clock=draft.clock,
        rare=draft.rare,
        forwarding=draft.forwarding,
    )


def refitted(plan: Plan) -> Plan:
    """The plan, of which a part was exchanged for another's, with what that asks of the rest."""
    config, world = _fitted(plan.config, plan.world)
    return replace(plan, config=config, world=_roomy(config, world))


def _roomy(config: RunConfig, world: WorldOptions) -> WorldOptions:
    """A log is read whole at the end, or nobody can say whether something is missing."""
    if config.workload != RAW_LOG.name:
        return world
    node = {name: value for name, value in world.node.items() if name != "batch_bytes_max"}
    return replace(world, node=node, network=replace(world.network, entries_bytes_max=None))


def _safe_for_leases(config: RunConfig) -> RunConfig:
    """Where reads go by lease, which is only promised to hold while clocks drift within bounds."""
    if config.reads != Consistency.LEASE.value:
        return config
    kept = tuple(kind for kind in config.faults if kind not in UNSAFE_FOR_LEASES)
    return structs.replace(config, faults=kept)


def _options(rng: random.Random, workload: str) -> dict[str, Setting]:
    """What clients of whatever workload may do, and who is asked most; mostly the default."""
    drawn: dict[str, Setting] = {
        "clients": rng.choice(("pinned", "pinned", "roaming")),
        "reconnect-ops": rng.choice((0, 0, 0, 1, 5)),
        "retries": rng.choice(("none", "exactly-once", "exactly-once")),
        "refused-percent": rng.choice((0, 0, 10)),
        "key-distribution": rng.choice(("uniform", "uniform", "zipf", "hot")),
    }
    known = {option.name: option.default for option in options(workload)}
    return {name: value for name, value in drawn.items() if known.get(name, value) != value}


def _faults(rng: random.Random) -> tuple[str, ...]:
    """Sometimes none, mostly a few kinds, sometimes all."""
    chosen = rng.sample(KINDS, rng.choice((0, 1, 2, 3, 4, 6, len(KINDS))))
    return tuple(sorted(chosen, key=KINDS.index))


def _pace(rng: random.Random, node: Settings) -> Pace:
    """From calm, where the cluster comes to rest between faults, to one after the other.

    Either in seconds, or in time-outs of the nodes: faults that end about when an election
    does interfere with it.
    """
    longest = int(node["election_timeout_max_ns"] or 0)
    shortest, recovery = rng.choice(((2000, 1500), (500, 1500), (500, 200), (100, 100)))
    unit = rng.choice((MS, longest // 2_000))
    return Pace(
        first_ns=rng.choice((0, 1000, 3000)) * unit,
        duration_min_ns=shortest * unit,
        duration_max_ns=max(shortest * 2, rng.choice((1000, 5000))) * unit,
        recovery_ns=recovery * unit,
        interval_ns=(shortest + recovery) * rng.choice((1, 2)) * unit,
        # Time for an election, and for calls that show what the faults have done.
        tail_ns=longest + 2 * SECOND,
    )


def _node(rng: random.Random, election_ms: int) -> Settings:
    settings: Settings = {
        "election_timeout_min_ns": election_ms * MS,
        "election_timeout_max_ns": election_ms * rng.choice((15, 20)) // 10 * MS,
        "heartbeat_interval_ns": election_ms * rng.choice((100, 200, 200, 200)) // 1000 * MS,
        "pull_wait_ns": rng.choice((0, 200, 500, 500)) * MS,
        "request_timeout_ns": rng.choice((200, 500, 500)) * MS,
        "commit_news_delay_ns": rng.choice((0, 10, 10, 50)) * MS,
        "fanout": rng.choice((1, 2, 4)),
        "entries_max": rng.choice((1, 2, 256)),
    }
    if rng.random() < 0.5:
        settings |= compacting(rng)
    if rng.random() < 0.3:
        settings["children_max"] = rng.choice((1, 2))
    if rng.random() < 0.2:
        settings |= narrow(rng)
    return settings


def _network(rng: random.Random, election_ms: int, *, calm: bool) -> NetworkOptions:
    weather = Weather(
        loss=rng.choice((0.0, 0.0, 0.01, 0.05)),
        duplication=rng.choice((0.0, 0.0, 0.01, 0.05)),
        straggling=rng.choice((0.0, 0.0, 0.01, 0.05)),
    )
    slowest_us = min(rng.choice((2_000, 2_000, 10_000, 40_000)), election_ms * 20)
    return NetworkOptions(
        latency_min_ns=min(200, slowest_us) * US,
        latency_max_ns=slowest_us * US,
        jitter=rng.choice((0.2, 1.0, 5.0)),
        weather=FAIR if calm else weather,
    )


def _disk(rng: random.Random, election_ms: int, *, calm: bool) -> DiskOptions:
    hiccup = rng.choice((0.0, 0.0, 0.0, 0.001, 0.01))
    return DiskOptions(
        sync_max_ns=min(rng.choice((1, 3, 10, 50)), election_ms // 20) * MS,
        hiccup=0.0 if calm else hiccup,
        hiccup_max_ns=rng.choice((100, 1000, 4000)) * MS,
    )


def _fitting(draft: Draft) -> Draft:
    config, world = _fitted(draft.config, _world(draft.config, draft))
    return replace(draft, config=config, node=dict(world.node), network=world.network)


def _fitted(config: RunConfig, world: WorldOptions) -> tuple[RunConfig, WorldOptions]:
    """Batches so large, and clients so patient, that a healthy cluster can do what it is asked.

    With one entry a pull over slow links a backlog grows all the time: nearly every call times
    out, so the run means nothing, and nobody can say how long the nodes need to agree.
    """
    node, network, disk = world.node, world.network, world.disk
    pull_ns = 2 * _one_way_ns(network) + disk.sync_max_ns
    entries_min = math.ceil(config.rate_hz * pull_ns / SECOND)
    entries_max = max(int(node["entries_max"] or 0), entries_min)
    # By half of a call's time.
    timeout_ms = max(config.operation_timeout_ms, 2 * _answer_ns(network, disk) // MS)
    limit = 3 * ENTRIES_BYTES_MAX // 2 if "batch_bytes_max" in node else None
    return (
        structs.replace(config, operation_timeout_ms=timeout_ms),
        replace(
            world,
            node={**node, "entries_max": entries_max},
            network=replace(network, entries_bytes_max=limit),
        ),
    )


def _rich(plan: Plan, draft: Draft) -> Plan:
    """With so much time in peace that a healthy cluster answers the ``CALLS_WANTED``.

    Of peace between two faults only that counts in which a leader is there again and clients
    have given up what was lost.  Where changes of the membership overlap with other faults
    nothing counts but the time before all faults: whoever changes the membership waits for a
    leader, which there is not while the others hold, and they are undone after it is done.
    """
    # As drawn: what is given must not move the faults.
    rate_hz, concurrency = draft.config.rate_hz, draft.config.concurrency
    call_ns = max(SECOND / rate_hz, _answer_ns(draft.network, draft.disk) / concurrency)
    longest_ns = int(draft.node["election_timeout_max_ns"] or 0)
    lost_ns = 2 * longest_ns + draft.config.operation_timeout_ms * MS // 2

    config, steps = plan.config, plan.schedule.steps
    lulls = _lulls(steps[:-1], int(config.time_s * SECOND))
    is_blocking = draft.at_once > 1 and any(
        isinstance(step.fault, MembershipFault) for step in steps
    )
    counted = lulls[:1] if is_blocking else lulls
    rich_ns = sum(max(0, lull_ns - lost_ns) for lull_ns in counted)
    lacking_ns = int(CALLS_WANTED * call_ns) - rich_ns
    if lacking_ns <= 0:
        return plan
    lacking_ns += max(0, lost_ns - counted[-1])
    if is_blocking:
        steps = tuple(structs.replace(step, at_ns=step.at_ns + lacking_ns) for step in steps)
    time_s = config.time_s + math.ceil(lacking_ns / SECOND)
    return replace(
        plan,
        config=structs.replace(config, time_s=time_s),
        schedule=structs.replace(plan.schedule, steps=steps),
    )


def _lulls(steps: Sequence[Timed], until_ns: int) -> list[int]:
    """How long no fault holds before, between and after ``steps``, in order."""
    lulls, ended_ns = [], 0
    for step in steps:
        lulls.append(max(0, step.at_ns - ended_ns))
        ended_ns = max(ended_ns, step.at_ns + step.duration_ns)
    return [*lulls, max(0, until_ns - ended_ns)]


def _one_way_ns(network: NetworkOptions) -> int:
    """What a message takes at most, as a rule."""
    return int(network.latency_max_ns * (1 + network.jitter / 3))


def _answer_ns(network: NetworkOptions, disk: DiskOptions) -> int:
    """What a call takes: to the leader, to a follower, back, and to the client."""
    return 4 * _one_way_ns(network) + 2 * disk.sync_max_ns
