"""One simulated run, from its configuration to what was seen, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from checker.base import Budget
from checker.verdict import Verdict, combine
from harness.analysis import verdicts_of
from harness.config import RunConfig
from harness.driver import Driver, DriverOptions, FaultTime
from harness.live import GRACE_MS
from harness.seeds import derive
from harness.simulated_run import SimulatedRun
from harness.traces import node_events
from histories.event import Event
from histories.history import History
from histories.op import Nanos
from histories.pairing import pair
from histories.trace import NodeEvent
from nemesis.schedule import Schedule
from system_under_test.gossip_raft.core import types as core
from system_under_test.gossip_raft.core.client_session import SessionTimeouts
from system_under_test.gossip_raft.core.messages import Consistency
from system_under_test.gossip_raft.mutants.mutant import Mutant
from system_under_test.gossip_raft.simulation.cluster import SimulatedCluster, WorldOptions
from workloads.catalogue import workload
from workloads.draws import draws_from
from workloads.generator import Stagger

MS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that decides a simulated run: equal plans, equal runs."""

    config: RunConfig
    schedule: Schedule
    world: WorldOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What happened.

    Attributes:
        events: The journal.
        traces: Of every node.
        problem: Why the run is incomplete, or ``None``.
        steps: How many events the world had.
        time: How much virtual time passed.
    """

    plan: Plan
    events: Sequence[Event]
    traces: Mapping[str, Sequence[NodeEvent]]
    problem: str | None
    steps: int
    time: Nanos

    def history(self) -> History:
        return pair(self.events)

    def verdicts(self, budget: Budget) -> dict[str, Verdict]:
        """What every checker says."""
        chosen = workload(self.plan.config.workload)
        return verdicts_of(chosen, self.events, self.history(), self.traces, budget)

    def verdict(self, budget: Budget) -> Verdict:
        return combine(self.verdicts(budget).values())


CORRECT = Mutant(name="correct", summary="No bug at all.", breaks=())


def simulate(plan: Plan, mutant: Mutant = CORRECT) -> Simulated:
    """Run ``plan`` to its end, on correct nodes or on those of ``mutant``."""
    config = plan.config
    chosen = workload(config.workload)
    seed = config.seed

    cluster = SimulatedCluster(
        plan.world,
        lambda name: derive(seed, "world", name),
        rules=mutant.rules,
        wrap_storage=mutant.storage,
    )
    driver = Driver(
        DriverOptions(
            concurrency=config.concurrency,
            nodes_count=config.nodes,
            time_limit=Nanos(int(config.time_s * 1e9)),
            operation_timeout=Nanos((config.operation_timeout_ms + GRACE_MS) * MS),
        ),
        Stagger(
            Nanos(max(1, int(1e9 / config.rate_hz))),
            draws_from(derive(seed, "pace")),
            chosen.generator(derive(seed, "workload")),
        ),
        chosen.final_generator,
        [FaultTime(Nanos(s.at_ns), Nanos(s.duration_ns)) for s in plan.schedule.steps[:-1]],
    )
    run = SimulatedRun(
        driver=driver,
        cluster=cluster,
        workload=chosen,
        schedule=plan.schedule,
        rng=derive(seed, "injection"),
        timeouts=SessionTimeouts(
            attempt=core.Nanos(config.operation_timeout_ms * MS // 2),
            operation=core.Nanos(config.operation_timeout_ms * MS),
        ),
        reads=Consistency(config.reads),
    )
    run.run()
    return Simulated(
        plan=plan,
        events=run.events,
        traces={node: node_events(trace.events) for node, trace in cluster.traces.items()},
        problem=run.problem,
        steps=cluster.scheduler.events,
        time=Nanos(cluster.scheduler.now),
    )
