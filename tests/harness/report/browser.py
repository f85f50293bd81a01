"""Chromium with one report open, and nothing to be had from any network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, Playwright, ViewportSize

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
LAUNCH: Final = ("--no-sandbox", "--disable-background-networking")


def launch(playwright: Playwright) -> Browser:
    """Raises: FileNotFoundError: There is no Chromium on the PATH."""
    for name in NAMES:
        if (path := shutil.which(name)) is not None:
            return playwright.chromium.launch(executable_path=path, args=list(LAUNCH))
    raise FileNotFoundError(f"none of {', '.join(NAMES)} is on the PATH")


@dataclass(slots=True)
class Opened:
    """A report in a tab, with all that went wrong there so far."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def ask(self, script: str, argument: object = None) -> Any:
        return self.page.evaluate(script, argument)

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def settled(self) -> None:
        """When two frames are over, all that was due is painted."""
        self.ask(
            "() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))"
        )

    def view(self) -> tuple[int, int]:
        """The visible interval in milliseconds, and how long it is."""
        start, span = self.ask("() => [hearsay.overview.from / 1e6, hearsay.overview.span / 1e6]")
        return round(start), round(span)

    def point(self, plot: str, at_ns: float, y: float) -> tuple[float, float]:
        """Where an instant is on a plot, scrolled into view, in the page's coordinates."""
        locator = self.page.locator(plot)
        locator.scroll_into_view_if_needed()
        box = locator.bounding_box()
        assert box is not None
        x = self.ask("([at, width]) => hearsay.overview.xOf(at, width)", [at_ns, box["width"]])
        return box["x"] + x, box["y"] + y


@contextmanager
def opened(browser: Browser, document: Path, **options: Any) -> Iterator[Opened]:
    """``options`` are those of a browser context: ``color_scheme``, ``has_touch`` ..."""
    size: ViewportSize = {"width": 1400, "height": 1000}
    context = browser.new_context(viewport=size, offline=True, **options)
    try:
        page = context.new_page()
        tab = Opened(page)
        page.on("console", lambda said: tab.complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: tab.complaints.append(f"error: {error}"))
        page.on(
            "request",
            lambda request: (
                None if request.url == document.as_uri() else tab.complaints.append(request.url)
            ),
        )
        page.goto(document.as_uri())
        tab.settled()
        yield tab
    finally:
        context.close()
