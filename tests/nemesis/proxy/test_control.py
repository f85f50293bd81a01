"""What faults do to connections."""

from __future__ import annotations

import asyncio
import random
from itertools import permutations

import pytest

from nemesis import partition
from nemesis.proxy.control import ProxyLayer
from system_under_test.conditions import Cut, Slow
from system_under_test.control import CLIENTS, Link
from system_under_test.gossip_raft.core.types import Nanos, NodeId
from tests.nemesis.proxy.cluster import Cluster, Peer

AB, BA = Link("a", "b"), Link("b", "a")
MEBIBYTE = 1 << 20
HOUR = Nanos(3_600_000_000_000)
MILLISECOND = 1_000_000
CUT = Cut()


async def works(cluster: Cluster, source: str, target: str) -> None:
    near, far = await cluster.connect(source, target)
    near.send(b"ping")
    await far.hears(b"ping")
    far.send(b"pong")
    await near.hears(b"pong")


async def test_a_cut_stops_a_busy_stream_at_once(cluster: Cluster) -> None:
    near, far = await cluster.connect("a", "b")
    data = random.Random(1).randbytes(32 * MEBIBYTE)
    near.send(data)
    await far.until(lambda peer: len(peer.received) > MEBIBYTE)
    await cluster.layer.impose([AB], CUT)
    passed = cluster.layer.counts(AB).bytes_passed
    assert passed < len(data)
    await cluster.until(lambda: passed + cluster.layer.counts(AB).bytes_dropped == len(data))
    await cluster.settle()
    assert cluster.layer.counts(AB).bytes_passed == passed
    assert bytes(far.received) == data[:passed]
    assert not far.lost
    assert not near.lost


@pytest.mark.parametrize("opener", ["a", "b"])
async def test_a_one_way_cut_is_one_way_on_existing_streams(cluster: Cluster, opener: str) -> None:
    near, far = await cluster.connect(opener, "b" if opener == "a" else "a")
    at_a, at_b = (near, far) if opener == "a" else (far, near)
    await cluster.layer.impose([AB], CUT)
    at_a.send(b"lost")
    at_b.send(b"heard")
    await at_a.hears(b"heard")
    await cluster.settle()
    assert at_b.untouched
    assert cluster.layer.counts(AB).bytes_dropped == 4
    assert cluster.layer.counts(BA).bytes_dropped == 0


async def test_a_one_way_cut_is_one_way_on_new_streams(cluster: Cluster) -> None:
    await cluster.layer.impose([AB], CUT)
    at_b, at_a = await cluster.connect("b", "a")
    at_b.send(b"heard")
    await at_a.hears(b"heard")
    at_a.send(b"lost")
    swallowed = await cluster.dial("a", "b")
    swallowed.send(b"lost too")
    await cluster.settle()
    assert at_b.untouched
    assert swallowed.untouched
    assert cluster.servers["b"].peers == []
    assert cluster.layer.counts(AB).bytes_dropped == 12


async def test_a_connection_opened_during_a_cut_is_accepted_and_swallowed(
    cluster: Cluster,
) -> None:
    await cluster.layer.impose([AB, BA], CUT)
    near = await cluster.dial("a", "b")
    near.send(b"anybody?")
    await cluster.until(lambda: cluster.layer.counts(AB).bytes_dropped == 8)
    assert near.untouched
    assert cluster.servers["b"].peers == []
    await cluster.layer.heal()
    await near.is_reset()
    await works(cluster, "a", "b")
    assert len(cluster.servers["b"].peers) == 1


@pytest.mark.parametrize("how", ["close", "half-close", "break"])
@pytest.mark.parametrize("near_ends", [True, False])
async def test_news_of_an_end_does_not_cross_a_cut(
    cluster: Cluster, how: str, near_ends: bool
) -> None:
    near, far = await cluster.connect("a", "b")
    ender, other = (near, far) if near_ends else (far, near)
    await cluster.layer.impose([AB] if near_ends else [BA], CUT)
    match how:
        case "close":
            ender.transport.close()
        case "half-close":
            ender.transport.write_eof()
        case _:
            ender.break_off()
    await cluster.settle()
    other.send(b"are you there?")
    await cluster.settle()
    assert other.untouched
    await cluster.layer.heal()
    await other.is_reset()
    assert cluster.layer.connections == 0


async def test_a_refusal_does_not_cross_a_cut(cluster: Cluster) -> None:
    cluster.layer.untarget("b")
    await cluster.layer.impose([BA], CUT)
    near = await cluster.dial("a", "b")
    near.send(b"x" * MEBIBYTE)
    await cluster.until(lambda: near.transport.get_write_buffer_size() == 0)
    await cluster.settle()
    assert near.untouched
    await cluster.layer.heal()
    await near.is_reset()


