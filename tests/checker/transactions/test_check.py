"""Each anomaly by a history made for it, and what the verdict says of it."""

from __future__ import annotations

import pytest

from checker.base import Budget
from checker.transactions.check import TransactionChecker, check
from checker.transactions.register import RegisterOptions
from checker.verdict import Invalid, Unknown, UnknownCause, Valid
from histories.notation import parse_history

WRITE_SKEW = """
0: txn { read x; append y 1 } -> nil     [0, 10]
1: txn { read y; append x 1 } -> nil     [1, 9]
2: txn { read x; read y } -> [1] | [1]   [20, 30]
"""
LONG_FORK = """
0: append x 1                            [0, 30]
1: append y 1                            [0, 30]
2: txn { read x; read y } -> [1] | nil   [0, 30]
3: txn { read x; read y } -> nil | [1]   [0, 30]
"""
LISTS = {
    "G0": """
        0: txn { append x 1; append y 1 }       [0, 9]
        1: txn { append x 2; append y 2 }       [0, 9]
        2: txn { read x; read y } -> [1, 2] | [2, 1]  [10, 11]""",
    "G0-realtime": """
        0: append x 1                           [0, 1]
        1: append x 2                           [2, 3]
        2: read x -> [2, 1]                     [4, 5]""",
    "G1a": """
        0: append x 1: failed (no)              [0, 9]
        1: read x -> [1]                        [10, 11]""",
    "dirty-update": """
        0: append x 1: failed (no)              [0, 9]
        1: append x 2                           [0, 9]
        1: read x -> [1, 2]                     [10, 11]""",
    "G1b": """
        0: txn { append x 1; append x 2 }       [0, 9]
        1: read x -> [1]                        [0, 9]""",
    "G1c": """
        0: txn { append x 1; read y } -> [1]    [0, 9]
        1: txn { append y 1; read x } -> [1]    [0, 9]""",
    "G1c-process": """
        0: read x -> [1]                        [0, 4]
        0: append x 1                           [5, 9]""",
    "G-single": """
        0: txn { append x 1; append y 1 }       [0, 9]
        1: txn { read x; read y } -> nil | [1]  [0, 9]
        2: read x -> [1]                        [0, 9]""",
    "fractured-read": """
        0: txn { append x 1; append y 1 }       [0, 9]
        1: txn { read x; read y } -> nil | [1]  [0, 9]
        2: read x -> [1]                        [0, 9]""",
    "observed-transaction-vanishes": """
        0: txn { append x 1; append y 1 }       [0, 9]
        1: txn { read y; read x } -> [1] | nil  [0, 9]
        2: read x -> [1]                        [0, 9]""",
    "monotonic-reads-violation": """
        0: append x 1                           [0, 9]
        1: read x -> [1]                        [0, 4]
        1: read x -> nil                        [5, 9]""",
    "read-your-writes-violation": """
        0: append x 1                           [0, 4]
        0: read x -> nil                        [5, 9]
        1: read x -> [1]                        [5, 9]""",
    "monotonic-writes-violation": """
        0: append x 1                           [0, 4]
        0: append x 2                           [5, 9]
        1: read x -> [2, 1]                     [5, 9]""",
    "writes-follow-reads-violation": """
        0: append x 1                           [0, 9]
        1: read x -> [2, 1]                     [0, 4]
        1: append x 2                           [5, 9]""",
    "G-single-process": """
        0: append x 1                           [0, 4]
        0: read x -> nil                        [5, 9]
        1: read x -> [1]                        [0, 9]""",
    "G-single-realtime": """
        0: append x 1                           [0, 4]
        1: read x -> nil                        [5, 9]""",
    "causal-violation": """
        0: append x 1                           [0, 9]
        1: txn { read x; append y 1 } -> [1]    [0, 9]
        2: txn { read y; append z 1 } -> [1]    [0, 9]
        3: txn { read z; read x } -> [1] | nil  [0, 9]""",
    "long-fork": LONG_FORK,
    "G-nonadjacent": """
        0: txn { read x; append w 1 } -> [1]         [0, 30]
        1: txn { read w; read y } -> [1] | nil       [0, 30]
        2: append x 1                                [0, 30]
        3: append y 1                                [0, 30]
        4: txn { read x; read y } -> nil | [1]       [0, 30]""",
    "write-skew": WRITE_SKEW,
    "G-update": WRITE_SKEW,
    "G2-item": """
        0: txn { read x; append y 1 } -> nil    [0, 9]
        1: txn { read y; append z 1 } -> nil    [0, 9]
        2: txn { read z; append x 1 } -> nil    [0, 9]""",
    "lost-update": """
        0: txn { read x; append x 1 } -> nil    [0, 9]
        1: txn { read x; append x 2 } -> nil    [0, 9]
        2: read x -> [1, 2]                     [0, 9]""",
    "G-cursor": """
        0: txn { read x; append x 1 } -> nil    [0, 9]
        1: txn { read x; append x 2 } -> nil    [0, 9]
        2: read x -> [1, 2]                     [0, 9]""",
    "internal": """
        0: txn { append x 1; read x } -> nil    [0, 9]""",
    "future-read": """
        0: txn { read x; append x 1 } -> [1]    [0, 9]""",
    "garbage-read": """
        0: read x -> [7]                        [0, 9]""",
    "duplicate-elements": """
        0: append x 1                           [0, 9]
        1: read x -> [1, 1]                     [0, 9]""",
    "incompatible-order": """
        0: append x 1                           [0, 9]
        1: append x 2                           [0, 9]
        2: read x -> [1, 2]                     [0, 9]
        3: read x -> [2]                        [0, 9]""",
}
REGISTERS = {
    "cyclic-versions": """
        0: write x 1                            [0, 1]
        1: read x -> 1                          [2, 3]
        1: read x -> nil                        [4, 5]""",
    "G1a": """
        0: write x 1: failed (no)               [0, 9]
        1: read x -> 1                          [10, 11]""",
    "G1b": """
        0: txn { write x 1; write x 2 }         [0, 9]
        1: read x -> 1                          [0, 9]""",
    "G1c": """
        0: txn { write x 1; read y } -> 1       [0, 9]
        1: txn { write y 1; read x } -> 1       [0, 9]""",
    "fractured-read": """
        0: txn { write x 1; write y 1 }         [0, 9]
        1: txn { read x; read y } -> nil | 1    [0, 9]""",
    "lost-update": """
        0: txn { read x; write x 1 } -> nil     [0, 9]
        1: txn { read x; write x 2 } -> nil     [0, 9]""",
    "long-fork": """
        0: write x 1                            [0, 30]
        1: write y 1                            [0, 30]
        2: txn { read x; read y } -> 1 | nil    [0, 30]
        3: txn { read x; read y } -> nil | 1    [0, 30]""",
    "write-skew": """
        0: txn { read x; write y 1 } -> nil     [0, 9]
        1: txn { read y; write x 1 } -> nil     [0, 9]""",
    "internal": """
        0: txn { write x 1; read x } -> 2       [0, 9]
        1: write x 2                            [0, 9]""",
    "future-read": """
        0: txn { read x; write x 1 } -> 1       [0, 9]""",
    "garbage-read": """
        0: read x -> 7                          [0, 9]""",
}
SEQUENTIAL = RegisterOptions(sequential_keys=True)
FINE = """
0: txn { append x 1; read y } -> nil             [0, 10]
1: txn { read x; append y 1; append x 2 } -> [1] [0, 10]
2: txn { read x; read y } -> [1, 2] | [1]        [8, 20]
3: append x 3: unknown (lost)                    [9, ?]
4: append x 4: failed (no)                       [9, 12]
"""


