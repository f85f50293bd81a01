"""``hearsay cluster``: a cluster to play with by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.commands.options import (
    JsonOption,
)

app = typer.Typer(
    help="A cluster to play with by hand.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("up")
def cluster_up(
    nodes: Annotated[int, typer.Option(help="Nodes in the cluster, 1 to 9.")] = 3,
    configuration: Annotated[
        Path | None, typer.Option(help="A cluster-configuration.json to use instead.")
    ] = None,
    gateway_port: Annotated[int, typer.Option(help="HTTP port on 127.0.0.1; 0: any.")] = 8000,
    data: Annotated[Path, typer.Option(help="Directory for the nodes' data.")] = Path(
        "cluster-data"
    ),
    bug: Annotated[str | None, typer.Option(help="Run deliberately wrong nodes.")] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Mutual TLS on every link.")] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make lost or damaged nodes anew from the others.")
    ] = False,
) -> None:
    """Start nodes and HTTP gateway; Ctrl-C stops them."""
    from harness.cli.cluster import up

    raise typer.Exit(up(nodes, configuration, gateway_port, data, bug, tls=tls, rebuild=rebuild))


@app.command("status")
def cluster_status(
    data: Annotated[Path, typer.Option(help="Directory given to 'cluster up'.")] = Path(
        "cluster-data"
    ),
    configuration: Annotated[
        Path | None, typer.Option(help="A cluster-configuration.json to use instead.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Until Ctrl-C.")] = False,
    json: JsonOption = False,
) -> None:
    """Show role, term, log and lag of every node; exit 4 if none answers."""
    from harness.cli.cluster_status import status

    raise typer.Exit(status(data, configuration, watch=watch, as_json=json))


ClusterConfiguration = Annotated[
    Path | None,
    typer.Option(help="The cluster's cluster-configuration.json; default: the one in --data."),
]
ClusterData = Annotated[Path, typer.Option(help="The directory that 'cluster up' was given.")]
CLUSTER_DATA = Path("cluster-data")


@app.command("add")
def cluster_add(
    name: Annotated[str, typer.Argument(help="A name that no member has.")],
    configuration: ClusterConfiguration = None,
    data: ClusterData = CLUSTER_DATA,
) -> None:
    """Run one more node in this terminal and add it to a running cluster; Ctrl-C stops it."""
    from harness.cli.membership import add

    raise typer.Exit(add(name, configuration, data))


@app.command("remove")
def cluster_remove(
    name: Annotated[str, typer.Argument(help="A member.")],
    configuration: ClusterConfiguration = None,
    data: ClusterData = CLUSTER_DATA,
) -> None:
    """Remove a node from a running cluster; its process goes on, but counts no more."""
    from harness.cli.membership import remove

    raise typer.Exit(remove(name, configuration, data))


@app.command("transfer")
def cluster_transfer(
    name: Annotated[
        str | None, typer.Argument(help="Who is to lead; default: whoever is best prepared.")
    ] = None,
    configuration: ClusterConfiguration = None,
    data: ClusterData = CLUSTER_DATA,
) -> None:
    """Hand leadership over."""
    from harness.cli.membership import transfer

    raise typer.Exit(transfer(name, configuration, data))
