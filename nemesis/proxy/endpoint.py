"""One socket of a proxied connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Final

UNSENT_MAX: Final = 16384
"""The kernel takes no more for a target that does not read once it has this much unsent.

A cut cannot take back what the kernel has; this keeps it to one segment (64 KiB at
most) instead of megabytes.
"""

_LINGER_NOT: Final = struct.pack("ii", 1, 0)


class Endpoint:
    """A non-blocking socket and what the loop watches it for; harmless once closed.

    ``ready``: connected, so that it may be read and written.
    """

    __slots__ = ("_descriptor", "_loop", "_reading", "_socket", "_writing", "closed", "ready")

    def __init__(self, loop: asyncio.AbstractEventLoop, *, ready: bool) -> None:
        """An endpoint that is closed until ``attach`` gives it a socket."""
        self._loop = loop
        self._socket: socket.socket | None = None
        self._descriptor = -1
        self._reading = False
        self._writing = False
        self.closed = True
        self.ready = ready

    def attach(self, sock: socket.socket) -> None:
        """Take over ``sock``."""
        self._socket = sock
        # By number: of a socket that it does not know asyncio would build a description, each time.
        self._descriptor = sock.fileno()
        self.closed = False
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_MAX)

    @property
    def socket(self) -> socket.socket:
        assert self._socket is not None, "the endpoint was never attached"
        return self._socket

    def watch_read(self, callback: Callable[[], None] | None) -> None:
        """Call ``callback`` whenever there is something to read; ``None``: never."""
        if self.closed or (callback is not None) == self._reading:
            return
        self._reading = callback is not None
        if callback is None:
            self._loop.remove_reader(self._descriptor)
        else:
            self._loop.add_reader(self._descriptor, callback)

    def watch_write(self, callback: Callable[[], None] | None) -> None:
        """Call ``callback`` whenever more can be written; ``None``: never."""
        if self.closed or (callback is not None) == self._writing:
            return
        self._writing = callback is not None
        if callback is None:
            self._loop.remove_writer(self._descriptor)
        else:
            self._loop.add_writer(self._descriptor, callback)

    def close(self) -> None:
        """Say goodbye (FIN) after what the kernel still holds."""
        if self.closed:
            return
        self.watch_read(None)
        self.watch_write(None)
        self.closed = True
        self.socket.close()

    def abort(self) -> None:
        """Break the connection (RST); what the kernel still holds is lost."""
        if self.closed:
            return
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self.close()


def refuse(sock: socket.socket) -> None:
    """Break a connection that was just accepted (RST)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    sock.close()
