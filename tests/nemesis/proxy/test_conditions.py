"""What conditions on bytes and connections do, and that each is lifted by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
from pathlib import Path

import pytest

from system_under_test.conditions import (
    Condition,
    Crowded,
    Cut,
    Distribution,
    Flapping,
    HalfOpen,
    Refused,
    Slow,
    SlowClose,
    Throttled,
)
from system_under_test.control import CLIENTS, Link
from system_under_test.gossip_raft.core.types import Nanos
from tests.nemesis.proxy.cluster import Cluster, Peer
from tests.nemesis.proxy.test_control import works

AB, BA = Link("a", "b"), Link("b", "a")
MS = 1_000_000
HOUR = Nanos(3_600_000_000_000)
CUT = Cut()


async def passes(near: Peer, far: Peer, data: bytes = b"still") -> None:
    heard = len(far.received)
    near.send(data)
    await far.until(lambda peer: len(peer.received) >= heard + len(data))
    assert bytes(far.received[heard:]) == data


async def is_refused(cluster: Cluster) -> None:
    # The reset may come before the dialler has looked whether it is connected.
    with contextlib.suppress(ConnectionResetError):
        await (await cluster.dial("a", "b")).until(lambda peer: peer.lost)


async def test_refusing_breaks_what_the_source_opened_and_refuses_more(cluster: Cluster) -> None:
    near, far = await cluster.connect("a", "b")
    other_near, other_far = await cluster.connect("b", "a")
    await cluster.layer.impose([AB], Refused())
    await near.is_reset()
    await far.is_reset()
    await is_refused(cluster)
    await passes(other_near, other_far)
    await passes(other_far, other_near)
    said = await cluster.layer.lift([AB], Refused())
    assert said == "refused 1 connection on 1 link, broke 1 connection on 1 link"
    await works(cluster, "a", "b")


async def test_a_crowded_target_keeps_the_oldest_connections_and_refuses_more(
    cluster: Cluster,
) -> None:
    kept, broken = await cluster.connect("a", "b"), await cluster.connect("a", "b")
    await cluster.layer.impose([AB], Crowded(1))
    await broken[0].is_reset()
    await passes(*kept)
    await is_refused(cluster)
    kept[0].break_off()
    await kept[1].until(lambda peer: peer.lost)
    await works(cluster, "a", "b")
    said = await cluster.layer.lift([AB], Crowded(1))
    assert said == "refused 1 connection on 1 link, broke 1 connection on 1 link"
    await works(cluster, "a", "b")
    await works(cluster, "a", "b")


async def test_refusals_do_not_cross_a_cut(cluster: Cluster) -> None:
    near, _ = await cluster.connect("a", "b")
    await cluster.layer.impose([BA], CUT)
    await cluster.layer.impose([AB], Refused())
    newer = await cluster.dial("a", "b")
    newer.send(b"anybody?")
    await cluster.settle()
    assert near.untouched
    assert newer.untouched
    await cluster.layer.lift([BA], CUT)
    await newer.is_reset()


async def test_a_narrow_link_passes_so_many_bytes_a_second_of_all_connections(
    cluster: Cluster,
) -> None:
    pairs = [await cluster.connect("a", "b") for _ in range(3)]
    loop = asyncio.get_running_loop()
    await cluster.layer.impose([AB], Throttled(1_000_000))
    began = loop.time()
    data = random.Random(7).randbytes(100_000)
    for near, _ in pairs:
        near.send(data)
    for _, far in pairs:
        await far.hears(data)
    # 300,000 bytes take 0.3 s; nothing says how much longer on a busy machine.
    assert loop.time() - began >= 0.28
    back = random.Random(8).randbytes(1_000_000)
    pairs[0][1].send(back)
    await pairs[0][0].hears(back)
    assert "held back 300,000 bytes on 1 link" in await cluster.layer.lift(
        [AB], Throttled(1_000_000)
    )
    await passes(*pairs[0])


async def test_a_narrow_link_does_not_let_much_in_either(cluster: Cluster) -> None:
    near, _ = await cluster.connect("a", "b")
    await cluster.layer.impose([AB], Throttled(1_000))
    near.send(bytes(1 << 25))
    await cluster.until(lambda: cluster.layer.counts(AB).bytes_delayed > 0)
    await cluster.settle()
    assert cluster.layer._proxies[AB].held_bytes <= 2_000
    assert near.transport.get_write_buffer_size() > 0


@pytest.mark.parametrize("opener", ["a", "b"])
async def test_the_source_of_a_half_open_connection_does_not_learn_that_it_is_over(
    cluster: Cluster, opener: str
) -> None:
    near, far = await cluster.connect(opener, "b" if opener == "a" else "a")
    at_a, at_b = (near, far) if opener == "a" else (far, near)
    await cluster.layer.impose([AB], HalfOpen())
    await at_b.is_reset()
    at_a.send(b"are you there?")
    await cluster.until(lambda: cluster.layer.counts(AB).bytes_dropped == 14)
    assert at_a.untouched
    await works(cluster, "a", "b")
    said = await cluster.layer.lift([AB], HalfOpen())
    assert said.startswith("dropped 14 bytes on 1 link, left half-open 1 connection on 1 link")
    await at_a.is_reset()
    await works(cluster, "a", "b")


@pytest.mark.parametrize("how", ["close", "break"])
async def test_an_end_is_heard_late_and_what_was_said_before_in_time(
    cluster: Cluster, how: str
) -> None:
    near, far = await cluster.connect("a", "b")
    await cluster.layer.impose([AB], SlowClose(HOUR))
    await passes(near, far)
    near.transport.write_eof() if how == "close" else near.break_off()
    await cluster.until(lambda: cluster.layer.counts(AB).ends_delayed == 1)
    await cluster.settle()
    assert not far.ended
    assert not far.lost
    assert await cluster.layer.lift([AB], SlowClose(HOUR)) == "told late 1 end on 1 link"
    await far.until(lambda peer: peer.ended or peer.lost)


async def test_a_flapping_link_is_cut_and_whole_by_turns(cluster: Cluster) -> None:
    flapping = Flapping(Nanos(20 * MS), turn=1, turns=2)
    near, far = await cluster.connect("a", "b")
    await cluster.layer.impose([AB], flapping)
    await passes(near, far)
    gate = cluster.layer._gates[AB]
    for _ in range(2):
        await cluster.until(lambda: gate.cut)
        swallowed = await cluster.dial("a", "b")
        swallowed.send(b"anybody?")
        await swallowed.is_reset()
    await cluster.until(lambda: gate.cut)
    assert "dropped" in await cluster.layer.lift([AB], flapping)
    assert not gate.cut
    await works(cluster, "a", "b")
    await cluster.settle()
    assert cluster.layer._imposed == []


async def test_conditions_on_one_link_are_lifted_one_by_one(cluster: Cluster) -> None:
    near, far = await cluster.connect("a", "b")
    await cluster.layer.impose([AB], CUT)
    await cluster.layer.impose([AB, BA], CUT)
    await cluster.layer.impose([AB], Slow(HOUR))
    near.send(b"lost")
    assert "dropped 4 bytes" in await cluster.layer.lift([AB], CUT)
    await cluster.settle()
    assert near.untouched
    assert far.untouched
    await cluster.layer.lift([AB, BA], CUT)
    await near.is_reset()
    near, far = await cluster.connect("a", "b")
    near.send(b"held")
    await cluster.until(lambda: cluster.layer.counts(AB).bytes_delayed == 4)
    assert not far.received
    await cluster.layer.lift([AB], Slow(HOUR))
    await far.hears(b"held")
    assert await cluster.layer.lift([AB], CUT) == "nothing was imposed"


async def test_slownesses_add_up(cluster: Cluster) -> None:
    near, far = await cluster.connect("a", "b")
    loop = asyncio.get_running_loop()
    for distribution in Distribution:
        await cluster.layer.impose([AB], Slow(Nanos(10 * MS), Nanos(0), distribution))
    began = loop.time()
    await passes(near, far)
    assert loop.time() - began >= 0.040


HEALABLE: tuple[Condition, ...] = (
    CUT,
    Refused(),
    Slow(HOUR),
    Throttled(1),
    HalfOpen(),
    SlowClose(HOUR),
    Crowded(1),
    Flapping(HOUR),
)


@pytest.mark.parametrize("condition", HEALABLE, ids=lambda c: type(c).__name__)
async def test_healing_all_lifts_every_condition(cluster: Cluster, condition: Condition) -> None:
    await cluster.connect("a", "b")
    await cluster.layer.impose([AB, BA, Link(CLIENTS, "b")], condition)
    await cluster.layer.heal()
    for source in ("a", CLIENTS):
        await works(cluster, source, "b")
        await works(cluster, source, "b")
    assert cluster.layer._imposed == []


DIES = """
import asyncio, random, sys
from nemesis.proxy.control import ProxyLayer
from system_under_test.conditions import Cut
from system_under_test.control import CLIENTS, Link

async def main():
    layer = ProxyLayer(["n"], random.Random(0))
    layer.retarget("n", "127.0.0.1", int(sys.argv[1]))
    await layer.impose([Link(CLIENTS, "n")], Cut())
    print(layer.address(CLIENTS, "n")[1], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_when_the_harness_is_killed_nothing_of_its_faults_is_left(cluster: Cluster) -> None:
    port = cluster.servers["a"]._server
    assert port is not None
    harness = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        DIES,
        str(port.sockets[0].getsockname()[1]),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert harness.stdout is not None
    address = ("127.0.0.1", int(await harness.stdout.readline()))
    loop = asyncio.get_running_loop()
    _, near = await loop.create_connection(Peer, *address)
    near.send(b"swallowed")
    await cluster.settle()
    assert near.untouched
    harness.send_signal(signal.SIGKILL)
    await harness.wait()
    await near.until(lambda peer: peer.ended or peer.lost)
    with pytest.raises(ConnectionRefusedError):
        await loop.create_connection(Peer, *address)
    await works(cluster, "b", "a")
    near.transport.abort()
