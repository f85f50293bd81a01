"""``hearsay log``: what a run wrote down around a moment, from all its files, by time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from harness.errors import BadInput
from harness.exit_codes import ExitCode
from harness.run_log import SOURCES, LogLine, RunLog, read_run_log
from harness.store import RunStore

COLOURS: Final = {"operations": "", "faults": "red", "run": "yellow", "trace": "cyan", "log": "dim"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The options of ``hearsay log`` as they were typed; ``None`` stands for all."""

    around: int | None
    within_ms: float
    begin_s: float | None
    end_s: float | None
    who: tuple[str, ...]
    sources: tuple[str, ...]

    def check(self) -> None:
        """Raises: BadInput: An option cannot be; names it."""
        if self.around is not None and (self.begin_s, self.end_s) != (None, None):
            raise BadInput("--around: goes with --within, not with --from and --to")
        if self.within_ms < 0:
            raise BadInput(f"--within: {self.within_ms:g} is below 0 ms")
        for source in self.sources:
            if source not in SOURCES:
                raise BadInput(f"--only: {source!r} is none of {', '.join(SOURCES)}")


def show_log(name: str, wanted: Wanted, store: Path, *, as_json: bool) -> ExitCode:
    """Print it.  Always 0: nothing is judged."""
    wanted.check()
    log = read_run_log(RunStore(store).find(name))
    lines = _chosen(log, wanted)
    if as_json:
        for line in lines:
            print(json.dumps(asdict(line)))
        return ExitCode.VALID
    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        marked = line.op is not None and line.op == wanted.around
        text = f"{line.at / 1e9:12.6f} s  {line.source:10}  {line.who:6}  {line.text}"
        console.print(Text(text, style="bold reverse" if marked else COLOURS[line.source]))
    for path, count in log.untimed.items():
        console.print(f"({count} lines of {path} do not say when)", style="dim", markup=False)
    return ExitCode.VALID


def _chosen(log: RunLog, wanted: Wanted) -> Iterator[LogLine]:
    begin, end = _window(log, wanted)
    for line in log.lines:
        if (
            begin <= line.at <= end
            and (not wanted.who or not line.who or line.who in wanted.who)
            and (not wanted.sources or line.source in wanted.sources)
        ):
            yield line


def _window(log: RunLog, wanted: Wanted) -> tuple[float, float]:
    if wanted.around is None:
        begin = float("-inf") if wanted.begin_s is None else wanted.begin_s * 1e9
        return begin, float("inf") if wanted.end_s is None else wanted.end_s * 1e9
    moments = [line.at for line in log.lines if line.op == wanted.around]
    if not moments:
        raise BadInput(f"--around: the run has no operation {wanted.around}")
    margin = wanted.within_ms * 1e6
    return min(moments) - margin, max(moments) + margin
