"""``hearsay check --workload`` on transactions and on Jepsen's other tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.cli.hearsay import hearsay

WRITE_SKEW_EDN = """
{:index 0 :type :invoke :process 0 :f :txn :value [[:r :x nil] [:append :y 1]]}
{:index 1 :type :invoke :process 1 :f :txn :value [[:r :y nil] [:append :x 1]]}
{:index 2 :type :ok :process 0 :f :txn :value [[:r :x nil] [:append :y 1]]}
{:index 3 :type :ok :process 1 :f :txn :value [[:r :y nil] [:append :x 1]]}
{:index 4 :type :invoke :process 2 :f :txn :value [[:r :x nil] [:r :y nil]]}
{:index 5 :type :ok :process 2 :f :txn :value [[:r :x [1]] [:r :y [1]]]}
"""
WRITE_SKEW_JSON = """[
{"index":0,"type":"invoke","process":0,"f":"txn","value":[["r","x",null],["append","y",1]]},
{"index":1,"type":"invoke","process":1,"f":"txn","value":[["r","y",null],["append","x",1]]},
{"index":2,"type":"ok","process":0,"f":"txn","value":[["r","x",null],["append","y",1]]},
{"index":3,"type":"ok","process":1,"f":"txn","value":[["r","y",null],["append","x",1]]},
{"index":4,"type":"invoke","process":2,"f":"txn","value":[["r","x",null],["r","y",null]]},
{"index":5,"type":"ok","process":2,"f":"txn","value":[["r","x",[1]],["r","y",[1]]]}]
"""
BANK = """
{:type :invoke, :f :read, :process 0, :time 1}
{:type :ok, :f :read, :process 0, :time 2, :value {0 10, 1 0}}
{:type :invoke, :f :transfer, :value {:from 0, :to 1, :amount 3}, :process 0, :time 3}
{:type :ok, :f :transfer, :value {:from 0, :to 1, :amount 3}, :process 0, :time 4}
{:type :invoke, :f :read, :process 0, :time 5}
{:type :ok, :f :read, :process 0, :time 6, :value {0 7, 1 2}}
"""


@pytest.mark.parametrize(
    ("name", "text"), [("skew.edn", WRITE_SKEW_EDN), ("skew.json", WRITE_SKEW_JSON)]
)
def test_an_anomaly_in_a_history_of_elle_is_named_and_drawn(
    tmp_path: Path, name: str, text: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    pictures = tmp_path / "pictures"
    options = ("--workload", "append", "--consistency-model", "serializable")
    done = hearsay("check", path, *options, "--draw", pictures)
    assert done.returncode == 1, done
    assert "write-skew" in done.stdout
    assert "rule out repeatable-read" in done.stdout
    assert (pictures / "01-write-skew.svg").read_text().startswith("<svg")


def test_a_weaker_model_is_satisfied(tmp_path: Path) -> None:
    path = tmp_path / "skew.edn"
    path.write_text(WRITE_SKEW_EDN)
    options = ("--model", "list-append", "--consistency-model", "snapshot-isolation", "--json")
    done = hearsay("check", path, *options)
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["verdict"] == "valid"


def test_a_bank_that_loses_money_exits_1(tmp_path: Path) -> None:
    path = tmp_path / "bank.edn"
    path.write_text(BANK)
    done = hearsay("check", path, "--workload", "bank")
    assert done.returncode == 1, done
    assert "saw balances that sum to 9, not 10" in done.stdout


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--workload", "nothing"), "--workload: none is named 'nothing'"),
        (("--workload", "append", "--consistency-model", "x"), "none is named 'x'"),
        (("--workload", "bank", "--consistency-model", "SI"), "do not go with --workload bank"),
        (("--consistency-model", "SI"), "need --workload"),
        (("--workload", "append", "--model", "register"), "one of them is enough"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tmp_path: Path, options: tuple[str, ...], complaint: str
) -> None:
    path = tmp_path / "skew.edn"
    path.write_text(WRITE_SKEW_EDN)
    done = hearsay("check", path, *options)
    assert done.returncode == 2, done
    assert complaint in done.stderr
