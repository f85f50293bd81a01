"""``hearsay cluster status``: how every node of a cluster is, once or as it changes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
from collections.abc import AsyncIterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.live import Live
from rich.table import Table

from harness.errors import BadInput
from harness.exit_codes import ExitCode
from system_under_test.gossip_raft.core.messages import GetStatus, Message, Status
from system_under_test.gossip_raft.core.types import Membership, NodeId, RequestId, Term
from system_under_test.gossip_raft.runtime.client import Connections
from system_under_test.gossip_raft.runtime.configuration import (
    FILE_NAME,
    Configuration,
    load_configuration,
)
from system_under_test.gossip_raft.runtime.errors import (
    CodecError,
    ConfigurationError,
    NoAnswer,
    NotConnected,
)
from system_under_test.gossip_raft.runtime.security import CLIENTS, security_of

ASK_TIMEOUT_S: Final = 1.0
WATCH_INTERVAL_S: Final = 0.5

Statuses = Mapping[NodeId, Status | None]


def status(data: Path, configuration: Path | None, *, watch: bool, as_json: bool) -> ExitCode:
    """Print how the nodes are; with ``watch`` again and again, until Ctrl-C.

    Returns:
        ``ENVIRONMENT`` if no node answers (the last time), ``VALID`` otherwise.

    Raises:
        BadInput: The configuration file is missing or wrong.
    """
    try:
        read = load_configuration(data / FILE_NAME if configuration is None else configuration)
        return asyncio.run(_show(read, watch=watch, as_json=as_json))
    except ConfigurationError as error:
        raise BadInput(str(error)) from error


async def _show(configuration: Configuration, *, watch: bool, as_json: bool) -> ExitCode:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    console = Console(highlight=False, soft_wrap=True)
    security = security_of(configuration, CLIENTS)
    connections = Connections(configuration.addresses, configuration.cluster, security)
    redrawn = Live(console=console, auto_refresh=False) if watch and not as_json else None
    answered = False
    try:
        with redrawn or contextlib.nullcontext():
            async for statuses in _looks(connections, stop, watch=watch):
                answered = any(answer is not None for answer in statuses.values())
                if as_json:
                    print(as_json_line(statuses), flush=True)
                elif redrawn is None:
                    console.print(status_table(statuses))
                else:
                    redrawn.update(status_table(statuses), refresh=True)
    finally:
        await connections.close()
    if answered:
        return ExitCode.VALID
    if not as_json:
        console.print(f"no node of {configuration.file} answers", style="red", markup=False)
    return ExitCode.ENVIRONMENT


async def _looks(
    connections: Connections, stop: asyncio.Event, *, watch: bool
) -> AsyncIterator[Statuses]:
    """How the nodes are now, those included that others tell of; if ``watch``, again and again
    until ``stop``."""
    requests = itertools.count(1)
    while True:
        statuses: dict[NodeId, Status | None] = {}
        while unasked := [node for node in connections.nodes if node not in statuses]:
            asked = (_ask(connections, node, RequestId(next(requests))) for node in unasked)
            statuses |= zip(unasked, await asyncio.gather(*asked), strict=True)
            for answer in statuses.values():
                if answer is not None:
                    await connections.learn(answer.membership.addresses)
        yield statuses
        if not watch:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WATCH_INTERVAL_S):
                await stop.wait()
                return


async def _ask(connections: Connections, node: NodeId, request: RequestId) -> Status | None:
    question = Message("status", node, request, Term(0), (), GetStatus())
    try:
        answer = await connections.ask(question, ASK_TIMEOUT_S)
    except (NotConnected, NoAnswer, CodecError):
        return None
    return answer.body if isinstance(answer.body, Status) else None


def status_table(statuses: Statuses) -> Table:
    """One row a node.  Its lag is how many entries the longest log has that it has not applied;
    who learns or has left the cluster is told by that log, too."""
    # Without a box ten columns fit into 80 characters.
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("node", "role", "term", "leader", "last", "commit", "applied", "lag", "source"):
        table.add_column(name)
    table.add_column("hears")
    answers = [answer for answer in statuses.values() if answer is not None]
    # The one with the longest log knows best.
    membership = max(answers, key=lambda it: it.last).membership if answers else Membership()
    longest = max((answer.last.index for answer in answers), default=0)
    for node, answer in statuses.items():
        if answer is None:
            table.add_row(node, "silent", style="red")
            continue
        table.add_row(
            node,
            _role(node, answer, membership),
            str(answer.term),
            answer.leader or "-",
            f"{answer.last.term}/{answer.last.index}",
            f"{answer.commit.term}/{answer.commit.index}",
            str(answer.applied),
            str(longest - answer.applied),
            answer.source or "-",
            ",".join(answer.reachable) or "-",
            style="bold" if answer.role == "leader" else None,
        )
    return table


def _role(node: NodeId, status: Status, membership: Membership) -> str:
    if node in membership.learners:
        return "learner"
    return status.role if node in membership.voters else f"{status.role}, left"


def as_json_line(statuses: Statuses) -> str:
    """``{"nodes": {"n0": {...} or null}}``."""
    nodes = {node: status and _named(status) for node, status in statuses.items()}
    return msgspec.json.encode({"nodes": nodes}).decode()


def _named(value: object) -> object:
    """``value`` with the names of all its fields, those of named tuples too."""
    if is_dataclass(value):
        return {field.name: _named(getattr(value, field.name)) for field in fields(value)}
    match value:
        case tuple() if hasattr(value, "_asdict"):
            return {name: _named(part) for name, part in value._asdict().items()}
        case tuple():
            return [_named(part) for part in value]
        case _:
            return value
