"""What was recorded survives, and is counted once."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.campaign.records import CampaignDirectory, Canary, InUse, undone
from harness.errors import BadInput, EnvironmentFailure
from tests.harness.campaign.findings import again, failing, findings, ran, shrunk, task

CANARY = Canary(
    bug="stale-read", seed=3, found=("linearizable: nonlinearizable",), runs=4, seconds=1
)
ALL = (ran(0), failing(1, "kill"), again(1, 1), shrunk(1, "kill"), CANARY)


def test_everything_recorded_is_read_again(tmp_path: Path) -> None:
    with CampaignDirectory(tmp_path) as directory:
        for record in ALL:
            directory.append(record)
    with CampaignDirectory(tmp_path) as directory:
        read = directory.read_findings()
    assert read == findings(*ALL)
    assert read.runs == {"register/1", "register/1-shrunk"}
    assert read.seconds == 5.0


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_is_cut_off_and_the_next_record_is_whole(tmp_path: Path, cut: int) -> None:
    with CampaignDirectory(tmp_path) as directory:
        for record in ALL:
            directory.append(record)
    path = tmp_path / "records.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    with CampaignDirectory(tmp_path) as directory:
        assert directory.read_findings() == findings(*ALL[:-1])
        directory.append(CANARY)
        assert directory.read_findings() == findings(*ALL)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_text("{}\n")
    with (
        CampaignDirectory(tmp_path) as directory,
        pytest.raises(BadInput, match=r"records\.jsonl:1: "),
    ):
        directory.read_findings()


def test_of_two_records_of_one_task_the_first_counts() -> None:
    made = findings(ran(0))
    assert not made.add(failing(0))
    assert made.ran[0].verdict == "valid"
    assert made.add(again(0, 1))
    assert made.add(again(0, 2))
    assert not made.add(again(0, 2, found=""))


def test_what_is_still_to_be_done_keeps_its_order() -> None:
    tasks = [task(number) for number in range(4)]
    assert undone(tasks, findings(ran(2), ran(0))) == [tasks[1], tasks[3]]


def test_a_campaign_is_conducted_by_one_process_at_a_time(tmp_path: Path) -> None:
    with CampaignDirectory(tmp_path), pytest.raises(InUse, match="another process"):
        CampaignDirectory(tmp_path)
    CampaignDirectory(tmp_path).close()


def test_an_unwritable_directory_is_the_environments_fault(tmp_path: Path) -> None:
    with CampaignDirectory(tmp_path) as directory:
        directory.records.mkdir()
        with pytest.raises(EnvironmentFailure, match=r"records\.jsonl"):
            directory.append(CANARY)
        directory.junit.mkdir()
        with pytest.raises(EnvironmentFailure, match=r"junit\.xml"):
            directory.write(directory.junit, b"")
