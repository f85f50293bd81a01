"""A simulated cluster that Hypothesis drives step by step, watched after each step."""

from __future__ import annotations

from typing import ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from checker.base import Budget
from checker.raft.monitor import RaftMonitor
from checker.verdict import Invalid
from harness.agreement import disagreement
from harness.seeds import derive
from harness.simulated import CORRECT
from harness.traces import node_events
from histories.call import Call, Indeterminate
from histories.event import Completed, Event, Invoked, Opened
from histories.op import Nanos, ProcessId
from histories.pairing import pair
from histories.strategies import calls
from nemesis.errors import NemesisError
from nemesis.fault import Fault
from nemesis.inject import Injected, heal_all, inject, undo
from system_under_test.gossip_raft.core.client_session import Ending, SessionTimeouts
from system_under_test.gossip_raft.core.types import ClientId, NodeId
from system_under_test.gossip_raft.mutants.mutant import Mutant
from system_under_test.gossip_raft.simulation.client import SimulatedClient
from system_under_test.gossip_raft.simulation.cluster import SimulatedCluster, WorldOptions
from tests.system_under_test.watched import done
from workloads.catalogue import workload
from workloads.client import outcome_of

MS: Final = 1_000_000
WORKERS: Final = 3
NAMED: Final = tuple(NodeId(f"n{number}") for number in range(3))
"""Faults name only nodes that every cluster has."""
PATIENCE_NS: Final = 120_000 * MS


class ClusterMachine(RuleBasedStateMachine):
    """Subclasses say which cluster it is and what it suffers.

    1. After every step no invariant of Raft is broken, and no node has died by itself.
    2. When everything is healed the nodes come to agree, and what clients saw is linearizable.
    """

    nodes: ClassVar[Mutant] = CORRECT
    steps: ClassVar[list[str]] = []
    """Of the latest example: after a failure that is the smallest one that fails."""

    def __init__(self) -> None:
        super().__init__()
        type(self).steps = []
        self.cluster: SimulatedCluster | None = None
        self.monitor = RaftMonitor()
        self.watched: dict[NodeId, int] = {}
        self.deaths: list[str] = []
        self.held: list[Injected] = []
        self.events: list[Event] = [Opened()]
        self.workload = workload("register")
        self.clients: dict[int, tuple[ProcessId, SimulatedClient]] = {}
        self.busy: set[int] = set()
        self.ops = 0

    # --- steps -----------------------------------------------------------------------

    @rule(worker=st.integers(0, WORKERS - 1), call=calls("register"))
    def invoke(self, worker: int, call: Call) -> None:
        if worker in self.busy:
            return
        self._step(f"process {worker}: {call}")
        self.busy.add(worker)
        process, client = self.clients[worker]
        op, self.ops = self.ops, self.ops + 1
        self.events.append(Invoked(time=self._now, op=op, process=process, call=call))

        def ended(ending: Ending) -> None:
            self._completed(worker, op, call, ending)

        client.call(self.workload.to_request(call), ended)

    def _suffer(self, fault: Fault, seed: int) -> None:
        self._step(f"{fault}")
        rng = derive(seed, "injection")
        try:
            self.held.append(done(inject(fault, self._cluster, rng, self.held)))
        except NemesisError:
            return  # A shape that these nodes cannot take, or nobody that it may hit.

    @precondition(lambda self: self.held)
    @rule(number=st.integers(0, 9))
    def undo(self, number: int) -> None:
        injected = self.held.pop(number % len(self.held))
        self._step(f"undo {injected.fault}")
        done(undo(injected, self._cluster))

    @rule()
    def heal(self) -> None:
        self._step("heal all")
        self.held.clear()
        done(heal_all(self._cluster))

    @rule(milliseconds=st.sampled_from((5, 50, 700)))
    def wait(self, milliseconds: int) -> None:
        self._step(f"{milliseconds} ms pass")
        self._cluster.scheduler.run_for(milliseconds * MS)

    # --- what must hold ----------------------------------------------------------------

    @invariant()
    def nothing_is_violated(self) -> None:
        if self.cluster is None:
            return
        new = []
        for node, trace in self.cluster.traces.items():
            since, self.watched[node] = self.watched.get(node, 0), len(trace)
            new += [(event.at, node, event) for event in node_events(trace[since:])]
        for _, node, event in sorted(new, key=lambda item: item[0]):
            self.monitor.feed(node, event)
        assert not self.monitor.violated, self.monitor.anomalies()
        assert not self.deaths

    def teardown(self) -> None:
        if self.cluster is None or self.monitor.violated or self.deaths:
            return
        done(heal_all(self._cluster))
        scheduler = self._cluster.scheduler
        patience = scheduler.now + PATIENCE_NS
        problem: str | None = ""
        while problem is not None or self.busy:
            assert scheduler.now < patience, problem
            scheduler.run_for(100 * MS)
            self.nothing_is_violated()
            problem = disagreement(self._cluster.nodes, self._cluster.statuses())
        verdict = self.monitor.finish()
        assert not isinstance(verdict, Invalid), verdict
        for checker in self.workload.checkers():
            verdict = checker.check(pair(self.events), Budget())
            assert not isinstance(verdict, Invalid), verdict

    # --- helpers -----------------------------------------------------------------------

    def _begin(self, world: WorldOptions, seed: int) -> None:
        """As far as the first election, which no example needs to wait for by itself."""
        self.cluster = cluster = SimulatedCluster(
            world,
            lambda name: derive(seed, "world", name),
            rules=self.nodes.rules,
            wrap_storage=self.nodes.storage,
        )
        cluster.on_death = lambda node, status, _: self.deaths.append(f"{node}: {status}")
        for worker in range(WORKERS):
            self._open(worker, ProcessId(worker))
        while not any(status.role == "leader" for status in cluster.statuses().values()):
            cluster.scheduler.run_for(10 * MS)

    @property
    def _cluster(self) -> SimulatedCluster:
        assert self.cluster is not None
        return self.cluster

    @property
    def _now(self) -> Nanos:
        return Nanos(self._cluster.scheduler.now)

    def _step(self, what: str) -> None:
        type(self).steps.append(what)

    def _open(self, worker: int, process: ProcessId) -> None:
        timeouts = SessionTimeouts()
        name = ClientId(f"p{process}")
        contact = worker % len(self._cluster.nodes)
        self.clients[worker] = process, self._cluster.client(name, contact, timeouts)

    def _completed(self, worker: int, op: int, call: Call, ending: Ending) -> None:
        process, _ = self.clients[worker]
        outcome = outcome_of(call, ending)
        self.events.append(Completed(time=self._now, op=op, process=process, outcome=outcome))
        self.busy.discard(worker)
        if isinstance(outcome, Indeterminate):
            self._cluster.close_client(ClientId(f"p{process}"))
            self._open(worker, ProcessId(process + WORKERS))
