"""A system that is not ours, as the page on testing your own describes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.store import RunStore
from histories.call import Failed
from histories.event import FaultBegan
from histories.journal import read_journal
from histories.pairing import history_of
from tests.harness.cli.hearsay import ROOT, hearsay

STORE = ROOT / "docs" / "store"
RUNS_MAX = 3
MENDED = 'self.log.write(json.dumps([key, value]) + "\\n")\n        self.log.flush()'
BROKEN = 'self.log.write(json.dumps([key, value]) + "\\n")'


def system_in(folder: Path, server: str) -> Path:
    shutil.copy(STORE / "system.py", folder)
    (folder / "server.py").write_text(server, encoding="utf-8")
    return folder / "system.py"


@pytest.mark.live
def test_the_lost_writes_of_the_worked_example_are_found_and_explained(tmp_path: Path) -> None:
    run = ("run", "--system", STORE / "system.py", "--nodes", "1", "--faults", "kill")
    # The seed fixes the plan, not what a buffer held at the kill.
    runs = (
        hearsay(*run, "--time", "20", "--seed", str(seed), "--store", tmp_path)
        for seed in range(2, 2 + RUNS_MAX)
    )
    done = next(run for run in runs if run.returncode != 0)
    assert done.returncode == 1, done
    assert "Invalid" in done.stdout
    assert "What proves it, by itself" in done.stdout
    assert "raft" not in done.stdout, "no traces were promised"
    assert f"--system {STORE / 'system.py'}" in done.stdout, "the command that runs it again"


@pytest.mark.live
def test_the_mended_example_is_valid_and_what_a_dead_node_is_asked_has_failed(
    tmp_path: Path,
) -> None:
    text = (STORE / "server.py").read_text(encoding="utf-8")
    assert BROKEN in text
    system = system_in(tmp_path, text.replace(BROKEN, MENDED))
    done = hearsay(
        *("run", "--system", system, "--nodes", "1", "--faults", "kill,pause,slow,reset"),
        *("--time", "12", "--seed", "2", "--store", tmp_path / "runs"),
    )
    assert done.returncode == 0, done
    (run,) = RunStore(tmp_path / "runs").runs()
    journal = read_journal(run.journal)
    assert any(isinstance(event, FaultBegan) and event.kind == "kill" for event in journal.events)
    refused = [op for op in history_of(journal).ops if isinstance(op.outcome, Failed)]
    assert any("no connection" in str(op.outcome) for op in refused)


@pytest.mark.live
def test_a_server_that_does_not_start_is_an_environment_that_failed(tmp_path: Path) -> None:
    system = system_in(tmp_path, "import sys; sys.exit('no database today')")
    done = hearsay(
        *("run", "--system", system, "--nodes", "2", "--faults", "none"),
        *("--store", tmp_path / "runs"),
    )
    assert done.returncode == 4
    assert "no database today" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--system", "missing.py"), "--system: missing.py: FileNotFoundError"),
        (("--system", "broken.py"), "--system: broken.py: NameError"),
        (("--system", "ends.py"), "--system: ends.py: SystemExit"),
        (("--system", "system.py:client"), "--system: system.py has no 'client'"),
        (("--system", "json:loads"), "--system: json has something else as 'loads'"),
        (("--system", "no_such_module:x"), "--system: no_such_module: ModuleNotFoundError"),
        (("--system", "system.py", "--bug", "stale-read"), "--bug: only Hearsay's own cluster"),
        (("--system", "system.py", "--tls"), "--tls: only Hearsay's own cluster"),
        (("--system", "system.py", "--faults", "membership"), "--faults: membership: "),
    ],
)
def test_what_is_no_system_is_refused_by_name(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    shutil.copy(STORE / "system.py", tmp_path)
    (tmp_path / "broken.py").write_text("system = undefined\n", encoding="utf-8")
    (tmp_path / "ends.py").write_text("raise SystemExit(0)\n", encoding="utf-8")
    done = hearsay("run", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done
    assert done.stderr.startswith(f"hearsay: {said}")
    assert not (tmp_path / "runs").exists()
