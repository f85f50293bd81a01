"""What answers take, as a node measures it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from system_under_test.gossip_raft.core.round_trips import RoundTrips
from system_under_test.gossip_raft.core.types import Nanos, NodeId

A, B = NodeId("a"), NodeId("b")
times = st.integers(0, 10**12).map(Nanos)


def test_of_whom_nothing_was_measured_nothing_is_known() -> None:
    trips = RoundTrips()
    trips.add(A, Nanos(5))
    assert (trips.typical(B), trips.longest(B)) == (None, None)


@given(st.lists(times, min_size=1))
def test_the_typical_time_lies_among_the_measured_ones(measured: list[Nanos]) -> None:
    trips = RoundTrips()
    for took in measured:
        trips.add(A, took)
    typical, longest = trips.typical(A), trips.longest(A)
    assert typical is not None
    assert longest is not None
    assert min(measured) - 8 <= typical <= max(measured)  # Divisions round down.
    assert longest >= typical - 4


@given(times, times)
def test_they_follow_a_change(before: Nanos, after: Nanos) -> None:
    trips = RoundTrips()
    trips.add(A, before)
    for _ in range(300):
        trips.add(A, after)
    typical, longest = trips.typical(A), trips.longest(A)
    assert typical is not None
    assert longest is not None
    assert abs(typical - after) <= 8
    assert abs(longest - after) <= 8 + 4 * 8


def test_one_that_is_late_is_allowed_for_and_forgotten() -> None:
    trips = RoundTrips()
    for _ in range(50):
        trips.add(A, Nanos(1_000))
    trips.add(A, Nanos(9_000))
    typical, longest = trips.typical(A), trips.longest(A)
    assert (typical, longest) == (2_000, 2_000 + 4 * 2_000)
    for _ in range(50):
        trips.add(A, Nanos(1_000))
    assert trips.longest(A) == trips.typical(A) or (trips.longest(A) or 0) < 1_100
