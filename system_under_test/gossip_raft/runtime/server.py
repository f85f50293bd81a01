"""One live node: the pure node, its host, and the ports, from start to exit code."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from typing import Any, Final

from system_under_test.gossip_raft.core.messages import Message, TransferLeadership
from system_under_test.gossip_raft.core.node import Node
from system_under_test.gossip_raft.core.types import (
    DurableState,
    Nanos,
    NodeId,
    RequestId,
    Term,
)
from system_under_test.gossip_raft.host import Host
from system_under_test.gossip_raft.mutants.mutant import Mutant
from system_under_test.gossip_raft.runtime.clock import MonotonicClock
from system_under_test.gossip_raft.runtime.codec import Codec
from system_under_test.gossip_raft.runtime.configuration import Configuration
from system_under_test.gossip_raft.runtime.errors import ExitCode, StorageError
from system_under_test.gossip_raft.runtime.network import GrpcNetwork
from system_under_test.gossip_raft.runtime.recorder import TraceRecorder
from system_under_test.gossip_raft.runtime.storage import DataDirectory, FileStorage
from system_under_test.gossip_raft.runtime.write_ahead_log import Owner

HAND_OVER_MAX_S: Final = 3.0
"""Less than those who stop us wait before they kill us."""

log = logging.getLogger(__name__)


class NodeServer:
    """Runs ``node`` on ``directory`` until it is told to stop or must.

    ``mutant`` is how a wrong variant (the bug zoo) gets in.
    """

    def __init__(
        self,
        configuration: Configuration,
        node: NodeId,
        directory: DataDirectory,
        rng: random.Random,
        mutant: Mutant | None = None,
    ) -> None:
        """
        Raises:
            ConfigurationError: ``node`` or the timing does not fit.
            StorageError: The trace cannot be opened.
        """
        config = configuration.node_config(node)
        peers = {peer: a for peer, a in configuration.addresses.items() if peer != node}
        self._node: Final = node
        self._hand_over_s: Final = min(2 * config.election_timeout_min_ns / 1e9, HAND_OVER_MAX_S)
        self._retiring: asyncio.Task[None] | None = None
        self._address = configuration.address(node)
        self._incarnation = 0
        self._ended: asyncio.Future[ExitCode] = asyncio.get_running_loop().create_future()
        self._clock = MonotonicClock()
        self._recorder = TraceRecorder(directory.trace, self._clock, self._break_down)
        self._network = GrpcNetwork(
            node, peers, Codec(configuration.cluster), config.request_timeout_ns
        )
        owner = Owner(configuration.cluster, node)
        self._files = FileStorage(directory, owner, self._break_down)

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
        self._network.find_with(self._address_of)

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
        self._network.deliver_to(self._receive)
        log.info("started", extra={"fields": {"port": port, "incarnation": self._incarnation}})
        return port, self._incarnation

    def retire(self) -> None:
        """Hand leadership over, if this node has it, and stop; called again, stop at once."""
        if self._retiring is None and self._host.is_running:
            self._retiring = asyncio.get_running_loop().create_task(self._hand_over())
        else:
            self.stop()

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

    async def _hand_over(self) -> None:
        request = TransferLeadership(target=None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._hand_over_s):
                message = Message("retirement", self._node, RequestId(1), Term(0), (), request)
                await self._network.ask_own_node(message)
        self.stop()

    def _address_of(self, node: NodeId) -> str | None:
        return dict(self._host.node.membership.addresses).get(node)

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