async def test_the_death_of_a_slow_reader_behind_a_cut_is_silent_to_its_sender(
    cluster: Cluster,
) -> None:
    near, far = await cluster.connect("a", "b")
    far.transport.pause_reading()
    near.send(b"x" * (32 * MEBIBYTE))
    proxy = cluster.layer._proxies[AB]
    await cluster.until(lambda: proxy.held_bytes >= MEBIBYTE // 4)
    await cluster.layer.impose([BA], CUT)
    far.break_off()
    await cluster.until(lambda: near.transport.get_write_buffer_size() == 0)
    assert near.untouched
    await cluster.layer.heal()
    await near.is_reset()


async def test_heal_breaks_what_lost_a_byte_and_spares_the_rest(cluster: Cluster) -> None:
    damaged_near, damaged_far = await cluster.connect("a", "b")
    idle_near, idle_far = await cluster.connect("a", "b")
    other_near, other_far = await cluster.connect("a", "c")
    await cluster.layer.impose([AB], CUT)
    damaged_near.send(b"x")
    other_near.send(b"elsewhere")
    await other_far.hears(b"elsewhere")
    await cluster.settle()
    assert await cluster.layer.heal() == ("dropped 1 byte on 1 link, broke 1 connection on 1 link")
    await damaged_near.is_reset()
    await damaged_far.is_reset()
    assert not damaged_far.received
    idle_near.send(b"alive")
    await idle_far.hears(b"alive")
    other_far.send(b"and well")
    await other_near.hears(b"and well")
    await works(cluster, "a", "b")
    assert cluster.layer.counts(AB).connections_broken == 1


async def test_nothing_that_was_under_way_in_the_kernel_is_delivered_late(
    cluster: Cluster,
) -> None:
    near, far = await cluster.connect("a", "b")
    replying_near, replying_far = await cluster.connect("b", "a")
    await cluster.layer.impose([AB], CUT)
    # No turn of the loop between sending and healing: the proxy has read none of it.
    near.send(b"stale")
    replying_far.send(b"stale")
    await cluster.layer.heal()
    await near.is_reset()
    await replying_near.is_reset()
    assert not far.received
    assert not replying_near.received
    assert cluster.layer.counts(AB).bytes_dropped == 10


async def test_what_a_cut_finds_buffered_is_lost(cluster: Cluster) -> None:
    near, far = await cluster.connect("a", "b")
    far.transport.pause_reading()
    near.send(b"x" * (32 * MEBIBYTE))
    proxy = cluster.layer._proxies[AB]
    await cluster.until(lambda: proxy.held_bytes > 0)
    await cluster.layer.impose([AB], CUT)
    passed = cluster.layer.counts(AB).bytes_passed
    assert proxy.held_bytes == 0
    far.transport.resume_reading()
    await cluster.until(lambda: near.transport.get_write_buffer_size() == 0)
    await far.until(lambda peer: len(peer.received) == passed)
    await cluster.settle()
    assert len(far.received) == passed
    await cluster.layer.heal()
    await far.is_reset()
    assert len(far.received) == passed


SHAPES = {
    "isolate": partition.isolate([NodeId(n) for n in "abcd"], [NodeId("b")]),
    "one-way": partition.one_way([NodeId("a")], [NodeId(n) for n in "bcd"]),
    "bridge": partition.bridge([NodeId(n) for n in "abcd"]),
    "ring": partition.majorities_ring([NodeId(n) for n in "abcd"]),
}


@pytest.mark.parametrize("shape", list(SHAPES))
async def test_a_partition_blocks_exactly_the_links_it_names(shape: str) -> None:
    cuts = SHAPES[shape]
    async with Cluster(list("abcd")) as cluster:
        links = [Link(a, b) for a, b in permutations("abcd", 2)]
        ends = {link: await cluster.connect(link.source, link.target) for link in links}
        clients = [await cluster.connect(CLIENTS, node) for node in "abcd"]
        await cluster.layer.impose(cuts, CUT)
        for link in links:
            near, far = ends[link]
            near.send(b"request")
            far.send(b"reply")
        for near, far in clients:
            near.send(b"ask")
            far.send(b"answer")
        for near, far in clients:
            await far.hears(b"ask")
            await near.hears(b"answer")
        await cluster.settle()
        for link in links:
            near, far = ends[link]
            back = Link(link.target, link.source)
            assert bytes(far.received) == (b"" if link in cuts else b"request")
            assert bytes(near.received) == (b"" if back in cuts else b"reply")
            dropped = cluster.layer.counts(link).bytes_dropped
            assert dropped == (len(b"requestreply") if link in cuts else 0)
        await cluster.layer.heal()
        for link in links:
            await works(cluster, link.source, link.target)


async def test_a_delay_holds_back_and_keeps_the_order(cluster: Cluster) -> None:
    near, far = await cluster.connect("a", "b")
    await cluster.layer.impose([AB], Slow(Nanos(60 * MILLISECOND), Nanos(40 * MILLISECOND)))
    loop = asyncio.get_running_loop()
    began = loop.time()
    pieces = [b"%d," % i for i in range(50)]
    for piece in pieces:
        near.send(piece)
        await cluster.settle()
    near.transport.write_eof()
    far.send(b"not held")
    await near.hears(b"not held")
    await far.until(lambda peer: bool(peer.received))
    assert loop.time() - began >= 0.020
    await far.until(lambda peer: peer.ended)
    assert bytes(far.received) == b"".join(pieces)
    counts = cluster.layer.counts(AB)
    assert counts.bytes_delayed == counts.bytes_passed == len(far.received)
    assert await cluster.layer.heal() == "held back 140 bytes on 1 link"


async def test_heal_delivers_at_once_and_in_order_what_a_delay_holds(cluster: Cluster) -> None:
    near, far = await cluster.connect("a", "b")
    await cluster.layer.impose([AB, BA], Slow(HOUR))
    for piece in (b"1", b"2", b"3"):
        near.send(piece)
        await cluster.settle()
    near.transport.write_eof()
    far.send(b"back")
    await cluster.settle()
    assert far.untouched
    assert near.untouched
    await cluster.layer.heal()
    await far.until(lambda peer: peer.ended)
    await far.hears(b"123")
    await near.hears(b"back")
    far.send(b", quickly")
    await near.hears(b"back, quickly")


async def test_a_cut_discards_what_a_delay_holds(cluster: Cluster) -> None:
    near, far = await cluster.connect("a", "b")
    await cluster.layer.impose([AB], Slow(HOUR))
    near.send(b"held")
    await cluster.until(lambda: cluster.layer.counts(AB).bytes_delayed == 4)
    await cluster.layer.impose([AB], CUT)
    assert cluster.layer.counts(AB).bytes_dropped == 4
    await cluster.layer.heal()
    await far.is_reset()
    assert not far.received


async def test_a_delay_bounds_what_is_held(cluster: Cluster) -> None:
    near, far = await cluster.connect("a", "b")
    await cluster.layer.impose([AB], Slow(HOUR))
    data = random.Random(5).randbytes(32 * MEBIBYTE)
    near.send(data)
    proxy = cluster.layer._proxies[AB]
    await cluster.until(lambda: proxy.held_bytes >= MEBIBYTE // 4)
    await cluster.settle()
    assert proxy.held_bytes < MEBIBYTE
    assert near.transport.get_write_buffer_size() > 0
    await cluster.layer.heal()
    await far.hears(data)


async def test_reset_breaks_the_connections_of_its_links_and_no_others(
    cluster: Cluster,
) -> None:
    broken: list[Peer] = [*await cluster.connect("a", "b"), *await cluster.connect("b", "a")]
    near, far = await cluster.connect("a", "c")
    await cluster.layer.reset([AB])
    for peer in broken:
        await peer.is_reset()
    near.send(b"spared")
    await far.hears(b"spared")
    await works(cluster, "a", "b")
    assert await cluster.layer.heal() == "broke 2 connections on 2 links"


async def test_clients_can_be_cut_from_a_node_by_themselves(cluster: Cluster) -> None:
    near, far = await cluster.connect(CLIENTS, "a")
    await cluster.layer.impose([Link("a", CLIENTS)], CUT)
    near.send(b"executed")
    await far.hears(b"executed")
    far.send(b"never told")
    await works(cluster, CLIENTS, "b")
    await works(cluster, "b", "a")
    await cluster.settle()
    assert near.untouched


async def test_cuts_add_up_and_heal_may_be_repeated(cluster: Cluster) -> None:
    near, far = await cluster.connect("a", "b")
    await cluster.layer.impose([AB], CUT)
    await cluster.layer.impose([BA], CUT)
    await cluster.layer.impose([AB], CUT)
    near.send(b"12345")
    far.send(b"6789")
    await cluster.settle()
    assert near.untouched
    assert far.untouched
    assert await cluster.layer.heal() == (
        "dropped 9 bytes on 2 links, broke 1 connection on 1 link"
    )
    assert await cluster.layer.heal() == "nothing was dropped, held back or broken"


async def test_a_closed_layer_may_still_be_healed() -> None:
    layer = ProxyLayer(["a", "b"], random.Random(0))
    await layer.impose([AB], CUT)
    layer.close()
    assert await layer.heal() == "nothing was dropped, held back or broken"
