"""Events to operations and fault windows."""

from __future__ import annotations

import pytest

from histories.call import Failed, Indeterminate, Ok, Outcome, Write
from histories.errors import MalformedHistory
from histories.event import (
    Completed,
    Event,
    FaultBegan,
    FaultEnded,
    Invoked,
    NodeDied,
    Note,
    Opened,
    Settled,
)
from histories.history import FaultWindow
from histories.op import FOREVER, Nanos, ProcessId
from histories.pairing import NEVER_UNDONE, UNFINISHED, pair


def invoked(op: int, time: int, process: int = 0) -> Invoked:
    return Invoked(time=Nanos(time), op=op, process=ProcessId(process), call=Write("x", op))


def completed(
    op: int,
    time: int,
    process: int = 0,
    outcome: Outcome = Ok(),  # noqa: B008  frozen
) -> Completed:
    return Completed(time=Nanos(time), op=op, process=ProcessId(process), outcome=outcome)


def began(fault: int, time: int) -> FaultBegan:
    return FaultBegan(time=Nanos(time), fault=fault, kind="kill", nodes=("n1",), detail="SIGKILL")


def ended(fault: int, time: int) -> FaultEnded:
    return FaultEnded(time=Nanos(time), fault=fault, evidence="died after 3 ms")


def test_completions_find_their_invocations() -> None:
    history = pair(
        [
            Opened(),
            invoked(0, 1),
            invoked(1, 2, process=1),
            completed(1, 3, process=1, outcome=Failed("refused")),
            Note(time=Nanos(4), text="recovery"),
            completed(0, 5),
            invoked(2, 6, process=1),
            completed(2, 7, process=1, outcome=Indeterminate("timed out")),
            NodeDied(time=Nanos(7), node="n0", status="1", last_lines=()),
            Settled(time=Nanos(8), settled=True, detail=""),
        ]
    )
    assert [(op.outcome, op.invoked, op.completed) for op in history.ops] == [
        (Ok(), 1, 5),
        (Failed("refused"), 2, 3),
        (Indeterminate("timed out"), 6, FOREVER),
    ]


def test_an_open_invocation_becomes_indeterminate() -> None:
    (op,) = pair([Opened(), invoked(0, 1)]).ops
    assert op.outcome == UNFINISHED
    assert op.completed == FOREVER


def test_no_events_make_an_empty_history() -> None:
    assert pair([]).ops == ()


def test_faults_become_windows_and_unended_ones_last_until_the_end() -> None:
    history = pair([Opened(), began(0, 5), ended(0, 9), began(1, 10), invoked(0, 30)])
    assert history.faults == (
        FaultWindow(
            kind="kill",
            nodes=("n1",),
            detail="SIGKILL",
            began=Nanos(5),
            ended=Nanos(9),
            evidence="died after 3 ms",
        ),
        FaultWindow(
            kind="kill",
            nodes=("n1",),
            detail="SIGKILL",
            began=Nanos(10),
            ended=Nanos(30),
            evidence=NEVER_UNDONE,
        ),
    )


@pytest.mark.parametrize(
    ("events", "line", "field"),
    [
        pytest.param([invoked(0, 1), invoked(1, 2)], 3, "process", id="double invoke"),
        pytest.param([completed(0, 1)], 2, "op", id="orphan completion"),
        pytest.param(
            [invoked(0, 1), completed(0, 2), completed(0, 3)], 4, "op", id="completed twice"
        ),
        pytest.param([invoked(0, 1), completed(0, 2, process=1)], 3, "op", id="wrong process"),
        pytest.param([invoked(1, 1)], 2, "op", id="index gap"),
        pytest.param([invoked(0, 1), invoked(0, 2, process=1)], 3, "op", id="index twice"),
        pytest.param([invoked(0, 5), completed(0, 4)], 3, "time", id="negative interval"),
        pytest.param([invoked(0, 5), invoked(1, 4, process=1)], 3, "time", id="back in time"),
        pytest.param(
            [invoked(0, 1), completed(0, 9), invoked(1, 8)], 4, "time", id="called too early"
        ),
        pytest.param(
            [invoked(0, 1), completed(0, 2, outcome=Indeterminate("")), invoked(1, 3)],
            4,
            "process",
            id="retired process",
        ),
        pytest.param([invoked(0, -1)], 2, "time", id="before the run"),
        pytest.param([invoked(0, FOREVER)], 2, "time", id="never"),
        pytest.param([invoked(0, 1), completed(0, FOREVER)], 3, "time", id="completed never"),
        pytest.param([invoked(0, 1, process=-1)], 2, "process", id="negative process"),
        pytest.param([invoked(0, 1, process=2**63)], 2, "process", id="large process"),
        pytest.param(
            [invoked(0, 1), completed(0, 2, outcome=Ok((1,)))], 3, "outcome.values", id="answers"
        ),
        pytest.param([ended(0, 1)], 2, "fault", id="fault ended first"),
        pytest.param([began(0, 1), began(0, 2)], 3, "fault", id="fault began twice"),
        pytest.param([began(0, 2), ended(0, 1)], 3, "time", id="fault of negative length"),
        pytest.param([began(0, 1), ended(0, 2), ended(0, 3)], 4, "fault", id="fault ended twice"),
    ],
)
def test_malformed_sequences_are_refused_with_file_line_and_field(
    events: list[Event], line: int, field: str
) -> None:
    with pytest.raises(MalformedHistory) as caught:
        pair([Opened(), *events], file="journal.jsonl")
    assert (caught.value.file, caught.value.line, caught.value.field) == (
        "journal.jsonl",
        line,
        field,
    )
