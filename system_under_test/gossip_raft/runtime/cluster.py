"""Nodes and gateway as processes on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from system_under_test.control import Moment
from system_under_test.gossip_raft.core.types import Incarnation, NodeId
from system_under_test.gossip_raft.runtime.child_process import ChildProcess, Death
from system_under_test.gossip_raft.runtime.configuration import (
    FILE_NAME,
    LOOPBACK,
    Configuration,
)
from system_under_test.gossip_raft.runtime.errors import ProcessFailed
from system_under_test.gossip_raft.runtime.trouble import (
    Command,
    CrashAt,
    HealClock,
    Impose,
    LetLive,
    Lift,
    Look,
    LosePower,
    text_of,
)
from system_under_test.machine import CLOCK_CONDITIONS, FailingSync, MachineCondition, ReadOnly

NODE_MODULE: Final = "system_under_test.gossip_raft.runtime"
GATEWAY_MODULE: Final = "system_under_test.gossip_raft.runtime.gateway"


class ReservedPort:
    """A free port on loopback that nobody gets by chance until ``close``.

    A server that sets SO_REUSEADDR (gRPC's and ours do) can listen on it all the same,
    again and again: so a node comes back where it was.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((LOOPBACK, 0))
        self.address: Final = f"{LOOPBACK}:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        self._socket.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """One node to run.

    Attributes:
        address: Where it listens; port 0 means any, anew at every start.
        peers: The addresses under which it reaches the others: proxies, for instance.
        directory: Where it keeps its data, trace, log and configuration file.
        timing, topology: As in the configuration file.
        bug: The wrong variant of the bug zoo to run, if any.
        seed: Of its election timeouts; ``None`` draws one from the OS.
        tls: The directory of its certificates, if links are to be secure.
        metrics: Where it serves its metrics, if it does; port 0 means any.
        members: With whom the cluster began; ``None`` for this node and all its peers.
        suffers: Whether it can be told to suffer (``runtime.trouble``).
    """

    id: NodeId
    address: str
    peers: Mapping[NodeId, str]
    directory: Path
    timing: Mapping[str, int] = field(default_factory=dict)
    bug: str | None = None
    seed: int | None = None
    tls: Path | None = None
    metrics: str | None = None
    topology: Mapping[str, int | str] = field(default_factory=dict)
    members: tuple[NodeId, ...] | None = None
    suffers: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """What a node said when it was ready."""

    address: str
    pid: int
    incarnation: Incarnation
    metrics: str | None = None


class NodeProcess:
    """One node of ``cluster``: at most one process at a time, restarted on its data."""

    def __init__(self, cluster: str, spec: NodeSpec, on_death: Callable[[Death], None]) -> None:
        self.spec: Final = spec
        directory = spec.directory.resolve()
        self._configuration = Configuration(
            directory / FILE_NAME,
            cluster,
            # All nodes must list the members in the same order.
            dict(sorted({**spec.peers, spec.id: spec.address}.items())),
            timing=spec.timing,
            tls=None if spec.tls is None else spec.tls.resolve(),
            metrics={} if spec.metrics is None else {spec.id: spec.metrics},
            topology=spec.topology,
            members=spec.members,
        )
        arguments = ["--configuration", str(directory / FILE_NAME)]
        arguments += ["--node", spec.id, "--data", str(directory)]
        if spec.bug is not None:
            arguments += ["--bug", spec.bug]
        if spec.seed is not None:
            arguments += ["--seed", str(spec.seed)]
        log = directory / "server.log"
        self._process = ChildProcess(
            spec.id, NODE_MODULE, arguments, log, on_death, obeys=spec.suffers
        )
        self._conditions: list[MachineCondition] = []
        self._is_to_end = False
        self._started: Started | None = None

    @property
    def running(self) -> bool:
        return self._process.running

    async def start(self, *, rebuild: bool = False) -> Started:
        """Returns when it serves.  Harmless if it runs.

        With ``rebuild`` it may find its data lost or damaged.

        Raises:
            ProcessFailed: It ended or was not ready in time; says its last log lines.
        """
        if self._started is None or not self.running:
            self._configuration.file.parent.mkdir(parents=True, exist_ok=True)
            self._configuration.file.write_bytes(self._configuration.encode())
            more = ["--rebuild"] if rebuild else []
            if self.spec.suffers:
                more += ["--faults", text_of(self._conditions)]
            self._is_to_end = False
            said = await self._process.start(*more)
            address = f"{LOOPBACK}:{said['port']}"
            self._started = Started(
                address, said["pid"], Incarnation(said["incarnation"]), said.get("metrics")
            )
        return self._started

    async def kill(self) -> None:
        """End it at once; returns when it is dead and reaped."""
        await self._process.kill()

    async def terminate(self) -> int | None:
        """End it gracefully; answers the exit status, ``None`` if it did not run."""
        return await self._process.terminate()

    async def impose(self, condition: MachineCondition) -> None:
        """From now on, and when it is started again, until it is lifted."""
        self._conditions.append(condition)
        await self._suffer(Impose(condition))

    async def lift(self, condition: MachineCondition) -> None:
        """Of several that are equal, one; harmless if it does not hold."""
        if condition not in self._conditions:
            return
        self._conditions.remove(condition)
        await self._suffer(Lift(condition))

    async def heal_clock(self) -> None:
        """Let it go on from where it is at the right rate."""
        self._conditions = [c for c in self._conditions if not isinstance(c, CLOCK_CONDITIONS)]
        await self._suffer(HealClock())

    async def repair_disk(self) -> None:
        """No condition of it holds any more."""
        for condition in tuple(self._conditions):
            if not isinstance(condition, CLOCK_CONDITIONS):
                await self.lift(condition)

    async def clock_off_ns(self) -> int:
        """By how much its clock is ahead.

        Raises:
            ProcessFailed: It does not run.
        """
        off: int = (await self._process.tell(Look()))["clock_off_ns"]
        return off

    async def lose_power(self, *, torn: bool) -> None:
        """It ends, and what it has not synced is lost; returns when it is dead and reaped."""
        if self.running:
            self._is_to_end = True
            await self._suffer(LosePower(torn))
            await self._process.ended()

    async def crash_at(self, moment: Moment, count: int) -> None:
        """Let it end by itself right before the ``count``-th such effect, from 1."""
        self._is_to_end = True
        await self._suffer(CrashAt(moment, count))

    async def let_live(self) -> None:
        """Take that back, if it did not come to it."""
        await self._suffer(LetLive())
        self._is_to_end = False
        self._process.may_end(may=self._may_end)

    async def _suffer(self, command: Command) -> None:
        """Told if it runs; it may end of it, or have been about to."""
        self._process.may_end(may=self._may_end)
        if self.running:
            with contextlib.suppress(ProcessFailed):
                await self._process.tell(command)

    @property
    def _may_end(self) -> bool:
        """Whether its end would be somebody's wish."""
        ending = any(isinstance(one, ReadOnly | FailingSync) for one in self._conditions)
        return ending or self._is_to_end

    async def pause(self) -> None:
        """Returns when it has stopped running.

        Raises:
            ProcessFailed: It does not run.
        """
        await self._process.pause()

    def resume(self) -> None:
        """Let it run on.

        Raises:
            ProcessFailed: It does not run.
        """
        self._process.resume()


class ClusterProcesses:
    """All nodes of a cluster.  ``on_death`` hears of every end that was not asked for."""

    def __init__(
        self, cluster: str, specs: Iterable[NodeSpec], on_death: Callable[[Death], None]
    ) -> None:
        self.nodes: Final = {spec.id: NodeProcess(cluster, spec, on_death) for spec in specs}

    async def start_all(self, *, rebuild: bool = False) -> dict[NodeId, Started]:
        """Start all nodes at once; with ``rebuild`` their data may be lost or damaged.

        Raises:
            ProcessFailed: One of them did not start; none is left running.
        """
        starting = [node.start(rebuild=rebuild) for node in self.nodes.values()]
        results = await asyncio.gather(*starting, return_exceptions=True)
        started: dict[NodeId, Started] = {}
        for node, result in zip(self.nodes, results, strict=True):
            if isinstance(result, BaseException):
                await self.stop_all()
                raise result
            started[node] = result
        return started

    async def stop_all(self) -> None:
        """Terminate all nodes, paused ones too; returns when no process is left."""
        await asyncio.gather(*(node.terminate() for node in self.nodes.values()))


class GatewayProcess:
    """The HTTP gateway of the cluster that ``configuration`` describes."""

    def __init__(
        self,
        configuration: Path,
        log: Path,
        on_death: Callable[[Death], None],
        timeout_s: float = 5.0,
    ) -> None:
        arguments = ("--configuration", str(configuration.resolve()), "--timeout", str(timeout_s))
        self._process = ChildProcess("gateway", GATEWAY_MODULE, arguments, log, on_death)

    async def start(self) -> str:
        """Returns its address (host:port) when it serves.

        Raises:
            ProcessFailed: It ended or was not ready in time; says its last log lines.
        """
        return f"{LOOPBACK}:{(await self._process.start())['port']}"

    async def kill(self) -> None:
        """End it at once; returns when it is dead and reaped."""
        await self._process.kill()

    async def stop(self) -> int | None:
        """End it gracefully; answers the exit status, ``None`` if it did not run."""
        return await self._process.terminate()
