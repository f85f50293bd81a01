"""The corpus of histories: each judged, and each carried through our own formats."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from checker.base import Budget
from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.verdict import Invalid, Valid
from harness.cli.check import taken_by
from histories.event import Completed, Event, Invoked
from histories.formats.read import read_history
from histories.history import History
from histories.journal import JournalWriter
from histories.notation import print_history
from histories.op import FOREVER
from tests.histories.test_journal_columns import same_columns, scanned

CORPUS: Final = Path(__file__).parents[2] / "histories" / "corpus"
FILES: Final = sorted(CORPUS.glob("*linearizable/*/*.*"))
INITIAL: Final = {"semaphore": 2}


def named(path: Path) -> str:
    return str(path.relative_to(CORPUS))


def history_in(path: Path) -> History:
    model = MODELS[path.parent.name](INITIAL.get(path.parent.name))
    return read_history(path, takes=taken_by(model)).history


@pytest.mark.parametrize("path", FILES, ids=named)
def test_the_verdict_is_the_expected_one(path: Path) -> None:
    model = MODELS[path.parent.name](INITIAL.get(path.parent.name))
    verdict = check(history_in(path), model, budget=Budget())
    assert isinstance(verdict, Valid if path.parts[-3] == "linearizable" else Invalid), verdict


@pytest.mark.parametrize("path", FILES, ids=named)
def test_our_own_formats_tell_the_same_history(path: Path, tmp_path: Path) -> None:
    history = history_in(path)
    notation = tmp_path / "history.txt"
    notation.write_text(print_history(history))
    assert read_history(notation, format="notation").history == history
    journal = tmp_path / "journal.jsonl"
    with JournalWriter(journal) as writer:
        for event in events_of(history):
            writer.write(event)
    assert read_history(journal).history.ops == history.ops
    fast = scanned(journal)
    assert fast is not None
    assert fast.history.ops == history.ops
    same_columns(fast.history, history)


def test_there_is_a_good_and_a_bad_history_for_every_model() -> None:
    judged = {(path.parts[-3], path.parts[-2]) for path in FILES}
    verdicts = ("linearizable", "nonlinearizable")
    assert judged == {(verdict, model) for verdict in verdicts for model in MODELS}


def events_of(history: History) -> list[Event]:
    """The lines of a journal of this history: at one moment, completions come last."""
    moments: list[tuple[int, int, Event]] = []
    for op in history.ops:
        invoked = Invoked(time=op.invoked, op=op.index, process=op.process, call=op.call)
        moments.append((op.invoked, 0, invoked))
        ended = op.completed
        if ended == FOREVER:
            ended = max(op.invoked, *(each.invoked for each in history.ops))
        completed = Completed(time=ended, op=op.index, process=op.process, outcome=op.outcome)
        moments.append((ended, 1, completed))
    return [event for *_, event in sorted(moments, key=lambda moment: moment[:2])]
