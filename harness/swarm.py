"""Every seed draws its own configuration (swarm testing: Groce et al., ISSTA 2012).

A run with everything switched on hides what only shows with something switched off: so each
seed also draws which faults there are, and limits so small that they matter all the time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from harness.config import RunConfig
from harness.planning import plan_faults
from harness.seeds import derive
from harness.simulated import Plan
from nemesis.plan import SECOND, SWARM_KINDS, Pace
from system_under_test.gossip_raft.core.messages import Consistency
from system_under_test.gossip_raft.simulation.cluster import ClockOptions, WorldOptions
from system_under_test.gossip_raft.simulation.network import NetworkOptions, Weather
from system_under_test.gossip_raft.simulation.storage import DiskOptions
from workloads.catalogue import WORKLOADS, options
from workloads.options import Setting

MS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the user fixed; ``None`` leaves it to each seed."""

    workload: str | None = None
    nodes: int | None = None
    faults: tuple[str, ...] | None = None
    time_s: float | None = None
    concurrency: int | None = None
    rate_hz: float | None = None
    operation_timeout_ms: int | None = None
    reads: str | None = None
    bug: str | None = None
    options: Mapping[str, Setting] = field(default_factory=dict)
    """Of the workload; those that are not given are drawn, or the default."""


def draw_plan(seed: int, given: Given) -> Plan:
    """The run that ``seed`` stands for, under what is ``given``.

    Raises:
        BadInput: What is given cannot be.
    """
    rng = derive(seed, "swarm")
    # Everything is drawn, in one order, whatever is given: what one option fixes must not
    # change what the others become.
    drawn = RunConfig(
        seed=seed,
        workload=derive(seed, "swarm", "workload").choice(tuple(WORKLOADS)),
        nodes=rng.choice((3, 3, 3, 3, 4, 5, 5, 5, 6, 7)),
        faults=_faults(rng),
        time_s=rng.choice((10.0, 15.0, 20.0)),
        concurrency=rng.choice((5, 10, 10, 20)),
        # Fewer calls, and a run may be too poor to mean anything.
        rate_hz=rng.choice((20.0, 30.0, 50.0)),
        operation_timeout_ms=rng.choice((500, 1000, 1000, 3000)),
        reads=rng.choice((Consistency.LINEARIZABLE.value, Consistency.LEASE.value)),
    )
    node = _node(rng)
    network = _network(rng)
    disk = _disk(rng)
    # What is given does not matter here, either.
    drawn, node = _fitting(drawn, node, network, disk)
    drift = rng.choice((0, 0, 100, 4_000))
    rare = rng.choice((0.0, 0.0, 0.001, 0.01))
    pace = _pace(rng, int(node["election_timeout_max_ns"] or 0))
    chosen = {
        name: getattr(drawn, name) if getattr(given, name) is None else getattr(given, name)
        for name in Given.__dataclass_fields__
    }
    drawn_options = _options(derive(seed, "swarm", "options"), chosen["workload"])
    chosen["options"] = drawn_options | dict(given.options)
    config = RunConfig(seed=seed, **chosen)
    config.check()
    if given.faults is None and config.reads == Consistency.LEASE.value:
        # A lease is only promised to hold while clocks drift within bounds.
        kept = tuple(kind for kind in config.faults if kind != "clock")
        config = replace(config, faults=kept)
    world = WorldOptions(
        nodes=config.nodes,
        node=node,
        network=network,
        disk=disk,
        clock=ClockOptions(drift_max_ppm=drift),
        rare=rare,
    )
    schedule = plan_faults(config, pace=pace, leader_first=False)
    return Plan(config=config, schedule=schedule, world=world)


def _options(rng: random.Random, workload: str) -> dict[str, Setting]:
    """What clients of whatever workload may do, and who is asked most; mostly the default."""
    drawn: dict[str, Setting] = {
        "clients": rng.choice(("pinned", "pinned", "roaming")),
        "reconnect-ops": rng.choice((0, 0, 0, 1, 5)),
        "retries": rng.choice(("none", "exactly-once", "exactly-once")),
        "key-distribution": rng.choice(("uniform", "uniform", "zipf", "hot")),
    }
    known = {option.name: option.default for option in options(workload)}
    return {name: value for name, value in drawn.items() if known.get(name, value) != value}


