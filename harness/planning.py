"""From a configuration to what a run does, for live and simulated runs alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from harness.config import RunConfig, Script
from harness.driver import PATIENCE, Driver, DriverOptions, FaultTime
from harness.errors import BadInput
from harness.schedule_file import load_schedule
from harness.seeds import derive
from histories.call import Call
from histories.op import Nanos
from nemesis.errors import ImpossiblePlan
from nemesis.fault import kind_of
from nemesis.plan import KINDS, Pace, plan
from nemesis.schedule import Schedule
from system_under_test.gossip_raft.core import types as core
from system_under_test.gossip_raft.core.client_session import SessionTimeouts
from workloads.base import Workload
from workloads.draws import draws_from
from workloads.generator import Generator, Stagger
from workloads.generator import Sequence as Calls
from workloads.scripted import Scripted

GRACE_MS: Final = 1000
"""What the driver allows a call beyond the client's own time-out, which says more."""

_MS: Final = 1_000_000


def plan_faults(
    config: RunConfig,
    known: Sequence[str] = KINDS,
    *,
    pace: Pace | None = None,
    leader_first: bool = True,
) -> Schedule:
    """The faults that ``config`` means, all of ``known`` kinds; see ``nemesis.plan.plan``.

    Raises:
        BadInput: A kind of fault is unknown, or cannot be had in this cluster or time; or the
            file that has them is wrong.
    """
    if config.schedule is not None:
        return load_schedule(config.schedule)
    for kind in config.faults:
        if kind in KINDS and kind not in known:
            raise BadInput(f"--faults: {kind}: this system suffers only {', '.join(known)}")
    nodes = [core.NodeId(f"n{number}") for number in range(config.nodes)]
    until = core.Nanos(int(config.time_s * 1e9))
    try:
        return plan(
            derive(config.seed, "nemesis"),
            config.faults,
            nodes,
            until,
            pace=pace,
            leader_first=leader_first,
            at_once=config.at_once,
        )
    except ImpossiblePlan as error:
        raise BadInput(f"--faults: {error}") from error


def scheduled(config: RunConfig) -> RunConfig:
    """``config`` with the kinds of faults of its schedule, if it has one, and time for them.

    Raises:
        BadInput: The file is wrong.
    """
    if config.schedule is None:
        return config
    steps = load_schedule(config.schedule).steps
    kinds = dict.fromkeys(kind_of(step.fault) for step in steps[:-1])
    time_s = max(config.time_s, steps[-1].at_ns / 1e9)
    return replace(config, faults=tuple(kinds), time_s=time_s)


def driver_of(
    config: RunConfig,
    workload: Workload,
    schedule: Schedule,
    *,
    settle_max: Nanos = PATIENCE,
    script: Script | None = None,
) -> Driver:
    """The driver of a run that has not begun; its clients follow ``script``, if there is one."""
    return Driver(
        DriverOptions(
            concurrency=config.concurrency,
            nodes_count=config.nodes,
            time_limit=Nanos(int(config.time_s * 1e9)),
            operation_timeout=Nanos((config.operation_timeout_ms + GRACE_MS) * _MS),
            settle_max=settle_max,
            reconnect_ops=config.clients.reconnect_ops,
        ),
        _drawn(config, workload) if script is None else Scripted(script.calls),
        workload.final_generator if script is None or script.final_reads else _no_final_reads,
        [FaultTime(Nanos(s.at_ns), Nanos(s.duration_ns)) for s in schedule.steps[:-1]],
    )


def _drawn(config: RunConfig, workload: Workload) -> Generator:
    return Stagger(
        Nanos(max(1, int(1e9 / config.rate_hz))),
        draws_from(config.stream("pace")),
        workload.generator(config.stream("workload")),
    )


def _no_final_reads(calls: Iterable[Call]) -> Generator:
    del calls
    return Calls(())


def session_timeouts(config: RunConfig) -> SessionTimeouts:
    """How long clients wait: half of it for one node, so that another can be asked."""
    return SessionTimeouts(
        attempt=core.Nanos(config.operation_timeout_ms * _MS // 2),
        operation=core.Nanos(config.operation_timeout_ms * _MS),
    )
