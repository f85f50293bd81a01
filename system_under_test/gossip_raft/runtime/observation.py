"""Everything that a node with an address for its metrics does for them, in one piece."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Final

from system_under_test.gossip_raft.core.messages import Status
from system_under_test.gossip_raft.core.types import NodeId
from system_under_test.gossip_raft.ports import Clock, Network, Recorder, Storage
from system_under_test.gossip_raft.runtime.metrics import (
    LogCounter,
    MeteredNetwork,
    MeteredRecorder,
    MeteredStorage,
    NodeMetrics,
)
from system_under_test.gossip_raft.runtime.metrics_page import MetricsPage
from system_under_test.gossip_raft.runtime.security import Security


class Observation:
    """Wraps the ports of one node, and serves what they show from ``start`` to ``close``."""

    def __init__(
        self,
        peers: Callable[[], Collection[NodeId]],
        clock: Clock,
        status: Callable[[], Status | None],
    ) -> None:
        """``peers`` answers who the other members are by now, ``status`` how the node is, ``None``
        once it has ended."""
        self.metrics: Final = NodeMetrics(peers, clock)
        self.address: str | None = None
        self._page = MetricsPage(lambda: self.metrics.text(status()))
        self._log_counter = LogCounter(self.metrics)

    def network(self, network: Network) -> Network:
        return MeteredNetwork(network, self.metrics)

    def storage(self, storage: Storage) -> Storage:
        return MeteredStorage(storage, self.metrics)

    def recorder(self, recorder: Recorder) -> Recorder:
        return MeteredRecorder(recorder, self.metrics)

    async def start(self, address: str, security: Security | None) -> None:
        """Serve on ``address``, to holders of certificates only if there are any.

        Raises:
            PortInUse: It cannot be listened on.
        """
        logging.getLogger().addHandler(self._log_counter)
        context = None if security is None else security.http_context()
        self.address = await self._page.listen(address, context)

    async def close(self) -> None:
        logging.getLogger().removeHandler(self._log_counter)
        await self._page.close()
