"""One node of a directed world, its disk and its ports."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from system_under_test.gossip_raft.core import describe, trace
from system_under_test.gossip_raft.core.image import MalformedImage
from system_under_test.gossip_raft.core.messages import (
    Heartbeat,
    HeartbeatReply,
    Message,
    UpdatePositionReply,
)
from system_under_test.gossip_raft.core.node import Node
from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.types import (
    DurableState,
    InvariantViolation,
    LogIndex,
    Nanos,
    NodeId,
)
from system_under_test.gossip_raft.host import Host
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE
from system_under_test.gossip_raft.ports import DamagedStorage, Storage, SyncFailed

if TYPE_CHECKING:
    from system_under_test.gossip_raft.simulation.directed.world import DirectedWorld

CHATTER: Final = (Heartbeat, HeartbeatReply, UpdatePositionReply)
SELF_EVIDENT: Final = (
    trace.Persisted,
    trace.PositionTold,
    trace.VoteTold,
    trace.Appended,
    trace.Applied,
    trace.SourceChosen,
)


class Actor:
    """It writes down what it does, for people (``world.say``) and as ``trace``.

    Attributes:
        disk: What is on stable storage; it outlives every life.
        mutant: The bug of the zoo that the next life has.
        trap: The kind of effect, and how many of them from now on, before which it dies.
        damaged: From this entry on what is on disk fails its checksums.
        sync_fails: Nothing that is written reaches the disk any more.
        slow: What is written reaches it only with ``sync``.
    """

    def __init__(self, world: DirectedWorld, node: NodeId, disk: DurableState) -> None:
        self.world = world
        self.node = node
        self.disk = disk
        self.time = Nanos(0)
        self.mutant: str | None = None
        self.trap: tuple[str, int] | None = None
        self.damaged: LogIndex | None = None
        self.sync_fails = False
        self.slow = False
        self.trace: list[tuple[Nanos, trace.TraceEvent]] = []
        self.host: Host | None = None
        self._wake: Callable[[], None] = lambda: None
        self._life = 0
        self._writing: tuple[Persist, Callable[[], None]] | None = None

    # --- what transcripts do ---------------------------------------------------

    @property
    def alive(self) -> bool:
        return self.host is not None

    def start(self) -> None:
        self._life += 1
        life = self._life
        mutant = None if self.mutant is None else CATALOGUE[self.mutant]
        rules = self.world.rules() if mutant is None else mutant.rules()
        config = replace(self.world.config, id=self.node)
        rng = random.Random(f"{self.node} {life}")
        storage: Storage = self if mutant is None else mutant.storage(self)
        self.host = Host(
            lambda durable, now: Node(config, durable, rng, now, rules),
            clock=self,
            network=self,
            storage=storage,
            recorder=self,
            on_stopped=self._on_stopped,
        )
        self._obey(self.host.start)

    def crash(self) -> None:
        self.host = None
        self.trap = None
        self.sync_fails = self.slow = False
        self._writing = None
        self.world.say("  crashes")

    def receive(self, message: Message) -> None:
        if self.host is not None:
            self._obey(partial(self.host.receive, message))

    def tick(self) -> None:
        self._obey(self._wake)

    def sync(self) -> None:
        """What is being written is on disk now."""
        while self._writing is not None:
            (persist, durable), self._writing = self._writing, None
            self._write(persist, durable)

    def _obey(self, act: Callable[[], None]) -> None:
        """What the disk says may be the end of the node."""
        try:
            act()
        except (DamagedStorage, MalformedImage, SyncFailed) as error:
            self.host = None
            self.world.say(f"  stops: {error}")

    # --- ports -----------------------------------------------------------------

    def now(self) -> Nanos:
        return self.time

    def wake_at(self, time: Nanos, wake: Callable[[], None]) -> None:
        del time
        self._wake = wake

    def send(self, message: Message) -> None:
        if self._reaches("send"):
            chatter = isinstance(message.body, CHATTER)
            text = describe.message(message).removeprefix(f"{self.node}->")
            self.world.say(f"  -> {text}", chatter=chatter)
            self.world.sent(message)

    def record(self, events: tuple[trace.TraceEvent, ...]) -> None:
        if self.host is None:
            return
        self.trace.extend((self.world.moment(), event) for event in events)
        shown = [e for e in events if self.world.verbose or not isinstance(e, SELF_EVIDENT)]
        if shown:
            self.world.say("  " + "; ".join(map(describe.event, shown)))
        for event in events:
            if isinstance(event, trace.Applied) and self._reaches("apply"):
                held = [entry for entry in self.host.node.log if entry.index == event.index]
                what = describe.entry(held[0]) if held else f"{event.term}/{event.index}"
                self.world.say(f"  applied {what}")

    def load(self) -> DurableState:
        if self.damaged is None:
            return self.disk
        sound = self.disk.log[: self.damaged - self.disk.base.index - 1]
        raise DamagedStorage(f"entry {self.damaged} is damaged", replace(self.disk, log=sound))

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        if not self._reaches("persist"):
            return
        if self.sync_fails:
            raise SyncFailed("a write was not synced")
        if self.slow:
            self._writing = (persist, durable)
        else:
            self._write(persist, durable)

    def _write(self, persist: Persist, durable: Callable[[], None]) -> None:
        self.world.say(f"  {describe.effect(persist)}")
        self.disk = persist.applied_to(self.disk)
        durable()

    def _reaches(self, effect: str) -> bool:
        if self.host is not None and self.trap is not None and self.trap[0] == effect:
            self.trap = (effect, self.trap[1] - 1)
            if not self.trap[1]:
                self.crash()
        return self.host is not None

    def _on_stopped(self, violation: InvariantViolation) -> None:
        del violation
        self.host = None
