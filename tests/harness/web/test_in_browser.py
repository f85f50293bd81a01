"""The pages where they will be opened: clicks, filters, a run under way, both colour schemes."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from checker.verdict import Valid
from harness.config import RunConfig
from harness.store import RunDirectory
from tests.harness.cli.hearsay import ROOT, command
from tests.harness.test_run_index import judge, stored
from tests.harness.web.test_app import finished, journal_of, name_of, store

__all__ = ["store"]  # The fixture.

pytestmark = pytest.mark.browser


@pytest.fixture
def address(store: Path) -> Iterator[str]:
    """Where the store is served, by the command."""
    start = command("serve", "--port", "0", "--store", store)
    with subprocess.Popen(start, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found
        yield found[0]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, address: str) -> Iterator[Page]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "browser tests were asked for, but there is no chromium on the PATH"
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(base_url=address, color_scheme=request.param)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        yield page
        browser.close()
    assert said == [], "nothing is refused by the policy of the pages, and no script fails"


def test_a_failing_run_is_found_compared_and_opened(page: Page, store: Path) -> None:
    page.goto("/")
    expect(page.locator("table.runs tbody tr")).to_have_count(2)
    expect(page.locator("#compare")).to_be_disabled()
    for box in page.locator("input[name=run]").all():
        box.check()
    page.locator("#compare").click()
    expect(page.locator("tr.differs th").first).to_have_text("faults")
    page.goto("/")
    page.get_by_label("verdict").select_option("invalid")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("table.runs tbody tr")).to_have_count(1)
    page.get_by_role("link", name=name_of(store, 2)).click()
    page.get_by_role("link", name="nodes/n0/server.log").click()
    expect(page.locator(".lines")).to_contain_text("last line")


def test_a_run_under_way_is_watched_until_it_is_judged(page: Page, store: Path) -> None:
    run = stored(store, RunConfig(seed=7), None)
    with journal_of(run):
        page.goto(f"/runs/{name_of(store, 7)}")
        expect(page.locator("#ok")).to_have_text("2")
        expect(page.locator("#faults")).to_have_text("kill n1")
        expect(page.locator("#events")).to_contain_text("kill n1 begins")
        judge(store, RunDirectory(run.path), Valid("all well"))
        expect(page.locator("h1 .badge")).to_have_text("valid")
        expect(page.locator("[data-events]")).to_have_count(0)


def test_paper_and_ink_follow_the_colour_scheme(
    page: Page, store: Path, request: pytest.FixtureRequest
) -> None:
    finished(store, 8)
    page.goto("/")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    scheme = request.node.callspec.params["page"]
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 28)"}[scheme]