def kinds(text: str, workload: str) -> set[str]:
    verdict = check(parse_history(text), workload=workload, assumed=SEQUENTIAL)
    assert isinstance(verdict, Invalid)
    return {anomaly.kind for anomaly in verdict.anomalies}


@pytest.mark.parametrize("kind", LISTS)
def test_an_anomaly_of_lists_is_named(kind: str) -> None:
    assert kind in kinds(LISTS[kind], "append")


@pytest.mark.parametrize("kind", REGISTERS)
def test_an_anomaly_of_registers_is_named(kind: str) -> None:
    assert kind in kinds(REGISTERS[kind], "wr")


def test_a_correct_history_is_valid() -> None:
    assert check(parse_history(FINE)) == Valid("3 answered transactions")


def test_what_only_stronger_models_forbid_is_a_note() -> None:
    verdict = check(parse_history(WRITE_SKEW), models=["SI"])
    assert isinstance(verdict, Valid)
    assert "write-skew, G-update rule out repeatable-read" in verdict.note
    assert "still possible" in verdict.note


def test_every_edge_is_justified_from_the_operations() -> None:
    verdict = check(parse_history(WRITE_SKEW), models=["serializable"])
    assert isinstance(verdict, Invalid)
    assert verdict.anomalies[0].details == (
        "T1 = op 0, process 0: r x -> []; append y 1",
        "T2 = op 1, process 1: r y -> []; append x 1",
        "T1 < T2 (rw): T1 read x -> [] and missed the 1 that T2 appended next, as the read of "
        "x -> [1] in op 2 shows",
        "T2 < T1 (rw): T2 read y -> [] and missed the 1 that T1 appended next, as the read of "
        "y -> [1] in op 2 shows",
        "rules out repeatable-read",
    )
    assert verdict.anomalies[0].evidence == (0, 1)


