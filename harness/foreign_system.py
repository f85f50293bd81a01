"""A user's own system, run as processes on loopback with a proxy on every link."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from harness.fake_time import FakeTime
from harness.own_system import Client, Node, System
from harness.proxied import Proxied
from harness.running_system import DeathWatch, all_of
from harness.wall_clock import deadline_after, pause
from histories.call import Call, Failed, Outcome
from histories.event import Wait
from histories.op import ProcessId
from nemesis.link_kinds import CALL_KINDS, LINK_KINDS
from nemesis.proxy.control import ProxyLayer
from system_under_test.control import CLIENTS
from system_under_test.gossip_raft.core.types import NodeId
from system_under_test.gossip_raft.runtime.child_process import ChildProcess, Death, describe
from system_under_test.gossip_raft.runtime.cluster import ReservedPort
from system_under_test.gossip_raft.runtime.errors import ProcessFailed
from system_under_test.machine import ClockCondition

KINDS: Final = (
    *("partition", "kill", "pause", "slow", "reset", "slow-close"),
    *("terminate", "restart", "crash-loop", "rolling"),
    *(kind for kind in LINK_KINDS if kind not in CALL_KINDS),
)
"""What a system that we know nothing of can suffer."""
CLOCK_KINDS: Final = ("clock", "drift", "skew", "strobe")
"""And with libfaketime."""

LAUNCHER: Final = "harness.launcher"
POLL_INTERVAL_S: Final = 0.05


class ForeignSystem(Proxied):
    """Killable, terminable, pausable, partitionable: what processes and proxies can suffer."""

    def __init__(self, system: System, nodes: int, directory: Path, rng: random.Random) -> None:
        """``directory`` gets one directory for each node; ``rng`` draws delays."""
        self.nodes: Final = tuple(NodeId(f"n{number}") for number in range(nodes))
        self.on_death: DeathWatch | None = None
        self._system = system
        self._proxies = ProxyLayer(self.nodes, rng)
        self._hides_calls = "nothing is known of its calls"
        self._ports = {node: ReservedPort() for node in self.nodes}
        self._processes = {node: self._process(node, directory / node) for node in self.nodes}

    async def __aenter__(self) -> Self:
        try:
            await self.start(*self.nodes)
        except BaseException:  # Whatever it was: no process may outlive a failed start.
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(process.terminate() for process in self._processes.values()))
        self._proxies.close()
        for port in self._ports.values():
            port.close()

    def client(self, process: ProcessId, contact: int) -> ForeignClient:
        """One that asks the node of that number only, through its proxy."""
        del process
        host, port = self._proxies.address(CLIENTS, self.nodes[contact])
        return ForeignClient(lambda: self._system.connect(host, port))

    async def leader(self) -> NodeId | None:
        named = await self._system.leader(self._addresses())
        return NodeId(named) if named in self.nodes else None

    async def kill(self, node: NodeId) -> None:
        await self._processes[node].kill()
        self._proxies.untarget(node)

    async def terminate(self, node: NodeId) -> None:
        await self._processes[node].terminate()
        self._proxies.untarget(node)

    async def start(self, *nodes: NodeId) -> None:
        await all_of(map(self._start, nodes))

    async def _start(self, node: NodeId) -> None:
        try:
            await self._processes[node].start()
        except ProcessFailed as failure:
            if self.on_death is not None:
                problem, *lines = str(failure).splitlines()
                self.on_death(node, f"did not start again: {problem}", tuple(lines))
            raise
        host, _, port = self._ports[node].address.rpartition(":")
        self._proxies.retarget(node, host, int(port))

    async def pause(self, node: NodeId) -> None:
        await self._processes[node].pause()

    async def resume(self, node: NodeId) -> None:
        if self._processes[node].running:
            self._processes[node].resume()

    async def unreachable(self) -> str | None:
        return await self._clients_cut_off(self.nodes)

    async def settled(self, seconds: float) -> tuple[bool, str, tuple[Wait, ...]]:
        over = deadline_after(seconds)
        while True:
            problem = await self.unreachable() or await self._system.unsettled(self._addresses())
            if problem is None:
                return True, "every node serves", ()
            if over():
                return False, problem, ()
            await pause(POLL_INTERVAL_S)

    def _environment(self, node: NodeId, directory: Path) -> Mapping[str, str]:
        """What its processes are given beyond our own."""
        del node, directory
        return {}

    def _process(self, node: NodeId, directory: Path) -> ChildProcess:
        directory.mkdir(parents=True)
        address = self._ports[node].address
        command = self._system.command(
            Node(
                name=node,
                port=int(address.rpartition(":")[2]),
                peers={peer: self._route(node, peer) for peer in self.nodes if peer != node},
                directory=directory.resolve(),
            )
        )
        arguments = ("--listens", address, "--directory", str(directory.resolve()))
        encoded = msgspec.json.encode([str(word) for word in command]).decode()
        environment = msgspec.json.encode(self._environment(node, directory)).decode()
        return ChildProcess(
            node,
            LAUNCHER,
            (*arguments, "--command", encoded, "--environment", environment),
            directory / "server.log",
            self._died,
        )

    def _addresses(self) -> Mapping[str, str]:
        return {node: port.address for node, port in self._ports.items()}

    def _died(self, death: Death) -> None:
        self._proxies.untarget(NodeId(death.name))
        if self.on_death is not None:
            self.on_death(death.name, describe(death.status), death.last_log_lines)


class ClockedForeignSystem(ForeignSystem):
    """One whose clocks can be wrong, too."""

    def __init__(
        self, system: System, nodes: int, directory: Path, rng: random.Random, library: Path
    ) -> None:
        """``library``: libfaketime."""
        self._library = library
        self._clocks: dict[NodeId, FakeTime] = {}
        super().__init__(system, nodes, directory, rng)

    def _environment(self, node: NodeId, directory: Path) -> Mapping[str, str]:
        clock = FakeTime(self._library, directory.resolve() / "faketime.rc")
        self._clocks[node] = clock
        return clock.environment

    async def impose_on_clock(self, node: NodeId, condition: ClockCondition) -> None:
        self._clocks[node].impose(condition)

    async def lift_from_clock(self, node: NodeId, condition: ClockCondition) -> None:
        self._clocks[node].lift(condition)

    async def heal_clock(self, node: NodeId) -> None:
        self._clocks[node].heal()


class ForeignClient:
    """Connects when it must: a call that found no connection was certainly not executed."""

    def __init__(self, connect: Callable[[], Coroutine[Any, Any, Client]]) -> None:
        self._connect = connect
        self._client: Client | None = None

    async def call(self, call: Call) -> Outcome:
        if self._client is None:
            try:
                self._client = await self._connect()
            except OSError as error:
                return Failed(f"no connection: {error}")
        return await self._client.call(call)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
