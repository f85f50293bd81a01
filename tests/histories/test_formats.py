"""Foreign histories through the one door."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from histories.call import CompareAndSet, Failed, Indeterminate, Ok, Read, Write
from histories.errors import MalformedHistory, UnreadableHistory
from histories.event import Invoked
from histories.formats.edn import DEPTH_MAX, EdnMap, Keyword, Symbol, read_edn, read_json
from histories.formats.read import read_history
from histories.formats.source import Place
from histories.journal import JournalWriter
from histories.op import FOREVER, Nanos, ProcessId

JEPSEN = """\
; A comment, [ and all
[{:process 0, :type :invoke, :f :write, :value 2}
 {:process :nemesis, :type :info, :f :start, :value nil}
 {:process 0, :type :ok, :f :write, :value 2}
 {:type :invoke, :process 1, :f :read, :value nil}
 {:type :invoke, :process 2, :f :cas, :value [2 3]}
 {:type :ok, :process 1, :f :read, :value 2}
 {:type :ok, :process 2, :f :cas, :value [2 3]}
 {:type :invoke, :process 2, :f :cas, :value [9 1]}
 {:type :fail, :process 2, :f :cas, :value [9 1], :error [:precondition "no match"]}
 {:type :invoke, :process 3, :f :write, :value 4}
 {:type :info, :process 3, :f :write, :value 4, :error :timeout}
 {:type :invoke, :process 4, :f :read, :value nil}
 {:type :ok, :process 4, :f :read, :value nil}
 {:type :invoke, :process 5, :f :read, :value nil}]
"""

JSON_READ = '{"process":0,"type":"invoke","f":"read"}'

PORCUPINE = """\
INFO  jepsen.util - 0\t:invoke\t:read\tnil
INFO  jepsen.util - :nemesis\t:info\t:start\tnil
INFO  jepsen.util - 0\t:ok\t:read\tnil
INFO  jepsen.util - 1   :invoke :cas    [1 2]
INFO  jepsen.util - 1   :info   :cas    :timed-out
"""


def test_jepsen_edn_is_read_call_by_call(tmp_path: Path) -> None:
    path = tmp_path / "history.edn"
    path.write_text(JEPSEN)
    reading = read_history(path)
    assert reading.format == "jepsen-edn"
    assert [(op.process, op.call, op.outcome) for op in reading.history.ops] == [
        (0, Write("register", 2), Ok()),
        (1, Read("register"), Ok((2,))),
        (2, CompareAndSet("register", 2, 3), Ok((2,))),
        (2, CompareAndSet("register", 9, 1), Failed("precondition no match")),
        (3, Write("register", 4), Indeterminate("timeout")),
        (4, Read("register"), Failed("answered nil, which here means that the value is not known")),
        (5, Read("register"), Indeterminate("no completion was recorded")),
    ]
    assert [(op.invoked, op.completed) for op in reading.history.ops][:3] == [
        (0, 1),
        (2, 4),
        (3, 5),
    ]
    assert reading.history.ops[4].completed == FOREVER


def test_times_are_used_where_they_agree_with_the_order(tmp_path: Path) -> None:
    path = tmp_path / "history.edn"
    path.write_text(
        "{:process 0, :type :invoke, :f :write, :value 2, :key 7, :time 100}\n"
        "{:process 0, :type :ok, :f :write, :value 2, :key 7, :time 250}\n"
    )
    (op,) = read_history(path).history.ops
    assert (op.call, op.invoked, op.completed) == (Write("7", 2), 100, 250)
    path.write_text(path.read_text().replace("250", "90"))
    (op,) = read_history(path).history.ops
    assert (op.invoked, op.completed) == (0, 1)


def test_porcupine_logs_are_read_and_nil_is_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "etcd.log"
    path.write_text(PORCUPINE)
    reading = read_history(path)
    assert reading.format == "porcupine-log"
    assert [(op.call, op.outcome) for op in reading.history.ops] == [
        (Read("register"), Ok((None,))),
        (CompareAndSet("register", 1, 2), Indeterminate("timed-out")),
    ]


def test_our_own_formats_come_through_the_same_door(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path) as writer:
        writer.write(Invoked(time=Nanos(1), op=0, process=ProcessId(0), call=Read("x")))
    assert read_history(path).format == "journal"
    path.write_bytes(path.read_bytes() + b'{"event":')
    assert (read_history(path).torn or "").startswith("line 3 is torn")
    path.write_text("")
    assert read_history(path).history.ops == ()
    path.write_text("# by hand\n0: write x 1 [1, 2]\n")
    reading = read_history(path)
    assert (reading.format, len(reading.history.ops)) == ("notation", 1)


@pytest.mark.parametrize(
    ("content", "place", "problem"),
    [
        ("hello", "line 1, column 1", "neither a journal nor EDN"),
        ("\x00\x01", "line 1, column 1", "neither"),
        (JEPSEN[:-40], "line 15, column 13", "ends in the middle of a value"),
        ("[{:process 0, :type", "line 1, column 20", "ends in the middle"),
        ('[{:process 0, :type "ok', "line 1, column 21", "a text without end"),
        ("[{:process 0, :type}]", "line 1, column 20", "a map has a key without a value"),
        ("[1 2]", "line 1, column 2", "'1' is no entry of a history"),
        ("[{:process 0 ]}]", "line 1, column 14", "']' is out of place"),
        ("\n\n[{:type :invoke :f :read}]", "line 3, column 2: field 'process'", "no process"),
        ("[{:process 1.5}]", "line 1, column 12: field 'process'", "no whole number"),
        ("[{:process 0 :f :read}]", "line 1, column 2: field 'type'", "missing"),
        ("[{:process 0 :type :invoke}]", "line 1, column 2: field 'f'", "missing"),
        ("[{:process 0 :type :ok :f :read}]", "line 1, column 2: field 'process'", "no open call"),
        ("[{:process 0 :type :invoke :f :fly}]", "line 1, column 2: field 'f'", "'fly' is no call"),
        (
            "[{:process 0 :type :invoke :f :cas :value 1}]",
            "line 1, column 43: field 'value'",
            "needs two values, [expected replacement]",
        ),
        (
            "[{:process 0 :type :invoke :f :transfer :value 1}]",
            "line 1, column 48: field 'value'",
            "a transfer needs",
        ),
        (
            "[{:process 0 :type :invoke :f :drain}\n {:process 0 :type :info :f :drain}]",
            "line 1, column 2: field 'f'",
            "a drain without an end",
        ),
        (
            "[{:process 0 :type :invoke :f :txn :value [[:r 1 nil]]}\n"
            " {:process 0 :type :ok :f :txn :value [[:r 2 nil]]}]",
            "line 2, column 39: field 'value'",
            "has other steps than the call in line 1",
        ),
        (
            "[{:process 0 :type :invoke :f :txn :value [[:steal 1 2]]}]",
            "line 1, column 43: field 'value'",
            "'steal 1 2' is no step of a txn",
        ),
        (
            "[{:process 0 :type :invoke :f :read}\n{:process 0 :type :invoke :f :read}]",
            "line 2, column 1: field 'process'",
            "process 0 calls while its last call is open",
        ),
        (
            "[{:process 0 :type :invoke :f :read}\n{:process 0 :type :info :f :read}\n"
            " {:process 0 :type :invoke :f :read}]",
            "line 3, column 2: field 'process'",
            "process 0 calls again",
        ),
        (
            "[{:process 0 :type :invoke :f :read}\n{:process 0 :type :huh :f :read}]",
            "line 2, column 1: field 'type'",
            "'huh' is none of",
        ),
        ("[" * 5000, "line 1, column 66", f"nested deeper than {DEPTH_MAX} levels"),
        ('[{"process": 0 "type": 1}]', "line 1, column 16", "'\"type\"' where ',' was due"),
        (f"[{JSON_READ}\n{JSON_READ}]", "line 2, column 1", "'{' where ',' was due"),
        ('[{"process" 0}]', "line 1, column 13", "'0' where ':' was due"),
        ('[{"process": 0,}]', "line 1, column 16", "'}' where the name of a field was due"),
        (f"[{JSON_READ},]", "line 1, column 43", "']' is out of place"),
        (r'[{"error": "\ud800"}]', "line 1, column 12", "half a character"),
        (r'[{:error "\ud800"}]', "line 1, column 10", "half a character"),
        ('[{"process": NaN}]', "line 1, column 14", "'NaN' is no JSON value"),
        (
            "INFO  jepsen.util - 0 :invoke :read nil\nnonsense",
            "line 2, column 1",
            "no line of a Jepsen log",
        ),
        ("INFO  jepsen.util - 0 invoke :read", "line 1, column 23", "no line of a Jepsen log"),
        (
            "INFO  jepsen.util - 0 :invoke :cas [1 2",
            "line 1, column 40: field 'value'",
            "ends in the middle",
        ),
        ("0: write x 1 [1, 2]\n  nonsense", "line 2, column 3", "not of the form"),
        (
            '{"event":"opened","schema_version":1}\n'
            '{"event":"invoked","time":1,"op":0,"process":0,"call":{"f":"fly","key":"x"}}\n',
            "line 2, column 60: field 'call.f'",
            "Invalid value 'fly'",
        ),
        (
            '{"event":"opened","schema_version":1}\n'
            '{"event":"invoked","time":1,"op":7,"process":0,"call":{"f":"read","key":"x"}}\n',
            "line 2, column 34: field 'op'",
            "op 7 was invoked where 0 was due",
        ),
        (
            '{"event":"opened","schema_version":1}\n{"event":"note","time":}\n',
            "line 2, column 24",
            "not JSON",
        ),
    ],
)
def test_broken_files_are_refused_with_file_line_column_and_field(
    tmp_path: Path, content: str, place: str, problem: str
) -> None:
    path = tmp_path / "history"
    path.write_text(content)
    with pytest.raises(MalformedHistory) as caught:
        read_history(path)
    assert str(caught.value).startswith(f"{path}: {place}: ")
    assert problem in caught.value.problem
    assert "\n" not in str(caught.value)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "history.edn"
    path.write_bytes("; ä\n[é".encode() + b"\xff\xfe]")
    with pytest.raises(MalformedHistory, match=r"line 2, column 3: not UTF-8: .* byte 0xff"):
        read_history(path)
    with pytest.raises(UnreadableHistory, match="No such file"):
        read_history(tmp_path / "missing")


def test_edn_values() -> None:
    text = r'{:a 1, "b\n" [nil true -2.5e1 +7N]} #{x b} #inst "2020" #_ (ignored) \c :k/w'
    values = list(read_edn(io.StringIO(text).read))
    assert values == [
        (
            Place(1, 1),
            EdnMap(
                ((Keyword("a"), 1), ("b\n", (None, True, -25.0, 7))),
                Place(1, 1),
                (Place(1, 5), Place(1, 14)),
            ),
        ),
        (Place(1, 37), (Symbol("b"), Symbol("x"))),
        (Place(1, 44), "2020"),
        (Place(1, 70), "c"),
        (Place(1, 73), Keyword("k/w")),
    ]


def test_texts_may_be_escaped() -> None:
    text = r'"\"\\\t\u00e9\ud83d\ude00"'
    expected = [(Place(1, 1), '"\\\té\N{GRINNING FACE}')]
    assert list(read_edn(io.StringIO(text).read)) == expected
    assert list(read_json(io.StringIO(text).read)) == expected


@pytest.mark.parametrize("piece", [1, 2, 7])
def test_texts_are_read_piece_by_piece_with_the_same_places(piece: int) -> None:
    stream = io.StringIO(JEPSEN)
    assert list(read_edn(lambda _: stream.read(piece))) == list(read_edn(io.StringIO(JEPSEN).read))
