"""Every checker of a workload by one history it must accept and those it must reject."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from checker.base import Budget
from checker.verdict import Invalid, Unknown, Valid, Verdict
from checker.workloads.bank import BankChecker
from checker.workloads.catalogue import WORKLOADS
from checker.workloads.counter import CounterChecker
from checker.workloads.sets import SetFullChecker
from checker.workloads.total_queue import TotalQueueChecker
from histories.call import Add, Call, Dequeue, Enqueue, Increment, Ok, Read
from histories.history import History
from histories.notation import parse_history
from histories.op import Nanos, Op, ProcessId

GOOD = {
    "bank": """
        0: transfer bank "a" "b" 3                      [0, 9]
        1: txn { read a; read b } -> 10 | 0         [0, 5]
        1: txn { read a; read b } -> 7 | 3          [6, 8]""",
    "set": """
        0: add s 1                                  [0, 1]
        1: add s 2: unknown (lost)                  [0, ?]
        2: add s 3: failed (no)                     [0, 1]
        0: read s -> [2, 1]                         [2, 3]""",
    "set-full": """
        0: add s 1                                  [0, 5]
        1: read s -> []                             [1, 6]
        2: read s -> [1]                            [1, 4]
        0: read s -> [1]                            [7, 8]
        0: add s 2                                  [9, 10]""",
    "counter": """
        0: increment c 1                            [0, 5]
        1: read c -> 0                              [1, 6]
        2: increment c 5: unknown (lost)            [0, ?]
        1: read c -> 6                              [7, 8]
        1: read c -> 1                              [9, 10]""",
    "unique-ids": """
        0: generate-id g -> 1                       [0, 1]
        1: generate-id g -> 2                       [0, 1]
        1: generate-id g -> true                    [2, 3]""",
    "total-queue": """
        0: enqueue q 1                              [0, 1]
        1: enqueue q 2: unknown (lost)              [0, ?]
        0: dequeue q -> 2                           [2, 3]
        0: dequeue q -> 1                           [4, 5]
        0: dequeue q: done                          [6, 7]""",
    "long-fork": """
        0: txn { read x; read y } -> 1 | nil        [0, 9]
        1: txn { read y; read x } -> 1 | 1          [0, 9]
        2: txn { read z; read w } -> nil | 1        [0, 9]""",
    "monotonic": """
        0: read c -> 1                              [0, 2]
        1: read c -> 3                              [1, 3]
        2: read c -> 2                              [1, 9]""",
    "sequential": """
        0: txn { read c; read b; read a } -> nil | 1 | 1   [0, 1]
        1: txn { read c; read b; read a } -> nil | nil | nil   [0, 1]""",
    "causal-reverse": """
        0: write x 1                                [0, 1]
        0: write y 1                                [2, 3]
        1: txn { read x; read y } -> 1 | nil        [0, 9]""",
    "causal": """
        0: write x 1                                [0, 1]
        1: write x 2                                [0, 1]
        0: read x -> 1                              [2, 3]
        1: read x -> 2                              [2, 3]
        0: write y 3                                [4, 5]
        2: read y -> nil                            [6, 7]
        2: read y -> 3                              [8, 9]
        2: read x -> 1                              [10, 11]
        3: write x 4: unknown (lost)                [0, ?]
        4: write x 5: failed (no)                   [0, 1]
        5: read x -> 4                              [12, 13]""",
    "session-guarantees": """
        0: append l 1                               [0, 1]
        1: append l 2                               [0, 1]
        1: read l -> [2]                            [2, 3]
        0: read l -> [2, 1]                         [2, 3]
        2: read l -> []                             [4, 5]
        1: append l 3                               [4, 5]
        3: append l 4: unknown (lost)               [4, ?]
        2: read l -> [2, 1, 3]                      [8, 9]""",
    "log": """
        0: txn log { append log 1; append log 2 }   [0, 9]
        1: txn log { append log 3 }                 [0, 5]
        2: txn log { append log 4 }: unknown (lost) [0, ?]
        3: txn log { append log 5 }: failed (no)    [0, 1]
        1: txn log { append log 6 }                 [6, 9]
        4: read log -> [0]                          [10, 11]
        5: read log -> [0, 3, 1, 2, 6]              [10, 11]
        4: read log -> [3, 6, 4]                    [12, 13]""",
}
BAD = [
    ("bank", "wrong-total", "1: txn { read a; read b } -> 7 | 2   [10, 11]"),
    ("bank", "negative-balance", "1: txn { read a; read b } -> 11 | -1   [10, 11]"),
    ("bank", "missing-balance", "1: txn { read a; read b } -> 10 | nil   [10, 11]"),
    ("set", "lost-element", "0: read s -> [2]   [4, 5]"),
    ("set", "unexpected-element", "0: read s -> [1, 3]   [4, 5]"),
    ("set-full", "lost-element", "0: read s -> [2]   [11, 12]"),
    ("set-full", "stale-read", "0: read s -> []   [11, 12]\n0: read s -> [1, 2]   [13, 14]"),
    ("set-full", "unexpected-element", "0: read s -> [1, 2, 3]   [11, 12]"),
    ("set-full", "duplicated-element", "0: read s -> [1, 2, 1]   [11, 12]"),
    ("counter", "counter-out-of-bounds", "1: read c -> 7   [11, 12]"),
    ("counter", "counter-out-of-bounds", "1: read c -> 0   [11, 12]"),
    ("unique-ids", "duplicate-id", "2: generate-id g -> 2   [4, 5]"),
    ("total-queue", "lost-element", "0: enqueue q 3   [8, 9]"),
    ("total-queue", "duplicated-element", "0: dequeue q -> 1   [8, 9]"),
    ("total-queue", "unexpected-element", "0: dequeue q -> 4   [8, 9]"),
    ("long-fork", "long-fork", "3: txn { read x; read y } -> nil | 1   [0, 9]"),
    ("monotonic", "non-monotonic", "3: read c -> 2   [4, 5]"),
    ("monotonic", "non-monotonic", "0: read c -> 0   [2, 3]"),
    (
        "sequential",
        "missing-predecessor",
        "2: txn { read c; read b; read a } -> 1 | nil | 1 [0, 1]",
    ),
    ("causal-reverse", "causal-reverse", "2: txn { read x; read y } -> nil | 1   [0, 9]"),
    ("causal", "thin-air-read", "5: read x -> 6   [14, 15]"),
    ("causal", "thin-air-read", "5: read x -> 5   [14, 15]"),
    ("causal", "write-causally-missed", "2: read x -> nil   [14, 15]"),
    (
        "causal",
        "write-causally-overwritten",
        "1: read y -> 3 [14, 15]\n1: write y 7 [16, 17]\n1: read y -> 3 [18, 19]",
    ),
    (
        "causal",
        "cyclic-causality",
        "5: read z -> 8 [14, 15]\n5: write z 7 [16, 17]\n"
        "6: read z -> 7 [14, 15]\n6: write z 8 [16, 17]",
    ),
    ("session-guarantees", "monotonic-reads-violation", "2: read l -> [2, 1]   [10, 11]"),
    ("session-guarantees", "monotonic-reads-violation", "2: read l -> [1, 2, 3]   [10, 11]"),
    (
        "session-guarantees",
        "read-your-writes-violation",
        "3: read l -> []  [1, 2]\n9: append l 9 [10, 11]\n9: read l -> [2, 1, 3] [12, 13]",
    ),
    (
        "session-guarantees",
        "monotonic-writes-violation",
        "9: append l 8 [10, 11]\n9: append l 9 [12, 13]\n8: read l -> [2, 1, 3, 9, 8] [14, 15]",
    ),
    (
        "session-guarantees",
        "writes-follow-reads-violation",
        "9: read l -> [2, 1, 3] [10, 11]\n"
        "9: append l 9 [12, 13]\n8: read l -> [2, 1, 9, 3] [14, 15]",
    ),
    ("log", "diverging-logs", "4: read log -> [0, 1]   [14, 15]"),
    ("log", "duplicated-entry", "4: read log -> [4, 4, 3]   [14, 15]"),
    ("log", "unexpected-entry", "4: read log -> [5, 7]   [14, 15]"),
    ("log", "unexpected-entry", "4: read log -> [5, 5]   [14, 15]"),
    (
        "log",
        "lost-entry",
        "4: txn log { append log 8 } [14, 15]\n"
        "4: txn log { append log 9 } [16, 17]\n4: read log -> [4, 4, 9] [18, 19]",
    ),
    (
        "log",
        "out-of-order",
        "4: txn log { append log 8 } [14, 15]\n"
        "4: txn log { append log 9 } [16, 17]\n4: read log -> [4, 4, 9, 8] [18, 19]",
    ),
    (
        "log",
        "torn-batch",
        "4: txn log { append log 8; append log 9 } [14, 15]\n"
        "9: txn log { append log 10 } [14, 15]\n4: read log -> [4, 4, 8, 10, 9] [18, 19]",
    ),
    (
        "log",
        "torn-batch",
        "4: txn log { append log 8; append log 9 } [14, 15]\n4: read log -> [4, 4, 8] [18, 19]",
    ),
]


def judged(workload: str, text: str) -> Verdict:
    return WORKLOADS[workload].checker(()).check(parse_history(text), Budget())


@pytest.mark.parametrize("workload", GOOD)
def test_a_right_history_is_valid(workload: str) -> None:
    assert isinstance(judged(workload, GOOD[workload]), Valid)


@pytest.mark.parametrize(("workload", "kind", "line"), BAD)
def test_one_wrong_line_makes_it_invalid(workload: str, kind: str, line: str) -> None:
    verdict = judged(workload, f"{GOOD[workload]}\n{line}")
    assert isinstance(verdict, Invalid)
    assert {anomaly.kind for anomaly in verdict.anomalies} == {kind}
    assert all(anomaly.evidence for anomaly in verdict.anomalies)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_an_empty_history_proves_nothing(workload: str) -> None:
    assert isinstance(judged(workload, ""), Unknown)


def test_a_set_that_was_never_read_is_unknown() -> None:
    assert isinstance(judged("set", "0: add s 1 [0, 1]"), Unknown)


def test_a_log_that_was_not_read_to_its_end_is_unknown() -> None:
    text = GOOD["log"] + "\n4: txn log { append log 8 } [14, 15]\n4: read log -> [4, 4] [16, 17]"
    assert isinstance(judged("log", text), Unknown)


def test_entries_of_a_log_that_hold_nothing_are_counted() -> None:
    sent = """
        0: txn log { append log nil }                             [0, 5]
        1: txn log { append log 1; append log nil; append log 2 } [0, 5]
        2: txn log { append log nil }: unknown (lost)             [0, ?]
        3: txn log { append log nil }: failed (no)                [0, 5]
        """
    for read in ("[0, nil, 1, nil, 2]", "[0, 1, nil, 2, nil, nil]"):
        assert isinstance(judged("log", f"{sent}4: read log -> {read} [6, 7]"), Valid), read
    for read, kind in (
        ("[0, 1, nil, 2, nil, nil, nil]", "unexpected-entry"),
        ("[0, nil, 1, 2]", "torn-batch"),
    ):
        verdict = judged("log", f"{sent}4: read log -> {read} [6, 7]")
        assert isinstance(verdict, Invalid), read
        assert {anomaly.kind for anomaly in verdict.anomalies} == {kind}


def test_a_register_that_is_written_the_same_twice_tells_nothing_of_causality() -> None:
    assert isinstance(judged("causal", GOOD["causal"] + "\n7: write x 1 [14, 15]"), Unknown)


def test_a_queue_element_may_be_with_a_dequeue_that_was_never_answered() -> None:
    text = GOOD["total-queue"] + "\n0: enqueue q 3 [8, 9]\n3: dequeue q: unknown (lost) [8, ?]"
    assert isinstance(judged("total-queue", text), Valid)


def test_stale_reads_are_right_where_nobody_promised_otherwise() -> None:
    text = GOOD["set-full"] + "\n0: read s -> [] [11, 12]\n0: read s -> [1, 2] [13, 14]"
    verdict = SetFullChecker(linearizable=False).check(parse_history(text), Budget())
    assert verdict == Valid("0 elements stable, 2 stale, 0 never read")


def test_the_wrong_snapshot_of_a_bank_is_shown_beside_the_last_right_one() -> None:
    verdict = judged("bank", GOOD["bank"] + "\n1: txn { read a; read b } -> 7 | 2 [10, 11]")
    assert isinstance(verdict, Invalid)
    assert verdict.anomalies[0].explanation == (
        "process 1 at event 11 saw balances that sum to 9, not 10"
    )
    assert verdict.anomalies[0].details == (
        "snapshot: a 7, b 2",
        "the last right one: a 7, b 3",
        "different: b 2",
    )


def test_a_bank_may_be_told_its_total() -> None:
    history = parse_history(GOOD["bank"])
    assert isinstance(BankChecker(total=10).check(history, Budget()), Valid)
    assert isinstance(BankChecker(total=11).check(history, Budget()), Invalid)


SEEDS = range(40)


@pytest.mark.parametrize("seed", SEEDS)
def test_reads_of_a_correct_counter_are_always_within_bounds(seed: int) -> None:
    rng = random.Random(seed)
    total = 0

    def call(_: int) -> Call:
        return Read("c") if rng.random() < 0.5 else Increment("c", rng.randint(-3, 3))

    def answer(call: Call) -> Ok:
        nonlocal total
        total += call.by if isinstance(call, Increment) else 0
        return Ok((total,)) if isinstance(call, Read) else Ok()

    history = simulated(rng, call, answer)
    assert isinstance(CounterChecker().check(history, Budget()), Valid)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_correct_set_is_valid_and_one_that_forgets_is_not(seed: int) -> None:
    rng = random.Random(seed)
    forgets = seed % 2 == 1
    members: list[int] = []

    def call(number: int) -> Call:
        return Read("s") if rng.random() < 0.6 else Add("s", number)

    def answer(call: Call) -> Ok:
        if isinstance(call, Add):
            assert isinstance(call.element, int)
            members.append(call.element)
            return Ok()
        if forgets and len(members) > 3:
            del members[0]
        return Ok((tuple(rng.sample(members, len(members))),))

    history = simulated(rng, call, answer, ops=80)
    verdict = SetFullChecker().check(history, Budget())
    assert isinstance(verdict, Invalid if forgets else Valid)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drained_queue_is_valid_in_any_order_and_one_that_drops_is_not(seed: int) -> None:
    rng = random.Random(seed)
    drops = seed % 2 == 1
    inside: list[int] = []

    def call(number: int) -> Call:
        return Enqueue("q", number) if number < 30 else Dequeue("q")

    def answer(call: Call) -> Ok:
        if isinstance(call, Enqueue):
            assert isinstance(call.element, int)
            if not drops or call.element != 7:
                inside.append(call.element)
            return Ok()
        return Ok((inside.pop(rng.randrange(len(inside))),)) if inside else Ok()

    history = simulated(rng, call, answer, ops=70, processes=1)
    verdict = TotalQueueChecker().check(history, Budget())
    assert isinstance(verdict, Invalid if drops else Valid)


def simulated(
    rng: random.Random,
    call: Callable[[int], Call],
    answer: Callable[[Call], Ok],
    *,
    ops: int = 24,
    processes: int = 4,
) -> History:
    """Each call takes effect, and gets its answer, at one instant within its interval."""
    free = [0] * processes
    plans: list[tuple[int, int, int, int, int]] = []
    for number in range(ops):
        process = rng.randrange(processes)
        invoked = free[process] + rng.randint(1, 9)
        effect = invoked + rng.randint(0, 9)
        free[process] = effect + rng.randint(0, 9)
        plans.append((effect, number, process, invoked, free[process]))
    made: list[tuple[int, int, int, Call, Ok]] = []
    for _, number, process, invoked, completed in sorted(plans):
        asked = call(number)
        made.append((invoked, completed, process, asked, answer(asked)))
    made.sort(key=lambda op: op[:2])
    return History.of(
        Op(
            index=index,
            process=ProcessId(process),
            call=asked,
            outcome=outcome,
            invoked=Nanos(invoked),
            completed=Nanos(completed),
        )
        for index, (invoked, completed, process, asked, outcome) in enumerate(made)
    )