def test_an_append_that_no_read_ever_saw_is_missed_by_whoever_saw_all_others() -> None:
    verdict = check(parse_history(LISTS["G-single-realtime"]))
    assert isinstance(verdict, Invalid)
    assert verdict.anomalies[0].details[2:4] == (
        "T1 < T2 (rw): T1 read x -> [] and missed the 1 that T2 appended (no read ever saw it)",
        "T2 < T1 (realtime): T2 ended at event 4, before T1 began at event 5",
    )


def test_a_transaction_is_not_before_its_own_unseen_append() -> None:
    history = """
        0: txn { read x; append x 2 } -> [1]    [5, 9]
        1: txn { read x; append x 3 } -> [1]    [5, 9]
        2: append x 1                           [0, 1]"""
    assert kinds(history, "append") == {"lost-update", "G2-item"}


def test_nothing_answered_is_unknown() -> None:
    verdict = check(parse_history("0: append x 1: unknown (lost) [0, ?]"))
    assert isinstance(verdict, Unknown)
    assert verdict.cause is UnknownCause.NOTHING_TO_CHECK
    assert isinstance(check(parse_history("")), Unknown)


def test_writes_that_are_not_unique_leave_it_unknown() -> None:
    verdict = check(parse_history("0: write x 1 [0, 1]\n1: write x 1 [2, 3]"), workload="wr")
    assert isinstance(verdict, Unknown)
    assert "1 was written to x more than once" in verdict.detail


def test_a_search_that_had_no_time_is_unknown() -> None:
    checker = TransactionChecker(models=("serializable",))
    late = Budget(deadline=lambda: True)
    verdict = checker.check(parse_history(WRITE_SKEW), late)
    assert isinstance(verdict, Unknown)
    assert verdict.cause is UnknownCause.TIME_LIMIT


def test_an_unknown_transaction_whose_write_was_seen_took_effect() -> None:
    seen = """
        0: txn { append x 1; append y 1 }: unknown (lost)   [0, ?]
        1: txn { read x; read y } -> [1] | nil              [0, 9]"""
    assert "fractured-read" in kinds(seen, "append")
    unseen = seen.replace("[1] | nil", "nil | nil")
    assert isinstance(check(parse_history(unseen)), Valid)


