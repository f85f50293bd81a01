"""What a report is made from.  Plain values: whoever has them can have a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from checker.raft.life import ClusterLife
from checker.verdict import Verdict
from histories.event import Note
from histories.history import History


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one checker said, under the name the user knows it by."""

    name: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """Everything one page shows.

    Attributes:
        run_name: The run as the store names it.
        configuration: What determined the run, in the order to be shown.
        replay_command: The line that runs it again, ready to paste.
        verdict: The combined verdict; the page repeats it and never forms its own.
        checks: What it was combined from.
        cluster: What the nodes' traces say, on the clock of the history.
        notes: The journal's notes: phases, nodes that died by themselves.
    """

    run_name: str
    configuration: Mapping[str, object]
    seed: int
    replay_command: str
    verdict: Verdict
    checks: tuple[CheckResult, ...]
    history: History
    cluster: ClusterLife
    notes: tuple[Note, ...] = ()
