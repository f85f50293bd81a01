"""One simulated run, from its configuration to what was seen, in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from checker.base import Budget
from checker.raft.coverage import visited
from checker.verdict import Verdict, combine
from harness.analysis import checks_of
from harness.config import RunConfig, Script
from harness.errors import BadInput
from harness.planning import driver_of, session_timeouts
from harness.promises import promises_of
from harness.simulated_run import SimulatedRun
from harness.store import RunDirectory
from harness.traces import node_events
from histories.event import Event
from histories.history import History
from histories.op import Nanos
from histories.pairing import pair
from histories.trace import NodeEvent
from nemesis import schedule as schedules
from nemesis.errors import NemesisError
from nemesis.schedule import Schedule
from system_under_test.gossip_raft.core.messages import Consistency
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE
from system_under_test.gossip_raft.mutants.mutant import Mutant
from system_under_test.gossip_raft.simulation.cluster import SimulatedCluster, WorldOptions
from system_under_test.gossip_raft.simulation.network import SimulatedNetwork

SETTLE_MAX: Final = Nanos(120_000_000_000)
"""Virtual time costs little, and some seeds let nodes catch up one entry at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that decides a simulated run: equal plans, equal runs.

    Without a ``script`` clients do what their workload draws from the seed.
    """

    config: RunConfig
    schedule: Schedule
    world: WorldOptions
    script: Script | None = None

    @property
    def settle_max(self) -> Nanos:
        return SETTLE_MAX if self.script is None else Nanos(self.script.settle_max_ns)


def read_plan(run: RunDirectory) -> Plan:
    """What the stored simulated run ``run`` did.

    Raises:
        BadInput: ``run.json`` or ``schedule.json`` is broken, or it was a live run.
    """
    record = run.read_record()
    if record.world is None:
        raise BadInput(f"{run.path}: a live run, which only its plan repeats: {record.command}")
    return Plan(
        config=record.config,
        schedule=read_schedule(run),
        world=record.world,
        script=record.script,
    )


def read_schedule(run: RunDirectory) -> Schedule:
    """The faults that were planned.  Raises: BadInput: ``schedule.json`` is broken."""
    try:
        return schedules.decode(run.schedule.read_bytes())
    except (OSError, NemesisError) as error:
        raise BadInput(f"{run.schedule}: {error}") from error


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

    def states(self) -> frozenset[int]:
        """The abstract states that it visited."""
        return visited(self.traces, self.events)

    def verdicts(self, budget: Budget) -> dict[str, Verdict]:
        """What every checker says."""
        return {name: check() for name, check in self._checks(budget).items()}

    def verdict_by(self, checker: str, budget: Budget) -> Verdict:
        """What one of them says.  Raises: KeyError: There is none of that name."""
        return self._checks(budget)[checker]()

    def _checks(self, budget: Budget) -> dict[str, Callable[[], Verdict]]:
        plan = self.plan
        return checks_of(
            plan.config.made_workload(),
            self.events,
            self.history(),
            self.traces,
            budget,
            promises=promises_of(plan.world),
        )

    def verdict(self, budget: Budget) -> Verdict:
        return combine(self.verdicts(budget).values())


def mutant_of(plan: Plan) -> Mutant:
    """The nodes that the configuration asks for."""
    return CORRECT if plan.config.bug is None else CATALOGUE[plan.config.bug]


CORRECT = Mutant(name="correct", summary="No bug at all.", breaks=())


def simulate(
    plan: Plan,
    mutant: Mutant | None = None,
    make_network: Callable[..., SimulatedNetwork] = SimulatedNetwork,
) -> Simulated:
    """Run ``plan`` to its end, on the nodes that it names or on those of ``mutant``."""
    mutant = mutant_of(plan) if mutant is None else mutant
    config = plan.config
    chosen = config.made_workload()

    cluster = SimulatedCluster(
        plan.world,
        lambda name: config.stream("world", name),
        rules=mutant.rules,
        wrap_storage=mutant.storage,
        make_network=make_network,
    )
    run = SimulatedRun(
        driver=driver_of(
            config, chosen, plan.schedule, settle_max=plan.settle_max, script=plan.script
        ),
        cluster=cluster,
        workload=chosen,
        schedule=plan.schedule,
        rng=config.stream("injection"),
        timeouts=session_timeouts(config),
        policy=config.clients.policy,
        reads=Consistency(config.reads),
    )
    run.run()
    return Simulated(
        plan=plan,
        events=run.events,
        traces={node: node_events(trace) for node, trace in cluster.traces.items()},
        problem=run.problem,
        steps=cluster.scheduler.events,
        time=Nanos(cluster.scheduler.now),
    )
