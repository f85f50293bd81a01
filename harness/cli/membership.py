"""``hearsay cluster add | remove | transfer``: change a cluster that ``cluster up`` runs."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Final, assert_never

from rich.console import Console

from harness.certificates import make_security
from harness.errors import BadInput, EnvironmentFailure
from harness.exit_codes import ExitCode
from system_under_test.gossip_raft.core.messages import (
    AddServer,
    Administration,
    Lost,
    RemoveServer,
    Results,
    TransferLeadership,
    Unavailable,
)
from system_under_test.gossip_raft.core.types import NodeId
from system_under_test.gossip_raft.runtime.administration import Administrator
from system_under_test.gossip_raft.runtime.child_process import Death
from system_under_test.gossip_raft.runtime.cluster import NodeProcess, NodeSpec, ReservedPort
from system_under_test.gossip_raft.runtime.configuration import (
    FILE_NAME,
    Configuration,
    load_configuration,
    parse_configuration,
)
from system_under_test.gossip_raft.runtime.errors import ConfigurationError, LiveError

ASK_TIMEOUT_S: Final = 10.0


def add(name: str, configuration: Path | None, data: Path) -> ExitCode:
    """Run node ``name``, have it added, and go on until Ctrl-C.

    Raises:
        BadInput: The cluster is not known, or refuses; nothing was changed.
        EnvironmentFailure: The node does not start, or nobody leads.
    """
    # Ours until we end; in vain if the node has addresses already.
    port, observed = ReservedPort(), ReservedPort()
    try:
        known = load_configuration(configuration or data / FILE_NAME)
        spec = _newcomer(NodeId(name), known, data, port.address, observed.address)
        return asyncio.run(_add(spec, known))
    except ConfigurationError as error:
        raise BadInput(str(error)) from error
    except LiveError as error:
        raise EnvironmentFailure(str(error)) from error
    finally:
        port.close()
        observed.close()


def remove(name: str, configuration: Path | None, data: Path) -> ExitCode:
    """The same errors as ``add``."""
    request = RemoveServer(NodeId(name))
    return _administer(request, f"{name} was removed", configuration, data)


def transfer(name: str | None, configuration: Path | None, data: Path) -> ExitCode:
    """The same errors as ``add``."""
    request = TransferLeadership(None if name is None else NodeId(name))
    return _administer(request, "leadership was handed over", configuration, data)


def _administer(
    request: Administration, success: str, configuration: Path | None, data: Path
) -> ExitCode:
    try:
        known = load_configuration(configuration or data / FILE_NAME)
        answer = asyncio.run(_ask(known, request))
    except ConfigurationError as error:
        raise BadInput(str(error)) from error
    except LiveError as error:
        raise EnvironmentFailure(str(error)) from error
    return _conclude(answer, success)


async def _ask(known: Configuration, request: Administration) -> Results | Unavailable | Lost:
    async with _administrator(known) as administrator:
        return await administrator.ask(request, ASK_TIMEOUT_S)


def _administrator(known: Configuration) -> Administrator:
    security = None if known.tls is None else make_security(known.tls, known.addresses)
    return Administrator(known.addresses, known.cluster, security)


def _conclude(answer: Results | Unavailable | Lost, success: str) -> ExitCode:
    console = Console(highlight=False, soft_wrap=True)
    match answer:
        case Results():
            console.print(success, markup=False)
            return ExitCode.VALID
        case Unavailable(reason=reason):
            raise BadInput(f"refused, nothing was changed: {reason}")
        case Lost(reason=reason):
            console.print(f"nobody knows whether it took effect: {reason}", markup=False)
            return ExitCode.UNKNOWN
        case _:
            assert_never(answer)


def _newcomer(
    node: NodeId, known: Configuration, data: Path, address: str, metrics: str
) -> NodeSpec:
    """Where it was, if it ran before; else where the configuration says, or at ``address``.

    It serves ``metrics`` if other nodes serve theirs.
    """
    earlier = data / node / FILE_NAME
    address = known.addresses.get(node, address)
    observed = known.metrics.get(node, metrics) if known.metrics else None
    if earlier.exists():
        before = load_configuration(earlier)
        address, observed = before.address(node), before.metrics.get(node)
    peers = {peer: where for peer, where in known.addresses.items() if peer != node}
    members = tuple(known.addresses) if known.members is None else known.members
    spec = NodeSpec(
        id=node,
        address=address,
        peers=peers,
        directory=data / node,
        timing=known.timing,
        topology=known.topology,
        tls=known.tls,
        metrics=observed,
        members=tuple(member for member in members if member != node),
    )
    addresses = {**peers, node: spec.address}
    whole = Configuration(earlier, known.cluster, addresses, None, known.timing, spec.members)
    parse_configuration(whole.encode().decode(), earlier)  # A mistake is told before anything.
    return spec


async def _add(spec: NodeSpec, known: Configuration) -> ExitCode:
    console = Console(highlight=False, soft_wrap=True)
    stop = asyncio.Event()

    def died(death: Death) -> None:
        console.print(str(death), style="red", markup=False)
        stop.set()

    if known.tls is not None:
        make_security(known.tls, (*known.addresses, spec.id))
    process = NodeProcess(known.cluster, spec, died)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    stopped = loop.create_task(stop.wait())
    ran_before = (spec.directory / FILE_NAME).exists()
    try:
        async with _administrator(known) as administrator:
            if not ran_before:
                await _refuse_a_lost_disk(spec.id, administrator)
            started = await process.start()
            address = started.address
            if started.metrics is not None:
                scheme = "http" if known.tls is None else "https"
                console.print(f"{spec.id}  {scheme}://{started.metrics}/metrics", markup=False)
            # Asked only now: if it is a member, they may need it to have a leader at all.
            if spec.id not in (await administrator.membership(ASK_TIMEOUT_S)).members:
                answer = await administrator.ask(AddServer(spec.id, address), ASK_TIMEOUT_S)
                code = _conclude(answer, f"{spec.id}  {address}  learns")
                if code is not ExitCode.VALID:
                    return code
            voter = loop.create_task(administrator.voter(spec.id))
            await asyncio.wait((voter, stopped), return_when=asyncio.FIRST_COMPLETED)
            if voter.done():
                console.print(
                    f"{spec.id}  votes  (Ctrl-C stops it; it stays a member until it is removed)",
                    markup=False,
                )
            voter.cancel()
        await stopped
    finally:
        stopped.cancel()
        await process.terminate()
    return ExitCode.VALID


async def _refuse_a_lost_disk(node: NodeId, administrator: Administrator) -> None:
    """It may have voted, and does not know any more (PROTOCOL D12)."""
    if node in (await administrator.membership(ASK_TIMEOUT_S)).members:
        raise BadInput(f"{node} is a member, but its data is not there: remove it first")
