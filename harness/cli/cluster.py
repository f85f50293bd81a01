"""``hearsay cluster up``: a cluster and its gateway, to play with by hand."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from harness.certificates import make_security
from harness.config import NODES_MAX
from harness.errors import BadInput, EnvironmentFailure
from harness.exit_codes import ExitCode
from system_under_test.gossip_raft.core.types import NodeId
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE
from system_under_test.gossip_raft.runtime.child_process import Death
from system_under_test.gossip_raft.runtime.cluster import (
    ClusterProcesses,
    GatewayProcess,
    NodeSpec,
    ReservedPort,
)
from system_under_test.gossip_raft.runtime.configuration import (
    FILE_NAME,
    LOOPBACK,
    Configuration,
    load_configuration,
)
from system_under_test.gossip_raft.runtime.errors import ConfigurationError, LiveError
from system_under_test.gossip_raft.runtime.storage import IDENTITY

PORT_MAX = 65535


def up(
    nodes: int,
    configuration: Path | None,
    gateway_port: int,
    data: Path,
    bug: str | None,
    *,
    tls: bool = False,
    rebuild: bool = False,
) -> ExitCode:
    """Run until Ctrl-C.  ``data`` gets a configuration file that says where all is.

    With ``rebuild`` nodes whose data are lost or damaged are rebuilt from the others.

    Raises:
        BadInput: An option or the configuration file is wrong.
        EnvironmentFailure: A port is taken, or a process does not start.
    """
    if not 1 <= nodes <= NODES_MAX:
        raise BadInput(f"--nodes: {nodes} is not between 1 and {NODES_MAX}")
    if not 0 <= gateway_port <= PORT_MAX:
        raise BadInput(f"--gateway-port: {gateway_port} is not between 0 and {PORT_MAX}")
    if bug is not None and bug not in CATALOGUE:
        raise BadInput(f"--bug: no bug is named {bug!r}; there are: {', '.join(CATALOGUE)}")
    if tls and configuration is not None:
        raise BadInput('--tls: say it in the configuration file ("tls")')
    try:
        data.mkdir(parents=True, exist_ok=True)
        if configuration is not None:
            given = load_configuration(configuration)
            copy = replace(given, file=data / FILE_NAME)
            if configuration.resolve() != copy.file.resolve():
                copy.file.write_bytes(copy.encode())
            return asyncio.run(_serve(copy, data, bug, rebuild=rebuild))
        ports = [ReservedPort() for _ in range(nodes)]
        addresses = {NodeId(f"n{number}"): port.address for number, port in enumerate(ports)}
        gateway = f"{LOOPBACK}:{gateway_port}"
        observed = {node: ReservedPort() for node in addresses}
        chosen = Configuration(
            data / FILE_NAME,
            "hand",
            addresses,
            gateway,
            tls=(data / "certificates").resolve() if tls else None,
            metrics={node: port.address for node, port in observed.items()},
        )
        chosen.file.write_bytes(chosen.encode())
        return asyncio.run(_serve(chosen, data, bug, rebuild=rebuild))
    except ConfigurationError as error:
        raise BadInput(str(error)) from error
    except LiveError as error:
        raise EnvironmentFailure(str(error)) from error
    except OSError as error:
        raise EnvironmentFailure(f"{data}: {error.strerror}") from error


async def _serve(
    configuration: Configuration, data: Path, bug: str | None, *, rebuild: bool
) -> ExitCode:
    is_new = _is_new(configuration.addresses, data, rebuild=rebuild)
    console = Console(highlight=False, soft_wrap=True)
    stop = asyncio.Event()

    def died(death: Death) -> None:
        console.print(str(death), style="red", markup=False)

    if configuration.tls is not None:
        make_security(configuration.tls, configuration.addresses)
    specs = [
        NodeSpec(
            id=node,
            address=address,
            peers={n: a for n, a in configuration.addresses.items() if n != node},
            directory=data / node,
            timing=configuration.timing,
            topology=configuration.topology,
            bug=bug,
            tls=configuration.tls,
            metrics=configuration.metrics.get(node),
        )
        for node, address in configuration.addresses.items()
    ]
    cluster = ClusterProcesses(configuration.cluster, specs, died)
    gateway = GatewayProcess(configuration.file, data / "gateway.log", died)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        scheme = "http" if configuration.tls is None else "https"
        for node, started in (await cluster.start_all(rebuild=rebuild and not is_new)).items():
            seen = "" if started.metrics is None else f"  {scheme}://{started.metrics}/metrics"
            console.print(f"{node}  {started.address}{seen}", markup=False)
        if configuration.tls is not None:
            console.print(f"certificates  {configuration.tls}", markup=False)
        if configuration.gateway is not None:
            url = f"{scheme}://{await gateway.start()}"
            console.print(f"gateway  {url}  (Ctrl-C stops everything)", markup=False)
        await stop.wait()
    finally:
        await asyncio.gather(gateway.stop(), cluster.stop_all())
    return ExitCode.VALID


def _is_new(nodes: Iterable[NodeId], data: Path, *, rebuild: bool) -> bool:
    """Whether no node has run yet: then there is nobody to rebuild any from.

    Raises:
        BadInput: Some have run, others have no data, and are not to be rebuilt: they may have
            voted and would not know it (PROTOCOL rule 12).
    """
    ran = {node: (data / node / IDENTITY).exists() for node in nodes}
    lost = [node for node, has_run in ran.items() if not has_run]
    if lost and any(ran.values()) and not rebuild:
        raise BadInput(
            f"{data}: other nodes have run, but of {', '.join(lost)} there are no data:"
            " --rebuild makes them anew from the others, 'hearsay cluster add' adds new nodes"
        )
    return not any(ran.values())
