"""One life of one simulated node: from its start to its crash, and the ports it is given."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

from system_under_test.control import Moment
from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.messages import Message
from system_under_test.gossip_raft.core.node import Node
from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.trace import TraceEvent
from system_under_test.gossip_raft.core.types import (
    DurableState,
    Nanos,
)
from system_under_test.gossip_raft.host import Host
from system_under_test.gossip_raft.ports import Storage
from system_under_test.gossip_raft.simulation.clock import SimulatedClock, Wake
from system_under_test.gossip_raft.simulation.network import SimulatedNetwork
from system_under_test.gossip_raft.simulation.scheduler import Scheduler
from system_under_test.gossip_raft.simulation.storage import SimulatedDisk


class Life:
    """Clock, network, storage and recorder of one host; ``alive`` until it ends.

    1. Once dead, nothing it does has any effect, and nothing reaches it.
    2. While it is paused everything that comes waits, and comes at once when it resumes, in no
       order: nobody says which connection a process reads first, or if its timers come before.
    3. It may be set to end between two effects, as a real process may.
    """

    def __init__(
        self,
        config: NodeConfig,
        *,
        scheduler: Scheduler,
        clock: SimulatedClock,
        network: SimulatedNetwork,
        disk: SimulatedDisk,
        trace: list[tuple[Nanos, TraceEvent]],
        rng: random.Random,
        rules: Rules,
        wrap_storage: Callable[[Storage], Storage],
        on_end: Callable[[Exception | None], None],
    ) -> None:
        """``trace`` gets what the node records, with the world's time.  ``on_end`` hears of an
        end that came from inside: by an error of the node, or (``None``) by a crash that it was
        set to."""
        self._scheduler = scheduler
        self.now: Final = clock.now
        self._transmit = network.send
        self._disk = disk
        self._trace = trace
        self._on_end = on_end
        self._wake = Wake(scheduler, clock)
        self._rng = rng
        self._waiting: list[tuple[Callable[[Any], None], Any]] = []
        self._crash_before: tuple[Moment, int] | None = None
        self.alive = True
        self.paused = False
        self.incarnation = 0

        def make_node(durable: DurableState, now: Nanos) -> Node:
            return Node(config, durable, rng, now, rules)

        self.host = Host(
            make_node,
            clock=self,
            network=self,
            storage=wrap_storage(self),
            recorder=self,
            on_stopped=self._died,
            inbox_max=config.inbox_max,
        )

    # --- what comes ------------------------------------------------------------------

    def start(self) -> None:
        self._do(self.host.start)

    def receive(self, message: Message) -> None:
        if self.paused:
            self._waiting.append((self.receive, message))
        elif self.alive:
            try:
                self.host.receive(message)
            except Exception as error:  # noqa: BLE001  As in _do, which would cost a call.
                self._died(error)

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        waiting, self._waiting = self._waiting, []
        self._rng.shuffle(waiting)
        for act, argument in waiting:
            act(argument)

    def end(self) -> None:
        """From now on nothing of it has any effect."""
        self.alive = self.paused = False
        self._waiting.clear()

    def crash_at(self, moment: Moment, count: int) -> None:
        """Let it end by itself right before the ``count``-th such effect from now on."""
        assert count >= 1, count
        self._crash_before = (moment, count)

    def let_live(self) -> None:
        self._crash_before = None

    def clock_changed(self) -> None:
        self._wake.clock_changed()

    def _do(self, act: Callable[[], None]) -> None:
        """An error that a wrong node raises ends its process, as it would a real one."""
        try:
            act()
        except Exception as error:  # noqa: BLE001  Whatever it is, the world goes on.
            self._died(error)

    def _died(self, error: Exception) -> None:
        self.end()
        self._on_end(error)

    def _survives(self, moment: Moment) -> bool:
        """Count one effect, which is not obeyed if the life ends before it."""
        if self._crash_before is not None:
            awaited, count = self._crash_before
            if awaited is moment or awaited is Moment.ANY:
                self._crash_before = (awaited, count - 1)
                if count == 1:
                    self.end()
                    self._on_end(None)
        return self.alive

    # --- ports -----------------------------------------------------------------------

    def wake_at(self, time: Nanos, wake: Callable[[], None]) -> None:
        self._wake.at(time, lambda: self._woken(wake))

    def _woken(self, wake: Callable[[], None]) -> None:
        if self.paused:
            self._waiting.append((self._woken, wake))
        elif self.alive:
            self._do(wake)

    def send(self, message: Message) -> None:
        if self.alive and (self._crash_before is None or self._survives(Moment.SEND)):
            self._transmit(message)

    def record(self, events: tuple[TraceEvent, ...]) -> None:
        if self.alive:
            at = self._scheduler.now
            for event in events:
                self._trace.append((at, event))

    def load(self) -> DurableState:
        return self._disk.load()

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        if self.alive and (self._crash_before is None or self._survives(Moment.PERSIST)):
            self._disk.persist(persist, lambda: self._synced(durable))

    def _synced(self, durable: Callable[[], None]) -> None:
        if self.paused:
            self._waiting.append((self._synced, durable))
        elif self.alive and (self._crash_before is None or self._survives(Moment.PERSISTED)):
            self._do(durable)
