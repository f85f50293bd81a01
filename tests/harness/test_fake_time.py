"""Clocks of programs that know nothing of us."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import fake_time
from harness.errors import BadInput
from harness.fake_time import FakeTime, find_library
from harness.wall_clock import pause
from system_under_test.gossip_raft.core.types import Nanos
from system_under_test.machine import Bumped, ClockCondition, Drifting, Skewed, Strobing

SECOND = 1_000_000_000
SHOWING = """
import sys, time
for _ in sys.stdin:
    print(time.time(), flush=True)
"""


@pytest.fixture
def library() -> Path:
    try:
        return find_library()
    except BadInput as absent:
        pytest.skip(str(absent))


class Program:
    """Shows its time when asked."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ahead_s(self) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("?\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline()) - time.clock_gettime(time.CLOCK_REALTIME)


@contextmanager
def program(clock: FakeTime) -> Iterator[Program]:
    with subprocess.Popen(
        [sys.executable, "-c", SHOWING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **clock.environment},
    ) as process:
        try:
            yield Program(process)
        finally:
            process.kill()


async def test_a_program_shows_the_time_that_it_is_told_to(library: Path, tmp_path: Path) -> None:
    clock = FakeTime(library, tmp_path / "rc")
    with program(clock) as shown:
        assert abs(shown.ahead_s()) < 50
        skewed, bumped = Skewed(1_000 * SECOND), Bumped(-300 * SECOND)
        clock.impose(skewed)
        assert 950 < shown.ahead_s() < 1_050
        clock.impose(bumped)
        assert 650 < shown.ahead_s() < 750
        clock.lift(skewed)
        assert -350 < shown.ahead_s() < -250
        clock.lift(bumped)
        assert -350 < shown.ahead_s() < -250, "it goes on from where it is"
        clock.impose(Drifting(1_000_000))
        before = shown.ahead_s()
        while shown.ahead_s() < before + 0.1:
            pass
        clock.heal()


async def test_a_strobing_clock_is_right_again_when_that_is_lifted(tmp_path: Path) -> None:
    clock = FakeTime(Path("unused"), tmp_path / "rc")
    strobing: ClockCondition = Strobing(Nanos(5 * SECOND), Nanos(1_000_000))
    clock.impose(strobing)
    seen: set[str] = set()
    while len(seen) < 2:
        await pause(0.001)
        seen.add((tmp_path / "rc").read_text())
    assert seen == {"+0.000000 x1.000000\n", "+5.000000 x1.000000\n"}
    clock.lift(strobing)
    await pause(0.01)
    assert (tmp_path / "rc").read_text() == "+0.000000 x1.000000\n"


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(fake_time.VARIABLE, raising=False)
    monkeypatch.setattr(fake_time, "PLACES", ("/nowhere",))
    with pytest.raises(BadInput, match="apt install libfaketime"):
        find_library()
