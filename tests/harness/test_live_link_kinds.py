"""Faults on links and calls in whole campaigns, as a user runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.store import RunStore
from histories.event import FaultBegan, FaultEnded
from histories.journal import read_journal
from tests.harness.cli.hearsay import hearsay

pytestmark = pytest.mark.live


def test_calls_are_met_one_by_one_and_the_correct_cluster_is_valid(tmp_path: Path) -> None:
    done = hearsay(
        *("run", "--faults", "drop-reply,half-open", "--time", "14", "--seed", "5"),
        *("--store", tmp_path),
    )
    assert done.returncode == 0, done
    (run,) = RunStore(tmp_path).runs()
    events = read_journal(run.journal).events
    kinds = {event.fault: event.kind for event in events if isinstance(event, FaultBegan)}
    did = {kinds[event.fault]: event.evidence for event in events if isinstance(event, FaultEnded)}
    assert set(did) == {"drop-reply", "half-open"}
    assert "replies on" in did["drop-reply"]
    assert did["half-open"].startswith(("left half-open", "dropped"))


def test_a_campaign_with_tls_refuses_faults_on_calls_and_says_why(tmp_path: Path) -> None:
    done = hearsay(
        *("run", "--tls", "--faults", "drop-reply", "--time", "9", "--seed", "5"),
        *("--store", tmp_path),
    )
    assert done.returncode == 2, done
    assert "drop-reply: calls cannot be told apart under TLS" in done.stderr
