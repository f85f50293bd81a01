"""A live cluster with a proxy on every link, as drivers and nemeses see it."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Collection
from pathlib import Path
from typing import Final, Self

from harness.agreement import disagreement, disconnection, rest
from harness.attempts import ClientLog
from harness.certificates import make_security
from harness.config import RunConfig
from harness.exchange_calls import ExchangeCalls
from harness.live_client import SessionClient
from harness.planning import session_timeouts
from harness.proxied import Proxied
from harness.running_system import DeathWatch, all_of
from harness.troubled import Troubled
from harness.waiting import waits
from harness.wall_clock import deadline_after, pause
from histories.event import Wait
from histories.op import ProcessId
from nemesis.proxy.control import ProxyLayer
from system_under_test.control import CLIENTS
from system_under_test.gossip_raft.core.membership import outsiders
from system_under_test.gossip_raft.core.messages import (
    AddServer,
    Administration,
    Consistency,
    GetStatus,
    Message,
    RemoveServer,
    Results,
    Status,
    TransferLeadership,
)
from system_under_test.gossip_raft.core.types import ClientId, NodeId, RequestId, Term
from system_under_test.gossip_raft.runtime.administration import Administrator
from system_under_test.gossip_raft.runtime.child_process import Death, describe
from system_under_test.gossip_raft.runtime.client import Connections, GrpcClient
from system_under_test.gossip_raft.runtime.cluster import ClusterProcesses, NodeSpec
from system_under_test.gossip_raft.runtime.errors import (
    CodecError,
    NoAnswer,
    NotConnected,
    ProcessFailed,
)
from workloads.base import Workload

STATUS_TIMEOUT_S: Final = 0.5
POLL_INTERVAL_S: Final = 0.05
ADMINISTRATION_TIMEOUT_S: Final = 5.0
READMISSION_TIMEOUT_S: Final = 15.0


class LiveSystem(Proxied, Troubled):
    """A cluster of processes on loopback, which suffers all that ``system_under_test.control``
    knows.

    Use as an asynchronous context: entered when every node serves, left when no process
    is left.  ``on_death`` hears (node, status, last log lines) of every end that nobody
    asked for.
    """

    def __init__(
        self, config: RunConfig, workload: Workload, directory: Path, rng: random.Random
    ) -> None:
        """``directory`` gets one directory for each node; ``rng`` draws delays, seeds, damage."""
        super().__init__(rng)
        self.nodes: Final = tuple(NodeId(f"n{number}") for number in range(config.nodes))
        self.on_death: DeathWatch | None = None
        self._cluster: Final = directory.parent.name
        self._timeouts: Final = session_timeouts(config)
        self._workload: Final = workload
        self._reads: Final = Consistency(config.reads)
        self._policy: Final = config.clients.policy
        self._client_log: Final = ClientLog(directory.parent / "clients.jsonl")
        certificates, self._security = None, None
        if config.tls:
            certificates = directory.parent / "certificates"
            self._security = make_security(certificates, self.nodes)
        self._proxies = ProxyLayer(self.nodes, rng, ExchangeCalls())
        self._hides_calls = "calls cannot be told apart under TLS" if config.tls else None
        specs = [
            NodeSpec(
                id=node,
                address="127.0.0.1:0",
                peers={peer: self._route(node, peer) for peer in self.nodes if peer != node},
                directory=directory / node,
                bug=config.bug,
                seed=rng.getrandbits(32),
                tls=certificates,
                suffers=True,
            )
            for node in self.nodes
        ]
        self._processes = ClusterProcesses(self._cluster, specs, self._died)
        self._control: dict[NodeId, Connections] = {}
        self._addresses: dict[NodeId, str] = {}
        self._requests = itertools.count(1)

    async def __aenter__(self) -> Self:
        try:
            started = await self._processes.start_all()
            for node, process in started.items():
                await self._serves(node, process.address)
        except BaseException:  # Whatever it was: no process may outlive a failed start.
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._processes.stop_all()
        for connections in self._control.values():
            await connections.close()
        self._client_log.close()
        self._proxies.close()

    def client(self, process: ProcessId, contact: int) -> SessionClient:
        """A new client with connections of its own, through the proxies."""
        session = GrpcClient(
            ClientId(f"p{process}"),
            {node: self._route(CLIENTS, node) for node in self.nodes},
            self.nodes[contact],
            self._cluster,
            self._timeouts,
            policy=self._policy,
            security=self._security,
            witness=self._client_log.ended,
        )
        return SessionClient(session, self._workload, self._reads)

    # --- capabilities (see system_under_test.control) --------------------------

    async def leader(self) -> NodeId | None:
        statuses = await self.statuses()
        claims = [(status.term, node) for node, status in statuses.items() if _leads(status)]
        return max(claims)[1] if claims else None

    async def sources(self) -> dict[NodeId, NodeId]:
        statuses = await self.statuses()
        return {node: s.source for node, s in statuses.items() if s.source is not None}

    async def kill(self, node: NodeId) -> None:
        await self._processes.nodes[node].kill()
        self._proxies.untarget(node)

    async def terminate(self, node: NodeId) -> None:
        await self._processes.nodes[node].terminate()
        self._proxies.untarget(node)

    async def start(self, *nodes: NodeId) -> None:
        await all_of(map(self._start, nodes))

    async def _start(self, node: NodeId) -> None:
        try:
            started = await self._processes.nodes[node].start(rebuild=node in self._hurt)
        except ProcessFailed as failure:
            # Killed is one thing; not to come back is the node's own doing.
            if self.on_death is not None:
                problem, *lines = str(failure).splitlines()
                self.on_death(node, f"did not start again: {problem}", tuple(lines))
            raise
        self._hurt.discard(node)
        await self._serves(node, started.address)

    async def pause(self, node: NodeId) -> None:
        await self._processes.nodes[node].pause()

    async def resume(self, node: NodeId) -> None:
        if self._processes.nodes[node].running:
            self._processes.nodes[node].resume()

    async def add(self, node: NodeId) -> str:
        address = self._addresses.get(node)
        if address is None:
            return f"{node} does not run"
        return await self._administer(AddServer(node, address), f"{node} was added")

    async def remove(self, node: NodeId) -> str:
        if (obstacle := await self._obstacle(node, stays=False)) is not None:
            return obstacle
        return await self._administer(RemoveServer(node), f"{node} was removed")

    async def readmit(self, nodes: Collection[NodeId]) -> str:
        said: list[str] = []
        over = deadline_after(READMISSION_TIMEOUT_S)
        while (missing := outsiders(nodes, (await self.statuses()).values())) != ():
            if over():
                said.append("not every node was readmitted in time")
                break
            if missing:
                said.append(await self.add(missing[0]))
            await pause(POLL_INTERVAL_S)
        return "; ".join(said)

    async def transfer(self, target: NodeId | None) -> str:
        return await self._administer(TransferLeadership(target), "leadership was handed over")

    async def _administer(self, request: Administration, success: str) -> str:
        """Past the proxies; among themselves the nodes know each other by their proxies."""
        async with Administrator(self._addresses, self._cluster, self._security) as administrator:
            try:
                answer = await administrator.ask(request, ADMINISTRATION_TIMEOUT_S)
            except NotConnected as error:
                return str(error)
        return success if isinstance(answer, Results) else answer.reason

    # --- looking ---------------------------------------------------------------

    async def statuses(self) -> dict[NodeId, Status]:
        """What every node that answers says of itself, asked past the proxies."""
        answers = await asyncio.gather(*(self._status(node) for node in self.nodes))
        return {status[0]: status[1] for status in answers if status is not None}

    async def unreachable(self) -> str | None:
        """What is not connected, in words; ``None`` if every link works.

        A link works when the node at its end has lately heard the one at its beginning,
        a client's when the node's port behind the proxy takes a connection.
        """
        problem = disconnection(self.nodes, await self.statuses())
        return problem or await self._clients_cut_off(self.nodes)

    async def settled(self, seconds: float) -> tuple[bool, str, tuple[Wait, ...]]:
        """Wait until one leads and all have the same log, committed and applied.

        Returns:
            Whether that came within ``seconds``; how it is, or what is missing; and in that
            case who waits for whom.
        """
        over = deadline_after(seconds)
        while True:
            problem = disagreement(self.nodes, statuses := await self.statuses())
            if problem is None:
                return True, rest(statuses[self.nodes[0]]), ()
            if over():
                return False, problem, waits(self.nodes, statuses)
            await pause(POLL_INTERVAL_S)

    async def _status(self, node: NodeId) -> tuple[NodeId, Status] | None:
        connections = self._control.get(node)
        if connections is None:
            return None
        request = RequestId(next(self._requests))
        question = Message("harness", node, request, Term(0), (), GetStatus())
        try:
            answer = await connections.ask(question, STATUS_TIMEOUT_S)
        except (NotConnected, NoAnswer, CodecError):
            return None
        return (node, answer.body) if isinstance(answer.body, Status) else None

    async def _serves(self, node: NodeId, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._proxies.retarget(node, host, int(port))
        if (old := self._control.pop(node, None)) is not None:
            await old.close()
        self._control[node] = Connections({node: address}, self._cluster, self._security)
        self._addresses[node] = address

    def _died(self, death: Death) -> None:
        self._proxies.untarget(death.name)
        if self.on_death is not None:
            self.on_death(death.name, describe(death.status), death.last_log_lines)


def _leads(status: Status) -> bool:
    return status.role == "leader"
