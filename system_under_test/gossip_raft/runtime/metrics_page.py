"""``GET /metrics``: the one page that a node serves over HTTP.

A page for a scraper on the same machine needs no web framework, whose import alone would
cost a third of a node's start.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Final

from system_under_test.gossip_raft.runtime.errors import PortInUse

_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_HEAD_BYTES_MAX: Final = 16 * 1024
_PATIENCE_S: Final = 5.0


class MetricsPage:
    """Serves ``page()`` at ``/metrics``, one request a connection."""

    def __init__(self, page: Callable[[], bytes]) -> None:
        self._page = page
        self._server: asyncio.Server | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def listen(self, address: str, context: ssl.SSLContext | None) -> str:
        """Answers the address, of which the port may have been left open (0).

        Raises:
            PortInUse: The address cannot be listened on.
        """
        host, _, port = address.rpartition(":")
        try:
            self._server = await asyncio.start_server(
                self._answer, host, int(port), limit=_HEAD_BYTES_MAX, ssl=context
            )
        except OSError as error:
            raise PortInUse(f"metrics: cannot listen on {address}: {error.strerror}") from error
        return f"{host}:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            for answering in self._answering:
                answering.cancel()
            await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)
        # A caller that breaks off, says too much or nothing is not answered.
        gone = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
        with contextlib.suppress(*gone):
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._response(head))
                    await writer.drain()
            finally:
                writer.close()

    def _response(self, head: bytes) -> bytes:
        match head.split(b"\r\n", 1)[0].split():
            case [b"GET", path, _] if path.split(b"?")[0] == b"/metrics":
                status, body = "200 OK", self._page()
            case [b"GET", _, _]:
                status, body = "404 Not Found", b"there is /metrics\n"
            case _:
                status, body = "405 Method Not Allowed", b"there is GET /metrics\n"
        lines = (
            f"HTTP/1.1 {status}",
            f"Content-Type: {_CONTENT_TYPE}",
            f"Content-Length: {len(body)}",
            "Connection: close",
        )
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
