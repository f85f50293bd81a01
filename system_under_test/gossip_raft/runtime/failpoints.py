"""Points between the effects of a node at which its process can be told to end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from system_under_test.control import Moment
from system_under_test.gossip_raft.core.messages import Message
from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.types import DurableState
from system_under_test.gossip_raft.ports import Network, Storage


class Failpoints:
    """Off until ``arm``: then the ``count``-th time that the moment comes is the end (SIGKILL)."""

    def __init__(self) -> None:
        self._armed: tuple[Moment, int] | None = None

    def arm(self, moment: Moment, count: int) -> None:
        assert count >= 1, count
        self._armed = (moment, count)

    def disarm(self) -> None:
        self._armed = None

    def reach(self, moment: Moment) -> None:
        if self._armed is None:
            return
        awaited, count = self._armed
        if awaited not in {moment, Moment.ANY}:
            return
        self._armed = (awaited, count - 1)
        if count == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    def network(self, network: Network) -> Network:
        return _Network(self, network)

    def storage(self, storage: Storage) -> Storage:
        return _Storage(self, storage)


class _Network:
    def __init__(self, failpoints: Failpoints, network: Network) -> None:
        self._failpoints = failpoints
        self._network = network

    def send(self, message: Message) -> None:
        self._failpoints.reach(Moment.SEND)
        self._network.send(message)


class _Storage:
    def __init__(self, failpoints: Failpoints, storage: Storage) -> None:
        self._failpoints = failpoints
        self._storage = storage

    def load(self) -> DurableState:
        return self._storage.load()

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        def reached() -> None:
            # On disk, and nobody has been told.
            self._failpoints.reach(Moment.PERSISTED)
            durable()

        self._failpoints.reach(Moment.PERSIST)
        self._storage.persist(persist, reached)
