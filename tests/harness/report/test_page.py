"""The page as a document: what it says, what it escapes, what it never loads."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from checker.raft.life import ClusterLife, Leadership, Point
from checker.stats import stats
from checker.verdict import Anomaly, Invalid, Unknown, UnknownCause, Valid
from harness.errors import ReportError
from harness.report.data import ReportData
from harness.report.measurements import UNAVAILABLE_AFTER, series_of
from harness.report.page import ANOMALIES_MAX, render, verdict_sentence
from harness.report.payload import payload_of, run_end
from histories.call import Ok, Read
from histories.event import Note
from histories.history import History
from histories.op import Nanos, Op, ProcessId
from tests.harness.report.hostile import hostile_report
from tests.harness.report.synthetic import (
    invalid_report,
    report_of,
    unknown_report,
    valid_report,
)

ALL_TAGS_THAT_LOAD = frozenset({"link", "img", "iframe", "object", "embed", "audio", "video"})
"""None of these occurs in the page; scripts and styles stand inside it."""


class Document(HTMLParser):
    """Start tags with their attributes, and the text of each script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002  The base class's signature.
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            self.scripts[-1] += data
        else:
            self.text.append(data)


def embedded(page: str) -> object:
    return json.loads(Document(page).scripts[0])


def empty_report() -> ReportData:
    return report_of(History(()), {})


EVERY_REPORT = {
    "valid": valid_report,
    "invalid": invalid_report,
    "unknown": unknown_report,
    "empty": empty_report,
    "hostile": hostile_report,
}


@pytest.fixture(params=sorted(EVERY_REPORT))
def report(request: pytest.FixtureRequest) -> ReportData:
    return EVERY_REPORT[request.param]()


def test_the_heading_says_the_verdict_in_text_and_colour() -> None:
    for make, word in ((valid_report, "valid"), (invalid_report, "invalid")):
        page = render(make())
        assert f'class="verdict {word}"' in page
        assert f'<span class="badge">{word.upper()}</span>' in page
    page = render(unknown_report())
    assert 'class="verdict unknown"' in page
    assert "Nothing is proven either way (memory limit)" in page


def test_an_invalid_report_draws_the_evidence_before_anything_else() -> None:
    report = invalid_report()
    assert isinstance(report.verdict, Invalid)
    stale, leaders = report.verdict.anomalies
    page = render(report)
    assert page.index("</header>") < page.index("<svg") < page.index("Configuration")
    assert stale.explanation in page
    assert leaders.explanation in page
    assert all(line in page for line in leaders.details)
    assert page.count('<g class="bar') == len(stale.evidence)
    assert page.count('<g class="bar offending">') == 1


def test_a_valid_report_draws_no_counterexample() -> None:
    assert "<svg" not in render(valid_report())


def test_faults_are_listed_with_what_they_became_and_their_evidence() -> None:
    report = valid_report()
    page = render(report)
    for fault in report.history.faults:
        assert fault.evidence in page
        assert fault.detail.replace(">", "&gt;") in page


def test_unavailability_is_listed_with_the_fault_it_fell_into() -> None:
    page = render(valid_report())
    section = page[page.index("<h2>Unavailability</h2>") :]
    assert "1.28 s" in section
    assert "1 isolate-leader n0" in section
    quiet = render(unknown_report())
    assert "some call was acknowledged at least every half second" in quiet


def test_replay_command_configuration_and_notes_are_shown() -> None:
    report = valid_report()
    page = render(report)
    assert report.replay_command in page
    assert report.notes[0].text in page
    assert all(name in page for name in report.configuration)


def test_the_page_is_utf8_and_loads_nothing_from_anywhere(report: ReportData) -> None:
    page = render(report)
    page.encode("utf-8")
    for tag, attributes in Document(page).tags:
        assert tag not in ALL_TAGS_THAT_LOAD
        assert not {"src", "href", "action", "data", "srcset"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
    styles = "".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL))
    assert "url(" not in styles
    assert "@import" not in styles
    scripts = "".join(Document(page).scripts[1:])
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|importScripts)\b", scripts)


