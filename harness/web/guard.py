"""What every answer of the pages is subject to: read only, for this machine, and no scripts but
our own."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS: Final = frozenset({"127.0.0.1", "localhost"})

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
STORED_POLICY: Final = "sandbox allow-scripts allow-downloads; frame-ancestors 'none'"
"""Of a page out of the store: it runs as nobody, so it cannot ask for anything here."""

_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Refuses what does not come from a browser on this machine that was sent to this very host.

    A name that somebody lets point to 127.0.0.1 is none of ours (DNS rebinding).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", POLICY)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        refusal = _refusal(scope)
        app = self._app if refusal is None else refusal
        await app(scope, receive, guarded)


def _refusal(scope: Scope) -> PlainTextResponse | None:
    headers = Headers(scope=scope)
    if headers.get("host", "").partition(":")[0] not in HOSTS:
        return PlainTextResponse("These pages are for 127.0.0.1 only.", 421)
    if scope["method"] not in {"GET", "HEAD"}:
        return PlainTextResponse("There is nothing to change here.", 405)
    if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"} and (
        headers.get("sec-fetch-mode") != "navigate"
    ):
        return PlainTextResponse("Another site has no business here.", 403)
    return None
