"""The pages: what they show, and what nobody gets out of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from checker.verdict import Anomaly, Invalid, Valid
from harness.config import RunConfig
from harness.store import RunDirectory
from harness.web.app import pages
from histories.call import Ok, Read, Write
from histories.event import Completed, FaultBegan, FaultEnded, Invoked, Note
from histories.journal import JournalWriter
from histories.op import Nanos, ProcessId
from tests.harness.test_run_index import judge, stored

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\x00\u202e'\""
SECRET = "-----BEGIN PRIVATE KEY-----"  # noqa: S105  Nobody's.


class Client:
    """A browser, as far as questions go."""

    def __init__(self, app: Starlette, host: str = "127.0.0.1:8080") -> None:
        self._transport = httpx.ASGITransport(app)
        self._url = f"http://{host}"

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url=self._url) as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(ask())

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self.request("GET", path, headers)


@contextmanager
def journal_of(run: RunDirectory) -> Iterator[JournalWriter]:
    with JournalWriter(run.journal) as journal:
        journal.write(Note(time=Nanos(0), text="main phase"))
        journal.write(
            FaultBegan(time=Nanos(1), fault=0, kind="kill", nodes=("n1",), detail=HOSTILE)
        )
        for op, call, values in ((0, Write("x", HOSTILE), ()), (1, Read("x"), (HOSTILE,))):
            begin, end = Nanos(op * 1000 + 10), Nanos(op * 1000 + 500)
            process = ProcessId(0)
            journal.write(Invoked(time=begin, op=op, process=process, call=call))
            outcome = Ok(values)
            journal.write(Completed(time=end, op=op, process=process, outcome=outcome))
        yield journal


def finished(root: Path, seed: int, **given: object) -> RunDirectory:
    run = stored(root, RunConfig(seed=seed, **given), None)  # type: ignore[arg-type]
    with journal_of(run) as journal:
        journal.write(FaultEnded(time=Nanos(5000), fault=0, evidence=HOSTILE))
    (run.nodes / "n0").mkdir()
    (run.nodes / "n0" / "server.log").write_text(f"first line\n{HOSTILE}\nlast line\n")
    (run.nodes / "n0" / "wal").write_text(SECRET)
    return run


@pytest.fixture
def store(tmp_path: Path) -> Path:
    root = tmp_path / "runs"
    judge(root, finished(root, 1), Valid("2 keys"))
    wrong = finished(root, 2, bug="stale-read", faults=("kill",))
    anomaly = Anomaly(kind="lost", source="s", evidence=(1,), explanation=HOSTILE)
    judge(root, wrong, Invalid((anomaly,)))
    wrong.report.write_text("<script>report()</script>")
    keys = wrong.path / "certificates"
    keys.mkdir()
    (keys / "n0.key").write_text(SECRET)
    (tmp_path / "outside.txt").write_text(SECRET)
    (wrong.path / "schedule.json").symlink_to(tmp_path / "outside.txt")
    return root


@pytest.fixture
def client(store: Path) -> Client:
    return Client(pages(store))


def name_of(store: Path, seed: int) -> str:
    (path,) = store.glob(f"register/*-{seed}")
    return f"register/{path.name}"


def test_all_runs_are_listed_newest_first_and_can_be_filtered(client: Client, store: Path) -> None:
    listed = client.get("/").text
    assert listed.index(name_of(store, 2)) < listed.index(name_of(store, 1))
    assert "2 runs" in listed
    for query, expected in (
        ("verdict=valid", {1}),
        ("bug=stale-read", {2}),
        ("bug=none", {1}),
        ("fault=kill&bug=any", {2}),
        ("text=onerror", {2}),
        ("workload=set", set()),
        ("since=2026-01-03", set()),
        ("verdict=&text=&since=2026-01-02&until=2026-01-02", {1, 2}),
    ):
        page = client.get(f"/?{query}").text
        assert {seed for seed in (1, 2) if name_of(store, seed) in page} == expected, query


def test_a_long_list_comes_in_pages(tmp_path: Path) -> None:
    for seed in range(60):
        stored(tmp_path, RunConfig(seed=seed), None)
    client = Client(pages(tmp_path))
    first, second = client.get("/?verdict=not+judged"), client.get("/?page=2")
    assert first.text.count('name="run"') == 50
    assert second.text.count('name="run"') == 10
    assert "51 to 60" in second.text
    (earlier,) = re.findall(r'rel="next" href="([^"]+)"', first.text)
    assert client.get(earlier.replace("&amp;", "&")).text.count('name="run"') == 10


def test_a_run_is_shown_with_all_that_is_known_of_it(client: Client, store: Path) -> None:
    page = client.get(f"/runs/{name_of(store, 2)}").text
    for words in ("stale-read", "lost", "kill", "hearsay run --workload register", "answered"):
        assert words in page
    assert f"/store/{name_of(store, 2)}/report.html" in page
    assert "certificates" not in page
    assert client.get("/runs/register/latest-failed").status_code == 404


def test_two_runs_are_compared(client: Client, store: Path) -> None:
    one, other = name_of(store, 1), name_of(store, 2)
    page = client.get(f"/compare?run={one}&run={other}").text
    differing = re.findall(r'<tr class="differs"><th>([^<]+)', page)
    assert {"bug", "faults", "seed", "checker"} == set(differing)
    for query in ("", f"run={one}", f"run={one}&run={other}&run={one}"):
        assert client.get(f"/compare?{query}").status_code == 400
    assert client.get(f"/compare?run={one}&run=../../etc").status_code == 404


def test_logs_are_read_line_by_line_and_searched(client: Client, store: Path) -> None:
    place = f"/runs/{name_of(store, 2)}/lines/nodes/n0/server.log"
    page = client.get(place).text
    assert "first line" in page
    assert "last line" in page
    page = client.get(f"{place}?text=last&from=2").text
    assert "first line" not in page
    assert "last line" in page
    assert client.get(f"{place}?from=0").status_code == 400
    assert client.get(f"{place}?from=x").status_code == 400


def test_many_lines_come_in_parts(client: Client, store: Path) -> None:
    log = store / name_of(store, 1) / "nodes" / "n0" / "server.log"
    log.write_text("".join(f"line {n}!\n" for n in range(1, 901)))
    place = f"/runs/{name_of(store, 1)}/lines/nodes/n0/server.log"
    page = client.get(place).text
    assert "line 400!" in page
    assert "line 401!" not in page
    assert "from=401" in page
    assert "line 401!" in client.get(f"{place}?from=401").text


def test_nothing_that_came_from_a_history_is_markup(client: Client, store: Path) -> None:
    one, other = name_of(store, 1), name_of(store, 2)
    for path in (
        "/",
        f"/runs/{other}",
        f"/compare?run={one}&run={other}",
        f"/runs/{other}/lines/nodes/n0/server.log",
        f"/runs/{other}/lines/journal.jsonl",
        "/?text=%3Cscript%3Ealert(1)%3C/script%3E",
        "/runs/%3Cscript%3Ealert(1)%3C/x",
    ):
        page = client.get(path).text
        assert "<script>alert" not in page, path
        assert "<img" not in page, path
        assert "\u202e" not in page, path
        assert "onerror=alert(2)>" not in page, path


@pytest.mark.parametrize(
    "place",
    [
        "../outside.txt",
        "..%2foutside.txt",
        "%2e%2e/outside.txt",
        "{run}/../../../outside.txt",
        "{run}/schedule.json",
        "{run}/certificates/n0.key",
        "{run}/nodes/n0/wal",
        "{run}/nodes/../certificates/n0.key",
        "{run}/nodes/n0",
        "{run}",
        ".index.sqlite",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "{run}/run.json%00.html",
    ],
)
def test_no_path_leads_to_what_is_not_meant_to_be_seen(
    client: Client, store: Path, place: str
) -> None:
    run = name_of(store, 2)
    client.get("/")  # So that there is an index.
    for path in (f"/store/{place.format(run=run)}", f"/runs/{run}/lines/{place.format(run='.')}"):
        answer = client.get(path)
        assert SECRET not in answer.text
        assert answer.status_code in {400, 404}, path


def test_files_of_runs_are_text_and_reports_run_as_nobody(client: Client, store: Path) -> None:
    run = name_of(store, 2)
    log = client.get(f"/store/{run}/nodes/n0/server.log")
    assert log.headers["content-type"] == "text/plain; charset=utf-8"
    report = client.get(f"/store/{run}/report.html")
    assert report.text == "<script>report()</script>"
    policy = report.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in policy


def test_every_answer_carries_the_headers_that_keep_it_safe(client: Client) -> None:
    for path in ("/", "/nothing", "/static/hearsay.js", "/runs/a/b"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1]:8080"])
def test_a_foreign_name_for_this_machine_is_refused(client: Client, host: str) -> None:
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 421
    assert "register" not in answer.text


def test_another_site_can_link_here_but_not_read(client: Client) -> None:
    cross = {"sec-fetch-site": "cross-site"}
    assert client.get("/", headers={**cross, "sec-fetch-mode": "no-cors"}).status_code == 403
    assert client.get("/", headers={**cross, "sec-fetch-mode": "navigate"}).status_code == 200


def test_nothing_can_be_changed(client: Client) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert client.request(method, "/").status_code == 405


def test_a_run_under_way_tells_of_itself_until_it_is_judged(client: Client, store: Path) -> None:
    run = stored(store, RunConfig(seed=7), None)
    name = name_of(store, 7)
    with journal_of(run):
        page = client.get(f"/runs/{name}").text
        assert f'data-events="/runs/{name}/events"' in page
        assert "running" in client.get("/").text
        judge(store, run, Valid())
    events = client.get(f"/runs/{name}/events").text
    assert events.startswith('data: {"time":1500,"invoked":2,"ok":2,"failed":0,"unknown":0')
    assert '"faults":["kill n1"]' in events
    assert events.endswith("event: over\ndata: {}\n\n")
    assert "data-events" not in client.get(f"/runs/{name}").text


def test_a_broken_run_is_shown_as_far_as_it_goes(client: Client, store: Path) -> None:
    name = name_of(store, 1)
    (store / name / "verdict.json").write_text("{")
    (store / name / "journal.jsonl").write_text("nonsense\n")
    page = client.get(f"/runs/{name}").text
    assert "unreadable" in page
    assert "not JSON" in page
    (store / name / "run.json").write_text("[]")
    assert client.get(f"/runs/{name}").status_code == 200
    assert "unreadable" in client.get("/").text


def test_campaigns_are_listed_and_their_pages_lead_to_their_runs(
    client: Client, store: Path
) -> None:
    assert "no campaigns yet" in client.get("/campaigns").text
    folder = store / "campaigns" / "nightly" / "20260102T030405Z"
    folder.mkdir(parents=True)
    (folder / "campaign.json").write_text("{}")
    (folder / "summary.html").write_text("<p>the page")
    assert "nightly/20260102T030405Z" in client.get("/campaigns").text
    page = client.get("/store/campaigns/nightly/20260102T030405Z/summary.html")
    assert page.text == "<p>the page"


def test_a_store_without_runs_says_how_to_make_one(tmp_path: Path) -> None:
    client = Client(pages(tmp_path), "localhost:1")
    assert "hearsay run" in client.get("/").text
