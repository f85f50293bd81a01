"""The one page that a campaign ends with: self-contained, with links into the run store."""

from __future__ import annotations

from typing import Final, assert_never

from harness.campaign.summary import NOT_RUN, VERDICTS, Cell, Ending, Summary
from harness.report.wording import counted
from harness.web.rendering import rendered

_UP: Final = "../../../"
"""From the campaign's directory to the store."""

_TONES: Final = {
    "valid": "good",
    "invalid": "bad",
    "unknown": "doubtful",
    "environment": "broken",
    NOT_RUN: "muted",
}


def page(summary: Summary) -> str:
    return rendered(
        "summary.html",
        summary=summary,
        sentence=sentence(summary),
        ending=_ending(summary),
        proven=sum(group.verdict == "invalid" for group in summary.groups),
        cells=[cell for cell in summary.table if _has_runs(cell)],
        verdicts=(*VERDICTS, NOT_RUN),
        tones=_TONES,
        up=_UP,
        bugs=any(cell.bug for cell in summary.table),
    )


def sentence(summary: Summary) -> str:
    """What came of it, for a person."""
    failing, done = summary.counts["invalid"], counted(summary.done, "run")
    causes = sum(group.verdict == "invalid" for group in summary.groups)
    if failing:
        return f"{failing:,} of {done} failed, for {counted(causes, 'reason')} as it seems."
    if not summary.done:
        return "Nothing was run."
    if summary.counts["valid"] == summary.done:
        return f"Nothing wrong was found in {done}."
    undecided = summary.done - summary.counts["valid"]
    return f"Nothing wrong was proven, but {undecided:,} of {done} say nothing."


def _has_runs(cell: Cell) -> bool:
    return any(cell.counts[verdict] for verdict in VERDICTS)


def _ending(summary: Summary) -> str:
    left = f"{summary.tasks - summary.done:,}"
    match summary.ending:
        case Ending.COMPLETE:
            return "Everything was done."
        case Ending.BUDGET_SPENT:
            if summary.done == summary.tasks:
                return "The time was up before every failure was looked into."
            return f"The time was up; {left} of {summary.tasks:,} were not begun."
        case Ending.INTERRUPTED:
            return f"Interrupted; the same command goes on with the {left} runs that are left."
        case _:
            assert_never(summary.ending)
