"""The only code that obeys a ``Ready``, in live and in simulated runs alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, assert_never

from system_under_test.gossip_raft.core.admission import after_waiting, bytes_held
from system_under_test.gossip_raft.core.messages import ClientRequest, Message, Unavailable
from system_under_test.gossip_raft.core.node import Node
from system_under_test.gossip_raft.core.ready import Effect, Persist, Record
from system_under_test.gossip_raft.core.trace import Stopped
from system_under_test.gossip_raft.core.types import (
    DurableState,
    Entry,
    InvariantViolation,
    Nanos,
    Term,
)
from system_under_test.gossip_raft.ports import Clock, Network, Recorder, Storage

INBOX_MAX: Final = 10_000
INBOX_BYTES_MAX: Final = 64 * 1024 * 1024


class Host:
    """Runs one life of one node, between ``start`` and ``stop``.

    1. Effects are obeyed strictly in the order of ``Ready.effects``.
    2. Group commit: what arrives while a persist is under way is taken in together
       when it is done, so many messages share one sync.
    3. After an ``InvariantViolation`` nothing more is obeyed: it is recorded, told to
       ``on_stopped``, and every later call does nothing.
    4. While the disk is busy at most ``inbox_max`` messages wait, and clients' commands of
       ``inbox_bytes_max`` together, unless one alone has more: a client's request beyond
       that is refused at once, a peer's message is lost, as the protocol expects.

    Not thread-safe: all calls, the ports' callbacks included, come from one thread.
    """

    def __init__(
        self,
        make_node: Callable[[DurableState, Nanos], Node],
        *,
        clock: Clock,
        network: Network,
        storage: Storage,
        recorder: Recorder,
        on_stopped: Callable[[InvariantViolation], None] | None = None,
        inbox_max: int = INBOX_MAX,
        inbox_bytes_max: int = INBOX_BYTES_MAX,
    ) -> None:
        self._make_node = make_node
        self._clock = clock
        self._network = network
        self._storage = storage
        self._recorder = recorder
        self._on_stopped = on_stopped
        self._node: Node | None = None
        self._effects: Iterator[Effect] = iter(())
        self._inbox_max = inbox_max
        self._inbox_bytes_max = inbox_bytes_max
        self._arrived: list[tuple[Nanos, Message]] = []
        self._arrived_bytes = 0
        self._time_passed = False
        self._persisting = False
        self._is_durable = False
        self._running = False
        self._idle = False
        self._wake_at: Nanos | None = None
        """When it is to be woken, as far as the clock was told; ``None`` if it was woken."""

    @property
    def node(self) -> Node:
        """The node, to look at.

        Raises:
            RuntimeError: It was not started, or has stopped.
        """
        if self._node is None:
            raise RuntimeError("host: the node is not running")
        return self._node

    @property
    def is_running(self) -> bool:
        return self._node is not None

    def start(self) -> None:
        """Load what is on disk and begin.  Call once."""
        assert self._node is None
        self._node = self._make_node(self._storage.load(), self._clock.now())
        self._run()

    def receive(self, *messages: Message) -> None:
        """Take in messages, together.  Before ``start`` and after the end they are lost."""
        if self._node is None:
            return
        now = self._clock.now()
        for message in messages:
            if not self._persisting or self._has_room(message):
                self._arrived.append((now, message))
            elif isinstance(message.body, ClientRequest):
                self._network.send(_refusal_of(message, len(self._arrived)))
        self._run(now)

    def stop(self) -> None:
        """End this life by decision; what is under way is dropped, as in a crash."""
        if self._node is not None:
            self._end("shut down")

    # --- the loop --------------------------------------------------------------

    def _has_room(self, message: Message) -> bool:
        """Whether ``message`` may wait for the disk; if so, what it takes is counted."""
        held, size = self._arrived_bytes, bytes_held(message)
        fits = held == 0 or size == 0 or held + size <= self._inbox_bytes_max
        if not fits or len(self._arrived) >= self._inbox_max:
            return False
        self._arrived_bytes += size
        return True

    def _run(self, now: Nanos | None = None) -> None:
        """Obey and take in until nothing is left, or a persist is waited for.

        ``now`` is what the clock shows, if it has just been read.
        """
        node = self._node
        if node is None or self._running or self._persisting:
            return  # If a port called back at once, the loop below goes on by itself.
        self._running = True
        try:
            self._proceed(node, now)
        except InvariantViolation as violation:
            # The one border where it is caught: to stop this node loudly, and only it.
            self._end(f"invariant violated: {violation}")
            if self._on_stopped is not None:
                self._on_stopped(violation)
        except BaseException as error:
            # Somebody else's error, but a Ready half obeyed must not be gone on with.
            self._end(f"{type(error).__name__}: {error}")
            raise
        finally:
            self._running = False

    def _proceed(self, node: Node, now: Nanos | None) -> None:
        while True:
            for effect in self._effects:
                match effect:
                    case Message():
                        self._network.send(effect)
                    case Entry():
                        node.apply(effect)
                    case Record(events=events):
                        self._recorder.record(events)
                        if self._is_durable:
                            # That it is durable has just been recorded, which comes first
                            # (Ready, law 2).
                            self._is_durable = False
                            node.persisted()
                    case Persist():
                        self._persisting = True
                        self._storage.persist(effect, self._durable)
                        if self._persisting:
                            return
                    case _:
                        assert_never(effect)
                if self._node is None:
                    return  # Stopped by what a port did.
            if self._idle:
                if not self._arrived and not self._time_passed:
                    return
                self._take_in(node, self._clock.now() if now is None else now)
            now = None  # Obeying takes time.
            ready = node.take_ready()
            self._effects = iter(ready.effects())
            self._idle = ready.is_last
            if self._idle and ready.wake_at != self._wake_at:
                self._wake_at = ready.wake_at
                self._clock.wake_at(ready.wake_at, self._wake)

    def _take_in(self, node: Node, now: Nanos) -> None:
        """Give the node what waits."""
        if self._arrived:
            arrived, self._arrived = self._arrived, []
            self._arrived_bytes = 0
            for arrival, message in arrived:
                waited = now - arrival
                node.step(after_waiting(message, waited) if waited else message, now)
        if self._time_passed:
            self._time_passed = False
            node.tick(now)

    def _end(self, reason: str) -> None:
        self._node = None
        self._recorder.record((Stopped(reason=reason),))

    def _durable(self) -> None:
        if self._node is not None:  # Otherwise it was stopped meanwhile.
            self._persisting = False
            self._is_durable = True
            self._run()

    def _wake(self) -> None:
        self._wake_at = None
        if self._node is not None:
            self._time_passed = True
            self._run()


def _refusal_of(message: Message, waiting: int) -> Message:
    """Reveals nothing of the node, so it need not wait for the disk."""
    body = Unavailable(f"overloaded: {waiting} messages wait, not executed")
    return Message(message.target, message.source, message.request, Term(0), (), body)
