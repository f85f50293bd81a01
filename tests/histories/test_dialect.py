"""What Jepsen's names and values mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from histories.call import (
    Acquire,
    Add,
    Append,
    Call,
    CompareAndSet,
    Contains,
    Dequeue,
    Enqueue,
    Failed,
    GenerateId,
    Increment,
    Indeterminate,
    Ok,
    Outcome,
    Read,
    Release,
    Remove,
    Transfer,
    Txn,
    Write,
)
from histories.formats.read import read_history


def exchanges(path: Path, *entries: str, takes: set[str] | None = None) -> list[object]:
    """The calls and outcomes of entries ``process type f value``, in the order of the calls."""
    lines = [
        "{{:process {}, :type :{}, :f :{}, :value {}}}".format(*entry.split(maxsplit=3))
        for entry in entries
    ]
    path.write_text("\n".join(lines))
    return [(op.call, op.outcome) for op in read_history(path, takes=takes).history.ops]


@pytest.mark.parametrize(
    ("asked", "answered", "call", "outcome"),
    [
        ("get nil", "get 3", Read("register"), Ok((3,))),
        ("put 3", "put 3", Write("register", 3), Ok()),
        ("cas [1 2]", "cas [1 2]", CompareAndSet("register", 1, 2), Ok((1,))),
        ("write {:b 1, :a [x]}", "write nil", Write("register", "{:a [x], :b 1}"), Ok()),
        ("append 3", "append 3", Append("list", 3), Ok()),
        ("add 3", "add 3", Add("set", 3), Ok()),
        ("remove 3", "remove 3", Remove("set", 3), Ok((True,))),
        ("remove 3", "remove false", Remove("set", 3), Ok((False,))),
        ("contains 3", "contains false", Contains("set", 3), Ok((False,))),
        ("push :a", "push :a", Enqueue("queue", "a"), Ok()),
        ("pop nil", "pop 3", Dequeue("queue"), Ok((3,))),
        ("dequeue nil", "dequeue nil", Dequeue("queue"), Ok()),
        ("increment nil", "increment 5", Increment("counter", 1), Ok((5,))),
        ("increment 2", "increment 2", Increment("counter", 2), Ok()),
        ("decrement 2", "decrement 2", Increment("counter", -2), Ok()),
        ("acquire nil", "acquire 17", Acquire("lock", 0), Ok((17,))),
        ("acquire 2", "acquire 2", Acquire("lock", 0, 2), Ok()),
        ("release nil", "release nil", Release("lock", 0), Ok()),
        ("generate nil", "generate 9", GenerateId("ids"), Ok((9,))),
        ("transfer {:from 1 :to 2 :amount 3}", "transfer nil", Transfer("", "1", "2", 3), Ok()),
        (
            "txn [[:r :x nil] [:w :y 1]]",
            "txn [[:r :x nil] [:w :y 1]]",
            Txn("", (Read("x"), Write("y", 1))),
            Ok((None,)),
        ),
        (
            "txn [[:append 1 2] [:r 1 nil] [:r 2 nil]]",
            "txn [[:append 1 2] [:r 1 [7 2]] [:r 2 nil]]",
            Txn("", (Append("1", 2), Read("1"), Read("2"))),
            Ok(((7, 2), ())),
        ),
    ],
)
def test_each_function_is_a_call(
    tmp_path: Path, asked: str, answered: str, call: Call, outcome: Outcome
) -> None:
    path = tmp_path / "history.edn"
    assert exchanges(path, f"0 invoke {asked}", f"0 ok {answered}") == [(call, outcome)]
    lost = exchanges(path, f"0 invoke {asked}", "0 info x :lost", f"1 invoke {asked}")
    unknown = "no completion was recorded"
    assert [each[1] for each in lost if isinstance(each, tuple)] == [
        Indeterminate("unknown"),
        Indeterminate(unknown),
    ]


def test_add_counts_where_reads_answer_numbers_or_the_model_counts(tmp_path: Path) -> None:
    path = tmp_path / "history.edn"
    adds = ("0 invoke add 2", "0 ok add 2")
    assert exchanges(path, *adds)[0] == (Add("set", 2), Ok())
    counted = exchanges(path, *adds, "0 invoke read nil", "0 ok read 2")
    assert counted == [(Increment("counter", 2), Ok()), (Read("counter"), Ok((2,)))]
    collected = exchanges(path, *adds, "0 invoke read nil", "0 ok read #{2}")
    assert collected == [(Add("set", 2), Ok()), (Read("set"), Ok(((2,),)))]
    assert exchanges(path, *adds, takes={"increment"})[0] == (Increment("counter", 2), Ok())


def test_independent_keys_are_seen_where_every_value_is_a_pair(tmp_path: Path) -> None:
    path = tmp_path / "history.edn"
    keyed = exchanges(
        path,
        *("0 invoke write [7 1]", "0 ok write [7 1]", "0 invoke cas [8 [1 2]]"),
        *("0 fail cas [8 [1 2]]", "0 invoke read [7 nil]", "0 ok read [7 1]"),
    )
    assert keyed == [
        (Write("7", 1), Ok()),
        (CompareAndSet("8", 1, 2), Failed("failed")),
        (Read("7"), Ok((1,))),
    ]
    plain = exchanges(path, "0 invoke write [7 1]", "0 ok write [7 1]", "0 invoke read nil")
    assert plain[0] == (Write("register", "[7 1]"), Ok())


def test_a_drain_is_dequeues_of_processes_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "history.edn"
    path.write_text(
        "{:process 1 :type :invoke :f :enqueue :value 5}\n"
        "{:process 1 :type :ok :f :enqueue :value 5}\n"
        "{:process 0 :type :invoke :f :drain}\n"
        "{:process 1 :type :invoke :f :enqueue :value 6}\n"
        "{:process 1 :type :ok :f :enqueue :value 6}\n"
        "{:process 0 :type :ok :f :drain :value [5 6]}\n"
        "{:process 0 :type :invoke :f :drain}\n"
        "{:process 0 :type :fail :f :drain}\n"
    )
    ops = read_history(path).history.ops
    assert [(op.process, op.call, op.outcome, op.invoked, op.completed) for op in ops] == [
        (1, Enqueue("queue", 5), Ok(), 0, 1),
        (2, Dequeue("queue"), Ok((5,)), 2, 5),
        (3, Dequeue("queue"), Ok((6,)), 2, 5),
        (1, Enqueue("queue", 6), Ok(), 3, 4),
    ]


def test_reads_of_a_bank_are_transactions_over_its_accounts(tmp_path: Path) -> None:
    path = tmp_path / "history.edn"
    assert exchanges(
        path,
        *("0 invoke transfer {:from 0, :to 1, :amount 5}", "0 fail transfer :poor"),
        *("0 invoke read nil", "0 ok read {0 10, 1 20}", "0 invoke read nil"),
    ) == [
        (Transfer("", "0", "1", 5), Failed("failed")),
        (Txn("", (Read("0"), Read("1"))), Ok((10, 20))),
        (Txn("", ()), Indeterminate("no completion was recorded")),
    ]


def test_json_tells_the_same_as_edn(tmp_path: Path) -> None:
    edn, json = tmp_path / "history.edn", tmp_path / "history.json"
    edn.write_text(
        "{:process 0, :type :invoke, :f :txn, :value [[:append 1 2] [:r 1 nil]], :time 5}\n"
        '{:process 0, :type :ok, :f :txn, :value [[:append 1 2] [:r 1 [2 "é"]]], :time 9}\n'
        "{:process :nemesis, :type :info, :f :start}\n"
    )
    json.write_text(
        '[{"process":0,"type":"invoke","f":"txn","value":[["append",1,2],["r",1,null]],"time":5},'
        '\n {"process": 0, "type": "ok", "f": "txn",\n'
        '  "value": [["append",1,2],["r",1,[2,"\\u00e9"]]], "time": 9},\n'
        '{"process":"nemesis","type":"info","f":"start"}]'
    )
    one, other = read_history(edn), read_history(json)
    assert (one.format, other.format) == ("jepsen-edn", "jepsen-json")
    assert one.history == other.history
    assert one.timed
    assert other.timed
    lines = tmp_path / "lines.json"
    lines.write_text(
        '{"process":0,"type":"invoke","f":"read","value":null}\n'
        '{"process":0,"type":"ok","f":"read","value":1}\n'
    )
    reading = read_history(lines)
    assert (reading.format, len(reading.history.ops), reading.timed) == ("jepsen-json", 1, False)
