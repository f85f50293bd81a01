"""The page as a document: what it says, what it escapes, what it never loads."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from html import escape
from html.parser import HTMLParser

import pytest

from checker.raft.life import Boot, ClusterLife, End, Point
from checker.stats import stats
from checker.verdict import Anomaly, Invalid, Unknown, UnknownCause, Valid
from harness.errors import ReportError
from harness.report.data import ReportData
from harness.report.measurements import UNAVAILABLE_AFTER
from harness.report.page import ANOMALIES_MAX, anomaly_views, render, verdict_sentence
from harness.report.payload import payload_of, run_end
from histories.call import Ok, Read
from histories.event import Note
from histories.history import History
from histories.op import Nanos, Op, ProcessId
from tests.harness.report.hostile import hostile_report
from tests.harness.report.synthetic import (
    invalid_report,
    report_of,
    skewed_report,
    unknown_report,
    valid_report,
)
from tests.harness.report.unpacking import unpacked

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
    "skewed": skewed_report,
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
        assert escape(fault.detail) in page


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
        assert not {"src", "action", "data", "srcset"} & attributes.keys()
        assert re.fullmatch(r"#anomaly-\d+", attributes.get("href") or "#anomaly-0")
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
    found = [view.anomaly for view in anomaly_views(report)]
    put_in = payload_of(report, found, columns, windows, end)
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
    assert page.count('<article class="anomaly"') == 1
    assert page.count('<details class="anomaly" id=') == ANOMALIES_MAX - 1
    assert "57 anomalies" in page


def test_one_anomaly_of_each_kind_comes_before_more_of_the_same() -> None:
    def anomaly(kind: str, number: int) -> Anomaly:
        return Anomaly(kind=kind, source="s", evidence=(), explanation=f"{kind} {number}")

    found = (anomaly("a", 1), anomaly("a", 2), anomaly("b", 3))
    page = render(report_of(History(()), {"raft invariants": Invalid(found)}))
    assert page.index(">a 1<") < page.index(">b 3<") < page.index("More of the same")
    assert page.index("More of the same") < page.index("a 2")


def test_what_broke_first_comes_first() -> None:
    def anomaly(kind: str, at: int | None) -> Anomaly:
        return Anomaly(kind=kind, source="s", evidence=(), explanation=kind, at=at)

    found = Invalid(
        (anomaly("late", 9_000_000), anomaly("early", 2_000_000), anomaly("when", None))
    )
    report = report_of(History(()), {"raft invariants": found})
    assert verdict_sentence(report) == ("Early, at 0.002 s. And 2 further violations: late, when.")
    assert [view.anomaly.kind for view in anomaly_views(report)] == ["early", "late", "when"]


def test_an_anomaly_says_its_rule_its_moment_and_its_nodes() -> None:
    page = render(invalid_report())
    assert "At most one leader can be elected in a term." in page
    assert "at <b>18.901 s</b> on <b>n0, n2, n1</b>" in page
    assert page.count('data-anomaly="') == 2


def test_a_cycle_is_drawn_with_the_words_of_its_edges() -> None:
    page = render(skewed_report())
    assert page.count('<line class="rw"') == 2
    assert ">rw x</text>" in page
    assert "T1 missed x of T2" in page


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
        leaderships=(),
        boots=(Boot(node="n0", at=-7, incarnation=1, term=0),),
        ends=(End(node="n0", at=1_000_000, reason="shut down"),),
        roles={"n0": (Point(-7, "follower"), Point(500_000_000_000, "leader"))},
        terms={"n0": (Point(3, 1),), "n1": ()},
        commit_points={"n0": (Point(10, 1), Point(20, 2))},
        logs={"n0": (Point(-1, (4, 2)),)},
        sources={"n0": (Point(5, "n1"),)},
    )
    note = Note(time=Nanos(2_000_000), text="over")
    data = embedded(render(report_of(History(()), {}, cluster=cluster, notes=(note,))))
    assert isinstance(data, dict)
    n0, n1 = data["cluster"]["nodes"]
    names = data["cluster"]["names"]
    assert n0["boots"] == [[0, 1, 0]]
    assert n0["down"] == [[1_000_000, 2_000_000, "shut down"]]
    assert unpacked(n0["roles"]["at"]) == [0, 1_000_000, 2_000_000, 2_000_000]
    assert [data["cluster"]["roles"][role] for role in unpacked(n0["roles"]["value"])] == [
        "follower",
        "down",
        "follower",
        "leader",
    ]
    assert unpacked(n0["terms"]["value"]) == [1]
    assert unpacked(n0["commits"]["value"]) == [1, 2]
    assert (unpacked(n0["logIndex"]["value"]), unpacked(n0["logTerm"]["value"])) == ([4], [2])
    assert [names[source] for source in unpacked(n0["sources"]["value"])] == ["n1"]
    assert unpacked(n1["terms"]["at"]) == []