BLIND = """
    0: write x 1                            [0, 1]
    0: write x 2                            [2, 3]
    1: txn { read y; read x } -> 1 | 1      [0, 9]
    2: txn { read x; write y 1 } -> 2       [0, 9]
"""


def test_blind_writes_are_ordered_only_by_what_is_assumed() -> None:
    history = parse_history(BLIND)
    blind = check(history, workload="wr", models=["serializable"])
    assert isinstance(blind, Valid)
    for assumed in (
        RegisterOptions(sequential_keys=True),
        RegisterOptions(linearizable_keys=True),
    ):
        verdict = check(history, workload="wr", models=["serializable"], assumed=assumed)
        assert isinstance(verdict, Invalid)
        assert verdict.anomalies[0].kind == "G-single"


def test_real_time_orders_the_writes_of_different_processes() -> None:
    history = parse_history(BLIND.replace("0: write x 2 ", "3: write x 2 "))
    models = ["serializable"]
    sequential = RegisterOptions(sequential_keys=True)
    linearizable = RegisterOptions(linearizable_keys=True)
    one = check(history, workload="wr", models=models, assumed=sequential)
    other = check(history, workload="wr", models=models, assumed=linearizable)
    assert isinstance(one, Valid)
    assert isinstance(other, Invalid)


def test_a_register_of_elle_may_hold_what_nobody_wrote() -> None:
    history = parse_history(REGISTERS["garbage-read"])
    assert isinstance(check(history, workload="rw-register"), Valid)


@pytest.mark.parametrize("model", ["linearizable", "view-serializable"])
def test_a_model_without_a_test_is_unknown_unless_it_is_ruled_out(model: str) -> None:
    assert isinstance(check(parse_history(FINE), models=[model]), Unknown)
    assert isinstance(check(parse_history(LISTS["garbage-read"]), models=[model]), Invalid)


def test_versions_that_only_transactions_order_are_cyclic_only_as_transactions() -> None:
    text = """
        0: txn { read x; write x 1 } -> 2       [0, 9]
        1: txn { read x; write x 2 } -> 1       [0, 9]"""
    assert kinds(text, "wr") == {"G1c"}
    assert isinstance(check(parse_history(text), workload="wr", models=["PL-1"]), Valid)


def test_one_reader_may_close_a_cycle_of_writers_and_two_may_not() -> None:
    one = """
        0: txn { read x; append y 1 } -> nil       [0, 30]
        1: append x 1                              [0, 30]
        2: txn { read x; read y } -> [1] | nil     [0, 30]
        3: read y -> [1]                           [0, 30]"""
    verdict = check(parse_history(one), models=["update-serializable"])
    assert isinstance(verdict, Invalid)
    assert {anomaly.kind for anomaly in verdict.anomalies} == {"G-update"}
    fork = check(parse_history(LONG_FORK), models=["update-serializable"])
    assert isinstance(fork, Valid)


def test_of_a_long_list_the_place_that_matters_is_shown() -> None:
    elements = ", ".join(map(str, range(1, 41)))
    text = "\n".join(f"0: append x {n} [{2 * n}, {2 * n + 1}]" for n in range(1, 41))
    early = ", ".join(map(str, range(1, 20)))
    text += f"\n1: read x -> [{elements}] [90, 91]\n2: read x -> [{early}] [92, 93]"
    verdict = check(parse_history(text))
    assert isinstance(verdict, Invalid)
    missed = verdict.anomalies[0].details[2]
    assert "T1 read x -> [... 8 9 10 11 12 13 14 15 16 17 18 19] and missed the 20" in missed
    assert "x -> [... 11 12 13 14 15 16 17 18 19 20 21 22 ...] in op 40 shows" in missed