def test_embedded_data_parses_back_to_what_was_put_in(report: ReportData) -> None:
    columns = report.history.columns()
    end = run_end(report)
    windows = stats(report.history, unavailable_after=UNAVAILABLE_AFTER).unavailable
    put_in = payload_of(report, columns, series_of(columns, end), windows, end)
    assert embedded(render(report)) == json.loads(json.dumps(put_in))


def test_a_hostile_history_adds_no_element_and_no_script() -> None:
    page = render(hostile_report())
    assert len(Document(page).scripts) == 2
    assert "<img" not in page
    assert "<script>document" not in page
    assert "\x00" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;" in page
    assert r"lone surrogate \udcff\ud800" in page


def test_the_policy_of_the_page_allows_exactly_its_own_script(report: ReportData) -> None:
    document = Document(render(report))
    policy = next(
        attributes["content"] or ""
        for tag, attributes in document.tags
        if tag == "meta" and "http-equiv" in attributes
    )
    digest = base64.b64encode(sha256(document.scripts[1].encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_a_run_of_one_instant_renders() -> None:
    op = Op(
        index=0,
        process=ProcessId(0),
        call=Read("x"),
        outcome=Ok((None,)),
        invoked=Nanos(0),
        completed=Nanos(0),
    )
    assert "VALID" in render(report_of(History.of([op]), {"linearizability": Valid()}))


def test_only_some_of_very_many_anomalies_are_drawn() -> None:
    anomaly = Anomaly(kind="log matching", source="Raft, Figure 3", evidence=(), explanation="e")
    many = Invalid((anomaly,) * (ANOMALIES_MAX + 7))
    page = render(report_of(History(()), {"raft invariants": many}))
    assert page.count('<article class="anomaly">') == ANOMALIES_MAX
    assert "57 anomalies" in page


def test_evidence_that_is_not_in_the_history_is_named_and_does_no_harm() -> None:
    anomaly = Anomaly(kind="k", source="s", evidence=(41, 42), explanation="e")
    page = render(report_of(History(()), {"linearizability": Invalid((anomaly,))}))
    assert "not in this history: 41, 42" in page


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        (Valid("note"), "Nothing wrong was found in 0 operations under 0 faults."),
        (
            Unknown(UnknownCause.TIME_LIMIT, "60 s were over."),
            "Nothing is proven either way (time limit): 60 s were over.",
        ),
    ],
)
def test_the_verdict_is_one_sentence(verdict: Valid | Unknown, sentence: str) -> None:
    assert verdict_sentence(report_of(History(()), {"a": verdict})) == sentence


def test_a_page_that_cannot_be_made_raises_report_error_and_names_the_run() -> None:
    class Refuses(Mapping[str, object]):
        def __getitem__(self, key: str) -> object:
            raise KeyError(key)

        def __iter__(self) -> Iterator[str]:
            raise RuntimeError("no configuration today")

        def __len__(self) -> int:
            return 1

    broken = replace(valid_report(), configuration=Refuses())
    with pytest.raises(ReportError, match=r"register/.*no configuration today"):
        render(broken)


def test_lives_of_nodes_are_moved_to_the_clock_of_the_run_and_cut_to_it() -> None:
    cluster = ClusterLife(
        leaderships=(
            Leadership(
                node="n0",
                term=1,
                from_at=-5,
                until_at=500_000_000_000,
            ),
        ),
        boots=(),
        terms={"n0": (Point(3, 1),)},
        commit_points={
            "n0": (Point(10, 1), Point(20, 2)),
            "n1": (Point(15, 1),),
        },
    )
    note = Note(time=Nanos(2_000_000), text="over")
    data = embedded(render(report_of(History(()), {}, cluster=cluster, notes=(note,))))
    assert isinstance(data, dict)
    (lead,) = data["cluster"]["leaderships"]
    assert (lead["began"], lead["ended"]) == (0, 2_000_000)
    assert data["cluster"]["terms"] == [[[3, 1]]]
    commits = data["cluster"]["commits"]
    assert commits["at"] == [10, 15, 20, 2_000_000]
    assert commits["lines"] == [[1, 1, 2, 2], [None, 1, 1, 1]]
