"""What the layer carries while nothing is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import random
import socket
from pathlib import Path

import pytest

from nemesis.errors import UnknownNode
from nemesis.proxy.control import ProxyLayer
from nemesis.proxy.gate import BUFFER_MAX, READ_MAX, LinkCounts
from system_under_test.conditions import Cut, Slow
from system_under_test.control import CLIENTS, Link
from system_under_test.gossip_raft.core.types import Nanos
from tests.nemesis.proxy.cluster import DEADLINE_S, Cluster, Server, dial

MEBIBYTE = 1 << 20


async def test_bytes_pass_both_ways_and_are_counted(cluster: Cluster) -> None:
    near, far = await cluster.connect("a", "b")
    near.send(b"hello")
    await far.hears(b"hello")
    far.send(b"world!")
    await near.hears(b"world!")
    assert cluster.layer.counts(Link("a", "b")) == LinkCounts(bytes_passed=5, connections_opened=1)
    assert cluster.layer.counts(Link("b", "a")) == LinkCounts(bytes_passed=6)


async def test_large_transfers_arrive_whole_in_both_directions(cluster: Cluster) -> None:
    near, far = await cluster.connect(CLIENTS, "c")
    there, back = (random.Random(s).randbytes(8 * MEBIBYTE) for s in (1, 2))
    near.send(there)
    far.send(back)
    await asyncio.gather(far.hears(there), near.hears(back))


async def test_either_side_may_close_its_direction_first(cluster: Cluster) -> None:
    for source, target in (("a", "b"), ("b", "c")):
        near, far = await cluster.connect(source, target)
        first, second = (near, far) if source == "a" else (far, near)
        first.send(b"last words")
        first.transport.write_eof()
        await second.until(lambda peer: peer.ended)
        await second.hears(b"last words")
        second.send(b"so be it")
        await first.hears(b"so be it")
        assert not first.ended
        second.transport.write_eof()
        await first.until(lambda peer: peer.ended)
    await cluster.until(lambda: cluster.layer.connections == 0)


@pytest.mark.parametrize("near_breaks", [True, False])
async def test_a_broken_connection_is_broken_on_the_other_side(
    cluster: Cluster, near_breaks: bool
) -> None:
    near, far = await cluster.connect("a", "b")
    breaker, victim = (near, far) if near_breaks else (far, near)
    breaker.break_off()
    await victim.is_reset()
    assert cluster.layer.connections == 0


async def is_refused(cluster: Cluster) -> None:
    # The reset may come before the dialler has looked whether it is connected.
    with contextlib.suppress(ConnectionResetError):
        await (await cluster.dial("a", "b")).is_reset()
    assert cluster.layer.connections == 0
    assert cluster.layer.counts(Link("a", "b")).connections_opened == 1


async def test_nobody_at_the_target_refuses(cluster: Cluster) -> None:
    cluster.layer.untarget("b")
    await is_refused(cluster)


async def test_a_dead_target_refuses(cluster: Cluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        port = closed_soon.getsockname()[1]
    cluster.layer.retarget("b", "127.0.0.1", port)
    await is_refused(cluster)


async def test_new_connections_follow_the_target_old_ones_stay(cluster: Cluster) -> None:
    near, far = await cluster.connect("a", "b")
    moved = Server()
    cluster.layer.retarget("b", "127.0.0.1", await moved.listen())
    newer = await cluster.dial("a", "b")
    newer.send(b"new")
    await (await moved.peer(0)).hears(b"new")
    near.send(b"old")
    await far.hears(b"old")
    await moved.close()


async def test_what_is_sent_before_the_target_answered_the_dial_is_not_lost(
    cluster: Cluster,
) -> None:
    near = await cluster.dial("a", "b")
    near.send(b"early")
    near.transport.write_eof()
    far = await cluster.servers["b"].peer(0)
    await far.hears(b"early")
    await far.until(lambda peer: peer.ended)


async def test_a_slow_reader_slows_the_sender_and_loses_nothing(cluster: Cluster) -> None:
    near, far = await cluster.connect("a", "b")
    far.transport.pause_reading()
    data = random.Random(3).randbytes(32 * MEBIBYTE)
    near.send(data)
    proxy = cluster.layer._proxies[Link("a", "b")]
    await cluster.until(lambda: proxy.held_bytes >= BUFFER_MAX)
    await cluster.settle()
    assert proxy.held_bytes <= BUFFER_MAX + READ_MAX
    assert near.transport.get_write_buffer_size() > 0
    far.transport.resume_reading()
    await far.hears(data)
    assert proxy.held_bytes == 0


async def test_hundreds_of_connections_do_not_mix(cluster: Cluster) -> None:
    pairs = [await cluster.connect("a", "b") for _ in range(300)]
    for number, (near, far) in enumerate(pairs):
        near.send(b"%d" % number)
        far.send(b"%d!" % number)
    for number, (near, far) in enumerate(pairs):
        await far.hears(b"%d" % number)
        await near.hears(b"%d!" % number)
    assert cluster.layer.connections == 300


async def test_accepting_goes_on_after_descriptors_ran_out(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Exhausted:
        def accept(self) -> None:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        def fileno(self) -> int:
            return listener.fileno()

    proxy = cluster.layer._proxies[Link("a", "b")]
    listener = proxy._listener
    with monkeypatch.context() as patch:
        patch.setattr(proxy, "_listener", Exhausted())
        near = await cluster.dial("a", "b")
        await cluster.settle()
        assert proxy._resume is not None
    near.send(b"still here")
    await (await cluster.servers["b"].peer(0)).hears(b"still here")


async def test_closing_leaves_nothing_open_and_may_be_repeated() -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    server = Server()
    port = await server.listen()
    before = descriptors()
    layer = ProxyLayer(["a", "b"], random.Random(0))
    tasks = asyncio.all_tasks()
    layer.retarget("b", "127.0.0.1", port)
    near = await dial(layer, "a", "b")
    far = await server.peer(0)
    await layer.impose([Link("a", "b")], Slow(Nanos(10**12)))
    near.send(b"held for ever")
    layer.close()
    layer.close()
    await near.is_reset()
    await far.is_reset()
    assert layer.connections == 0
    assert descriptors() == before
    with pytest.raises(ConnectionRefusedError):
        await dial(layer, "a", "b")
    assert asyncio.all_tasks() == tasks
    await server.close()


async def test_every_listener_is_on_loopback(cluster: Cluster) -> None:
    addresses = {
        cluster.layer.address(source, target)
        for source in ("a", "b", "c", CLIENTS)
        for target in ("a", "b", "c")
        if source != target
    }
    assert len(addresses) == 9
    assert {host for host, _port in addresses} == {"127.0.0.1"}


async def test_unknown_nodes_and_links_are_refused_before_anything_is_cut(
    cluster: Cluster,
) -> None:
    layer = cluster.layer
    with pytest.raises(UnknownNode, match="no node x; there are a, b, c"):
        layer.retarget("x", "127.0.0.1", 1)
    with pytest.raises(UnknownNode, match="no proxy from a to clients"):
        layer.address("a", CLIENTS)
    with pytest.raises(UnknownNode, match="no link a -> x"):
        await layer.impose([Link("a", "b"), Link("a", "x")], Cut())
    near, far = await cluster.connect("a", "b")
    near.send(b"open")
    await far.hears(b"open")


async def test_a_dial_that_meets_itself_is_a_refusal(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TCP's simultaneous open: a socket bound to a dead server's port dials that port."""
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        dead = closed_soon.getsockname()

    class Bound(socket.socket):
        def __init__(
            self, family: int = -1, kind: int = -1, proto: int = -1, fileno: int | None = None
        ) -> None:
            super().__init__(family, kind, proto, fileno)
            if fileno is None:
                self.bind(dead)

    cluster.layer.retarget("b", *dead)
    with socket.socket() as near:
        near.setblocking(False)
        loop = asyncio.get_running_loop()
        with monkeypatch.context() as patch:
            patch.setattr(socket, "socket", Bound)
            await loop.sock_connect(near, cluster.layer.address("a", "b"))
            await cluster.until(
                lambda: cluster.layer.counts(Link("a", "b")).connections_opened == 1
            )
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(loop.sock_recv(near, 1), DEADLINE_S)
    assert cluster.layer.connections == 0
