"""A disk that can be told to fail does it, and stops doing it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from system_under_test.control import Moment
from system_under_test.gossip_raft.core.types import Nanos
from system_under_test.gossip_raft.runtime.failpoints import Failpoints
from system_under_test.gossip_raft.runtime.faulty_files import FaultyFiles
from system_under_test.machine import FailingSync, Full, ReadOnly, SlowToSync
from tests.tidy.source_tree import ROOT

APPEND = os.O_RDWR | os.O_CREAT | os.O_APPEND
LOSING_POWER = """
import os, sys
from pathlib import Path
from system_under_test.gossip_raft.runtime.faulty_files import FaultyFiles
files = FaultyFiles()
file = files.open(Path(sys.argv[1]), os.O_RDWR | os.O_CREAT | os.O_APPEND)
files.write(file, memoryview(b"s" * 100))
files.sync(file)
files.write(file, memoryview(b"u" * 50))
files.lose_power(torn=sys.argv[2] == "torn")
"""


def run(script: str, *arguments: object) -> int:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


@pytest.mark.parametrize(("how", "left"), [("whole", 100), ("torn", 125)])
def test_what_was_not_synced_is_gone_when_the_power_is(tmp_path: Path, how: str, left: int) -> None:
    assert run(LOSING_POWER, tmp_path / "log", how) == -9
    assert (tmp_path / "log").read_bytes() == b"s" * 100 + b"u" * (left - 100)


def test_a_full_disk_has_room_for_what_is_freed_and_no_more(tmp_path: Path) -> None:
    files = FaultyFiles()
    ballast = files.open(tmp_path / "ballast", os.O_RDWR | os.O_CREAT)
    files.reserve(ballast, 10)
    file = files.open(tmp_path / "log", APPEND)
    files.impose(Full())
    with pytest.raises(OSError, match="No space") as raised:
        files.write(file, memoryview(b"abc"))
    assert raised.value.errno == errno.ENOSPC
    files.remove(tmp_path / "ballast")
    assert files.write(file, memoryview(b"a" * 100)) == 10
    with pytest.raises(OSError, match="No space"):
        files.reserve(file, 1)
    files.lift(Full())
    assert files.write(file, memoryview(b"a" * 100)) == 100
    files.close(file)


READ_ONLY: tuple[Callable[[FaultyFiles, int, Path], object], ...] = (
    lambda files, file, _: files.write(file, memoryview(b"abc")),
    lambda files, file, _: files.truncate(file, 0),
    lambda files, file, _: files.reserve(file, 10),
    lambda files, _, path: files.open(path, APPEND),
    lambda files, _, path: files.rename(path, path.with_name("other")),
    lambda files, _, path: files.link(path, path.with_name("other")),
    lambda files, _, path: files.remove(path),
)


@pytest.mark.parametrize("operation", READ_ONLY)
def test_a_read_only_disk_refuses_every_change(
    tmp_path: Path, operation: Callable[[FaultyFiles, int, Path], object]
) -> None:
    files = FaultyFiles()
    path = tmp_path / "log"
    file = files.open(path, APPEND)
    files.write(file, memoryview(b"abc"))
    files.impose(ReadOnly())
    with pytest.raises(OSError, match="Read-only"):
        operation(files, file, path)
    assert path.read_bytes() == b"abc"
    files.lift(ReadOnly())
    operation(files, file, path)


def test_the_next_sync_fails_and_only_that(tmp_path: Path) -> None:
    files = FaultyFiles()
    file = files.open(tmp_path / "log", APPEND)
    files.impose(FailingSync())
    with pytest.raises(OSError, match="Input/output"):
        files.sync(file)
    files.sync(file)
    files.lift(FailingSync())
    files.impose(FailingSync())
    files.lift(FailingSync())
    files.sync(file)


def test_conditions_add_up_and_what_does_not_hold_can_be_lifted(tmp_path: Path) -> None:
    files = FaultyFiles()
    file = files.open(tmp_path / "log", APPEND)
    files.lift(Full())
    for _ in range(2):
        files.impose(Full())
    files.lift(Full())
    with pytest.raises(OSError, match="No space"):
        files.write(file, memoryview(b"abc"))
    files.lift(Full())
    files.impose(SlowToSync(Nanos(1)))
    files.sync(file)
    assert files.write(file, memoryview(b"abc")) == 3


CRASHING = """
import sys
from system_under_test.control import Moment
from system_under_test.gossip_raft.runtime.failpoints import Failpoints
failpoints = Failpoints()
failpoints.arm(Moment(sys.argv[1]), 2)
for moment in (Moment.PERSIST, Moment.PERSISTED, Moment.SEND, Moment.PERSIST, Moment.SEND):
    print(moment.value, flush=True)
    failpoints.reach(moment)
"""


@pytest.mark.parametrize(("moment", "reached"), [("persist", 4), ("send", 5), ("any", 2)])
def test_a_failpoint_ends_the_process_the_time_it_was_told(moment: str, reached: int) -> None:
    command = [sys.executable, "-c", CRASHING, moment]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert ended.returncode == -9
    assert len(ended.stdout.splitlines()) == reached


def test_a_failpoint_that_is_not_armed_does_nothing() -> None:
    failpoints = Failpoints()
    failpoints.reach(Moment.SEND)
    failpoints.arm(Moment.SEND, 1)
    failpoints.disarm()
    failpoints.reach(Moment.SEND)
