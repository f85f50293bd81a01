"""What a run is given by somebody who suspects a bug of a certain kind.

Swarm draws everything; here that is drawn again, from narrower ranges, without which what the
bug needs cannot happen, or hardly ever.  Everything else stays as the seed has it.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from msgspec import structs

from harness.config import NODES_MAX, RunConfig
from nemesis.packages import SECOND
from nemesis.plan import Pace
from system_under_test.gossip_raft.core.messages import Consistency
from system_under_test.gossip_raft.mutants.mutant import Need
from system_under_test.gossip_raft.simulation.cluster import ClockOptions
from system_under_test.gossip_raft.simulation.network import NetworkOptions
from system_under_test.gossip_raft.simulation.route import Weather
from system_under_test.gossip_raft.simulation.storage import DiskOptions
from workloads.options import Setting

Settings: TypeAlias = dict[str, int | str | None]
"""Fields of ``NodeConfig`` that differ from its defaults."""

MS: Final = 1_000_000
PPM: Final = 1_000_000

FAULTS_FOR: Final[dict[Need, tuple[str, ...]]] = {
    Need.ELECTION: ("kill", "partition"),
    Need.CRASH: ("kill", "crash"),
    Need.POWER_LOSS: ("power",),
    Need.WIPED_DISK: ("lose-disk",),
    Need.DISK_ERROR: ("fail-sync", "read-only-disk"),
    Need.BIT_FLIP: ("flip-bit",),
    Need.PARTITION: ("partition",),
    Need.ONE_WAY_PARTITION: ("one-way",),
    Need.FLAPPING: ("isolate",),
    Need.SHUNNED: ("shun",),
    Need.LOSS: ("weather",),
    Need.DUPLICATION: ("weather",),
    Need.PAUSE: ("pause",),
    Need.MEMBERSHIP: ("membership",),
    Need.TRANSFER: ("transfer-leadership",),
    Need.RETRIES: ("weather", "slow", "kill"),
}
ENTRIES_BYTES_MAX: Final = 1_000
"""In one batch, where batches are limited so far that a backlog of seconds exceeds it."""
COMPACTING: Final = ("snapshot_entries_max", "log_keep", "snapshot_chunk_bytes")
SHOWN_BY: Final[dict[Need, tuple[str, ...]]] = {
    Need.TRANSACTIONS: ("append",),
    Need.BATCHES: ("bank",),
    Need.EMPTY: ("log",),
    Need.RETRIES: ("list", "counter", "queue"),
    Need.READS: ("register", "list"),
}
"""Workloads that cannot overlook it."""


OPTIONS_FOR: Final[dict[Need, dict[str, Setting]]] = {
    # So few keys that whoever reads reads what was just written.
    Need.READS: {"keys-active": 1, "reads-percent": 60, "concurrency-per-key-max": 20},
    Need.REFUSALS: {"refused-percent": 10},
    Need.RETRIES: {"retries": "exactly-once"},
    Need.EMPTY: {"empty-percent": 30},
}
"""What clients do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a seed draws of a run, before faults are planned.  ``rare`` and ``forwarding``
    are those of ``WorldOptions``; ``at_once`` says how many faults may hold together."""

    config: RunConfig
    node: Settings
    network: NetworkOptions
    disk: DiskOptions
    clock: ClockOptions
    pace: Pace
    rare: float
    forwarding: bool
    at_once: int


def suspected(rng: random.Random, needs: Collection[Need], draft: Draft) -> Draft:
    """``draft``, except that now ``needs`` may be met.

    Whoever suspects something makes short runs in which much happens: of small clusters, with
    small time-outs, and faults that end about when elections do.
    """
    draft = _brisk(rng, draft)
    config, node = draft.config, draft.node
    kinds = {kind for need in needs for kind in FAULTS_FOR.get(need, ())}
    if kinds:
        config = structs.replace(config, faults=tuple(sorted(kinds)))
    for need, workloads in SHOWN_BY.items():
        if need in needs:
            config = structs.replace(config, workload=rng.choice(workloads))
    if Need.READS in needs:
        config = structs.replace(config, concurrency=20)
    chosen = {name: value for need in needs for name, value in OPTIONS_FOR.get(need, {}).items()}
    config = structs.replace(config, options=chosen)
    if Need.LEASE_READS in needs:
        config = structs.replace(config, reads=Consistency.LEASE.value)
    if Need.COMPACTION in needs:
        node = node | compacting(rng)
    if Need.OVERLOAD in needs:
        config = structs.replace(config, concurrency=20)
        node = {name: node[name] for name in node if name not in COMPACTING} | narrow(rng)
    if Need.SMALL_BATCHES in needs:
        node = node | {"entries_max": rng.choice((1, 2))}
    if Need.CHAINS in needs:
        node = node | {"children_max": 1}
    draft = replace(draft, config=config, node=node)
    if Need.GATEWAY in needs:
        draft = replace(draft, forwarding=True)
    if Need.CLOCK_DRIFT in needs:
        draft = _drifting(rng, draft)
    if Need.DELAY in needs:
        draft = _sluggish(rng, draft)
    if Need.STRAGGLING in needs:
        draft = _straggling(rng, draft)
    if Need.FLAPPING in needs:
        draft = _flapping(rng, draft)
    return _peaceful(rng, draft) if Need.PEACE in needs else draft


def _brisk(rng: random.Random, draft: Draft) -> Draft:
    election_ms = rng.choice((100, 200, 300))
    unit = election_ms * MS
    shortest, recovery = rng.choice(((0.5, 0.5), (1, 0.2), (2, 1), (4, 1)))
    return replace(
        draft,
        config=structs.replace(
            draft.config, nodes=3, time_s=6.0, rate_hz=100.0, operation_timeout_ms=1000
        ),
        node=draft.node
        | {
            "election_timeout_min_ns": unit,
            "election_timeout_max_ns": 2 * unit,
            "heartbeat_interval_ns": unit // 5,
            "request_timeout_ns": 2 * unit,
            "pull_wait_ns": unit * rng.choice((0, 1)),
        },
        network=NetworkOptions(latency_max_ns=unit // rng.choice((20, 100)), jitter=1.0),
        disk=DiskOptions(sync_max_ns=unit // rng.choice((20, 100))),
        pace=Pace(
            first_ns=2 * unit,
            duration_min_ns=int(unit * shortest),
            duration_max_ns=int(unit * (shortest + 2)),
            recovery_ns=int(unit * recovery),
            interval_ns=int(unit * (shortest + recovery + 1)),
            tail_ns=2 * unit + SECOND,
        ),
    )


def _sluggish(rng: random.Random, draft: Draft) -> Draft:
    """Messages take so long that elections and what goes on beside them overlap."""
    unit = int(draft.node["election_timeout_min_ns"] or 0)
    return replace(
        draft,
        node=draft.node | {"commit_news_delay_ns": unit // rng.choice((10, 2))},
        network=NetworkOptions(
            latency_max_ns=int(unit * rng.choice((0.05, 0.1, 0.2))),
            jitter=rng.choice((1.0, 3.0)),
            weather=Weather(
                loss=rng.choice((0.0, 0.05, 0.1)),
                straggling=rng.choice((0.0, 0.05, 0.2)),
                straggle_max_ns=unit * rng.choice((1, 3)),
            ),
        ),
    )


def _straggling(rng: random.Random, draft: Draft) -> Draft:
    """What was said in one election is heard in the next ones."""
    unit = int(draft.node["election_timeout_min_ns"] or 0)
    weather = Weather(
        loss=rng.choice((0.0, 0.1)),
        straggling=rng.choice((0.2, 0.5)),
        straggle_max_ns=unit * rng.choice((2, 4)),
    )
    return replace(
        draft,
        # Whoever gives up sooner than messages come never catches up.
        node=draft.node | {"request_timeout_ns": 5 * unit, "entries_max": 256},
        network=replace(draft.network, weather=weather),
        at_once=rng.choice((1, 2, 3)),
    )


def _drifting(rng: random.Random, draft: Draft) -> Draft:
    """Clocks differ by far more than messages take, elections come as soon as they may, and
    clients soon ask another node."""
    unit = rng.choice((200, 300)) * MS
    config = structs.replace(draft.config, operation_timeout_ms=unit // MS)
    node = draft.node | {
        "election_timeout_min_ns": unit,
        "election_timeout_max_ns": 6 * unit // 5,
        "heartbeat_interval_ns": unit // 10,
        "commit_news_delay_ns": 0,
    }
    draft = replace(draft, config=config, node=node, network=NetworkOptions(), disk=DiskOptions())
    draft = coarse(draft)
    least_ppm = draft.clock.drift_max_ppm * 2 // 3
    return replace(draft, clock=replace(draft.clock, drift_min_ppm=least_ppm))


def _flapping(rng: random.Random, draft: Draft) -> Draft:
    """There is just time for an election between one fault and the next, and so many calls that
    whoever leads meanwhile gets some."""
    unit = int(draft.node["election_timeout_min_ns"] or 0)
    return replace(
        draft,
        config=structs.replace(draft.config, concurrency=20, rate_hz=150.0),
        pace=replace(
            draft.pace,
            duration_min_ns=unit * 3 // 2,
            duration_max_ns=unit * rng.choice((3, 5)),
            recovery_ns=unit // rng.choice((10, 2)),
            interval_ns=5 * unit // 2,
        ),
        at_once=1,
    )


def _peaceful(rng: random.Random, draft: Draft) -> Draft:
    """Nothing is amiss but the faults, and those last so long that what does not come meanwhile
    never would."""
    unit = rng.choice((100, 200)) * MS
    return replace(
        draft,
        config=structs.replace(draft.config, time_s=15.0, rate_hz=50.0),
        node=draft.node
        | {
            "election_timeout_min_ns": unit,
            "election_timeout_max_ns": 2 * unit,
            "heartbeat_interval_ns": unit // 5,
            "fanout": NODES_MAX,
            "entries_max": 256,
        },
        network=NetworkOptions(latency_max_ns=2 * MS),
        disk=DiskOptions(sync_max_ns=3 * MS),
        pace=Pace(
            first_ns=rng.choice((1, 3)) * SECOND,
            duration_min_ns=17 * unit,
            duration_max_ns=30 * unit,
            recovery_ns=rng.choice((1, 10)) * unit,
            interval_ns=27 * unit,
            tail_ns=2 * SECOND,
        ),
        rare=0.0,
        at_once=1,
    )


def coarse(draft: Draft) -> Draft:
    """Clocks that run apart by far, as the nodes are told they may: what leases leave to them
    then is felt."""
    allowed = 900_000
    # Two clocks that are off by this in opposite directions just keep to it.
    drift = allowed * PPM // (2 * PPM + allowed)
    return replace(
        draft,
        node=draft.node | {"clock_drift_max_ppm": allowed},
        clock=ClockOptions(drift_max_ppm=drift),
    )


def compacting(rng: random.Random) -> Settings:
    """Limits so small that logs are compacted all the time."""
    return {
        "snapshot_entries_max": rng.choice((1, 3, 10, 100)),
        "log_keep": rng.choice((0, 1, 5, 50)),
        "snapshot_chunk_bytes": rng.choice((2_000, 20_000, 256 * 1024)),
    }


def narrow(rng: random.Random) -> Settings:
    """Limits so small that what a busy cluster has under way reaches them."""
    return {
        "batch_bytes_max": ENTRIES_BYTES_MAX,
        "uncommitted_bytes_max": rng.choice((500, 2_000)),
    }
