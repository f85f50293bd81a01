"""Transactions against real processes: right under faults, and wrong ones called by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from checker.verdict import Invalid
from harness.store import RunStore
from harness.verdict_file import read_verdicts
from histories.journal import read_journal
from histories.pairing import history_of
from tests.harness.cli.hearsay import hearsay

pytestmark = pytest.mark.live


def test_transactions_are_strict_serializable_under_a_partition_and_a_kill(tmp_path: Path) -> None:
    faults = ("--faults", "partition,kill", "--time", "14", "--seed", "0")
    done = hearsay("run", "--workload", "append", *faults, "--store", tmp_path)
    assert done.returncode == 0, done
    (run,) = RunStore(tmp_path).runs()
    history = history_of(read_journal(run.journal))
    assert {fault.kind for fault in history.faults} == {"isolate", "kill"}
    assert history.answered().reads > 300
    judged = hearsay("check", run.journal, "--workload", "append", "--json")
    assert json.loads(judged.stdout)["verdict"] == "valid"


@pytest.mark.parametrize(
    ("bug", "name"),
    [
        ("read-skew", "G-single"),
        ("read-committed", "write-skew"),
        ("append-lost-in-batch", "incompatible-order"),
    ],
)
def test_a_wrong_executor_is_caught_by_name(tmp_path: Path, bug: str, name: str) -> None:
    load = ("--faults", "none", "--time", "6", "--rate", "200", "--seed", "3")
    done = hearsay("run", "--workload", "append", "--bug", bug, *load, "--store", tmp_path)
    assert done.returncode == 1, done
    (run,) = RunStore(tmp_path).runs()
    verdict = read_verdicts(run.verdict)["transactions"]
    assert isinstance(verdict, Invalid)
    assert name in {anomaly.kind for anomaly in verdict.anomalies}
