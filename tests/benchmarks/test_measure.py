from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from benchmarks.etcd_cluster import compiled_messages
from benchmarks.measure import Limit, closed_loop, percentile
from benchmarks.stages import STAGES, stage_percentiles


async def test_a_loop_keeps_as_many_writes_under_way_as_told_and_ends_by_count() -> None:
    under_way: set[int] = set()
    most = 0

    async def write(writer: int, _number: int) -> None:
        nonlocal most
        assert writer not in under_way
        under_way.add(writer)
        most = max(most, len(under_way))
        turn = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(turn.set_result, None)
        await turn
        under_way.remove(writer)

    done = await closed_loop(write, 4, Limit(writes_max=50, seconds_max=60))
    assert len(done.latencies_ns) == 50
    assert most == 4
    assert not under_way


async def test_a_loop_without_time_writes_nothing() -> None:
    async def write(_writer: int, _number: int) -> None:
        pytest.fail("the time was over")

    assert (await closed_loop(write, 4, Limit(50, 0))).latencies_ns == ()


def test_percentiles_are_values_that_occurred() -> None:
    values = tuple(range(1, 101))
    assert [percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1, 50, 99, 100]


def _trace(file: Path, *events: dict[str, object]) -> Path:
    file.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="ascii")
    return file


def test_stages_follow_a_write_through_leader_and_first_durable_follower(tmp_path: Path) -> None:
    leader = _trace(
        tmp_path / "leader",
        {"type": "appended", "at": 2_000_000, "index": 1},
        {"type": "persisted", "at": 5_000_000, "last_index": 1},
        {"type": "committed", "at": 20_000_000, "index": 1},
        {"type": "applied", "at": 21_000_000, "index": 1},
        {"type": "answered", "at": 22_000_000, "index": 1},
    )
    slow, fast = (
        _trace(
            tmp_path / name,
            {"type": "appended", "at": 7_000_000, "index": 1},
            {"type": "persisted", "at": durable, "last_index": 1},
        )
        for name, durable in (("slow", 19_000_000), ("fast", 11_000_000))
    )
    stages = stage_percentiles({1: (1_000_000, 25_000_000)}, leader, (slow, fast))
    assert [stages[name][0] for name, _, _ in STAGES] == [1, 3, 2, 4, 9, 1, 1, 3, 24]


def test_etcds_messages_have_the_fields_that_the_benchmark_uses(tmp_path: Path) -> None:
    message = compiled_messages(tmp_path)
    put = message("PutRequest")(key=b"k", value=b"v")
    assert put.SerializeToString() == b"\n\x01k\x12\x01v"
    assert message("StatusResponse").DESCRIPTOR.fields_by_name["leader"].number == 4
