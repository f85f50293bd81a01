"""What does the proxy layer cost?  ``python -m benchmarks.proxy``.

A client and a server in processes of their own, with a proxy between them and without, by
turns in one run: round trips of 1 KiB one at a time, bulk, thousands of connections; and gRPC
calls, also through a relay that tells them apart.
The proxy shares this process with nothing else; in a run it shares the harness's loop.
"""

from __future__ import annotations

import asyncio
import random
import resource
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.measure import cpu_seconds, percentile
from benchmarks.proxy_peers import (
    Address,
    Peer,
    call,
    crowd,
    ping_pong,
    pour,
    serve,
    serve_calls,
)
from nemesis.proxy.control import ProxyLayer
from system_under_test.conditions import Meddled, Meddling
from system_under_test.control import CLIENTS, Link

NODE = "server"
DIRECT, PROXIED, FOLLOWED = "direct", "through a proxy", "through a relay"
SIZE = 1024
ROUNDS = 500
BULK_BYTES = 512 << 20


RELAYED = Meddled(Meddling.FAIL, methods=("Never",))
"""Looks at every call and does nothing to it."""


@dataclass(slots=True)
class Measured:
    """One way between client and server, over all turns."""

    round_trips_ns: list[int] = field(default_factory=list)
    bytes_per_s: list[float] = field(default_factory=list)
    bytes_per_cpu_s: list[float] = field(default_factory=list)
    echoed: int = 0
    opening_ns: int = 0
    echoing_ns: int = 0
    calls_ns: list[int] = field(default_factory=list)
    cpu_ns_per_call: list[float] = field(default_factory=list)


async def asked(client: Peer, work: Callable[..., Any], *arguments: Any) -> Any:
    """What the client answers; meanwhile the proxy works."""
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(client.answers.fileno(), done.set)
    try:
        client.ask(work, *arguments)
        await done.wait()
        return client.answer()
    finally:
        loop.remove_reader(client.answers.fileno())


async def measure_bytes(turns: int, connections: int) -> dict[str, Measured]:
    """Directly, and through a proxy."""
    client, server = Peer(), Peer()
    try:
        host, port = await asked(server, serve)
        async with ProxyLayer([NODE], random.Random(0)) as layer:
            layer.retarget(NODE, host, port)
            ways = {DIRECT: (host, port), PROXIED: layer.address(CLIENTS, NODE)}
            found = {way: Measured() for way in ways}
            for _ in range(turns):
                for way, address in ways.items():
                    await _bytes_turn(client, found[way], address)
            for way, address in ways.items():
                measured = found[way]
                measured.echoed, measured.opening_ns, measured.echoing_ns = await asked(
                    client, crowd, address, connections
                )
            return found
    finally:
        client.end()
        server.end()


async def _bytes_turn(client: Peer, measured: Measured, address: Address) -> None:
    measured.round_trips_ns += await asked(client, ping_pong, address, SIZE, ROUNDS)
    before = cpu_seconds()
    taken = await asked(client, pour, address, BULK_BYTES)
    measured.bytes_per_s.append(BULK_BYTES / taken * 1e9)
    measured.bytes_per_cpu_s.append(BULK_BYTES / max(1e-9, cpu_seconds() - before))


async def measure_calls(turns: int) -> dict[str, Measured]:
    """Directly, through a proxy, and through a relay."""
    client, server = Peer(), Peer()
    try:
        host, port = await asked(server, serve_calls)
        async with (
            ProxyLayer([NODE], random.Random(0)) as plain,
            ProxyLayer([NODE], random.Random(0)) as following,
        ):
            for layer in (plain, following):
                layer.retarget(NODE, host, port)
            await following.impose([Link(CLIENTS, NODE)], RELAYED)
            ways = {
                DIRECT: (host, port),
                PROXIED: plain.address(CLIENTS, NODE),
                FOLLOWED: following.address(CLIENTS, NODE),
            }
            found = {way: Measured() for way in ways}
            for _ in range(turns):
                for way, address in ways.items():
                    before = cpu_seconds()
                    found[way].calls_ns += await asked(client, call, address, SIZE, ROUNDS)
                    used_ns = (cpu_seconds() - before) * 1e9
                    if way != DIRECT:
                        found[way].cpu_ns_per_call.append(used_ns / ROUNDS)
            return found
    finally:
        client.end()
        server.end()


def main(
    turns: Annotated[int, typer.Option(help="By turns, so that a neighbour hits all.")] = 10,
    connections: Annotated[int, typer.Option(help="Open at once.")] = 2_000,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 5 * connections)), hard))
    found = asyncio.run(measure_bytes(turns, connections))
    _print(
        found,
        (
            ("1 KiB there and back, p50", lambda m: _share(m.round_trips_ns, 0.5) / 1e3, "us"),
            ("1 KiB there and back, p99", lambda m: _share(m.round_trips_ns, 0.99) / 1e3, "us"),
            ("bulk, best turn", lambda m: max(m.bytes_per_s) / 1e6, "MB/s"),
            ("bulk, median turn", lambda m: sorted(m.bytes_per_s)[turns // 2] / 1e6, "MB/s"),
            ("connections that echo", lambda m: m.echoed, ""),
            ("opening them", lambda m: m.opening_ns / 1e6, "ms"),
            ("one echo of each", lambda m: m.echoing_ns / 1e6, "ms"),
        ),
    )
    best = max(found[PROXIED].bytes_per_cpu_s) / 1e6
    print(f"bulk, of one second of the proxy's CPU: {best:,.0f} MB")
    _print(
        asyncio.run(measure_calls(turns)),
        (
            ("gRPC call of 1 KiB, p50", lambda m: _share(m.calls_ns, 0.5) / 1e3, "us"),
            ("gRPC call of 1 KiB, p99", lambda m: _share(m.calls_ns, 0.99) / 1e3, "us"),
            ("CPU of the proxy a call, best turn", _cpu_us, "us"),
        ),
    )


def _print(
    found: Mapping[str, Measured],
    lines: Sequence[tuple[str, Callable[[Measured], float], str]],
) -> None:
    """Each way beside the direct one, with the difference and the ratio."""
    direct, *others = found
    table = Table("", direct)
    for way in others:
        table.add_column(way)
        table.add_column("difference, ratio")
    for name, value, unit in lines:
        base = value(found[direct])
        cells = [name, f"{base:,.0f} {unit}"]
        for way in others:
            through = value(found[way])
            ratio = f", {through / base:.2f}" if base else ""
            cells += [f"{through:,.0f} {unit}", f"{through - base:+,.0f}{ratio}"]
        table.add_row(*cells)
    Console().print(table)


def _cpu_us(measured: Measured) -> float:
    return min(measured.cpu_ns_per_call, default=0.0) / 1e3


def _share(latencies_ns: list[int], share: float) -> float:
    return percentile(sorted(latencies_ns), share)


if __name__ == "__main__":
    typer.run(main)
