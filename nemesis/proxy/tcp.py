"""A TCP proxy for the connections that one party opens to another."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from typing import Final

from nemesis.errors import ProxyUnavailable
from nemesis.proxy.connection import Address, Connection
from nemesis.proxy.gate import Gate

LOOPBACK: Final = "127.0.0.1"
_BACKLOG: Final = 1024
_READ_MAX: Final = 128 * 1024
_ACCEPT_PAUSE_S: Final = 0.2
_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Proxy:
    """A listener on loopback whose connections go on to a target that may change.

    ``forward`` gates what the opening side sends, ``backward`` what it hears.
    Belongs to the running loop; runs no task: every byte moves in a callback.
    """

    def __init__(self, forward: Gate, backward: Gate) -> None:
        """Listen at once on a free port.

        Raises:
            ProxyUnavailable: The system gives no port or socket.
        """
        self.forward = forward
        self.backward = backward
        self._loop = asyncio.get_running_loop()
        self._target: Address | None = None
        self._connections: dict[Connection, None] = {}
        self._scratch = memoryview(bytearray(_READ_MAX))
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

    def discard(self) -> None:
        """A gate was just shut: drop what is held back behind it."""
        for connection in self._each():
            for pipe in (connection.forward, connection.backward):
                if pipe.cut:
                    pipe.drop_held()

    def swallow_pending(self) -> None:
        """A shut gate is about to open: drop what the kernel holds that came before.

        Else it would be delivered late, though it was sent during the cut.
        """
        if not (self.forward.cut or self.backward.cut) or self._closed:
            return
        self._accept()
        for connection in self._each():
            for pipe in (connection.forward, connection.backward):
                if pipe.cut:
                    pipe.read_pending()

    def mend(self) -> None:
        """The gates are open again: break what is damaged, deliver what was delayed."""
        for connection in self._each():
            if connection.damaged:
                self._break(connection)
            else:
                connection.forward.release()
                connection.backward.release()

    def reset(self) -> None:
        """Break all connections now, visibly; new ones may be made."""
        for connection in self._each():
            self._break(connection)

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
        self.forward.connections_broken += 1
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
            self.forward.connections_opened += 1
            connection = Connection(
                accepted, self.forward, self.backward, self._scratch, self._forget
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
