"""``hearsay runs``: which runs there are."""

from __future__ import annotations

import json
import re
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.cli.words import COLOURS
from harness.errors import BadInput
from harness.exit_codes import ExitCode
from harness.run_index import NOT_JUDGED, WORDS, Filter, RunIndex, RunSummary
from harness.wall_clock import utc_now

_AGO: Final = re.compile(r"(\d+)([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_ISO: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The options of ``hearsay runs`` as they were typed."""

    verdict: str | None = None
    workload: str | None = None
    fault: str | None = None
    bug: str | None = None
    since: str | None = None
    until: str | None = None
    campaign: str | None = None
    text: str | None = None
    limit: int = 0
    rebuild: bool = False

    def filter(self) -> Filter:
        """Raises: BadInput: An option makes no sense; the message names it."""
        if self.verdict is not None and self.verdict not in WORDS:
            raise BadInput(f"--verdict: {self.verdict!r} is none of {', '.join(WORDS)}")
        if self.limit < 0:
            raise BadInput(f"--limit: {self.limit} is below 0")
        return Filter(
            verdict=self.verdict,
            workload=self.workload,
            fault=self.fault,
            bug=self.bug,
            since=None if self.since is None else moment("--since", self.since),
            until=None if self.until is None else moment("--until", self.until),
            campaign=self.campaign,
            text=self.text,
        )


def moment(option: str, text: str) -> str:
    """The beginning of an ISO time that ``text`` means: itself, or so long ago.

    Raises:
        BadInput: It means none; names ``option``.
    """
    if ago := _AGO.fullmatch(text):
        try:
            return (utc_now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).strftime(_ISO)
        except OverflowError as error:
            raise BadInput(f"{option}: {text!r} is before all time") from error
    if not _begins_a_time(text):
        raise BadInput(
            f"{option}: {text!r} is no time like 2026-11-28, 2026-11-28T10:15, 12h or 7d"
        )
    return text


def _begins_a_time(text: str) -> bool:
    whole = text + "0000-01-01T00:00:00Z"[len(text) :]
    try:
        datetime.strptime(whole, _ISO)  # noqa: DTZ007  Only looked at.
    except ValueError:
        return False
    return len(text) >= len("2026")


def list_runs(chosen: Chosen, store: Path, *, as_json: bool) -> ExitCode:
    """The runs chosen, oldest first.  Always 0: listing judges nothing."""
    which = chosen.filter()
    with closing(RunIndex(store)) as index:
        if chosen.rebuild:
            index.rebuild()
        else:
            index.refresh()
        found = index.search(which, limit=chosen.limit or -1)[::-1]
    if as_json:
        print(json.dumps([_plain(store, run) for run in found], indent=2))
        return ExitCode.VALID
    table = Table()
    for name in ("run", "verdict"):
        table.add_column(name, no_wrap=True)  # What one types next is never cut short.
    for name in ("nodes", "faults", "bug"):
        table.add_column(name, overflow="fold")
    for run in found:
        table.add_row(
            Text(run.title),
            Text(run.verdict, style=COLOURS.get(run.verdict, "yellow")),
            str(run.nodes),
            Text(", ".join(run.faults) or "none"),
            Text(run.bug),
        )
    Console(highlight=False).print(table)
    return ExitCode.VALID


def _plain(store: Path, run: RunSummary) -> dict[str, object]:
    return {
        "run": str((store / run.name).resolve()),
        "started": run.started,
        "seed": run.seed,
        "workload": run.workload,
        "nodes": run.nodes,
        "faults": list(run.faults),
        "bug": run.bug or None,
        "simulated": run.simulated,
        "campaign": run.campaign or None,
        "verdict": None if run.verdict == NOT_JUDGED else run.verdict,
        "sentence": run.sentence or None,
        "found": list(run.found),
    }
