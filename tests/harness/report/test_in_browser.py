"""Whether the page works where it will be opened."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from checker.verdict import Valid
from harness.report.data import ReportData
from harness.report.page import render
from histories.call import Read
from histories.history import History
from tests.harness.report.hostile import hostile_report
from tests.harness.report.synthetic import (
    Shape,
    invalid_report,
    report_of,
    synthetic_history,
    valid_report,
)

pytestmark = pytest.mark.browser


def opened(report: ReportData, folder: Path, *, then: str = "") -> tuple[str, str]:
    """The document after its scripts and ``then`` have run, and what the console said."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "browser tests were asked for, but there is no chromium on the PATH"
    page = folder / "report.html"
    text = render(report)
    if then:  # The page's own policy would rightly refuse a script that it does not know.
        text = re.sub(r"<meta http-equiv[^>]*>", "", text)
        text = text.replace("</body>", f"<script>{then}</script></body>")
    page.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder / 'profile'}",
            "--enable-logging=stderr",
            "--virtual-time-budget=3000",
            "--window-size=1400,2400",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    console = [line for line in done.stderr.decode().splitlines() if "CONSOLE" in line]
    return done.stdout.decode(), "\n".join(console)


@pytest.mark.parametrize("report", [valid_report(), invalid_report()], ids=["valid", "invalid"])
def test_every_plot_is_drawn_and_the_console_stays_silent(
    report: ReportData, tmp_path: Path
) -> None:
    document, console = opened(report, tmp_path)
    assert console == ""
    assert document.count("<canvas") == 6
    assert re.search(r'id="range"[^>]*>0\.\d+ s to 3\d\.\d+ s<', document)


def test_an_empty_run_says_so_in_every_plot(tmp_path: Path) -> None:
    document, console = opened(report_of(History(()), {}), tmp_path)
    assert console == ""
    assert document.count('class="message"') == 6


def test_fifty_thousand_operations_are_drawn(tmp_path: Path) -> None:
    history = synthetic_history(shape=Shape(ops=50_000, seconds=60.0, clients=20))
    document, console = opened(report_of(history, {"linearizability": Valid()}), tmp_path)
    assert console == ""
    assert 'class="message"' in document, "nodes left no trace"
    assert document.count("<canvas") == 4


ACTIONS = """
const plot = document.getElementById("timeline"), box = plot.getBoundingClientRect();
const told = [];
const span = () => Math.round((Hearsay.view.to - Hearsay.view.from) / 1e6);
const tell = (what) => told.push(`${what} ${Math.round(Hearsay.view.from / 1e6)}+${span()}`);
const key = (name) =>
  plot.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
const turn = (by, ctrlKey) => plot.dispatchEvent(new WheelEvent("wheel",
  { deltaY: by, ctrlKey, clientX: box.left + 600, bubbles: true, cancelable: true }));
const pointer = (kind, x, y) => plot.dispatchEvent(new PointerEvent(kind,
  { clientX: box.left + x, clientY: box.top + y, button: 0, isPrimary: true, bubbles: true }));
plot.setPointerCapture = () => null;
Hearsay.show(10e9, 20e9); tell("shown");
turn(200, false); tell("wheel");
turn(-200, true); tell("ctrl-wheel");
Hearsay.show(10e9, 20e9); key("ArrowRight"); tell("right");
key("-"); tell("minus"); key("0"); tell("all");
Hearsay.show(10e9, 20e9); pointer("pointerdown", 600, 20); pointer("pointermove", 500, 20);
pointer("pointerup", 500, 20);
told.push(Hearsay.view.from > 10e9 ? "dragged" : "stuck");
const selected = document.getElementById("selected");
key("]"); told.push(selected.hidden ? "nothing" : "selected");
key("Escape"); told.push(selected.hidden ? "closed" : "open");
const field = document.getElementById("filter");
field.value = "k3 read"; field.dispatchEvent(new Event("input"));
told.push(document.getElementById("filtered").textContent);
document.body.dataset.told = told.join("; ");
"""


def test_wheel_keys_drag_and_filter_do_what_the_toolbar_promises(tmp_path: Path) -> None:
    report = valid_report()
    document, console = opened(report, tmp_path, then=ACTIONS)
    assert console == ""
    found = re.search(r'data-told="([^"]*)"', document)
    assert found
    told = found[1].split("; ")
    reads = sum(op.call == Read("k3") for op in report.history.ops)
    assert told[:2] == ["shown 10000+10000", "wheel 10000+10000"], "the page scrolls, not the plot"
    assert re.fullmatch(r"ctrl-wheel 1\d{4}\+6065", told[2])
    assert told[3:5] == ["right 12000+10000", "minus 8667+16667"]
    assert told[5].startswith("all 0+34")
    assert told[6:9] == ["dragged", "selected", "closed"]
    assert told[9] == f"{reads} of 3,000"


def test_nothing_of_a_hostile_history_runs(tmp_path: Path) -> None:
    document, console = opened(hostile_report(), tmp_path)
    assert console == ""
    assert "pwned by" not in document
    assert document.count("<canvas") == 6
