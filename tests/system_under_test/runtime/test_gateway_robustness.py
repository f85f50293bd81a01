"""The gateway when clients, nodes or it itself misbehave: it is honest, and executes once."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from system_under_test.gossip_raft.core.client_session import Answered, Ending, Execute
from system_under_test.gossip_raft.core.messages import Results
from system_under_test.gossip_raft.core.raw_log import WINDOW
from system_under_test.gossip_raft.core.types import (
    Applied,
    ClientId,
    Command,
    LogIndex,
    Position,
    Raw,
    Term,
)
from system_under_test.gossip_raft.runtime import idempotency
from system_under_test.gossip_raft.runtime.certificates import make_certificates
from system_under_test.gossip_raft.runtime.child_process import Death
from system_under_test.gossip_raft.runtime.cluster import GatewayProcess, ReservedPort
from system_under_test.gossip_raft.runtime.errors import BadRequest, KeyReused
from system_under_test.gossip_raft.runtime.gateway import BODY_BYTES_MAX
from system_under_test.gossip_raft.runtime.idempotency import IdempotentRequests
from tests.system_under_test.runtime.live import LiveCluster, live_cluster

NOW = datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
A, B = Execute((Raw('{"a":1}'),)), Execute((Raw('{"b":1}'),))


def unexpected(death: Death) -> None:
    pytest.fail(str(death))


class FakeCluster:
    """Executes for ``IdempotentRequests``; remembers first answers, as sessions do."""

    def __init__(self) -> None:
        self.log: list[tuple[ClientId, Execute]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.compacted = False

    async def run(self, client: ClientId, request: Execute) -> Ending:
        await self.go_on.wait()
        clients = [c for c, _ in self.log]
        if client not in clients:
            self.log.append((client, request))
            clients.append(client)
        position = Position(Term(1), LogIndex(clients.index(client) + 1))
        return Answered(Results(position, (Applied(()),)))

    async def commands_at(self, position: Position) -> tuple[Command, ...] | None:
        return None if self.compacted else self.log[position.index - 1][1].commands


async def test_requests_with_one_key_under_way_together_share_one_ending() -> None:
    cluster = FakeCluster()
    cluster.go_on.clear()
    requests = IdempotentRequests(cluster.run, cluster.commands_at)
    calls = [asyncio.create_task(requests.execute("k", A)) for _ in range(5)]
    other = asyncio.create_task(requests.execute("k2", A))
    await asyncio.wait(calls, timeout=0)
    calls[0].cancel()  # Whoever hangs up does not end it for the others.
    cluster.go_on.set()
    endings = await asyncio.gather(*calls[1:])
    assert len({id(ending) for ending in endings}) == 1
    assert await other not in endings
    assert len(cluster.log) == 2


async def test_a_key_belongs_to_one_body_here_and_for_the_next_gateway() -> None:
    cluster = FakeCluster()
    requests = IdempotentRequests(cluster.run, cluster.commands_at)
    first = await requests.execute("k", A)
    with pytest.raises(KeyReused, match="'k'"):
        await requests.execute("k", B)
    another = IdempotentRequests(cluster.run, cluster.commands_at)
    with pytest.raises(KeyReused):
        await another.execute("k", B)
    assert await another.execute("k", A) == first
    assert len(cluster.log) == 1
    cluster.compacted = True  # Nobody can know any more; still nothing is executed twice.
    assert await IdempotentRequests(cluster.run, cluster.commands_at).execute("k", B) == first


async def test_keys_are_forgotten_beyond_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "KEYS_MAX", 2)
    cluster = FakeCluster()
    requests = IdempotentRequests(cluster.run, cluster.commands_at)
    for key in ("k1", "k2", "k3", "k1"):
        await requests.execute(key, A)
    assert list(requests._commands) == ["k3", "k1"]
    assert len(cluster.log) == 3


@pytest.mark.parametrize("key", ["", " ", "ä", "x" * 256, "a\tb"])
async def test_what_is_no_key_is_a_bad_request(key: str) -> None:
    cluster = FakeCluster()
    with pytest.raises(BadRequest, match="visible ASCII"):
        await IdempotentRequests(cluster.run, cluster.commands_at).execute(key, A)


@asynccontextmanager
async def gateway_of(
    cluster: LiveCluster, tmp_path: Path
) -> AsyncIterator[tuple[GatewayProcess, httpx.AsyncClient]]:
    port = ReservedPort()
    file = cluster.configuration(port.address)
    gateway = GatewayProcess(file, tmp_path / "gateway.log", unexpected, timeout_s=3)
    try:
        address = await gateway.start()
        async with httpx.AsyncClient(base_url=f"http://{address}", timeout=30) as http:
            yield gateway, http
    finally:
        await gateway.stop()
        port.close()


async def put(http: httpx.AsyncClient, value: object, key: str) -> httpx.Response:
    return await http.post("/put_all", json=[value], headers={"Idempotency-Key": key})


async def put_until_known(http: httpx.AsyncClient, value: object, key: str) -> int:
    """Repeat it as a client should, until it is answered; its index in the log."""
    for _ in range(20):
        try:
            answer = await put(http, value, key)
        except httpx.TransportError:
            continue
        assert answer.status_code in {200, 503, 504}, answer.text
        if answer.status_code == 200:
            index: int = answer.json()["index"]
            return index
    raise AssertionError("the cluster never came back")


async def written(cluster: LiveCluster, http: httpx.AsyncClient) -> list[object]:
    """The log, after a read that waits for all that is committed."""
    await cluster.leader()
    for _ in range(20):
        objects: list[object] = (await http.get("/log")).json()
        if objects:
            return objects
    raise AssertionError("the log stays empty")


@pytest.mark.live
async def test_a_body_that_is_too_large_is_refused_without_reading_it(tmp_path: Path) -> None:
    async with (
        live_cluster(tmp_path, size=1) as cluster,
        gateway_of(cluster, tmp_path) as (_, http),
    ):
        url = http.base_url
        for head, sent in (
            (f"Content-Length: {10**15}", b""),
            ("Transfer-Encoding: chunked", b"%x\r\n" % 10**9 + b" " * (BODY_BYTES_MAX + 1)),
        ):
            reader, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(f"POST /put_all HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode() + sent)
            async with asyncio.timeout(20):
                assert b"413" in await reader.readline()
            writer.close()
        answer = await http.post("/put_all", content=b'[{"a": "\xff"}]')
        assert answer.status_code == 400
        answer = await http.post("/put_all", json=[{"after": "all that"}])
        assert answer.status_code == 200, answer.text


@pytest.mark.live
async def test_what_other_clients_wrote_does_not_break_the_log(tmp_path: Path) -> None:
    async with (
        live_cluster(tmp_path, size=1) as cluster,
        gateway_of(cluster, tmp_path) as (_, http),
    ):
        await cluster.write(Raw("no json"), Raw('{"a":1}'))
        assert (await http.get("/log")).json() == ["no json", {"a": 1}]


@pytest.mark.live
async def test_one_key_is_appended_once_however_often_and_to_whom_it_comes(tmp_path: Path) -> None:
    async with live_cluster(tmp_path) as cluster, gateway_of(cluster, tmp_path) as (gateway, http):
        first = await put_until_known(http, {"n": 1}, "k")
        answers = await asyncio.gather(*(put(http, {"n": 1}, "k") for _ in range(5)))
        assert {answer.json()["index"] for answer in answers} == {first}
        assert (await put(http, {"n": 2}, "k")).status_code == 422
        assert (await put(http, {"n": 2}, "k k")).status_code == 400

        await gateway.kill()
        with pytest.raises(httpx.TransportError):
            await put(http, {"n": 1}, "k")
        await gateway.start()
        assert await put_until_known(http, {"n": 1}, "k") == first
        assert (await put(http, {"n": 3}, "k")).status_code == 422

        leader = await cluster.leader()
        await cluster.processes.nodes[leader].kill()
        assert await put_until_known(http, {"n": 1}, "k") == first
        await cluster.processes.nodes[leader].start()
        assert await put_until_known(http, {"n": 4}, "k2") > first
        # Without the header two are two: the key made the difference.
        for _ in range(2):
            assert (await http.post("/put_all", json=[{"n": 5}])).status_code == 200
        objects = await written(cluster, http)
        assert objects[:2] == [{"n": 1}, {"n": 4}]


@pytest.mark.live
async def test_a_slow_commit_is_504_and_may_be_repeated_with_its_key(tmp_path: Path) -> None:
    async with live_cluster(tmp_path) as cluster, gateway_of(cluster, tmp_path) as (gateway, http):
        # At once, so that the gateway is connected to every node.
        await asyncio.gather(*(http.get(f"/kv/{node}") for node in cluster.addresses))
        await put_until_known(http, {"n": 0}, "k0")
        leader = await cluster.leader()
        followers = [process for node, process in cluster.processes.nodes.items() if node != leader]
        for process in followers:
            await process.pause()
        answer = await put(http, {"n": 1}, "k1")
        assert answer.status_code == 504
        assert "not known" in answer.json()["error"]
        # The gateway dies amid the next one, of which nobody heard what became.
        amid = asyncio.create_task(put(http, {"n": 2}, "k2"))
        await asyncio.wait([amid], timeout=0.2)
        await gateway.kill()
        with pytest.raises(httpx.TransportError):
            await amid
        for process in followers:
            process.resume()
        await gateway.start()
        for number in (1, 2):
            await put_until_known(http, {"n": number}, f"k{number}")
        objects = await written(cluster, http)
        assert sorted(json.dumps(o) for o in objects) == [f'{{"n": {n}}}' for n in range(3)]


@pytest.mark.live
async def test_without_a_majority_nothing_is_executed_and_503_says_so(tmp_path: Path) -> None:
    async with live_cluster(tmp_path) as cluster, gateway_of(cluster, tmp_path) as (_, http):
        await put_until_known(http, {"n": 0}, "k0")
        leader = await cluster.leader()
        for node in (leader, *(n for n in cluster.addresses if n != leader))[:2]:
            await cluster.processes.nodes[node].kill()
        # While the survivor believes in its old leader it passes on, and nobody knows.
        answers = [await http.post("/put_all", json=[{}])]
        while answers[-1].status_code == 504 and len(answers) < 10:
            answers.append(await http.post("/put_all", json=[{}]))
        for answer in (answers[-1], await put(http, {"n": 1}, "k1")):
            assert answer.status_code == 503, answer.text
            assert answer.headers["Retry-After"] == "1"
            assert "not executed" in answer.json()["error"]
        await cluster.processes.nodes[leader].start()
        await put_until_known(http, {"n": 1}, "k1")


@pytest.mark.live
async def test_with_tls_the_whole_way_needs_certificates(tmp_path: Path) -> None:
    tls = tmp_path / "tls"
    make_certificates(tls, ["n0", "n1", "n2"], NOW)
    async with live_cluster(tmp_path, tls=tls) as cluster, gateway_of(cluster, tmp_path) as (_, h):
        url = f"https://{h.base_url.host}:{h.base_url.port}"
        context = ssl.create_default_context(cafile=tls / "ca.pem")
        async with httpx.AsyncClient(base_url=url, verify=context) as http:
            with pytest.raises(httpx.TransportError):
                await put(http, {}, "k")
        with pytest.raises(httpx.TransportError):
            await put(h, {}, "k")  # In the clear.
        context.load_cert_chain(tls / "_clients.pem", tls / "_clients.key")
        async with httpx.AsyncClient(base_url=url, verify=context, timeout=30) as http:
            # More than nodes: followers pass some on, and the leader acknowledges by TLS.
            for number in range(4):
                await put_until_known(http, {"n": number}, f"k{number}")
            assert len(await written(cluster, http)) >= 1


@pytest.mark.live
async def test_the_log_is_a_window_that_survives_restarts_and_says_what_is_gone(
    tmp_path: Path,
) -> None:
    compacting = {"snapshot_entries_max": 2, "log_keep": 0}
    async with (
        live_cluster(tmp_path, size=1, timing=compacting) as cluster,
        gateway_of(cluster, tmp_path) as (_, http),
    ):
        third = WINDOW.commands_max * 6 // 10
        for start in (0, third, 2 * third):
            numbers = [{"n": number} for number in range(start, start + third)]
            answer = await http.post("/put_all", json=numbers)
            assert answer.status_code == 200, answer.text
        kept = [{"n": number} for number in range(2 * third, 3 * third)]
        for _ in range(2):
            whole = await http.get("/log")
            assert (whole.headers["Log-First"], whole.json()) == (str(2 * third), kept)
            rest = await http.get(f"/log?from={3 * third - 1}")
            assert rest.json() == kept[-1:]
            gone = await http.get("/log?from=0")
            assert (gone.status_code, gone.json()["first"]) == (410, 2 * third)
            (node,) = cluster.processes.nodes.values()
            await node.kill()
            await node.start()
            await cluster.leader()
