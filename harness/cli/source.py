"""What a command is to look at: a history file, or a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.analysis import read_traces
from harness.store import RunDirectory, RunStore
from histories.formats.read import read_history
from histories.history import History
from histories.journal import read_journal
from histories.pairing import history_of
from histories.trace import NodeEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """``run`` is ``None``, and there are no traces, where it is but a file."""

    name: str
    history: History
    run: RunDirectory | None = None
    traces: Mapping[str, Sequence[NodeEvent]] = field(default_factory=dict)


def read_source(target: str, store: Path, *, with_traces: bool = False) -> Source:
    """``target``: an existing file by itself, anything else as the name of a run.

    Raises:
        BadInput: There is no such run, or its ``run.json`` is broken.
        HistoryError: The file, the journal or a trace is malformed.
    """
    path = Path(target)
    if path.is_file():
        return Source(name=path.stem, history=read_history(path).history)
    run = RunStore(store).find(target)
    return Source(
        name=run.path.name,
        history=history_of(read_journal(run.journal)),
        run=run,
        traces=read_traces(run, run.read_record())[0] if with_traces else {},
    )
