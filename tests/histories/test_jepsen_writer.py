"""What we write for Jepsen's tools, we read as Jepsen's."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.base import Budget
from checker.verdict import Invalid, Valid
from harness.judging import judge
from harness.simulated import simulate
from harness.swarm import Given, draw_plan
from histories.call import Call, CompareAndSet, Failed, Indeterminate, Ok, Read, Write
from histories.formats.jepsen_writer import jepsen_edn
from histories.formats.read import read_history
from histories.history import FaultWindow, History
from histories.op import FOREVER, Nanos, Op, ProcessId
from workloads.catalogue import WORKLOADS, workload


def read_back(history: History, file: Path) -> History:
    file.write_text("".join(f"{line}\n" for line in jepsen_edn(history)), encoding="utf-8")
    return read_history(file, format="jepsen-edn").history


@pytest.mark.parametrize("name", sorted(WORKLOADS))
def test_a_run_of_every_workload_is_judged_alike_when_read_back(name: str, tmp_path: Path) -> None:
    plan = draw_plan(7, Given(workload=name, faults=("partition", "kill"), nodes=3, time_s=10.0))
    history = simulate(plan).history()
    again = read_back(history, tmp_path / "history.edn")
    assert len(again.ops) == len(history.ops)
    assert [op.process for op in again.ops] == [op.process for op in history.ops]
    for checker in workload(name).checkers():
        assert isinstance(judge(checker, history, Budget()), Valid), checker.name
    if name == "log":
        return  # Of logs with entries that nobody asked for Jepsen's histories know nothing.
    for checker in workload(name).checkers():
        assert isinstance(judge(checker, again, Budget()), Valid), checker.name


def history_of(*answers: Ok | Failed | Indeterminate) -> History:
    calls: tuple[Call, ...] = (Write("x", 1), Read("x"), CompareAndSet("x", 1, 2), Write("y", 5))
    return History.of(
        (
            Op(
                index=number,
                process=ProcessId(number),
                call=call,
                outcome=answer,
                invoked=Nanos(10 * number),
                completed=FOREVER if isinstance(answer, Indeterminate) else Nanos(10 * number + 5),
            )
            for number, (call, answer) in enumerate(zip(calls, answers, strict=True))
        ),
        (
            FaultWindow(
                kind="kill",
                nodes=("n1",),
                detail="leader",
                began=Nanos(12),
                ended=Nanos(31),
                evidence="restarted n1",
            ),
        ),
    )


def test_lines_are_those_of_jepsens_store() -> None:
    history = history_of(Ok(), Ok((1,)), Ok((7,)), Indeterminate("time-out"))
    lines = list(jepsen_edn(history))
    assert lines[0] == '{:f :write, :index 0, :process 0, :time 0, :type :invoke, :value ["x" 1]}'
    assert '{:f :read, :index 4, :process 1, :time 15, :type :ok, :value ["x" 1]}' in lines
    assert any(":type :fail" in line and '["x" [1 2]]' in line for line in lines)
    assert ":error" in lines[-1]
    assert ":type :info" in lines[-1]
    nemesis = [line for line in lines if ":nemesis" in line]
    assert [":start-kill" in line for line in nemesis] == [True, False]


def test_a_violation_survives(tmp_path: Path) -> None:
    history = history_of(Ok(), Ok((3,)), Ok((1,)), Indeterminate("time-out"))
    (checker,) = (c for c in workload("register").checkers() if c.name == "linearizable")
    assert isinstance(judge(checker, history, Budget()), Invalid)
    again = read_back(history, tmp_path / "history.edn")
    assert isinstance(judge(checker, again, Budget()), Invalid)
