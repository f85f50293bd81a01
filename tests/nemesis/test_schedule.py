from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemesis.errors import MalformedSchedule
from nemesis.fault import (
    Bridge,
    Fault,
    Halves,
    HealAll,
    Isolate,
    Kill,
    LeaderSide,
    MajoritiesRing,
    OneWay,
    Pause,
    ResetConnections,
    SlowLinks,
    kind_of,
)
from nemesis.mutation import mutate
from nemesis.schedule import Schedule, Timed, arranged, decode, encode
from nemesis.strategies import schedules
from nemesis.target import All, AnyNode, Follower, Leader, Minority, Named, Target
from system_under_test.gossip_raft.core.types import Nanos, NodeId
from tests.nemesis.fake_system import node_names

EVERY_FAULT: tuple[Fault, ...] = (
    Isolate(Named((NodeId("n0"), NodeId("n2")))),
    Halves(LeaderSide.MINORITY),
    MajoritiesRing(),
    Bridge(),
    OneWay(Leader(), All()),
    Kill(Minority()),
    Pause(Follower()),
    SlowLinks(AnyNode(), Nanos(2_000_000), Nanos(1_000_000)),
    ResetConnections(All()),
)


def timed(at: int, duration: int, fault: Fault) -> Timed:
    return Timed(at_ns=Nanos(at), duration_ns=Nanos(duration), fault=fault)


def schedule_of(*faults: Fault) -> Schedule:
    steps = [timed(i * 10, 10, fault) for i, fault in enumerate(faults)]
    return Schedule(steps=(*steps, timed(len(faults) * 10, 0, HealAll())))


def test_a_schedule_of_every_fault_survives_json() -> None:
    schedule = schedule_of(*EVERY_FAULT)
    assert decode(encode(schedule)) == schedule
    assert encode(decode(encode(schedule))) == encode(schedule)


@given(schedules(node_names(5), 60_000_000_000, faults_max=20))
def test_any_schedule_survives_json_and_prints_a_line_a_step(schedule: Schedule) -> None:
    assert decode(encode(schedule)) == schedule
    assert len(schedule.describe().splitlines()) == len(schedule.steps)


@given(
    schedules(node_names(5), 60_000_000_000),
    schedules(node_names(5), 50_000_000_000),
    st.randoms(use_true_random=False),
)
def test_a_mutated_schedule_heals_when_it_did(
    schedule: Schedule, other: Schedule, rng: random.Random
) -> None:
    mutated = mutate(rng, schedule, other, node_names(5))
    assert mutated.steps[-1] == schedule.steps[-1]


def test_mutations_move_drop_repeat_resize_retarget_and_take_over() -> None:
    schedule, other = schedule_of(Kill(Leader()), Bridge()), schedule_of(Pause(All()))
    mutants = [mutate(random.Random(n), schedule, other, node_names(3)) for n in range(300)]
    kinds = {tuple(kind_of(step.fault) for step in mutant.steps[:-1]) for mutant in mutants}
    assert {("kill",), ("bridge",), ("kill", "bridge"), ("kill", "pause", "bridge")} <= kinds
    assert any(isinstance(kill_of(mutant), Named) for mutant in mutants)
    assert len({mutant.steps[0].at_ns for mutant in mutants}) > 3
    assert mutants == [mutate(random.Random(n), schedule, other, node_names(3)) for n in range(300)]


def kill_of(schedule: Schedule) -> Target | None:
    first = schedule.steps[0].fault
    return first.target if isinstance(first, Kill) else None


def test_a_schedule_prints_one_line_a_step() -> None:
    schedule = Schedule(
        steps=(
            timed(3_000_000_000, 2_500_000_000, Isolate(Leader())),
            timed(12_000_000_000, 0, HealAll()),
        )
    )
    assert schedule.describe().splitlines() == [
        "   3.0 s  for  2.5 s  isolate the leader",
        "  12.0 s              heal all",
    ]


def test_every_fault_has_a_name_and_words_of_its_own() -> None:
    faults = (*EVERY_FAULT, HealAll())
    assert len({kind_of(fault) for fault in faults}) == len(faults)
    assert len({fault.describe() for fault in faults}) == len(faults)
    assert EVERY_FAULT[0].describe() == "isolate n0 and n2"
    assert EVERY_FAULT[7].describe() == "slow the links of a random node by 2 ± 1 ms"


def test_faults_may_overlap() -> None:
    steps = (timed(0, 9, Kill(Leader())), timed(3, 2, Bridge()), timed(3, 6, Pause(AnyNode())))
    schedule = Schedule(steps=(*steps, timed(9, 0, HealAll())))
    assert decode(encode(schedule)) == schedule
    assert arranged(reversed(steps), 9).steps[0] == steps[0]
    cut_short = arranged(steps, 4).steps
    assert [step.at_ns + step.duration_ns for step in cut_short] == [4, 4, 4, 4]


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ((), "steps: empty"),
        ((timed(0, 5, Bridge()),), "step 0: fault: two halves and a bridge; the last step"),
        ((timed(-1, 0, HealAll()),), "step 0: at_ns: -1 is before 0, the start"),
        ((timed(0, 1, HealAll()),), "step 0: duration_ns: 1; heal-all takes 0"),
        (
            (timed(0, 5, Bridge()), timed(4, 0, HealAll())),
            "step 1: at_ns: 4 is before 5, when all have ended",
        ),
        (
            (timed(3, 5, Bridge()), timed(2, 1, Bridge()), timed(9, 0, HealAll())),
            "step 1: at_ns: 2 is before 3, when the step before it begins",
        ),
        (
            (timed(0, -5, Bridge()), timed(4, 0, HealAll())),
            "step 0: duration_ns: -5 is below 0",
        ),
        (
            (timed(0, 0, HealAll()), timed(4, 0, HealAll())),
            "step 0: fault: heal all; heal-all may only be the last",
        ),
    ],
)
def test_a_broken_law_names_step_and_field(steps: tuple[Timed, ...], problem: str) -> None:
    with pytest.raises(MalformedSchedule) as raised:
        Schedule(steps=steps)
    assert str(raised.value).startswith(problem)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("{", "", "Expected `object`, got `str`"),
        ("}", "", "not JSON: "),
        ('"schema_version": 1,', "", "Object missing required field `schema_version`"),
        ('"schema_version": 1', '"schema_version": 9', "schema_version: 9 is not the one known"),
        ('"at_ns": 10', '"at_ns": "x"', "step 1: at_ns: Expected `int`, got `str`"),
        ('"at_ns": 20', '"at_ns": 19', "step 2: at_ns: 19 is before 20"),
        ('"at_ns": 10,', "", "step 1: Object missing required field `at_ns`"),
        ('"isolate"', '"explode"', "step 0: fault.kind: Invalid value 'explode'"),
        ('"leader"', '"boss"', "step 0: fault.target.role: Invalid value 'boss'"),
        ('"latency_ns": 5', '"latency_ns": 0', "step 1: fault: latency_ns: 0 is not above 0"),
        ('"jitter_ns": 0', '"jitter_ns": 6', "step 1: fault: jitter_ns: 6 is not in 0..5"),
        ('"steps": [', '"steps": 3, "x": [', "steps: Expected `array`, got `int`"),
    ],
)
def test_a_bad_file_names_step_and_field(old: str, new: str, problem: str) -> None:
    text = encode(schedule_of(Isolate(Leader()), SlowLinks(Leader(), Nanos(5)))).decode()
    assert old in text
    with pytest.raises(MalformedSchedule) as raised:
        decode(text.replace(old, new, 1).encode())
    assert str(raised.value).startswith(problem)
