"""``hearsay serve``: the pages of ``harness.web``, until Ctrl-C."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

import uvicorn
from rich.console import Console

from harness.errors import BadInput, EnvironmentFailure
from harness.exit_codes import ExitCode
from harness.web.app import pages

LOOPBACK: Final = "127.0.0.1"
PORT_MAX: Final = 65535


def serve_store(store: Path, port: int) -> ExitCode:
    """Show the store at ``port`` of this machine, and of no other.

    Raises:
        BadInput: There is no such port or store.
        EnvironmentFailure: The port is taken.
    """
    if not 0 <= port <= PORT_MAX:
        raise BadInput(f"--port: {port} is not between 0 and {PORT_MAX}")
    if not store.is_dir():
        raise BadInput(f"--store: {store}: there is no such directory")
    try:
        listener = socket.create_server((LOOPBACK, port))
    except OSError as error:
        raise EnvironmentFailure(f"port {port} of {LOOPBACK}: {error.strerror}") from error
    with listener:
        address = f"http://{LOOPBACK}:{listener.getsockname()[1]}/"
        Console(highlight=False, soft_wrap=True).print(
            f"{store.resolve()} at {address} (Ctrl-C ends it)", markup=False
        )
        server = uvicorn.Server(
            uvicorn.Config(pages(store.resolve()), log_level="warning", access_log=False)
        )
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    return ExitCode.VALID
