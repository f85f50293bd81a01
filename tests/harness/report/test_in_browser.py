"""Whether the page works where it will be opened: in a browser, with mouse, fingers and keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from checker.verdict import Valid
from harness.report.data import ReportData
from harness.report.page import render
from histories.call import Indeterminate, Ok, Read
from histories.history import History
from tests.harness.report.browser import Opened, launch, opened
from tests.harness.report.hostile import hostile_report
from tests.harness.report.synthetic import (
    SECOND,
    Shape,
    invalid_report,
    report_of,
    skewed_report,
    synthetic_history,
    unknown_report,
    valid_report,
)

pytestmark = pytest.mark.browser

PLOTS = ("faults", "timeline", "cluster", "messages", "latency", "rate", "commits")
Show: TypeAlias = Callable[..., AbstractContextManager[Opened]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        yield chromium
        chromium.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Show:
    def shown(report: ReportData, **options: Any) -> AbstractContextManager[Opened]:
        document = tmp_path / "report.html"
        document.write_text(render(report), encoding="utf-8")
        return opened(browser, document, **options)

    return shown


def lanes(tab: Opened) -> float:
    """The height of a row of the timeline of ten clients: as ``timeline.js`` has it."""
    assert tab.page.locator("#timeline canvas").bounding_box()
    return 24


@pytest.mark.parametrize(
    "make", [valid_report, invalid_report, unknown_report, skewed_report, hostile_report]
)
def test_a_report_opens_in_silence_and_asks_for_nothing(
    show: Show, make: Callable[[], ReportData]
) -> None:
    with show(make()) as tab:
        assert tab.complaints == []
        assert "pwned by script" not in tab.page.title()
        assert tab.ask("() => typeof hearsay") == "object", "the script ran to its end"
        width = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert tab.ask(width) == 0, "nothing reaches out of the window"


def test_every_plot_is_drawn(show: Show) -> None:
    with show(invalid_report()) as tab:
        for plot in PLOTS:
            drawn = tab.page.locator(f"#{plot} canvas")
            drawn.scroll_into_view_if_needed()
            tab.settled()
            colours = tab.ask(
                """(name) => {
                  const canvas = document.querySelector(`#${name} canvas`);
                  const { data } = canvas.getContext("2d")
                    .getImageData(0, 0, canvas.width, canvas.height);
                  return new Set(new Uint32Array(data.buffer)).size;
                }""",
                plot,
            )
            assert colours > 8, plot
        assert tab.complaints == []


def test_an_empty_run_says_so_in_every_plot(show: Show) -> None:
    with show(report_of(History(()), {})) as tab:
        assert tab.complaints == []
        for plot in PLOTS:
            assert tab.page.locator(f"#{plot} .message").is_visible(), plot


def test_a_click_on_an_operation_tells_everything_about_it(show: Show) -> None:
    report = invalid_report()
    history = report.history
    op = next(op for op in history.ops if isinstance(op.outcome, Ok) and op.invoked > 15 * SECOND)
    with show(report) as tab:
        tab.ask(
            "([from, to]) => hearsay.overview.show(from, to)", [op.invoked - 2e7, op.invoked + 4e7]
        )
        tab.settled()
        row = tab.ask("(index) => hearsay.ops.lane[index]", op.index)
        x, y = tab.point("#timeline", (op.invoked + op.completed) / 2, 6 + (row + 0.5) * lanes(tab))
        tab.page.mouse.move(x, y)
        assert f"operation {op.index} · process {op.process} · ok" in tab.text("#tip")
        tab.page.mouse.click(x, y)
        told = tab.text("#picked")
        assert f"Operation {op.index}" in told
        assert f"process {op.process}" in told
        assert op.call.key in told
        assert "The cluster at" in told
        leader = tab.page.locator("#picked tr.leader")
        assert leader.count() == 1, "n0 leads term 3 at that time"
        assert leader.inner_text().split()[0] == "n0"
        tab.page.keyboard.press("Escape")
        assert tab.page.locator("#picked").is_hidden()


def test_the_culprit_shows_where_its_linearization_breaks(show: Show) -> None:
    report = invalid_report()
    with show(report) as tab:
        tab.page.locator("[data-anomaly]").first.click()
        told = tab.text("#picked")
        assert "Here the linearization breaks" in told
        assert "possible state" in told
        before = tab.page.locator("#picked .order .op").first
        before.click()
        assert "Linearized as number" in tab.text("#picked")
        assert tab.page.locator("#picked .op.broken").count() == 1


def test_what_each_node_did_follows_the_moment(show: Show) -> None:
    with show(valid_report()) as tab:
        cells = (
            "() => [...document.querySelectorAll('#picked tbody tr')].map((row) => row.innerText)"
        )
        tab.ask("() => hearsay.pickMoment(10e9)")
        n0, n1, n2 = tab.ask(cells)
        assert "follower" in n0
        assert "leader" in n1
        assert "down" in n2, "killed from 9.5 s to 11 s"
        tab.ask("() => hearsay.pickMoment(14.5e9)")
        n0, n1, n2 = tab.ask(cells)
        assert "leader" in n0
        assert "paused" in n1
        assert "n1" in n2.split("\t")[6], "n2 pulls from n1"
        tab.ask("() => hearsay.pickMoment(5e9)")
        n0, *_ = tab.ask(cells)
        assert n0.split("\t")[7] == "n1, n2", "cut off"


def test_filters_keep_exactly_what_they_name(show: Show) -> None:
    report = valid_report()
    ops = report.history.ops
    with show(report) as tab:

        def kept() -> str:
            return tab.text("#filtered")

        tab.page.select_option("#by-key", label="k3")
        assert kept() == f"{sum(op.call.key == 'k3' for op in ops):,} of 3,000"
        tab.page.select_option("#by-f", label="read")
        reads = [op for op in ops if op.call == Read("k3")]
        assert kept() == f"{len(reads):,} of 3,000"
        process = reads[0].process
        tab.page.select_option("#by-process", label=str(process))
        assert kept() == f"{sum(op.process == process for op in reads):,} of 3,000"
        tab.page.click("#clear")
        assert kept() == ""
        tab.page.select_option("#by-outcome", label="info")
        unknown = sum(isinstance(op.outcome, Indeterminate) for op in ops)
        assert kept() == f"{unknown:,} of 3,000"
        tab.page.click("#clear")
        tab.page.fill("#search", "K3 read")
        assert kept() == f"{len(reads):,} of 3,000"
        tab.page.fill("#search", "#417")
        assert kept() == "1 of 3,000"
        assert tab.complaints == []


def test_the_next_operation_is_one_that_passes_the_filter(show: Show) -> None:
    report = valid_report()
    fitting = [op.index for op in report.history.ops if op.call == Read("k3")]
    with show(report) as tab:
        tab.page.fill("#search", "k3 read")
        tab.page.keyboard.press("Escape")
        for key, index in zip("]]][", (*fitting[:3], fitting[1]), strict=True):
            tab.page.keyboard.press(key)
            assert tab.ask("() => hearsay.ops.index[hearsay.picked.row]") == index


def test_more_clients_than_fit_are_scrolled_through(show: Show) -> None:
    history = synthetic_history(shape=Shape(ops=4000, clients=200))
    with show(report_of(history, {"linearizability": Valid()})) as tab:
        scroll = tab.page.locator("#timeline .scroll")
        assert scroll.evaluate("(box) => box.scrollHeight > box.clientHeight + 500")
        scroll.evaluate("(box) => { box.scrollTop = 1e6; }")
        tab.settled()
        row = tab.ask("() => hearsay.ops.lane.lastIndexOf(Math.max(...hearsay.ops.lane))")
        at = tab.ask("(row) => hearsay.ops.invoked[row]", row)
        tab.ask("(at) => hearsay.overview.show(at - 1e6, at + 2e6)", at)
        tab.settled()
        x, _ = tab.point("#timeline", at, 0)
        box = tab.page.locator("#timeline canvas").bounding_box()
        assert box is not None
        tab.page.mouse.move(x + 1, box["y"] + box["height"] - 22 - 4)
        index = tab.ask("(row) => hearsay.ops.index[row]", row)
        assert f"operation {index} " in tab.text("#tip")
        assert tab.complaints == []


def test_a_wheel_scrolls_the_page_unless_the_plot_was_chosen(show: Show) -> None:
    with show(valid_report()) as tab:
        x, y = tab.point("#timeline", 15e9, 60)
        whole = tab.view()
        tab.page.mouse.move(x, y)
        tab.page.mouse.wheel(0, 120)
        assert tab.view() == whole
        tab.page.keyboard.down("Control")
        tab.page.mouse.wheel(0, -200)
        tab.page.keyboard.up("Control")
        _, span = tab.view()
        assert span == pytest.approx(whole[1] * 0.6065, rel=0.01)


def test_dragging_moves_and_two_fingers_zoom_every_plot(show: Show) -> None:
    with show(valid_report(), has_touch=True) as tab:
        tab.ask("() => hearsay.overview.show(10e9, 20e9)")
        x, y = tab.point("#latency", 15e9, 100)
        tab.page.mouse.move(x, y)
        tab.page.mouse.down()
        tab.page.mouse.move(x - 200, y, steps=4)
        tab.page.mouse.up()
        start, span = tab.view()
        assert span == 10_000
        assert start > 11_000
        tab.ask(
            """(name) => {
              const plot = document.getElementById(name), box = plot.getBoundingClientRect();
              const touch = (kind, pointerId, x) => plot.dispatchEvent(new PointerEvent(kind, {
                pointerId, pointerType: "touch", button: 0, bubbles: true,
                clientX: box.left + x, clientY: box.top + 50 }));
              touch("pointerdown", 7, 500); touch("pointerdown", 8, 700);
              touch("pointermove", 7, 400); touch("pointermove", 8, 800);
              touch("pointerup", 7, 400); touch("pointerup", 8, 800);
            }""",
            "cluster",
        )
        assert tab.view()[1] == pytest.approx(5_000, rel=0.01)
        assert tab.complaints == []


def test_everything_can_be_done_with_keys(show: Show) -> None:
    with show(invalid_report()) as tab:
        keys = tab.page.keyboard
        whole = tab.view()
        keys.press("?")
        assert tab.page.locator("#help").is_visible()
        keys.press("Escape")
        assert tab.page.locator("#help").is_hidden()
        keys.press("g")
        assert "Here the linearization breaks" in tab.text("#picked")
        keys.press("Escape")
        keys.press("0")
        assert tab.view() == whole
        tab.page.focus("#timeline")
        keys.press("+")
        assert tab.view()[1] == pytest.approx(whole[1] * 0.6, rel=0.01)
        start = tab.view()[0]
        keys.press("ArrowRight")
        assert tab.view()[0] > start
        keys.press("ArrowDown")
        row = tab.ask("() => hearsay.picked.row")
        lane = tab.ask("(row) => hearsay.ops.lane[row]", row)
        keys.press("ArrowRight")
        after = tab.ask("() => hearsay.picked.row")
        assert after > row
        assert tab.ask("(row) => hearsay.ops.lane[row]", after) == lane
        keys.press("ArrowDown" if lane == 0 else "ArrowUp")
        below = tab.ask("() => hearsay.ops.lane[hearsay.picked.row]")
        assert abs(below - lane) == 1
        keys.press("/")
        assert tab.ask("() => document.activeElement.id") == "search"
        keys.type("k1")
        assert tab.text("#filtered")
        keys.press("Escape")
        keys.press("f")
        assert tab.text("#filtered") == ""
        assert tab.complaints == []


def test_the_command_can_be_copied(show: Show) -> None:
    report = valid_report()
    with show(report, permissions=["clipboard-read", "clipboard-write"]) as tab:
        tab.page.click("[data-copy=replay]")
        expect(tab.page.locator("[data-copy=replay]")).to_have_text("copied")
        assert tab.ask("() => navigator.clipboard.readText()") == report.replay_command


def test_charts_follow_the_chosen_function(show: Show) -> None:
    with show(valid_report()) as tab:
        before = tab.page.locator("#rate canvas").evaluate("(canvas) => canvas.toDataURL()")
        tab.page.select_option("#by-f", label="cas")
        tab.page.locator("#rate").scroll_into_view_if_needed()
        tab.settled()
        after = tab.page.locator("#rate canvas").evaluate("(canvas) => canvas.toDataURL()")
        assert before != after
        tab.page.select_option("#rate-split", "function")
        tab.settled()
        assert "write" in tab.text("#rate-key")
        assert tab.page.locator("#rate canvas").count() == 1
        assert tab.complaints == []


def test_the_page_follows_the_colour_scheme(show: Show) -> None:
    def looks(tab: Opened) -> tuple[str, int]:
        paper = tab.ask("() => getComputedStyle(document.body).backgroundColor")
        label = tab.ask(
            "() => getComputedStyle(document.documentElement).getPropertyValue('--ink')"
        )
        return paper, int(label.strip()[1:3], 16)

    with show(valid_report(), color_scheme="light") as tab:
        assert looks(tab)[0] == "rgb(255, 255, 255)"
        light = looks(tab)[1]
        tab.page.locator("#cluster").scroll_into_view_if_needed()
        picture = "() => document.querySelector('#cluster canvas').toDataURL()"
        before = tab.ask(picture)
        tab.page.emulate_media(color_scheme="dark")
        tab.settled()
        assert tab.ask(picture) != before, "painted again in other colours"
        assert looks(tab)[1] > light + 100


def test_it_prints_in_light_colours_without_its_controls(show: Show) -> None:
    with show(invalid_report(), color_scheme="dark") as tab:
        tab.page.emulate_media(media="print")
        assert tab.page.locator(".toolbar").is_hidden()
        assert tab.ask("() => getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        printed = tab.page.pdf()
        assert printed.startswith(b"%PDF")
        assert tab.complaints == []


def test_who_wants_no_motion_gets_none(show: Show) -> None:
    with show(invalid_report(), reduced_motion="reduce") as tab:
        tab.page.locator("[data-anomaly]").first.click()
        top = tab.ask("() => document.getElementById('over-time').getBoundingClientRect().top")
        assert abs(top) < 60
        assert tab.ask(
            "() => getComputedStyle(document.getElementById('picked')).animationName"
        ) == ("none")


def test_messages_are_told_where_the_pointer_is(show: Show) -> None:
    with show(invalid_report()) as tab:
        tab.ask("() => hearsay.closeUp.show(17.5e9, 17.52e9)")
        tab.settled()
        plot = tab.page.locator("#messages")
        plot.scroll_into_view_if_needed()
        box = plot.bounding_box()
        assert box is not None
        assert "messages" in tab.text("#messages-range")
        told = set[str]()
        for x in range(100, int(box["width"]), 6):
            tab.page.mouse.move(box["x"] + x, box["y"] + 50)  # Between the clients and n0.
            told.add(tab.text("#tip").split("\n")[1] if "\n" in tab.text("#tip") else "")
        assert told == {"", "clients to n0, client"}
        assert tab.complaints == []


def test_fifty_thousand_operations_can_be_walked_through(show: Show) -> None:
    history = synthetic_history(shape=Shape(ops=50_000, seconds=60.0, clients=20))
    with show(report_of(history, {"linearizability": Valid()})) as tab:
        tab.page.fill("#search", "k3 read")
        assert "of 50,000" in tab.text("#filtered")
        tab.page.keyboard.press("Escape")
        tab.page.keyboard.press("]")
        assert "Operation" in tab.text("#picked")
        assert tab.complaints == []
