"""How smoothly a report of many operations opens, pans and zooms, in headless Chromium.

    python -m benchmarks.report [OPERATIONS ...]

Prints, for each size, what rendering costs, how large the page is, how long it takes to open,
and the time from frame to frame while the view is moved in each of 120 frames: over the whole
run, where every operation is visible, and over a tenth of it.  On a busy machine frames wait;
what all threads of the browser compute for one bounds what it would take on an idle one.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from msgspec.structs import replace
from playwright.sync_api import Page, ViewportSize, sync_playwright

from benchmarks.measure import cpu_seconds, descendants_cpu_ns, now_ns, percentile
from benchmarks.register_histories import Case, register_history
from checker.raft.life import Boot, ClusterLife, Leadership, Point
from checker.verdict import Valid
from harness.report.data import CheckResult, ReportData
from harness.report.page import render
from histories.history import FaultWindow, History
from histories.op import FOREVER, Nanos

OPERATIONS: Final = (10_000, 50_000, 100_000)
NODES: Final = ("n0", "n1", "n2")
SECONDS: Final = 300
FAULTS: Final = 20
POINTS: Final = 4_000
FRAMES: Final = 120
SCREEN: Final[ViewportSize] = {"width": 1400, "height": 1000}

MOVED: Final = """
([frames, share]) => new Promise((done) => {
  const { overview } = hearsay, whole = overview.whole.to, span = whole * share;
  const times = [];
  let frame = 0, last = 0;
  const step = (now) => {
    if (frame > 1) times.push(now - last);
    last = now;
    if (frame++ > frames) return done(times);
    const at = (whole - span) * (frame % frames) / frames;
    overview.show(at, at + span);
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})
"""


def main(arguments: list[str]) -> int:
    sizes = [int(argument) for argument in arguments] or list(OPERATIONS)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.stderr.write("report: there is no chromium on the PATH\n")
        return 4
    print(
        f"{'operations':>10} {'render':>8} {'size':>8} {'open':>8}   frame to frame: p50, p95, p99"
    )
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for size in sizes:
            began = cpu_seconds()
            document = Path(folder) / f"{size}.html"
            document.write_text(render(report_of(size)), encoding="utf-8")
            rendered = cpu_seconds() - began
            page = browser.new_page(viewport=SCREEN)
            before = now_ns()
            page.goto(document.as_uri())
            page.locator("#timeline").scroll_into_view_if_needed()
            opened = now_ns() - before
            print(
                f"{size:>10,} {rendered:>6.1f} s {document.stat().st_size / 1e6:>5.1f} MB"
                f" {opened / 1e6:>5.0f} ms",
                f"  whole {_frames(page, 0.98)}  tenth {_frames(page, 0.1)}",
            )
            page.close()
        browser.close()
    return 0


def _frames(page: Page, share: float) -> str:
    """Milliseconds from frame to frame, and what the whole browser computed for each."""
    before = descendants_cpu_ns()
    times = sorted(page.evaluate(MOVED, [FRAMES, share]))
    computed = (descendants_cpu_ns() - before) / FRAMES
    ranks = [f"{percentile(times, rank):.0f}" for rank in (0.5, 0.95, 0.99)]
    return f"{', '.join(ranks)} ms ({computed / 1e6:.1f} ms computing)"


def report_of(size: int) -> ReportData:
    """A valid run of ``SECONDS`` with faults, elections and commits all along."""
    history = _history(size)
    second = 1_000_000_000
    turn = SECONDS * second // FAULTS
    return ReportData(
        run_name=f"benchmark/{size}",
        configuration={"operations": size},
        seed=1,
        replay_command="python -m benchmarks.report",
        verdict=Valid(),
        checks=(CheckResult("none", Valid()),),
        history=history,
        cluster=ClusterLife(
            leaderships=tuple(
                Leadership(
                    node=NODES[term % 3], term=term, from_at=term * turn, until_at=(term + 1) * turn
                )
                for term in range(FAULTS)
            ),
            boots=tuple(Boot(node=node, at=0, incarnation=1, term=0) for node in NODES),
            ends=(),
            roles={
                node: tuple(
                    Point(term * turn, "leader" if NODES[term % 3] == node else "follower")
                    for term in range(FAULTS)
                )
                for node in NODES
            },
            terms={
                node: tuple(Point(term * turn, term) for term in range(FAULTS)) for node in NODES
            },
            commit_points={
                node: tuple(Point(k * SECONDS * second // POINTS, k) for k in range(POINTS))
                for node in NODES
            },
            logs={},
            sources={
                node: tuple(Point(term * turn, NODES[term % 3]) for term in range(FAULTS))
                for node in NODES
            },
        ),
    )


def _history(size: int) -> History:
    """Over ``SECONDS``, with faults that overlap by two."""
    made = register_history(Case(ops=size, clients=20, values=None, crashed=0.002), seed=1)
    end = max(op.invoked for op in made.ops)
    scale = SECONDS * 1_000_000_000 / end
    ops = [
        replace(
            op,
            invoked=Nanos(int(op.invoked * scale)),
            completed=FOREVER if op.completed == FOREVER else Nanos(int(op.completed * scale)),
        )
        for op in made.ops
    ]
    turn = SECONDS * 1_000_000_000 // FAULTS
    faults = [
        FaultWindow(
            kind=("kill", "isolate", "pause")[number % 3],
            nodes=(NODES[number % 3],),
            detail="n0 <-x-> n1" if number % 3 == 1 else "",
            began=Nanos(number * turn),
            ended=Nanos(number * turn + turn * 3 // 2),
            evidence="",
        )
        for number in range(FAULTS)
    ]
    return History.of(ops, faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
