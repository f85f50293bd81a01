"""The ``hearsay`` command: ``commands`` say what each takes, their neighbours what each does.

Commands import what they need when they run, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys

import typer

from harness.cli.commands import clusters, looking, running
from harness.kernel_cache import use_kernel_cache

app = typer.Typer(
    name="hearsay",
    help="Break a gossip-Raft cluster on purpose, and judge what its clients saw.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(running.app)
app.add_typer(looking.app)
app.add_typer(clusters.app, name="cluster")


def main() -> None:
    """Entry point: errors that we foresee become one line and the exit code they mean."""
    # Broken connections are our trade; gRPC's own remarks on them are noise.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    use_kernel_cache()
    try:
        app()
    except Exception as error:
        from harness.cli.failures import explain_failure

        explained = explain_failure(error)
        if explained is None:
            raise
        line, code = explained
        typer.echo(f"hearsay: {line}", err=True)
        sys.exit(code)
