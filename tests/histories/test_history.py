"""The laws of Op, and the parts of a history."""

from __future__ import annotations

import tracemalloc

import pytest

from histories.call import Call, CompareAndSet, Failed, Indeterminate, Ok, Outcome, Read, Write
from histories.columns import FUNCTIONS
from histories.errors import HistoryError, MalformedHistory
from histories.history import FaultWindow, History
from histories.notation import parse_history
from histories.op import FOREVER, Nanos, Op, ProcessId


def an_op(
    index: int,
    *,
    process: int = 0,
    call: Call = Write("x", 1),  # noqa: B008  frozen
    outcome: Outcome = Ok(),  # noqa: B008  frozen
    invoked: int = 0,
    completed: int = 0,
) -> Op:
    return Op(
        index=index,
        process=ProcessId(process),
        call=call,
        outcome=outcome,
        invoked=Nanos(invoked),
        completed=Nanos(completed),
    )


def test_laws_accept_an_ordinary_history() -> None:
    history = History.of(
        [
            an_op(0, invoked=1, completed=4),
            an_op(1, process=1, invoked=2, completed=FOREVER, outcome=Indeterminate("timeout")),
            an_op(2, invoked=4, completed=9, outcome=Failed("no leader")),
        ]
    )
    assert [op.index for op in history.ops] == [0, 1, 2]


@pytest.mark.parametrize(
    ("second", "field"),
    [
        pytest.param(an_op(2, process=1, invoked=5, completed=6), "index", id="index gap"),
        pytest.param(an_op(0, process=1, invoked=5, completed=6), "index", id="index twice"),
        pytest.param(an_op(1, process=1, invoked=0, completed=6), "invoked", id="back in time"),
        pytest.param(an_op(1, process=1, invoked=6, completed=5), "completed", id="negative"),
        pytest.param(an_op(1, invoked=3, completed=5), "process", id="two in flight"),
        pytest.param(
            an_op(1, process=1, invoked=5, completed=FOREVER), "completed", id="ok without end"
        ),
        pytest.param(
            an_op(1, process=1, invoked=5, completed=6, outcome=Indeterminate("")),
            "completed",
            id="indeterminate with end",
        ),
        pytest.param(an_op(1, process=-1, invoked=5, completed=6), "process", id="process -1"),
        pytest.param(
            an_op(1, process=1, invoked=5, completed=6, call=Read("x")), "values", id="no answer"
        ),
        pytest.param(
            an_op(1, process=1, invoked=5, completed=6, outcome=Ok((1,))), "values", id="answer"
        ),
    ],
)
def test_each_broken_law_is_refused_and_named(second: Op, field: str) -> None:
    with pytest.raises(MalformedHistory) as caught:
        History.of([an_op(0, invoked=1, completed=4), second])
    assert caught.value.field == field
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, HistoryError)


def test_a_retired_process_must_not_call_again() -> None:
    crashed = an_op(0, invoked=1, completed=FOREVER, outcome=Indeterminate("timeout"))
    with pytest.raises(MalformedHistory, match="retired"):
        History.of([crashed, an_op(1, invoked=5, completed=6)])


def test_parts_by_key_keep_the_indices_of_the_run_and_see_all_faults() -> None:
    fault = FaultWindow(
        kind="kill", nodes=("n0",), detail="", began=Nanos(1), ended=Nanos(2), evidence=""
    )
    whole = History(
        parse_history(
            """
            0: write b 1     [1, 2]
            0: write a 2     [3, 4]
            0: read b -> 1   [5, 6]
            """
        ).ops,
        (fault,),
    )
    parts = whole.by_key()
    assert list(parts) == ["b", "a"]
    assert [op.index for op in parts["b"].ops] == [0, 2]
    assert parts["a"].faults == (fault,)
    assert parts["b"].op(2).call == Read("b")
    with pytest.raises(KeyError):
        parts["b"].op(1)


def test_only_keeps_the_chosen_ops_in_order() -> None:
    whole = parse_history("0: write x 1 [1, 2]\n0: write x 2 [3, 4]\n0: write x 3 [5, 6]")
    assert [op.index for op in whole.only([2, 0, 2]).ops] == [0, 2]
    with pytest.raises(KeyError):
        whole.only([3])


def test_columns_tell_types_apart_and_are_read_only() -> None:
    history = parse_history(
        """
        0: write x 1               [1, 2]
        0: write y true            [3, 4]
        0: read x -> 1             [5, 6]
        0: cas x 1 -> nil: saw 1.0 [7, 8]
        1: write x 9: failed       [8, 9]
        2: read x: unknown         [9, ?]
        """
    )
    columns = history.columns()
    assert columns.keys == ("x", "y")
    assert [(type(value), value) for value in columns.values] == [
        (int, 1),
        (bool, True),
        (type(None), None),
        (float, 1.0),
        (int, 9),
    ]
    assert columns.f.tolist() == [1, 1, 0, 2, 1, 0]
    assert columns.outcome.tolist() == [0, 0, 0, 0, 1, 2]
    assert columns.key.tolist() == [0, 1, 0, 0, 0, 0]
    assert columns.argument.tolist() == [0, 1, -1, 2, 4, -1]
    assert columns.expected.tolist() == [-1, -1, -1, 0, -1, -1]
    assert columns.result.tolist() == [-1, -1, 0, 3, -1, -1]
    assert columns.completed[-1] == FOREVER
    with pytest.raises(ValueError, match="read-only"):
        columns.invoked[0] = 5


def test_columns_hold_what_each_call_brings() -> None:
    history = parse_history(
        """
        0: append l 7: done              [1, 2]
        0: read l -> [7]                 [3, 4]
        0: dequeue q: done               [5, 6]
        0: increment c 7 -> 9            [7, 8]
        0: acquire m "p" 2 -> 7          [9, 10]
        0: txn { read l; write x 1 } -> [7]  [11, 12]
        """
    )
    columns = history.columns()
    assert [FUNCTIONS[f] for f in columns.f] == [
        op.call.__struct_config__.tag for op in history.ops
    ]
    assert columns.values == (7, (7,), 9, "p", 2)
    assert columns.argument.tolist() == [0, -1, -1, 0, 3, -1]
    assert columns.expected.tolist() == [-1, -1, -1, -1, 4, -1]
    assert columns.result.tolist() == [-1, 1, -1, 2, 0, -1]


def test_columns_of_nothing_are_empty() -> None:
    assert History(()).columns().invoked.size == 0


def test_a_million_ops_fit_into_a_gibibyte() -> None:
    count = 20_000
    tracemalloc.start()
    history = History.of(
        Op(
            index=index,
            process=ProcessId(index % 10),
            call=CompareAndSet(f"key{index // 100}", 10**6 + index, 10**7 + index),
            outcome=Ok((10**6 + index,)),
            invoked=Nanos(10**9 + index * 1000),
            completed=Nanos(10**9 + index * 1000 + 900),
        )
        for index in range(count)
    )
    columns = history.columns()
    parts = history.by_key()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(columns.invoked) == count
    assert len(parts) == count // 100
    assert used / count < 2**30 / 10**6


def test_the_first_of_each_function_tells_transactions_apart_by_their_steps() -> None:
    history = parse_history(
        "0: read x -> 1 [0, 1]\n"
        "0: txn { read x } -> 1 [2, 3]\n"
        "0: txn { read y; read x } -> 1 | 1 [4, 5]\n"
        "0: txn { append y 1; read x } -> 1 [6, 7]\n"
        "0: read x -> 1 [8, 9]\n"
    )
    assert [op.index for op in history.first_of_each_function()] == [0, 1, 3]
