"""What does the proxy layer cost?  ``python -m benchmarks.proxy``.

A client and a server in processes of their own, with a proxy between them and without, by
turns in one run: round trips of 1 KiB one at a time, bulk, and thousands of connections.
The proxy shares this process with nothing else; in a run it shares the harness's loop.
"""

from __future__ import annotations

import asyncio
import random
import resource
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.measure import cpu_seconds, percentile
from benchmarks.proxy_peers import Address, Peer, crowd, ping_pong, pour, serve
from nemesis.proxy.control import ProxyLayer
from system_under_test.control import CLIENTS

NODE = "server"
SIZE = 1024
ROUNDS = 500
BULK_BYTES = 512 << 20


@dataclass(slots=True)
class Measured:
    """One way between client and server, over all turns."""

    latencies_ns: list[int] = field(default_factory=list)
    bytes_per_s: list[float] = field(default_factory=list)
    bytes_per_cpu_s: list[float] = field(default_factory=list)
    echoed: int = 0
    opening_ns: int = 0
    echoing_ns: int = 0


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


async def measure(turns: int, connections: int) -> tuple[Measured, Measured]:
    """Directly, and through a proxy."""
    client, server = Peer(), Peer()
    try:
        host, port = await asked(server, serve)
        async with ProxyLayer([NODE], random.Random(0)) as layer:
            layer.retarget(NODE, host, port)
            ways = ((Measured(), (host, port)), (Measured(), layer.address(CLIENTS, NODE)))
            for _ in range(turns):
                for measured, address in ways:
                    await _turn(client, measured, address)
            for measured, address in ways:
                measured.echoed, measured.opening_ns, measured.echoing_ns = await asked(
                    client, crowd, address, connections
                )
            return ways[0][0], ways[1][0]
    finally:
        client.end()
        server.end()


async def _turn(client: Peer, measured: Measured, address: Address) -> None:
    measured.latencies_ns += await asked(client, ping_pong, address, SIZE, ROUNDS)
    before = cpu_seconds()
    taken = await asked(client, pour, address, BULK_BYTES)
    measured.bytes_per_s.append(BULK_BYTES / taken * 1e9)
    measured.bytes_per_cpu_s.append(BULK_BYTES / max(1e-9, cpu_seconds() - before))


def main(
    turns: Annotated[int, typer.Option(help="By turns, so that a neighbour hits both.")] = 10,
    connections: Annotated[int, typer.Option(help="Open at once.")] = 2_000,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 5 * connections)), hard))
    direct, proxied = asyncio.run(measure(turns, connections))
    table = Table("", "direct", "through a proxy", "difference", "ratio")
    lines: list[tuple[str, Callable[[Measured], float], float, str]] = [
        ("1 KiB there and back, p50", lambda m: _latency(m, 0.5), 1e3, "us"),
        ("1 KiB there and back, p99", lambda m: _latency(m, 0.99), 1e3, "us"),
        ("bulk, best turn", lambda m: max(m.bytes_per_s), 1e6, "MB/s"),
        ("bulk, median turn", lambda m: sorted(m.bytes_per_s)[turns // 2], 1e6, "MB/s"),
        ("connections that echo", lambda m: m.echoed, 1, ""),
        ("opening them", lambda m: m.opening_ns, 1e6, "ms"),
        ("one echo of each", lambda m: m.echoing_ns, 1e6, "ms"),
    ]
    for name, value, unit, word in lines:
        without, through = value(direct) / unit, value(proxied) / unit
        table.add_row(
            name,
            f"{without:,.0f} {word}",
            f"{through:,.0f} {word}",
            f"{through - without:+,.0f}",
            f"{through / without:.2f}",
        )
    console = Console()
    console.print(table)
    best = max(proxied.bytes_per_cpu_s) / 1e6
    console.print(f"bulk, of one second of the proxy's CPU: {best:,.0f} MB")


def _latency(measured: Measured, share: float) -> float:
    return percentile(sorted(measured.latencies_ns), share)


if __name__ == "__main__":
    typer.run(main)
