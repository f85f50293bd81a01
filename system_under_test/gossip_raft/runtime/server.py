"""One live node: the pure node, its host, and the ports, from start to exit code."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from typing import TYPE_CHECKING, Any, Final

from system_under_test.gossip_raft.core.durable_log import Owner
from system_under_test.gossip_raft.core.messages import Message, Status, TransferLeadership
from system_under_test.gossip_raft.core.node import Node
from system_under_test.gossip_raft.core.types import (
    DurableState,
    Incarnation,
    Nanos,
    NodeId,
    RequestId,
    Term,
)
from system_under_test.gossip_raft.host import Host
from system_under_test.gossip_raft.mutants.mutant import Mutant
from system_under_test.gossip_raft.ports import Network, Recorder, Storage
from system_under_test.gossip_raft.runtime.clock import (
    MonotonicClock,
    seconds_since_1970,
)
from system_under_test.gossip_raft.runtime.codec import Codec
from system_under_test.gossip_raft.runtime.configuration import Configuration
from system_under_test.gossip_raft.runtime.errors import ExitCode, StorageError
from system_under_test.gossip_raft.runtime.events_log import LoggedRecorder
from system_under_test.gossip_raft.runtime.network import GrpcNetwork
from system_under_test.gossip_raft.runtime.probes import Probes
from system_under_test.gossip_raft.runtime.recorder import TraceRecorder
from system_under_test.gossip_raft.runtime.rpc import GOSSIP_RAFT, service_name
from system_under_test.gossip_raft.runtime.security import security_of
from system_under_test.gossip_raft.runtime.storage import DataDirectory, FileStorage
from system_under_test.gossip_raft.runtime.trouble import Trouble

if TYPE_CHECKING:
    from system_under_test.gossip_raft.runtime.observation import Observation

HAND_OVER_MAX_S: Final = 3.0
"""Less than those who stop us wait before they kill us."""

log = logging.getLogger(__name__)


class NodeServer:
    """Runs ``node`` on ``directory`` until it is told to stop or must.

    ``mutant`` is how a wrong variant (the bug zoo) gets in.  With ``rebuild`` a directory
    that is empty or damaged is begun anew, and rebuilt from the other nodes.  ``trouble`` is
    what the node's clock, files and ports suffer; its trace is written in the right time.
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
        trouble: Trouble | None = None,
    ) -> None:
        """
        Raises:
            ConfigurationError: ``node``, the timing or a certificate does not fit.
            StorageError: The trace cannot be opened.
        """
        config = configuration.node_config(node)
        peers = {peer: a for peer, a in configuration.addresses.items() if peer != node}
        self._node: Final = node
        self._hand_over_s: Final = min(2 * config.election_timeout_min_ns / 1e9, HAND_OVER_MAX_S)
        self._retiring: asyncio.Task[None] | None = None
        self._address = configuration.address(node)
        security = self._security = security_of(configuration, node)
        self._incarnation = 0
        self._arrived: list[Message] = []
        self._ended: asyncio.Future[ExitCode] = asyncio.get_running_loop().create_future()
        self._clock = MonotonicClock() if trouble is None else trouble.clock
        self._network = GrpcNetwork(
            node, peers, Codec(configuration.cluster), config.request_timeout_ns, security
        )
        self._probes = Probes(service_name(GOSSIP_RAFT))
        owner = Owner(configuration.cluster, node)
        self._files = FileStorage(
            directory,
            owner,
            self._break_down,
            on_full=self._on_full,
            # Above every number of a former life, which counted starts or began like this.
            rebuild_as=Incarnation(seconds_since_1970()) if rebuild else None,
            files=None if trouble is None else trouble.files,
        )

        self._recorder = TraceRecorder(
            directory.trace, MonotonicClock(), self._break_down, self._files.give_up_ballast
        )

        def make_node(durable: DurableState, now: Nanos) -> Node:
            # Raised and made durable by the node before it says anything (PROTOCOL D8).
            self._incarnation = durable.hard.incarnation + 1
            return Node(config, durable, rng, now, None if mutant is None else mutant.rules())

        storage: Storage = self._files if mutant is None else mutant.storage(self._files)
        network, storage, recorder = self._observed(configuration, storage)
        if trouble is not None:
            network = trouble.failpoints.network(network)
            storage = trouble.failpoints.storage(storage)
        self._host: Final = Host(
            make_node,
            clock=self._clock,
            network=network,
            storage=storage,
            recorder=recorder,
            on_stopped=self._break_down,
            inbox_max=config.inbox_max,
        )
        self._network.find_with(self._address_of)
        self._metrics_at = configuration.metrics.get(node, "")

    def _observed(
        self, configuration: Configuration, storage: Storage
    ) -> tuple[Network, Storage, Recorder]:
        """The ports that the host is given: wrapped, if this node serves metrics."""
        self._observation: Observation | None = None
        recorder: Recorder = LoggedRecorder(self._recorder)
        if self._node not in configuration.metrics:
            return self._network, storage, recorder
        # Imported here: it costs a tenth of a start, and most nodes are not observed.
        from system_under_test.gossip_raft.runtime.observation import (  # noqa: PLC0415
            Observation,
        )

        seen = self._observation = Observation(self._peers, self._clock, lambda: self.status)
        return seen.network(self._network), seen.storage(storage), seen.recorder(recorder)

    @property
    def metrics_address(self) -> str | None:
        """Where the metrics are served, once it has started; ``None`` if nowhere."""
        return None if self._observation is None else self._observation.address

    @property
    def status(self) -> Status | None:
        """How the node is; ``None`` before it runs and after."""
        return self._host.node.status if self._host.is_running else None

    async def start(self) -> tuple[int, int]:
        """Answers the port and the incarnation.

        Raises:
            PortInUse: The address cannot be listened on.
            StorageError: The log is damaged or the disk fails.
        """
        asyncio.get_running_loop().set_exception_handler(self._on_loop_error)
        observation = self._observation
        if observation is not None:
            await observation.start(self._metrics_at, self._security)
        port = await self._network.listen(
            self._address,
            None if observation is None else observation.metrics.served,
            also=(self._probes,),
        )
        self._host.start()
        if self._files.torn_bytes:
            log.warning(
                "a torn tail was cut off the log",
                extra={"fields": {"bytes": self._files.torn_bytes}},
            )
        if self._files.damage is not None:
            log.warning("rebuilding from the others: %s", self._files.damage)
        self._network.deliver_to(self._receive)
        self._probes.start()
        log.info("started", extra={"fields": {"port": port, "incarnation": self._incarnation}})
        return port, self._incarnation

    def retire(self) -> None:
        """Hand leadership over, if this node has it, and stop; called again, stop at once."""
        if self._retiring is None and self._host.is_running:
            self._retiring = asyncio.get_running_loop().create_task(self._hand_leadership_over())
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
        await self._probes.stop()
        await self._network.close()
        if self._observation is not None:
            await self._observation.close()
        self._files.close()
        self._recorder.close()

    def _on_full(self, full: bool) -> None:
        if full:
            log.error("the disk is full: writes are refused until there is room")
        else:
            log.info("there is room on the disk again")
        if self._host.is_running:
            self._host.node.disk_full(full)

    async def _hand_leadership_over(self) -> None:
        request = TransferLeadership(target=None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._hand_over_s):
                message = Message("retirement", self._node, RequestId(1), Term(0), (), request)
                await self._network.ask_own_node(message)
        self.stop()

    def _peers(self) -> tuple[NodeId, ...]:
        return self._host.node.peers if self._host.is_running else ()

    def _address_of(self, node: NodeId) -> str | None:
        return dict(self._host.node.membership.addresses).get(node)

    def _receive(self, message: Message) -> None:
        if self._observation is not None:
            self._observation.metrics.received(message)
        # What one turn of the event loop brings enters together: one Ready, one sync.
        if not self._arrived:
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._arrived.append(message)

    def _hand_over(self) -> None:
        arrived, self._arrived = self._arrived, []
        if self._ended.done():
            return
        try:
            self._host.receive(*arrived)
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
