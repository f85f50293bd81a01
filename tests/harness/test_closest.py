"""Live runs again: their plan, and the simulated run that comes closest."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.closest import closest, worlds
from harness.errors import BadInput
from harness.exit_codes import ExitCode
from harness.simulated import simulate
from harness.store import RunDirectory, RunStore
from histories.event import Invoked
from histories.journal import read_journal
from tests.harness.cli.hearsay import hearsay

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With one live run that is invalid."""
    path = tmp_path_factory.mktemp("store")
    done = hearsay(
        *("run", "--bug", "stale-read", "--time", "8", "--faults", "pause"),
        *("--seed", "4", "--store", path),
    )
    assert done.returncode == ExitCode.INVALID, done
    return path


@pytest.fixture(scope="module")
def live(store: Path) -> RunDirectory:
    (run,) = RunStore(store).runs()
    return run


def calls_of(run: RunDirectory) -> list[tuple[int, object]]:
    events = read_journal(run.journal).events
    return [(event.time, event.call) for event in events if isinstance(event, Invoked)]


def test_the_closest_simulated_run_makes_the_calls_of_the_live_one(live: RunDirectory) -> None:
    plan = closest(live, live.read_record())
    assert plan.script is not None
    asked = [(call.at_ns, call.call) for call in plan.script.calls]
    assert len(asked) > 100
    assert asked == calls_of(live)[: len(asked)]
    simulated = [event for event in simulate(plan).events if isinstance(event, Invoked)]
    made = [event.call for event in simulated[: len(asked)]]
    assert sorted(map(repr, made)) == sorted(repr(call) for _, call in asked)


def test_other_worlds_differ_in_their_luck_only(live: RunDirectory) -> None:
    first, second, third = islice(worlds(closest(live, live.read_record())), 3)
    assert len({first.config.seed, second.config.seed, third.config.seed}) == 3
    assert first.script == second.script == third.script
    assert first.schedule == second.schedule


def test_a_live_run_is_replayed_live_and_simulated_and_shrunk(
    store: Path, live: RunDirectory
) -> None:
    again = hearsay("replay", live.path, "--store", store)
    assert again.returncode == ExitCode.INVALID, again
    latest = RunStore(store).find("latest")
    assert latest.path != live.path
    assert latest.schedule.read_bytes() == live.schedule.read_bytes()
    assert latest.read_record().config == live.read_record().config
    assert latest.read_record().world is None

    simulated = hearsay("replay", live.path, "--simulated", "--store", store)
    assert simulated.returncode == ExitCode.INVALID, simulated
    exact = RunStore(store).find("latest")
    assert exact.read_record().world is not None
    repeated = hearsay("replay", exact.path, "--store", store)
    assert "byte for byte" in repeated.stdout

    shrunk = hearsay("shrink", live.path, "--seconds", "20", "--store", store)
    assert shrunk.returncode == ExitCode.INVALID, shrunk
    assert len(calls_of(RunStore(store).find("latest"))) <= 12


def test_a_simulated_run_is_simulated_already(tmp_path: Path) -> None:
    kept = hearsay("simulate", "--seeds", "1", "--time", "5", "--keep", "--store", tmp_path)
    assert kept.returncode in {ExitCode.VALID, ExitCode.UNKNOWN}
    done = hearsay("replay", "latest", "--simulated", "--store", tmp_path)
    assert done.returncode == ExitCode.BAD_INPUT
    assert "is a simulated run already" in done.stderr


def test_what_cannot_be_simulated_is_said(live: RunDirectory) -> None:
    record = live.read_record()
    own = replace(record, config=replace(record.config, system="store.py"))
    with pytest.raises(BadInput, match="which cannot be simulated"):
        closest(live, own)
