"""One line an operation, forth and back."""

from __future__ import annotations

import pytest

from histories.call import CompareAndSet, Failed, Indeterminate, Ok, Read, Write
from histories.errors import MalformedHistory
from histories.notation import (
    describe_call,
    describe_op,
    describe_outcome,
    describe_value,
    parse_history,
    print_history,
)

EVERYTHING = """\
process 0: write k7 1: done  [1000000 ns, 4000000 ns]
process 4: read k7 -> 3  [1204000000 ns, 1209000000 ns]
process 1: cas k7 2 -> 5: swapped  [1300000000 ns, 1310000000 ns]
process 2: cas k7 2 -> 5: saw 3  [1300000000 ns, 1300000400 ns]
process 3: write k7 nil: unknown (timed out)  [1400000000 ns, ?]
process 5: write k7 "a: [b] \\"c\\" -> d\\n": failed (no (known) leader)  [1400000000 ns, 1500000000 ns]
process 6: read "k 8" -> true  [1400000000 ns, 1500000000 ns]
process 7: read k7: unknown  [1400000000 ns, ?]
process 8: read k7 -> -1.5  [1400000000 ns, 1500000000 ns]
process 9: append l "a": done  [1400000000 ns, 1500000000 ns]
process 10: read l -> ["a", 2]  [1400000000 ns, 1500000000 ns]
process 11: read l -> []  [1400000000 ns, 1500000000 ns]
process 12: add s 1: done  [1400000000 ns, 1500000000 ns]
process 13: remove s 1 -> true  [1400000000 ns, 1500000000 ns]
process 14: contains s 1 -> false  [1400000000 ns, 1500000000 ns]
process 15: enqueue q 7: unknown (lost)  [1400000000 ns, ?]
process 16: dequeue q -> 7  [1400000000 ns, 1500000000 ns]
process 17: dequeue q: done  [1400000000 ns, 1500000000 ns]
process 18: increment c -2 -> 5  [1400000000 ns, 1500000000 ns]
process 19: increment c 3: done  [1400000000 ns, 1500000000 ns]
process 20: acquire m "p20" -> 33  [1400000000 ns, 1500000000 ns]
process 21: acquire m 21 2: failed (held)  [1400000000 ns, 1500000000 ns]
process 22: release m 22: done  [1400000000 ns, 1500000000 ns]
process 23: generate-id ids -> "x1"  [1400000000 ns, 1500000000 ns]
process 24: transfer bank "a" "b" 10: done  [1400000000 ns, 1500000000 ns]
process 25: txn { read x; append y 3; write z nil } -> [1, 2]  [1400000000 ns, 1500000000 ns]
process 26: txn bank { read a; read b } -> 1 | nil  [1400000000 ns, 1500000000 ns]
process 27: txn {  }: done  [1400000000 ns, 1500000000 ns]
process 28: txn { read a }: unknown (timed out)  [1400000000 ns, ?]
"""  # noqa: E501  one operation a line


def test_what_is_printed_is_read_back_unchanged() -> None:
    history = parse_history(EVERYTHING)
    assert print_history(history) == EVERYTHING
    assert parse_history(print_history(history)) == history


def test_operations_print_with_short_times() -> None:
    lines = [describe_op(op) for op in parse_history(EVERYTHING).ops]
    assert lines[1] == "process 4: read k7 -> 3  [1.204 s, 1.209 s]"
    assert lines[2] == "process 1: cas k7 2 -> 5: swapped  [1.300 s, 1.310 s]"
    assert lines[3] == "process 2: cas k7 2 -> 5: saw 3  [1.300000000 s, 1.300000400 s]"
    assert lines[4] == "process 3: write k7 nil: unknown (timed out)  [1.400 s, ?]"
    assert all("\n" not in line for line in lines)


def test_times_in_seconds_are_read() -> None:
    (op,) = parse_history("4: read k7 -> 3 [1.204 s, 1.2095 s]").ops
    assert (op.invoked, op.completed) == (1_204_000_000, 1_209_500_000)


def test_calls_and_outcomes_in_words() -> None:
    cas = CompareAndSet("x", 1, True)
    assert describe_call(cas) == "cas x 1 -> true"
    assert describe_outcome(cas, Ok((1,))) == "swapped"
    assert describe_outcome(cas, Ok((True,))) == "saw true"
    assert describe_outcome(Read("x"), Ok((None,))) == "-> nil"
    assert describe_outcome(Write("x", 1), Failed("two\nlines")) == "failed (two lines)"
    assert describe_outcome(Write("x", 1), Indeterminate("")) == "unknown"
    assert describe_value(("a", 1, None)) == '["a", 1, nil]'


def test_lines_are_numbered_by_invocation_and_comments_skipped() -> None:
    history = parse_history("# two\n\n1: write x 2 [5, 6]\n0: write x 1 [1, 9]\n")
    assert [(op.index, op.process) for op in history.ops] == [(0, 0), (1, 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "line 1: not of the form"),
        ("\n0: write x [1, 2]", "line 2: field 'call': wrong arguments for 'write'"),
        ("0: read x [1, 2]", "line 1: field 'outcome': 'nothing' is no outcome of 'read x'"),
        ("0: write x 1: saw 2 [1, 2]", "'saw' is no outcome"),
        ("0: frobnicate x 1 [1, 2]", "wrong arguments for 'frobnicate'"),
        ("0: txn read x -> 1 [1, 2]", "a txn needs { steps }"),
        ("0: txn { enqueue x 1 } [1, 2]", "'enqueue x 1' is no step of a transaction"),
        ("0: txn { read x; read y } -> 1 [1, 2]", "is no outcome of 'txn { read x; read y }'"),
        ("0: write x abc [1, 2]", "'abc' is not a value"),
        ("0: write x 1 [2, 1]", "op 0: completed"),
        ("0: write x 1 [1, 5]\n0: write x 2 [2, 6]", "already has an op in flight"),
    ],
)
def test_what_is_no_history_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(MalformedHistory) as caught:
        parse_history(text)
    assert message in str(caught.value)


def test_what_counts_events_says_so_and_is_read_back() -> None:
    (op,) = parse_history("3: read x -> 1 [17, 19]").ops
    assert describe_op(op) == "process 3: read x -> 1  [events 17, 19]"
    assert parse_history(describe_op(op)).ops[0].completed == 19
