from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from system_under_test.gossip_raft.core.client_session import SessionTimeouts
from system_under_test.gossip_raft.core.messages import LogEntries, ReadLog
from system_under_test.gossip_raft.core.types import (
    Append,
    Compacted,
    Entry,
    LogIndex,
    NodeId,
    Put,
    Raw,
    Term,
)
from system_under_test.gossip_raft.runtime.child_process import Death
from system_under_test.gossip_raft.runtime.cluster import GatewayProcess, ReservedPort
from system_under_test.gossip_raft.runtime.configuration import Configuration
from system_under_test.gossip_raft.runtime.errors import BadRequest, ProcessFailed
from system_under_test.gossip_raft.runtime.gateway import (
    BODY_BYTES_MAX,
    GatewayService,
    RawObjects,
    parse_objects,
)
from tests.system_under_test.runtime.live import live_cluster


def unexpected(death: Death) -> None:
    pytest.fail(str(death))


def test_objects_are_kept_as_they_came() -> None:
    assert parse_objects(b' [ {"a":  1} , {"b":[1.0,"\\u00e9"]}]') == (
        Raw('{"a":  1}'),
        Raw('{"b":[1.0,"\\u00e9"]}'),
    )
    assert parse_objects(b"[]") == ()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "not JSON"),
        (b"[{}", "not JSON"),
        (b'["\xff"]', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"{}", "list of objects"),
        (b"[{}, 1]", "item 1 is none"),
    ],
    ids=["empty", "cut", "not UTF-8", "deep", "an object", "a number"],
)
def test_what_is_no_list_of_objects_is_a_bad_request(body: bytes, problem: str) -> None:
    with pytest.raises(BadRequest, match=problem):
        parse_objects(body)


async def test_a_window_that_moves_while_it_is_read_leaves_no_gap(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def entry(index: int) -> Entry:
        return Entry(Term(1), LogIndex(index), None, (Raw(f"{index}"), Raw("x"), Put("k", 1)))

    pages = {
        1: LogEntries((entry(1), entry(2)), LogIndex(9)),
        3: LogEntries((entry(8),), LogIndex(9), Compacted(LogIndex(7), 14)),
        9: LogEntries((entry(9),), LogIndex(9), Compacted(LogIndex(7), 14)),
    }

    async def ask(_service: GatewayService, _node: NodeId, question: ReadLog) -> LogEntries:
        return pages[question.first]

    monkeypatch.setattr(GatewayService, "ask", ask)
    configuration = Configuration(tmp_path / "c.json", "test", {NodeId("n0"): "127.0.0.1:1"})
    service = GatewayService(configuration, SessionTimeouts())
    assert await service.log() == RawObjects(14, ("8", "x", "9", "x"))
    pages[3] = LogEntries((entry(8), entry(9)), LogIndex(9), Compacted(LogIndex(2), 4))
    # What was read before is gone meanwhile, but nothing is missing in between.
    assert await service.log() == RawObjects(0, ("1", "x", "2", "x", "8", "x", "9", "x"))
    await service.close()


@pytest.mark.live
async def test_put_all_answers_when_committed_whichever_node_leads(tmp_path: Path) -> None:
    async with live_cluster(tmp_path) as cluster:
        await cluster.write(Put("x", 1), Append("l", "a"))
        port = ReservedPort()
        file = cluster.configuration(port.address)
        gateway = GatewayProcess(file, tmp_path / "gateway.log", unexpected, timeout_s=3)
        async with httpx.AsyncClient(base_url=f"http://{await gateway.start()}") as http:
            # More requests than nodes: every node is some session's first contact.
            for number in range(5):
                answer = await http.post("/put_all", json=[{"n": number}, {"m": number}])
                assert answer.status_code == 200, answer.text
                assert answer.json()["entries"] == 2

            log = (await http.get("/log")).json()
            assert log[0] == {"n": 0}
            assert len(log) <= 10  # One node's view may lag.
            assert (await http.get("/kv/x")).json()["value"] == 1
            assert (await http.get("/kv/l")).json()["value"] == ["a"]
            assert (await http.get("/kv/none/such")).json()["value"] is None
            for consistency in ("linearizable", "lease", "local"):
                read = (await http.get(f"/kv/x?consistency={consistency}")).json()
                assert read["consistency"] == consistency
                assert read["value"] == 1 or consistency == "local"  # Which may be stale.
            assert (await http.get("/kv/x")).json()["consistency"] == "linearizable"
            assert (await http.get("/kv/x?consistency=perhaps")).status_code == 400

            leader = await cluster.leader()
            await cluster.processes.nodes[leader].kill()
            answer = await http.post("/put_all", json=[{"after": "the leader died"}])
            assert answer.status_code == 200, answer.text
            statuses = (await http.get("/status")).json()["nodes"]
            assert statuses[leader] is None
            roles = [status["role"] for status in statuses.values() if status is not None]
            assert roles.count("leader") == 1

            for node in cluster.addresses:
                if node != leader:
                    await cluster.processes.nodes[NodeId(node)].kill()
            answer = await http.post("/put_all", json=[{}], timeout=30)
            assert answer.status_code == 503
            assert answer.headers["Retry-After"] == "1"
            assert (await http.get("/log")).status_code == 503
        assert await gateway.stop() == 0
        port.close()


@pytest.mark.live
async def test_a_write_that_hangs_is_answered_honestly(tmp_path: Path) -> None:
    async with live_cluster(tmp_path) as cluster:
        file = cluster.configuration("127.0.0.1:0")
        gateway = GatewayProcess(file, tmp_path / "gateway.log", unexpected, timeout_s=3)
        async with httpx.AsyncClient(
            base_url=f"http://{await gateway.start()}", timeout=30
        ) as http:
            # At once, so that every node is some session's first contact and connected.
            await asyncio.gather(*(http.post("/put_all", json=[{}]) for _ in cluster.addresses))
            for process in cluster.processes.nodes.values():
                await process.pause()
            answer = await http.post("/put_all", json=[{"a": 1}])
            assert answer.status_code == 504
            assert "not known" in answer.json()["error"]
        assert await gateway.stop() == 0


@pytest.mark.live
async def test_a_gateway_says_what_is_wrong_with_a_request_or_its_start(tmp_path: Path) -> None:
    async with live_cluster(tmp_path, size=1) as cluster:
        port = ReservedPort()
        file = cluster.configuration(port.address)
        gateway = GatewayProcess(file, tmp_path / "gateway.log", unexpected, timeout_s=3)
        async with httpx.AsyncClient(base_url=f"http://{await gateway.start()}") as http:
            answer = await http.post("/put_all", content=b"[{]")
            assert answer.status_code == 400
            assert "not JSON" in answer.json()["error"]
            answer = await http.post("/put_all", json={"a": 1})
            assert answer.status_code == 400
            answer = await http.post("/put_all", content=b"x" * (BODY_BYTES_MAX + 1))
            assert answer.status_code == 413
            answer = await http.post("/put_all", json=[])
            assert answer.json() == {"entries": 0}
            assert (await http.get("/put_all")).status_code == 405
            assert (await http.get("/elsewhere")).status_code == 404

        second = GatewayProcess(file, tmp_path / "second.log", unexpected)
        with pytest.raises(ProcessFailed, match=rf"exit code 4\n  gateway: .*{port.address}"):
            await second.start()
        assert await gateway.stop() == 0
        port.close()

        file.write_text('{"cluster": "test", "nodes": {"n0": {"address": "127.0.0.1:1"}}}')
        with pytest.raises(ProcessFailed, match=r"exit code 2\n.*: gateway: is missing"):
            await gateway.start()
