"""What becomes of calls whose client breaks, and of faults that cannot be done."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, cast

import grpc
import pytest

from harness.driver import Driver, DriverOptions, FaultTime
from harness.live_run import LiveRun
from harness.running_system import DeathWatch
from harness.wall_clock import RunClock
from histories.call import Call, Indeterminate, Ok, Outcome, Write
from histories.event import FaultBegan, Note, Settled, Wait
from histories.history import History
from histories.journal import Journal, JournalWriter, read_journal
from histories.op import Nanos, ProcessId
from histories.pairing import history_of
from nemesis.fault import HealAll, Kill
from nemesis.schedule import Schedule, Timed
from nemesis.target import Leader
from system_under_test.gossip_raft.core import types as core
from system_under_test.gossip_raft.runtime.errors import ProcessFailed
from workloads.generator import Sequence

MS = 1_000_000
SENT_AND_BROKEN: tuple[Callable[[], BaseException], ...] = (
    AssertionError,
    lambda: OSError(104, "connection reset by peer"),
    lambda: BrokenPipeError("broken stream"),
    lambda: EOFError("end of stream"),
    lambda: TimeoutError("deadline exceeded"),
    lambda: ValueError("bad answer"),
    lambda: KeyError("field"),
    lambda: RuntimeError("event loop"),
    lambda: MemoryError("no memory"),
    lambda: grpc.RpcError("UNAVAILABLE"),
)


class Client:
    """Raises what it is given; without that it answers."""

    opened = closed = 0

    def __init__(self, error: Callable[[], BaseException] | None) -> None:
        self._error = error
        Client.opened += 1

    async def call(self, call: Call) -> Outcome:
        del call
        if self._error is not None:
            raise self._error()
        return Ok()

    async def close(self) -> None:
        Client.closed += 1


class System:
    """Agrees to everything at once, except that killing may fail."""

    nodes = (core.NodeId("n0"),)

    def __init__(self, error: Callable[[], BaseException] | None) -> None:
        self.on_death: DeathWatch | None = None
        self._error = error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def client(self, process: ProcessId, contact: int) -> Client:
        del process, contact
        return Client(self._error)

    async def leader(self) -> core.NodeId | None:
        return self.nodes[0]

    async def kill(self, node: core.NodeId) -> None:
        raise ProcessFailed(f"{node} will not die")

    async def start(self, node: core.NodeId) -> None:
        del node

    async def unreachable(self) -> str | None:
        return None

    async def settled(self, seconds: float) -> tuple[bool, str, tuple[Wait, ...]]:
        del seconds
        return True, "at rest", ()


class Watcher:
    def saw(self, event: object) -> None:
        pass

    def entered(self, phase: object) -> None:
        pass


async def campaign(
    path: Path, calls: list[Call], error: Callable[[], BaseException] | None
) -> tuple[Journal, History]:
    driver = Driver(
        DriverOptions(
            concurrency=1,
            nodes_count=1,
            time_limit=Nanos(200 * MS),
            operation_timeout=Nanos(50 * MS),
            recovery_max=Nanos(50 * MS),
        ),
        Sequence(tuple(calls)),
        lambda _: Sequence((Write("last", 1),)),
        [FaultTime(Nanos(0), Nanos(MS))],
    )
    kill = Timed(at_ns=core.Nanos(0), duration_ns=core.Nanos(MS), fault=Kill(Leader()))
    heal = Timed(at_ns=core.Nanos(MS), duration_ns=core.Nanos(0), fault=HealAll())
    with JournalWriter(path) as journal:
        live = LiveRun(
            driver=driver,
            system=System(error),
            schedule=Schedule(steps=(kill, heal)),
            journal=journal,
            clock=RunClock(),
            rng=random.Random(1),
            watcher=cast("Any", Watcher()),
        )
        assert await live.run() is None
    read = read_journal(path)
    return read, history_of(read)


@pytest.mark.parametrize("error", SENT_AND_BROKEN, ids=lambda make: type(make()).__name__)
async def test_whatever_a_client_raises_the_call_is_indeterminate_and_keeps_the_error(
    tmp_path: Path, error: Callable[[], BaseException]
) -> None:
    _, history = await campaign(tmp_path / "j", [Write("k", 1), Write("k", 2)], error)
    assert len(history.ops) >= 2
    for op in history.ops:
        assert isinstance(op.outcome, Indeterminate)
        assert type(error()).__name__ in op.outcome.reason
    assert len({op.process for op in history.ops}) == len(history.ops)


async def test_a_client_that_is_cancelled_leaves_its_call_indeterminate(tmp_path: Path) -> None:
    _, history = await campaign(tmp_path / "j", [Write("k", 1)], asyncio.CancelledError)
    assert isinstance(history.ops[0].outcome, Indeterminate)


async def test_every_client_that_is_opened_is_closed(tmp_path: Path) -> None:
    Client.opened = Client.closed = 0
    await campaign(tmp_path / "j", [Write("k", 1), Write("k", 2)], OSError)
    assert Client.opened == Client.closed > 2


async def test_a_fault_that_cannot_be_done_is_noted_and_the_run_goes_on(tmp_path: Path) -> None:
    journal, history = await campaign(tmp_path / "j", [Write("k", 1)], None)
    notes = [event.text for event in journal.events if isinstance(event, Note)]
    assert any("fault 0 failed" in text and "n0 will not die" in text for text in notes)
    assert not any(isinstance(event, FaultBegan) for event in journal.events)
    assert all(isinstance(op.outcome, Ok) for op in history.ops)
    assert [event.settled for event in journal.events if isinstance(event, Settled)] == [True]
