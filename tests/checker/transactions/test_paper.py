"""What databases did to Elle's authors (Kingsbury & Alvaro 2020, section 7), in our notation."""

from __future__ import annotations

import pytest

from checker.transactions.check import check
from checker.verdict import Invalid
from histories.notation import parse_history

CASES = {
    # A retry applied T1 again on top of T2, although it had read the list without it.
    "TiDB": (
        "append",
        "G-cursor",
        """
        1: txn { read 34; append 36 5; append 34 4 } -> [2, 1]  [10, 20]
        2: append 34 5                                          [10, 20]
        3: read 34 -> [2, 1, 5, 4]                              [30, 40]
        0: append 34 2                                          [0, 1]
        0: append 34 1                                          [2, 3]""",
    ),
    # An index was read without the transaction's own write.
    "FaunaDB": (
        "append",
        "internal",
        """
        1: txn { append 0 6; read 0 } -> nil                    [0, 9]
        2: read 0 -> [6]                                        [10, 11]""",
    ),
    # Tables were read at different times after a leader had moved.
    "Dgraph": (
        "wr",
        "G-single",
        """
        1: txn { read 2432; read 2434 } -> 10 | nil             [0, 9]
        2: write 2434 10                                        [0, 9]
        3: txn { write 2432 10; read 2434 } -> 10               [0, 9]""",
    ),
    # Two transactions missed each other's writes after a failover.
    "YugaByte DB": (
        "append",
        "write-skew",
        """
        1: txn { append 3 837; read 4 } -> [874, 877]           [20, 30]
        2: txn { append 4 885; read 3 } -> nil                  [20, 30]
        0: append 4 874                                         [0, 1]
        0: append 4 877                                         [2, 3]
        3: txn { read 3; read 4 } -> [837] | [874, 877, 885]    [40, 50]""",
    ),
}


@pytest.mark.parametrize("database", CASES)
def test_what_a_database_did_is_named(database: str) -> None:
    workload, kind, text = CASES[database]
    verdict = check(parse_history(text), workload=workload, models=["serializable"])
    assert isinstance(verdict, Invalid)
    assert kind in {anomaly.kind for anomaly in verdict.anomalies}


def test_the_example_that_begins_the_paper_is_a_cycle_of_three() -> None:
    appends = "; ".join(
        f"append {key} {element}"
        for key, elements in ((253, (1, 3, 4)), (255, (2, 3, 4, 5)), (256, (1, 2)))
        for element in elements
    )
    history = parse_history(
        f"1: txn {{ {appends} }} [0, 1]\n"
        "1: txn { append 255 8; read 253 } -> [1, 3, 4] [2, 3]\n"
        "1: txn { append 256 4; read 255; read 256; read 253 } "
        "-> [2, 3, 4, 5, 8] | [1, 2, 4] | [1, 3, 4] [4, 5]\n"
        "1: txn { append 250 10; read 253; read 255; append 256 3 } "
        "-> [1, 3, 4] | [2, 3, 4, 5] [6, 7]\n"
    )
    verdict = check(history, models=["serializable"])
    assert isinstance(verdict, Invalid)
    (cycle,) = (anomaly for anomaly in verdict.anomalies if anomaly.kind == "G-single")
    assert cycle.evidence == (1, 2, 3)
