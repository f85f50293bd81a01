"""``hearsay check`` on good, bad and broken files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from histories.call import Indeterminate, Ok, Outcome, Read, Write
from histories.event import Completed, Invoked
from histories.journal import JournalWriter
from histories.op import Nanos, ProcessId
from tests.harness.cli.hearsay import ROOT, hearsay


def journal(path: Path, *calls: tuple[int, Read | Write, Outcome]) -> Path:
    """A journal of calls one after the other."""
    with JournalWriter(path) as writer:
        for op, (process, call, outcome) in enumerate(calls):
            at = Nanos(op * 1_000_000)
            writer.write(Invoked(time=at, op=op, process=ProcessId(process), call=call))
            done = Nanos(at + 500_000)
            writer.write(Completed(time=done, op=op, process=ProcessId(process), outcome=outcome))
    return path


@pytest.fixture
def valid(tmp_path: Path) -> Path:
    return journal(tmp_path / "valid.jsonl", (0, Write("k", 1), Ok()), (1, Read("k"), Ok((1,))))


@pytest.fixture
def stale(tmp_path: Path) -> Path:
    return journal(
        tmp_path / "stale.jsonl",
        (0, Write("k", 1), Ok()),
        (0, Write("k", 2), Ok()),
        (1, Read("k"), Ok((1,))),
    )


def test_a_valid_history_exits_0(valid: Path) -> None:
    done = hearsay("check", valid, "--model", "cas-register")
    assert done.returncode == 0, done
    assert done.stdout.startswith("Valid")


def test_a_stale_read_exits_1_and_is_explained(stale: Path) -> None:
    done = hearsay("check", stale, "--model", "cas-register")
    assert done.returncode == 1, done
    assert "process 1" in done.stdout
    assert "nonlinearizable (Herlihy & Wing 1990)" in done.stdout


def test_json_says_the_same(stale: Path) -> None:
    done = hearsay("check", stale, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["verdict"] == "invalid"


def test_an_initial_value_can_be_given(tmp_path: Path) -> None:
    path = journal(tmp_path / "initial.jsonl", (0, Read("k"), Ok((7,))))
    assert hearsay("check", path, "--initial", "7").returncode == 0
    assert hearsay("check", path).returncode == 1


def test_an_empty_file_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    done = hearsay("check", tmp_path / "empty.jsonl")
    assert done.returncode == 3, done
    assert "empty.jsonl holds no operations" in done.stdout


def test_a_history_without_answers_proves_nothing(tmp_path: Path) -> None:
    path = journal(tmp_path / "lost.jsonl", (0, Write("k", 1), Indeterminate("time-out")))
    assert hearsay("check", path).returncode == 3


def test_a_truncated_file_is_checked_up_to_the_torn_line_and_says_so(stale: Path) -> None:
    whole = stale.read_bytes()
    stale.write_bytes(whole[:-30])
    done = hearsay("check", stale)
    assert done.returncode == 0, done  # The stale read was in the torn line.
    assert "line 7 is torn and was left out" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "text", "problem"),
    [
        (2, "garbage\n", "not JSON"),
        (3, '{"event":"completed","time":"soon"}\n', "time"),
        (1, '{"event":"invoked"}\n', "line 1"),
        (4, '{"event":"guessed"}\n', "event"),
    ],
)
def test_a_garbled_line_is_one_error_with_file_line_and_field(
    valid: Path, line: int, text: str, problem: str
) -> None:
    lines = valid.read_text().splitlines(keepends=True)
    lines[line - 1] = text
    valid.write_text("".join(lines))
    done = hearsay("check", valid)
    assert done.returncode == 2, done
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "valid.jsonl" in done.stderr
    assert f"line {line}" in done.stderr
    assert problem in done.stderr


def test_binary_garbage_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "noise.jsonl").write_bytes(bytes(range(256)) * 4)
    done = hearsay("check", tmp_path / "noise.jsonl")
    assert done.returncode == 2, done
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--model", "telepathy"), "no model is named 'telepathy'; there are: "),
        (("--initial", "{"), "--initial"),
        (("--initial", "[1]"), "--initial"),
        (("--format", "yaml"), "--format: 'yaml' is none of journal, jepsen-edn"),
    ],
)
def test_bad_options_exit_2(valid: Path, arguments: tuple[str, ...], problem: str) -> None:
    done = hearsay("check", valid, *arguments)
    assert done.returncode == 2, done
    assert problem in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_model_that_does_not_fit_is_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "queue.edn"
    path.write_text("[{:process 0, :type :invoke, :f :enqueue, :value 1}]")
    for option, name in (("--model", "register"), ("--workload", "bank")):
        done = hearsay("check", path, option, name)
        assert done.returncode == 2, done
        assert f"{path}: op 0: {option} {name} does not fit: it knows read, " in done.stderr
        assert "'enqueue queue 1'" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_the_format_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "history.txt"
    path.write_text("\n\n   5: write x 1 [1, 2]\n")
    assert hearsay("check", path, "--format", "notation").returncode == 0
    done = hearsay("check", path, "--format", "jepsen-edn")
    assert done.returncode == 2, done
    assert f"{path}: line 3, column 4: '5:' is no entry of a history" in done.stderr


def test_explain_takes_files_and_says_where_times_are_none(tmp_path: Path) -> None:
    path = tmp_path / "stale.edn"
    entries = ("0 :write 1", "0 :write 2", "1 :read 1")
    for entry in entries:
        process, f, value = entry.split()
        for kind in (":invoke", ":ok"):
            line = f"{{:process {process}, :type {kind}, :f {f}, :value {value}}}\n"
            path.write_text((path.read_text() if path.exists() else "") + line)
    done = hearsay("explain", path)
    assert done.returncode == 1, done
    assert "What proves it, by itself:" in done.stdout
    assert "The file gives no times" in done.stdout


CHECKED_WITHOUT = ("numba", "scipy", "networkx", "grpc", "harness.analysis", "rich.progress")


def test_a_small_file_is_judged_without_what_takes_long_to_import(stale: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from checker.base import Budget\n"
        "from harness.cli.check import FileOptions, check_file\n"
        f"code = check_file(Path({str(stale)!r}), FileOptions(), Budget(), as_json=True)\n"
        f"print(code, [name for name in {CHECKED_WITHOUT} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1:] == ["1 []"], done


def test_no_such_run_exits_2(tmp_path: Path) -> None:
    done = hearsay("check", "nothing", "--store", tmp_path)
    assert done.returncode == 2
    assert "nothing: no such run" in done.stderr


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        (("linearizable",), 1),
        (("sequential",), 0),
        (("regular",), 1),
        (("safe",), 1),
        (("monotonic-reads",), 0),
        (("bounded-staleness",), 1),
        (("bounded-staleness", "--staleness-max", "0.01"), 0),
        (("eventual",), 2),
        (("linearizable", "--staleness-max", "1"), 2),
    ],
)
def test_a_weaker_condition_can_be_asked(
    stale: Path, condition: tuple[str, ...], status: int
) -> None:
    done = hearsay("check", stale, "--condition", *condition)
    assert done.returncode == status, done


def test_regularity_is_for_registers(tmp_path: Path) -> None:
    path = tmp_path / "queue.txt"
    path.write_text("0: enqueue q 1 [1, 2]\n")
    done = hearsay("check", path, "--model", "queue", "--condition", "regular")
    assert done.returncode == 2
    assert "regular is for registers" in done.stderr
