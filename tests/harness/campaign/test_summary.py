"""The verdict of a campaign, its page and its JUnit file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from harness.campaign.groups import grouped
from harness.campaign.junit import junit
from harness.campaign.page import page
from harness.campaign.records import CampaignRecord, Canary, Record
from harness.campaign.spec import Matrix, Spec
from harness.campaign.summary import Ending, Summary, is_finished, read_summary, summarize
from tests.harness.campaign.findings import again, failing, findings, ran, shrunk, task

CAUGHT = Canary(bug="stale-read", seed=3, found=("linearizable: x",), runs=4, seconds=1.0)
MISSED = Canary(bug="stale-read", seed=None, found=(), runs=50, seconds=1.0)
HOSTILE = "<script>alert('1')</script>\x07\u202e"


def summary(
    *records: Record, ending: Ending = Ending.COMPLETE, canary: str = "stale-read", tasks: int = 4
) -> Summary:
    known = findings(*records)
    record = CampaignRecord(
        file="small.toml",
        text="",
        spec=Spec(matrix=(Matrix(world="simulated", seeds="0..3"),), canary=canary),
        first_fresh=1,
        started="2026-01-02T03:04:05Z",
        commit=None,
    )
    return summarize(
        "small/1",
        record,
        [task(number, live=number == 1) for number in range(tasks)],
        known,
        grouped(known),
        ending=ending,
        ended="2026-01-02T03:04:06Z",
        seconds=12.34,
    )


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ((ran(0), CAUGHT), 0),
        ((ran(0), failing(1), ran(2, "environment"), ran(3, "unknown"), CAUGHT), 1),
        ((ran(0), ran(2, "environment"), ran(3, "unknown"), CAUGHT), 4),
        ((ran(0), ran(3, "unknown"), CAUGHT), 3),
        ((ran(0), MISSED), 3),
        ((ran(0),), 3),
        ((failing(0), MISSED), 1),
        ((CAUGHT,), 3),
    ],
)
def test_the_worst_run_decides_and_a_missed_canary_makes_the_best_unknown(
    records: Sequence[Record], code: int
) -> None:
    assert summary(*records).exit_code == code


def test_without_a_canary_none_is_missed() -> None:
    assert summary(ran(0), canary="none").exit_code == 0


def test_a_campaign_that_was_broken_off_is_unknown_at_best() -> None:
    assert summary(ran(0), CAUGHT, ending=Ending.INTERRUPTED).exit_code == 3
    assert summary(failing(0), CAUGHT, ending=Ending.INTERRUPTED).exit_code == 1
    assert summary(ran(0), CAUGHT, ending=Ending.BUDGET_SPENT).exit_code == 0


def test_only_what_came_to_its_end_is_finished(tmp_path: Path) -> None:
    assert not is_finished(tmp_path)
    for ending in Ending:
        made = summary(ran(0), ending=ending)
        (tmp_path / "summary.json").write_bytes(msgspec.json.encode(made))
        assert read_summary(tmp_path) == made
        assert is_finished(tmp_path) == (ending is not Ending.INTERRUPTED)
    (tmp_path / "summary.json").write_text("{")
    assert not is_finished(tmp_path)


def test_the_page_says_what_failed_why_and_how_to_see_it_again() -> None:
    made = page(
        summary(
            failing(1, "kill", "pause"),
            failing(2, "kill", "pause"),
            shrunk(1, "kill"),
            again(1, 1),
            again(1, 2, found=""),
            CAUGHT,
        )
    )
    assert "2 of 2 runs failed, for 1 reason" in made
    assert "raft: two leaders, after kill" in made
    assert "1 of 2" in made
    assert "so it is flaky" in made
    assert "0 s  kill" in made
    assert 'href="../../../register/1-shrunk/report.html"' in made
    assert task(1, live=True).command() in made
    assert "caught in run 4" in made
    assert "<script" not in made


def test_a_missed_canary_is_said_aloud() -> None:
    assert "The canary was not caught" in page(summary(ran(0), MISSED))
    assert "No canary was run" in page(summary(ran(0), canary="none"))


def test_what_came_from_a_run_is_escaped_on_the_page_and_in_xml() -> None:
    hostile = ran(0, "invalid", (HOSTILE,), sentence=HOSTILE, run=HOSTILE)
    made = page(summary(hostile))
    assert "<script" not in made
    assert "\x07" not in made
    assert "\u202e" not in made
    cases = junit("small/1", [task(0)], findings(hostile))
    failure = ET.fromstring(cases).find(".//failure")  # noqa: S314  Our own.
    assert failure is not None
    assert "<script>" in failure.attrib["message"]


def test_junit_counts_each_task_once_and_passes_only_what_is_valid() -> None:
    tasks = [task(number, live=number == 1) for number in range(5)]
    known = findings(ran(0), failing(1), ran(2, "unknown"), ran(3, "environment"))
    suite = ET.fromstring(junit("small/1", tasks, known))[0]  # noqa: S314  Our own.
    assert {name: suite.attrib[name] for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5",
        "failures": "1",
        "errors": "2",
        "skipped": "1",
    }
    assert [[child.tag for child in case] for case in suite] == [
        [],
        ["failure"],
        ["error"],
        ["error"],
        ["skipped"],
    ]
    assert suite[1].attrib["classname"] == "live.register"
