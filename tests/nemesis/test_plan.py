from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemesis.errors import ImpossiblePlan
from nemesis.fault import HealAll, Isolate, Kill, MajoritiesRing, Pause, Terminate, kind_of
from nemesis.packages import PACKAGES, SECOND, variants_of
from nemesis.plan import DEFAULT_KINDS, KINDS, Pace, plan
from nemesis.target import All, Leader, Named
from system_under_test.gossip_raft.core.types import Nanos
from tests.nemesis.fake_system import node_names

THREE = node_names(3)
HALF_MINUTE = Nanos(30 * SECOND)
ON_NODES = Kill | Pause


@settings(deadline=None)
@given(st.integers())
def test_thirty_seconds_hold_six_faults_of_differing_kinds(seed: int) -> None:
    *faults, last = plan(random.Random(seed), DEFAULT_KINDS, THREE, HALF_MINUTE).steps
    assert len(faults) == 6
    assert faults[0].at_ns == 3 * SECOND
    assert len({step.fault for step in faults}) == 6
    assert {Isolate(Leader()), Kill(Leader()), Pause(Leader())} <= {s.fault for s in faults[:3]}
    for step, following in zip(faults, [*faults[1:], last], strict=True):
        assert 2 * SECOND <= step.duration_ns <= 5 * SECOND
        ended = step.at_ns + step.duration_ns
        assert following.at_ns - ended >= (1.5 * SECOND if following is not last else 0)
    assert isinstance(last.fault, HealAll)
    assert last.at_ns == 28.5 * SECOND


@settings(deadline=None)
@given(
    st.integers(),
    st.frozensets(st.sampled_from(KINDS)),
    st.integers(2, 9),
    st.integers(1, 300 * SECOND),
)
def test_any_plan_is_lawful_and_ends_in_time(
    seed: int, kinds: frozenset[str], count: int, until: int
) -> None:
    schedule = plan(random.Random(seed), kinds, node_names(count), Nanos(until))
    assert schedule.steps[-1].at_ns <= until
    assert (len(schedule.steps) > 1) == bool(kinds)
    assert not any(
        isinstance(s.fault, ON_NODES) and isinstance(s.fault.target, All)
        for s in schedule.steps
        if "outage" not in kinds
    )


def test_the_seed_alone_decides() -> None:
    def drawn(seed: int) -> str:
        return plan(random.Random(seed), KINDS, node_names(5), HALF_MINUTE).describe()

    assert drawn(7) == drawn(7)
    assert len({drawn(seed) for seed in range(20)}) == 20


def test_the_order_in_which_kinds_are_named_does_not_matter() -> None:
    one = plan(random.Random(1), ["kill", "pause"], THREE, HALF_MINUTE)
    assert one == plan(random.Random(1), ["pause", "kill", "pause"], THREE, HALF_MINUTE)


def test_a_long_run_meets_every_variant_of_a_kind() -> None:
    def kinds(count: int) -> set[str]:
        schedule = plan(random.Random(0), ["partition"], node_names(count), Nanos(200 * SECOND))
        return {kind_of(step.fault) for step in schedule.steps} - {"heal-all"}

    three = {"isolate", "halves", "bridge", "one-way", "shun", "sieve"}
    assert kinds(5) == {*three, "majorities-ring"}
    assert kinds(3) == three
    assert kinds(2) == {"isolate", "one-way"}
    assert MajoritiesRing not in {
        type(step.fault)
        for step in plan(random.Random(0), ["partition"], THREE, Nanos(500 * SECOND)).steps
    }


def test_all_nodes_are_killed_only_when_asked() -> None:
    schedule = plan(random.Random(0), ["kill"], THREE, Nanos(60 * SECOND), beyond_minority=True)
    assert Kill(All()) in {step.fault for step in schedule.steps}


def test_a_short_run_has_one_fault_over_its_middle_half() -> None:
    fault, heal = plan(random.Random(0), ["kill"], THREE, Nanos(4 * SECOND)).steps
    assert (fault.at_ns, fault.duration_ns) == (1 * SECOND, 2 * SECOND)
    assert heal.at_ns == 3 * SECOND


def test_no_kinds_means_no_faults() -> None:
    (only,) = plan(random.Random(0), [], THREE, HALF_MINUTE).steps
    assert isinstance(only.fault, HealAll)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_line_of_its_own_and_different_variants(kind: str) -> None:
    for count in (3, 5):
        variants = variants_of(kind, node_names(count))
        assert len(set(map(repr, variants))) == len(variants) > 0
    assert PACKAGES[kind].summary


def test_a_single_fault_may_be_asked_for_by_its_name() -> None:
    schedule = plan(random.Random(0), ["flip-bit", "isolate"], THREE, HALF_MINUTE)
    assert {kind_of(step.fault) for step in schedule.steps[:-1]} == {"flip-bit", "isolate"}


def test_a_series_goes_on_for_its_window_and_hits_each_node_in_its_turn() -> None:
    schedule = plan(random.Random(0), ["rolling"], node_names(5), HALF_MINUTE)
    rounds = [step for step in schedule.steps[:-1] if isinstance(step.fault, Terminate)]
    assert [step.fault for step in rounds][:5] == [Terminate(Named((n,))) for n in node_names(5)]
    for step, following in pairwise(schedule.steps):
        assert step.at_ns + step.duration_ns <= following.at_ns


@settings(deadline=None)
@given(st.integers(), st.integers(2, 4))
def test_faults_overlap_when_asked(seed: int, at_once: int) -> None:
    rng = random.Random(seed)
    steps = plan(rng, DEFAULT_KINDS, THREE, Nanos(60 * SECOND), at_once=at_once).steps[:-1]
    begun = [step.at_ns for step in steps]
    holding = [sum(s.at_ns <= at < s.at_ns + s.duration_ns for s in steps) for at in begun]
    assert 1 < max(holding) <= at_once


def test_an_unknown_kind_is_refused_with_those_known() -> None:
    with pytest.raises(ImpossiblePlan, match="'comet'; there are partition, kill, pause, slow"):
        plan(random.Random(0), ["comet"], THREE, HALF_MINUTE)


def test_one_node_cannot_be_partitioned() -> None:
    with pytest.raises(ImpossiblePlan, match="one node alone"):
        plan(random.Random(0), ["partition"], node_names(1), HALF_MINUTE)


def test_no_time_is_refused() -> None:
    with pytest.raises(ImpossiblePlan, match="until_ns: 0 is not above 0"):
        plan(random.Random(0), ["kill"], THREE, Nanos(0))


def test_an_impossible_pace_is_refused() -> None:
    with pytest.raises(ImpossiblePlan, match="duration: 5"):
        Pace(duration_min_ns=5, duration_max_ns=4)
    with pytest.raises(ImpossiblePlan, match="interval: 3 ns has no room"):
        Pace(interval_ns=3)
    with pytest.raises(ImpossiblePlan, match="must not be below 0"):
        Pace(first_ns=-1)