def _faults(rng: random.Random) -> tuple[str, ...]:
    """Sometimes none, mostly a few kinds, sometimes all."""
    chosen = rng.sample(SWARM_KINDS, rng.choice((0, 1, 2, 3, 4, 6, len(SWARM_KINDS))))
    return tuple(sorted(chosen, key=SWARM_KINDS.index))


def _pace(rng: random.Random, election_timeout_max_ns: int) -> Pace:
    """From calm, where the cluster comes to rest between faults, to one after the other."""
    shortest, recovery = rng.choice(((2000, 1500), (500, 1500), (500, 200), (100, 100)))
    return Pace(
        first_ns=rng.choice((0, 1, 3)) * SECOND,
        duration_min_ns=shortest * MS,
        duration_max_ns=max(shortest * 2, rng.choice((1000, 5000))) * MS,
        recovery_ns=recovery * MS,
        interval_ns=(shortest + recovery) * rng.choice((1, 2)) * MS,
        # Time for an election, and for calls that show what the faults have done.
        tail_ns=election_timeout_max_ns + 2 * SECOND,
    )


def _node(rng: random.Random) -> Mapping[str, int | str | None]:
    election_ms = rng.choice((300, 500, 1000, 1000, 2000))
    settings: dict[str, int | str | None] = {
        "election_timeout_min_ns": election_ms * MS,
        "election_timeout_max_ns": election_ms * rng.choice((15, 20)) // 10 * MS,
        "heartbeat_interval_ns": election_ms * rng.choice((100, 200, 200)) // 1000 * MS,
        "pull_wait_ns": rng.choice((0, 200, 500, 500)) * MS,
        "request_timeout_ns": rng.choice((200, 500, 500)) * MS,
        "commit_news_delay_ns": rng.choice((0, 10, 10, 50)) * MS,
        "fanout": rng.choice((1, 2, 4)),
        "entries_max": rng.choice((1, 2, 256)),
    }
    if rng.random() < 0.5:
        settings["snapshot_entries_max"] = rng.choice((1, 3, 10, 100))
        settings["log_keep"] = rng.choice((0, 1, 5, 50))
        settings["snapshot_chunk_bytes"] = rng.choice((2_000, 20_000, 256 * 1024))
    if rng.random() < 0.3:
        settings["children_max"] = rng.choice((1, 2))
    return settings


def _network(rng: random.Random) -> NetworkOptions:
    weather = Weather(
        loss=rng.choice((0.0, 0.0, 0.01, 0.05)),
        duplication=rng.choice((0.0, 0.0, 0.01, 0.05)),
        straggling=rng.choice((0.0, 0.0, 0.01, 0.05)),
    )
    slowest = rng.choice((2, 2, 10, 40))
    return NetworkOptions(
        latency_max_ns=slowest * MS, jitter=rng.choice((0.2, 1.0, 5.0)), weather=weather
    )


def _disk(rng: random.Random) -> DiskOptions:
    return DiskOptions(
        sync_max_ns=rng.choice((1, 3, 10, 50)) * MS,
        hiccup=rng.choice((0.0, 0.0, 0.0, 0.001, 0.01)),
        hiccup_max_ns=rng.choice((100, 1000, 4000)) * MS,
    )


def _fitting(
    drawn: RunConfig,
    node: Mapping[str, int | str | None],
    network: NetworkOptions,
    disk: DiskOptions,
) -> tuple[RunConfig, Mapping[str, int | str | None]]:
    """Batches so large, and clients so patient, that a healthy cluster can do what it is asked.

    With one entry a pull over slow links a backlog grows all the time: nearly every call times
    out, so the run means nothing, and nobody can say how long the nodes need to agree.
    """
    one_way_ns = int(network.latency_max_ns * (1 + network.jitter / 3))
    pull_ns = 2 * one_way_ns + disk.sync_max_ns
    entries_min = math.ceil(drawn.rate_hz * pull_ns / SECOND)
    entries_max = max(int(node["entries_max"] or 0), entries_min)
    # To the leader, to a follower, back, and to the client; by half of a call's time.
    answer_ms = 2 * (4 * one_way_ns + 2 * disk.sync_max_ns) // MS
    timeout_ms = max(drawn.operation_timeout_ms, answer_ms)
    return replace(drawn, operation_timeout_ms=timeout_ms), {**node, "entries_max": entries_max}
