"""How many HTTP requests a gateway takes in at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from system_under_test.gossip_raft.runtime.errors import Overloaded

REQUESTS_MAX: Final = 1_000
BYTES_MAX: Final = 64 * 1024 * 1024
"""A gateway's own limits."""


class Admission:
    """Stands before ``app``.

    1. At most ``requests_max`` requests are under way; one more is answered with
       ``refusal(why)`` at once, and ``app`` never hears of it.
    2. Of their bodies at most ``bytes_max`` are held together, unless one alone has more:
       whoever reads beyond that gets ``Overloaded``.
    3. A request is under way until its answer is sent, even if nobody listens any more.
    """

    def __init__(
        self,
        app: ASGIApp,
        refusal: Callable[[str], ASGIApp],
        requests_max: int,
        bytes_max: int,
    ) -> None:
        self._app = app
        self._refusal = refusal
        self._requests_max = requests_max
        self._bytes_max = bytes_max
        self._requests = 0
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._requests >= self._requests_max:
            refusal = self._refusal(f"{self._requests} requests are under way")
            await refusal(scope, receive, send)
            return
        held = 0

        async def receive_within_limits() -> Message:
            nonlocal held
            message = await receive()
            size = len(message.get("body", b""))
            if self._bytes > held and self._bytes + size > self._bytes_max:
                raise Overloaded(f"{self._bytes} bytes of requests are under way")
            held += size
            self._bytes += size
            return message

        self._requests += 1
        try:
            await self._app(scope, receive_within_limits, send)
        finally:
            self._requests -= 1
            self._bytes -= held
