"""One live node: the pure node, its host, and the ports, from start to exit code."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any, Final

from system_under_test.gossip_raft.core.messages import Message
from system_under_test.gossip_raft.core.node import Node
from system_under_test.gossip_raft.core.types import (
    DurableState,
    Incarnation,
    Nanos,
    NodeId,
)
from system_under_test.gossip_raft.host import Host
from system_under_test.gossip_raft.mutants.mutant import Mutant
from system_under_test.gossip_raft.runtime.clock import (
    MonotonicClock,
    seconds_since_1970,
)
from system_under_test.gossip_raft.runtime.codec import Codec
from system_under_test.gossip_raft.runtime.configuration import Configuration
from system_under_test.gossip_raft.runtime.errors import ExitCode, StorageError
from system_under_test.gossip_raft.runtime.network import GrpcNetwork
from system_under_test.gossip_raft.runtime.recorder import TraceRecorder
from system_under_test.gossip_raft.runtime.storage import DataDirectory, FileStorage
from system_under_test.gossip_raft.runtime.write_ahead_log import Owner

log = logging.getLogger(__name__)


class NodeServer:
    """Runs ``node`` on ``directory`` until it is told to stop or must.

    ``mutant`` is how a wrong variant (the bug zoo) gets in.  With ``rebuild`` a directory
    that is empty or damaged is begun anew, and rebuilt from the other nodes.
    """

    def __init__(
        self,
        configuration: Configuration,
        node: NodeId,
        directory: DataDirectory,
        rng: random.Random,
        mutant: Mutant | None = None,
        *,
        rebuild: bool = False,
    ) -> None:
        """
        Raises:
            ConfigurationError: ``node`` or the timing does not fit.
            StorageError: The trace cannot be opened.
        """
        config = configuration.node_config(node)
        peers = {peer: configuration.addresses[peer] for peer in config.peers}
        self._address = configuration.address(node)
        self._incarnation = 0
        self._ended: asyncio.Future[ExitCode] = asyncio.get_running_loop().create_future()
        self._clock = MonotonicClock()
        self._network = GrpcNetwork(
            node, peers, Codec(configuration.cluster), config.request_timeout_ns
        )
        owner = Owner(configuration.cluster, node)
        self._files = FileStorage(
            directory,
            owner,
            self._break_down,
            on_full=self._on_full,
            # Above every number of a former life, which counted starts or began like this.
            rebuild_as=Incarnation(seconds_since_1970()) if rebuild else None,
        )

        self._recorder = TraceRecorder(
            directory.trace, self._clock, self._break_down, self._files.give_up_ballast
        )

        def make_node(durable: DurableState, now: Nanos) -> Node:
            # Raised and made durable by the node before it says anything (PROTOCOL D8).
            self._incarnation = durable.hard.incarnation + 1
            return Node(config, durable, rng, now, None if mutant is None else mutant.rules())

        self._host: Final = Host(
            make_node,
            clock=self._clock,
            network=self._network,
            storage=self._files if mutant is None else mutant.storage(self._files),
            recorder=self._recorder,
            on_stopped=self._break_down,
        )

    async def start(self) -> tuple[int, int]:
        """Answers the port and the incarnation.

        Raises:
            PortInUse: The address cannot be listened on.
            StorageError: The log is damaged or the disk fails.
        """
        asyncio.get_running_loop().set_exception_handler(self._on_loop_error)
        port = await self._network.listen(self._address)
        self._host.start()
        if self._files.torn_bytes:
            log.warning(
                "a torn tail was cut off the log",
                extra={"fields": {"bytes": self._files.torn_bytes}},
            )
        if self._files.damage is not None:
            log.warning("rebuilding from the others: %s", self._files.damage)
        self._network.deliver_to(self._receive)
        log.info("started", extra={"fields": {"port": port, "incarnation": self._incarnation}})
        return port, self._incarnation

    def stop(self) -> None:
        """End by decision; harmless if it has ended."""
        if not self._ended.done():
            self._host.stop()
            self._ended.set_result(ExitCode.STOPPED)

    async def wait(self) -> ExitCode:
        """Until the node has stopped, for whatever reason."""
        return await asyncio.shield(self._ended)

    async def close(self) -> None:
        """Free the port and the files."""
        self._clock.cancel()
        await self._network.close()
        self._files.close()
        self._recorder.close()

    def _on_full(self, full: bool) -> None:
        if full:
            log.error("the disk is full: writes are refused until there is room")
        else:
            log.info("there is room on the disk again")
        if self._host.is_running:
            self._host.node.disk_full(full)

    def _receive(self, message: Message) -> None:
        try:
            self._host.receive(message)
        # Whatever broke, a node that goes on after half a Ready is not the one under test.
        except Exception as error:
            self._break_down(error)
            raise

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A timer or a storage callback raised: the same holds."""
        error = context.get("exception")
        if isinstance(error, Exception):
            self._break_down(error)
        else:
            loop.default_exception_handler(context)

    def _break_down(self, error: Exception) -> None:
        if self._ended.done():
            return
        log.critical("the node stops: %s", error, exc_info=error)
        # The host may be amid a Ready: what comes after the failed effect must not happen.
        self._network.fall_silent()
        self._clock.cancel()
        is_environment = isinstance(error, StorageError)
        self._ended.set_result(
            ExitCode.ENVIRONMENT if is_environment else ExitCode.BROKEN_INVARIANT
        )
