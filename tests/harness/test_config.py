"""The replay command says all that was chosen."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from harness.config import RunConfig, RunRecord, as_of
from harness.errors import BadInput
from harness.store import RunDirectory
from workloads.client_options import Contact


@pytest.mark.parametrize("reads", ["lease", "local"])
def test_other_reads_than_linearizable_are_in_the_replay_command(reads: str) -> None:
    config = RunConfig(seed=1, reads=reads)
    config.check()
    assert f"--reads {reads}" in config.command()
    assert "--reads" not in RunConfig(seed=1).command()


def test_unknown_reads_are_refused_by_name() -> None:
    with pytest.raises(BadInput, match="--reads: 'stale' is none of linearizable, local, lease"):
        RunConfig(seed=1, reads="stale").check()


def test_options_are_in_the_replay_command() -> None:
    config = RunConfig(seed=1, options={"reads-percent": 90, "clients": "roaming"})
    config.check()
    assert "--option reads-percent=90 --option clients=roaming" in config.command()
    assert "--option" not in RunConfig(seed=1).command()


def test_options_reach_the_workload_and_its_clients() -> None:
    config = RunConfig(seed=1, workload="list", options={"reads-percent": 90, "clients": "roaming"})
    assert getattr(config.made_workload().options, "reads_percent") == 90  # noqa: B009
    assert config.clients.clients is Contact.ROAMING


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (RunConfig(seed=1, workload="poetry"), "--workload: no workload is named 'poetry'"),
        (RunConfig(seed=1, options={"colour": 3}), "--option: colour: register has no such"),
        (RunConfig(seed=1, options={"keys-active": 0}), "--option: keys-active: 0 is not 1 to"),
        (RunConfig(seed=1, options={"retries": "ever"}), "--option: retries: 'ever' is none of"),
        (
            RunConfig(seed=1, system="mine.py", options={"retries": "none"}),
            "--option retries: only Hearsay's own cluster has that",
        ),
    ],
)
def test_options_that_cannot_be_are_refused_by_name(config: RunConfig, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        config.check()
    assert str(caught.value).startswith(problem)


def test_clients_of_a_run_from_before_there_were_options_repeat_requests(tmp_path: Path) -> None:
    record = RunRecord(
        schema_version=1,
        config=RunConfig(seed=1),
        command="",
        arguments=(),
        started="",
        versions={},
        commit=None,
        clock_origin_ns=0,
    )
    run = RunDirectory(tmp_path)
    run.record.write_bytes(msgspec.json.encode(record))
    assert run.read_record().config.options == {"retries": "exactly-once"}
    run.record.write_bytes(msgspec.json.encode(msgspec.structs.replace(record, schema_version=2)))
    assert run.read_record().config.options == {}
    chosen = RunConfig(seed=1, options={"retries": "none"})
    assert as_of(1, chosen) == chosen
