"""A TCP proxy for the connections that one party opens to another."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from typing import Final

from nemesis.errors import ProxyUnavailable
from nemesis.proxy.connection import Address, Connection
from nemesis.proxy.endpoint import refuse
from nemesis.proxy.gate import READ_MAX, Gate
from nemesis.proxy.messages import Multiplexed
from nemesis.proxy.relay import Relay

LOOPBACK: Final = "127.0.0.1"
_BACKLOG: Final = 1024
_ACCEPT_PAUSE_S: Final = 0.2
_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Proxy:
    """A listener on loopback whose connections go on to a target that may change.

    ``forward`` gates what the opening side sends, ``backward`` what it hears.
    Belongs to the running loop; runs no task: every byte moves in a callback.
    """

    def __init__(
        self, forward: Gate, backward: Gate, multiplexed: Multiplexed | None = None
    ) -> None:
        """Listen at once on a free port; ``multiplexed`` tells calls within a stream apart.

        Raises:
            ProxyUnavailable: The system gives no port or socket.
        """
        self.forward = forward
        self.backward = backward
        self._multiplexed = multiplexed
        self._loop = asyncio.get_running_loop()
        self._target: Address | None = None
        self._connections: dict[Connection, None] = {}
        self._scratch = memoryview(bytearray(READ_MAX))
        self._resume: asyncio.TimerHandle | None = None
        self._closed = False
        try:
            self._listener = socket.create_server((LOOPBACK, 0), backlog=_BACKLOG)
        except OSError as error:
            raise ProxyUnavailable(f"no listener for {forward.link}: {error}") from error
        self._listener.setblocking(False)
        self.address: Final[Address] = self._listener.getsockname()
        self._loop.add_reader(self._listener, self._accept)

    def retarget(self, host: str, port: int) -> None:
        """Send new connections to ``host`` (an IPv4 address), ``port``."""
        self._target = (host, port)

    def untarget(self) -> None:
        """Nobody is there: new connections are refused (accepted, then reset)."""
        self._target = None

    @property
    def connections(self) -> int:
        return len(self._connections)

    @property
    def held_bytes(self) -> int:
        """What all connections hold back now, in both directions."""
        return sum(c.forward.held_bytes + c.backward.held_bytes for c in self._connections)

    def drop_held(self) -> None:
        """A gate was just shut: drop what is held back behind it."""
        for connection in self._each():
            connection.drop_held()

    def desert(self, gate: Gate) -> None:
        """End all connections at the target of ``gate``, without its source learning of it."""
        for connection in self._each():
            connection.desert(gate)

    def thin_out(self) -> None:
        """Break the newest connections beyond what the target takes."""
        if self.forward.connections_max is not None:
            for connection in tuple(self._connections)[self.forward.connections_max :]:
                if not connection.must_be_silent:
                    self._break(connection)

    def tell_calls_apart(self) -> None:
        """A condition on calls was imposed: connections that were not followed from their first
        byte are broken, visibly or when whatever keeps them silent is lifted."""
        for connection in self._each():
            if connection.relay is None:
                connection.damaged = True
                self._mend(connection)

    def swallow_pending(self) -> None:
        """What swallows is about to be lifted: drop what the kernel holds that came before.

        Else it would be delivered late, though it was sent during the cut.
        """
        if self._closed:
            return
        if self.forward.cut or self.backward.cut:
            self._accept()
        for connection in self._each():
            for pipe in (connection.forward, connection.backward):
                if pipe.swallows:
                    pipe.read_pending()

    def mend(self) -> None:
        """Something was lifted: break what is damaged, deliver what was held back."""
        for connection in self._each():
            self._mend(connection)

    def _mend(self, connection: Connection) -> None:
        if not connection.damaged:
            connection.release()
        elif not connection.must_be_silent:
            self._break(connection)

    def reset(self) -> int:
        """Break all connections now, visibly; new ones may be made.  How many there were."""
        count = len(self._connections)
        for connection in self._each():
            self._break(connection)
        return count

    def close(self) -> None:
        """Stop listening, break everything; harmless when repeated."""
        if self._closed:
            return
        self._closed = True
        if self._resume is not None:
            self._resume.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for connection in self._each():
            connection.abort()

    def _each(self) -> Iterator[Connection]:
        # A copy: what is done to one may end it, or another.
        yield from tuple(self._connections)

    def _break(self, connection: Connection) -> None:
        self.forward.counts.connections_broken += 1
        connection.abort()

    def _accept(self) -> None:
        for _ in range(_BACKLOG):
            try:
                accepted, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _OUT_OF_RESOURCES:
                    raise
                self._pause_accepting()
                return
            self._admit(accepted)

    def _admit(self, accepted: socket.socket) -> None:
        forward, backward = self.forward, self.backward
        forward.counts.connections_opened += 1
        most = forward.connections_max
        silent = forward.cut or backward.cut
        if most is not None and len(self._connections) >= most and not silent:
            forward.counts.connections_refused += 1
            refuse(accepted)
            return
        relay = None
        if forward.calls or backward.calls:
            relay = Relay(forward, backward, self._multiplexed)
        connection = Connection(
            accepted, forward, backward, self._scratch, self._forget, relay=relay
        )
        self._connections[connection] = None
        connection.open(self._target)

    def _pause_accepting(self) -> None:
        # The listener stays readable while descriptors are short: without a pause the
        # loop would spin on it and starve those who could give some back.
        if self._resume is not None:
            self._resume.cancel()
        self._loop.remove_reader(self._listener)
        self._resume = self._loop.call_later(_ACCEPT_PAUSE_S, self._resume_accepting)

    def _resume_accepting(self) -> None:
        self._loop.add_reader(self._listener, self._accept)

    def _forget(self, connection: Connection) -> None:
        self._connections.pop(connection, None)
