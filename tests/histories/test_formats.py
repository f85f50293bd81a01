"""Foreign histories through the one door."""

from __future__ import annotations

from pathlib import Path

import pytest

from histories.call import CompareAndSet, Failed, Indeterminate, Ok, Read, Write
from histories.errors import MalformedHistory, UnreadableHistory
from histories.event import Invoked
from histories.formats.edn import DEPTH_MAX, EdnMap, Keyword, Symbol, read_edn
from histories.formats.read import read_history
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
    ("content", "message"),
    [
        ("hello", "line 1: neither a journal nor EDN"),
        ("\x00\x01", "line 1: neither"),
        (JEPSEN[:-40], "ends in the middle of a value"),
        ("[{:process 0, :type", "ends in the middle"),
        ("[{:process 0, :type}]", "a map has a key without a value"),
        ("[1 2]", "no entry of a history"),
        ("\n\n[{:type :invoke :f :read}]", "line 3: field 'process': no process"),
        ("[{:process 0 :f :read}]", "field 'type': missing"),
        ("[{:process 0 :type :ok :f :read}]", "line 1: field 'process': process 0 has no open"),
        ("[{:process 0 :type :invoke :f :acquire}]", "'acquire' is no call of a register"),
        ("[{:process 0 :type :invoke :f :cas :value 1}]", "a cas needs two values"),
        ("[{:process 0 :type :invoke :f :write :value [1]}]", "a register holds single values"),
        (
            "[{:process 0 :type :invoke :f :read}\n{:process 0 :type :invoke :f :read}]",
            "line 2: field 'process': process 0 calls while op 0 is open",
        ),
        (
            "[{:process 0 :type :invoke :f :read}\n{:process 0 :type :info :f :read}\n"
            "{:process 0 :type :invoke :f :read}]",
            "line 3: field 'process': process 0 calls again",
        ),
        (
            "[{:process 0 :type :invoke :f :read}\n{:process 0 :type :huh :f :read}]",
            "line 2: field 'type': 'huh' is none of",
        ),
        ("[" * 5000, f"nested deeper than {DEPTH_MAX} levels"),
        ("INFO  jepsen.util - 0 :invoke :read nil\nnonsense", "line 2: no line of a Jepsen log"),
        ("INFO  jepsen.util - 0 :invoke :cas [1 2", "line 1: field 'value': ends in the middle"),
        ("0: write x 1 [1, 2]\nnonsense", "line 2: not of the form"),
    ],
)
def test_broken_files_are_refused_with_file_and_line(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "history"
    path.write_text(content)
    with pytest.raises(MalformedHistory) as caught:
        read_history(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "history.edn"
    path.write_bytes(b"[\xff\xfe]")
    with pytest.raises(MalformedHistory, match="not UTF-8"):
        read_history(path)
    with pytest.raises(UnreadableHistory, match="No such file"):
        read_history(tmp_path / "missing")


def test_edn_values() -> None:
    text = r'{:a 1, "b\n" [nil true -2.5e1 +7N]} #{x} #inst "2020" #_ (ignored) \c :k/w'
    values = list(read_edn(text))
    assert values == [
        EdnMap(((Keyword("a"), 1), ("b\n", (None, True, -25.0, 7))), 1),
        (Symbol("x"),),
        "2020",
        "c",
        Keyword("k/w"),
    ]
