"""Shrinking: from a long failing run to a handful of steps that still fail."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path

import pytest

from checker.base import Budget
from harness.config import RunConfig
from harness.errors import BadInput
from harness.planning import plan_faults
from harness.provenance import record_of
from harness.regression import (
    encode,
    pytest_file,
    read_regression,
    regression_of,
    write_regression,
)
from harness.shrink import Failure, Shrinking, Spent, failures_in, steps_of, story_of
from harness.simplification import (
    calls_of,
    faults_of,
    moments,
    nearer,
    plain_names,
    rounded,
    scripts,
    simpler_faults,
    with_calls,
    with_faults,
    with_nodes,
)
from harness.simulated import Plan, Simulated, read_plan, simulate
from harness.simulated_files import write_run
from harness.store import RunStore
from histories.call import CompareAndSet, Read, Write
from histories.event import Invoked
from histories.op import Nanos
from nemesis.fault import Impair, Isolate, Kill
from nemesis.packages import SECOND
from nemesis.plan import Pace
from nemesis.schedule import Timed
from nemesis.target import All, Leader, Named
from system_under_test.conditions import Meddled, Meddling, Slow
from system_under_test.gossip_raft.core import types as core
from system_under_test.gossip_raft.core.types import NodeId
from system_under_test.gossip_raft.simulation.cluster import WorldOptions
from workloads.scripted import ScriptedCall, script_of

MS = 1_000_000


@cache
def planted() -> Simulated:
    """Some 400 operations and 8 faults, on nodes that commit without a majority."""
    config = RunConfig(
        seed=6, nodes=5, faults=("partition", "kill"), time_s=19.0, rate_hz=20.0,
        bug="minority-commit", options={"retries": "exactly-once"},
    )  # fmt: skip
    pace = Pace(
        first_ns=2 * SECOND, duration_min_ns=1_300 * MS, duration_max_ns=1_500 * MS,
        recovery_ns=300 * MS, interval_ns=1_900 * MS, tail_ns=SECOND,
    )  # fmt: skip
    schedule = plan_faults(config, pace=pace)
    return simulate(Plan(config=config, schedule=schedule, world=WorldOptions(nodes=5)))


@cache
def shrunk() -> Shrinking:
    failures = failures_in(planted().verdicts(Budget()))
    shrinking = Shrinking(planted().plan, failures, judging=Budget, may_go_on=lambda _: True)
    shrinking.search()
    return shrinking


def written_down() -> Plan:
    plan = planted().plan
    return next(scripts(plan, script_of(planted().events, plan.config.concurrency)))


def small(*calls: ScriptedCall, faults: tuple[Timed, ...] = ()) -> Plan:
    return with_faults(with_calls(written_down(), calls), faults)


def call(at_ms: int, worker: int, what: Read | Write | CompareAndSet) -> ScriptedCall:
    return ScriptedCall(at_ns=Nanos(at_ms * MS), worker=worker, call=what)


def fault(at_ms: int, lasts_ms: int, what: Kill | Isolate) -> Timed:
    return Timed(at_ns=core.Nanos(at_ms * MS), duration_ns=core.Nanos(lasts_ms * MS), fault=what)


def test_hundreds_of_operations_and_eight_faults_shrink_to_a_handful_that_fails() -> None:
    calls = [event for event in planted().events if isinstance(event, Invoked)]
    assert len(calls) >= 300
    assert len(faults_of(planted().plan)) >= 8
    best = shrunk().best
    assert steps_of(best) <= 8
    assert best.config.nodes == 3
    assert best.config.options == {}
    regression = regression_of(best, shrunk().failure)
    assert regression.fails()
    assert not regression.accuses_correct_nodes()


def test_without_any_one_step_it_does_not_fail() -> None:
    best, failure = shrunk().best, shrunk().failure
    calls, faults = calls_of(best), faults_of(best)
    less = [with_calls(best, calls[:n] + calls[n + 1 :]) for n in range(len(calls))]
    less += [with_faults(best, faults[:n] + faults[n + 1 :]) for n in range(len(faults))]
    for plan in less:
        assert not failure.is_in(simulate(plan).verdict_by(failure.checker, Budget()))


def test_written_down_a_run_is_the_same_until_its_final_reads() -> None:
    plan = written_down()
    end = round(plan.config.time_s * 1e9)
    before = [e for e in planted().events if isinstance(e, Invoked) and e.time < end]
    again = [e for e in simulate(plan).events if isinstance(e, Invoked)]
    assert again == before


def test_a_search_that_is_cut_short_keeps_the_best_so_far() -> None:
    failures = failures_in(planted().verdicts(Budget()))
    shrinking = Shrinking(
        planted().plan, failures, judging=Budget, may_go_on=lambda now: now.runs < 12
    )
    with pytest.raises(Spent):
        shrinking.search()
    assert shrinking.runs == 12
    assert steps_of(shrinking.best) < 300
    assert regression_of(shrinking.best, shrinking.failure).fails()


def test_a_shrunk_run_is_stored_and_read_again(tmp_path: Path) -> None:
    best = shrunk().best
    record = record_of(best.config, "again", (), 0, world=best.world, script=best.script)
    run = write_run(RunStore(tmp_path), record, simulate(best))
    assert read_plan(run) == best


def test_a_record_of_before_there_were_scripts_is_still_read(tmp_path: Path) -> None:
    plan = planted().plan
    record = record_of(plan.config, "again", (), 0, world=plan.world)
    run = write_run(RunStore(tmp_path), record, planted())
    text = run.record.read_bytes()
    assert b'"script": null' in text
    run.record.write_bytes(text.replace(b',\n  "script": null', b""))
    assert read_plan(run) == plan


def test_a_regression_test_holds_its_plan_and_says_what_happens(tmp_path: Path) -> None:
    made = regression_of(shrunk().best, shrunk().failure)
    path = tmp_path / "shrunk.json"
    write_regression(path, made)
    assert read_regression(path) == made
    assert made.plan == shrunk().best
    assert path.read_bytes() == encode(made)
    for line in made.story:
        assert line in path.read_text(encoding="utf-8")
        assert line in pytest_file(made, path.name)


def test_a_regression_test_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shrunk.json"
    with pytest.raises(BadInput, match="No such file"):
        read_regression(path)
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(BadInput, match="missing required field"):
        read_regression(path)


def test_the_story_tells_faults_and_calls_in_the_order_of_time() -> None:
    plan = small(
        call(300, 1, Write("k0", 1)), faults=(fault(200, 500, Isolate(Named((NodeId("n0"),)))),)
    )
    assert story_of(plan) == (
        "0.2 s  isolate n0 for 0.5 s",
        "0.3 s  client 1: write k0 1",
    )


def test_keys_and_values_are_named_in_the_order_of_their_first_use() -> None:
    plan = small(
        call(1, 0, Write("k17", 40)),
        call(2, 0, CompareAndSet("k17", 40, 99)),
        call(3, 0, Read("k2")),
    )
    assert [scripted.call for scripted in calls_of(plain_names(plan))] == [
        Write("k0", 1),
        CompareAndSet("k0", 1, 2),
        Read("k1"),
    ]


def test_times_come_nearer_and_become_round_in_their_order() -> None:
    kill = Kill(Named((NodeId("n1"),)))
    plan = small(call(1234, 0, Read("k")), faults=(fault(2345, 1111, kill),))
    closer = nearer(plan, 1, 10 * MS)
    assert moments(closer)[:3] == (1234 * MS, 1244 * MS, 2355 * MS)
    assert moments(closer)[-1] == moments(plan)[-1] - 1101 * MS
    assert moments(rounded(plan, 100 * MS))[:3] == (1200 * MS, 2300 * MS, 3500 * MS)


def test_faults_on_nodes_that_are_gone_hit_others() -> None:
    kill = Kill(Named((NodeId("n1"), NodeId("n4"))))
    fewer = with_nodes(small(faults=(fault(1000, 1000, kill),)), 3)
    assert fewer.world.nodes == fewer.config.nodes == 3
    assert [step.fault for step in faults_of(fewer)] == [Kill(Named((NodeId("n1"),)))]


def test_a_condition_becomes_certain_and_a_strange_partition_a_cut() -> None:
    seldom = Impair(All(), Meddled(Meddling.DROP_REPLY, probability=0.1))
    assert list(simpler_faults(seldom)) == [Impair(All(), Meddled(Meddling.DROP_REPLY))]
    slowed = Isolate(Leader(), how=Slow(core.Nanos(5)))
    assert list(simpler_faults(slowed)) == [Isolate(Leader())]
    assert list(simpler_faults(Isolate(Leader()))) == []


def test_a_failure_of_another_kind_is_none() -> None:
    verdict = planted().verdicts(Budget())["raft"]
    assert not Failure("raft", "log matching").is_in(verdict)


def test_whom_a_settled_run_blames_is_told_once() -> None:
    found = failures_in(planted().verdicts(Budget()))
    assert len(found) == len(set(found))
    assert dataclasses.asdict(found[0])["checker"] == "raft"
