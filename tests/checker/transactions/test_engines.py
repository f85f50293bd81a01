"""Compiled and plain kernels agree, and small histories need no compiler."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from checker.base import Budget
from checker.transactions import check as checking
from checker.transactions import engine, graph
from histories.txn_columns import to_txn_columns
from tests.checker.transactions.executors import Database, ReadCommitted, Shape, Stale, run


@pytest.mark.parametrize("lists", [True, False])
def test_compiled_and_plain_kernels_judge_alike(
    lists: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    workload = "append" if lists else "wr"
    for seed, database in enumerate((Database, ReadCommitted, Stale)):
        shape = Shape(txns=120, processes=6, keys=5, lists=lists, unknown=0.1)
        ops = run(database, random.Random(seed), shape).ops
        columns = to_txn_columns(ops, lists=lists)
        monkeypatch.setattr(engine, "COMPILED_FROM", 1 << 60)
        plain = checking.judge(columns, workload, Budget())
        monkeypatch.setattr(engine, "COMPILED_FROM", 0)
        compiled = checking.judge(columns, workload, Budget())
        assert plain.findings == compiled.findings
        assert plain.ruled_out == compiled.ruled_out
        assert graph.on_cycles(plain.inferred.graph).tolist() == (
            graph.on_cycles(compiled.inferred.graph).tolist()
        )


def test_a_small_history_is_judged_without_loading_the_compiler() -> None:
    program = (
        "import sys\n"
        "from checker.transactions.check import check\n"
        "from histories.notation import parse_history\n"
        "check(parse_history('0: append x 1 [0, 1]\\n1: read x -> [1] [2, 3]'))\n"
        "assert not {'numba', 'scipy', 'networkx'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
