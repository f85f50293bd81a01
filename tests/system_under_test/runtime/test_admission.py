"""What a gateway takes in at a time, and how it answers what is too much."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest
from starlette.types import ASGIApp

from system_under_test.gossip_raft.core.client_session import Answered, Ending, Execute
from system_under_test.gossip_raft.core.messages import ReadKeys, Results
from system_under_test.gossip_raft.core.types import Applied, LogIndex, Position, Raw, Term
from system_under_test.gossip_raft.runtime.admission import Admission
from system_under_test.gossip_raft.runtime.gateway import GatewayHttp, GatewayService, RawObjects

TIME_S = 10


class Stalled:
    """Stands for the service of a gateway whose cluster does not answer until ``go_on``."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.entered: asyncio.Queue[object] = asyncio.Queue()
        self.raw = RawObjects(2, ('{"n":2}', '{"n":3}'))

    async def execute(self, request: Execute | ReadKeys) -> Ending:
        self.entered.put_nowait(request)
        await self.go_on.wait()
        return Answered(Results(Position(Term(1), LogIndex(1)), (Applied(()),)))

    async def log(self) -> RawObjects | None:
        return self.raw


def http_of(app: ASGIApp) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://gateway", timeout=TIME_S)


def gateway_of(service: Stalled, requests_max: int, bytes_max: int = 10_000) -> httpx.AsyncClient:
    gateway = GatewayHttp(cast("GatewayService", service), requests_max, bytes_max)
    return http_of(gateway.app)


def assert_refused(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "not executed: overloaded" in answer.json()["error"]


async def test_one_request_too_many_is_refused_at_once_and_not_executed() -> None:
    service = Stalled()
    async with gateway_of(service, requests_max=2) as http, asyncio.timeout(TIME_S):
        waiting = [asyncio.create_task(http.post("/put_all", json=[{"n": n}])) for n in (1, 2)]
        for _ in waiting:
            await service.entered.get()
        for answer in (await http.post("/put_all", json=[{"n": 3}]), await http.get("/kv/x")):
            assert_refused(answer)
        assert not any(task.done() for task in waiting)
        assert service.entered.empty()  # Nobody was asked to execute what was refused.
        service.go_on.set()
        assert {(await task).status_code for task in waiting} == {200}
        assert (await http.post("/put_all", json=[{"n": 4}])).status_code == 200


async def test_bodies_are_bounded_together_but_one_alone_is_always_read() -> None:
    service = Stalled()
    large = [{"n": "x" * 600}]
    async with gateway_of(service, 9, bytes_max=1_000) as http, asyncio.timeout(TIME_S):
        first = asyncio.create_task(http.post("/put_all", json=large))
        await service.entered.get()
        assert_refused(await http.post("/put_all", json=large))
        small = asyncio.create_task(http.post("/put_all", json=[{}]))
        assert await service.entered.get() == Execute((Raw("{}"),))
        service.go_on.set()
        assert {(await task).status_code for task in (first, small)} == {200}
        # More than the limit by itself.
        assert (await http.post("/put_all", json=[{"n": "x" * 2_000}])).status_code == 200
        assert (await http.post("/put_all", json=large)).status_code == 200


async def test_a_body_that_comes_in_pieces_is_counted_piece_by_piece() -> None:
    service = Stalled()
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def body() -> AsyncIterator[bytes]:
        while (piece := await pieces.get()) is not None:
            yield piece

    async with gateway_of(service, 9, bytes_max=1_000) as http, asyncio.timeout(TIME_S):
        waiting = asyncio.create_task(http.post("/put_all", json=[{"n": "x" * 900}]))
        await service.entered.get()
        for piece in (b"[", b" " * 200, None):
            pieces.put_nowait(piece)
        assert_refused(await http.post("/put_all", content=body()))
        service.go_on.set()
        assert (await waiting).status_code == 200


async def test_a_request_that_fails_leaves_its_place() -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError

    async with http_of(Admission(broken, lambda _: broken, 1, 1)) as http:
        for _ in range(3):
            with pytest.raises(RuntimeError):
                await http.get("/")


@pytest.mark.parametrize(
    ("asked", "status", "first", "shown"),
    [
        ("", 200, "2", [2, 3]),
        ("?from=2", 200, "2", [2, 3]),
        ("?from=3", 200, "3", [3]),
        ("?from=4", 200, "4", []),
        ("?from=99", 200, "99", []),
        ("?from=1", 410, None, {"error": "compacted before number 2", "first": 2}),
        ("?from=-1", 400, None, {"error": "from must be a number"}),
        ("?from=x", 400, None, {"error": "from must be a number"}),
    ],
)
async def test_the_log_says_what_is_compacted_and_never_shows_a_gap(
    asked: str, status: int, first: str | None, shown: object
) -> None:
    async with gateway_of(Stalled(), requests_max=1) as http:
        answer = await http.get(f"/log{asked}")
    assert (answer.status_code, answer.headers.get("Log-First")) == (status, first)
    if status == 200:
        shown = [{"n": number} for number in cast("list[int]", shown)]
    assert json.loads(answer.text) == shown
