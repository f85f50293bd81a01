"""Simulated clocks lie as told, and still never go back."""

from __future__ import annotations

import random

from system_under_test.gossip_raft.core.types import Nanos
from system_under_test.gossip_raft.simulation.clock import SimulatedClock, Wake
from system_under_test.gossip_raft.simulation.scheduler import Scheduler
from system_under_test.machine import Bumped, Drifting, Skewed, Strobing

SECOND = 1_000_000_000


def test_a_drifting_clock_gains_what_it_was_told() -> None:
    scheduler = Scheduler()
    clock = SimulatedClock(scheduler, offset=7, drift_ppm=100)
    scheduler.run_for(10 * SECOND)
    assert clock.now() == 7 + 10 * SECOND + 1_000_000


def test_a_clock_that_is_set_back_stands_still_until_its_time_comes_again() -> None:
    scheduler = Scheduler()
    clock = SimulatedClock(scheduler)
    scheduler.run_for(10 * SECOND)
    assert clock.now() == 10 * SECOND
    clock.impose(Bumped(-3 * SECOND))
    scheduler.run_for(2 * SECOND)
    assert clock.now() == 10 * SECOND
    scheduler.run_for(2 * SECOND)
    assert clock.now() == 11 * SECOND


def test_a_clock_that_is_reset_goes_on_from_where_it_is() -> None:
    scheduler = Scheduler()
    clock = SimulatedClock(scheduler)
    scheduler.run_for(SECOND)
    assert clock.now() == SECOND
    clock.impose(Bumped(-SECOND))
    clock.heal()
    scheduler.run_for(SECOND)
    assert clock.now() == 2 * SECOND


def test_a_clock_never_goes_back_whatever_is_done_to_it() -> None:
    for seed in range(50):
        rng, scheduler = random.Random(seed), Scheduler()
        clock = SimulatedClock(scheduler, rng.randrange(SECOND), rng.randint(-500, 500))
        latest = clock.now()
        for _ in range(100):
            scheduler.run_for(rng.randrange(SECOND))
            match rng.randrange(4):
                case 0:
                    clock.impose(Bumped(rng.randint(-SECOND, SECOND)))
                case 1:
                    clock.impose(Drifting(rng.randint(-500_000, 500_000)))
                case 2:
                    clock.heal()
                case _:
                    assert clock.now() >= latest
                    latest = clock.now()


def test_a_wake_up_comes_as_soon_as_the_clock_shows_its_time() -> None:
    for seed in range(50):
        rng, scheduler = random.Random(seed), Scheduler()
        clock = SimulatedClock(scheduler, drift_ppm=rng.randint(-500_000, 500_000))
        wake, woken = Wake(scheduler, clock), list[tuple[int, int]]()
        asked = Nanos(clock.now() + 5 * SECOND)
        wake.at(asked, lambda: woken.append((scheduler.now, clock.now())))  # noqa: B023
        for _ in range(rng.randrange(4)):
            scheduler.run_for(rng.randrange(SECOND // 2))
            clock.impose(rng.choice((Bumped, Drifting))(rng.randint(-400_000, 400_000)))
            wake.clock_changed()
        scheduler.run_for(60 * SECOND)
        ((at, shown),) = woken
        assert asked <= shown <= asked + 400_000 + 2, f"seed {seed}: woken at {at}"


def test_a_clock_that_is_off_is_set_right_again() -> None:
    scheduler = Scheduler()
    clock = SimulatedClock(scheduler)
    clock.impose(Skewed(3 * SECOND))
    scheduler.run_for(SECOND)
    assert clock.now() == 4 * SECOND
    clock.lift(Skewed(3 * SECOND))
    scheduler.run_for(SECOND)
    assert clock.now() == 4 * SECOND
    scheduler.run_for(4 * SECOND)
    assert clock.now() == 6 * SECOND


def test_a_strobing_clock_jumps_and_stands_still_by_turns() -> None:
    scheduler = Scheduler()
    clock = SimulatedClock(scheduler)
    strobing = Strobing(Nanos(5 * SECOND), Nanos(SECOND))
    clock.impose(strobing)
    shown = []
    for _ in range(7):
        scheduler.run_for(SECOND // 2)
        shown.append(clock.now() / SECOND)
    assert shown == [5.5, 5.5, 5.5, 7.0, 7.5, 7.5, 7.5]
    clock.lift(strobing)
    scheduler.run_for(10 * SECOND)
    assert clock.now() == 13.5 * SECOND


def test_conditions_of_a_clock_add_up_and_each_is_lifted_by_itself() -> None:
    scheduler = Scheduler()
    clock = SimulatedClock(scheduler)
    for ppm in (500_000, -250_000, 500_000):
        clock.impose(Drifting(ppm))
    scheduler.run_for(4 * SECOND)
    assert clock.now() == 7 * SECOND
    clock.lift(Drifting(500_000))
    scheduler.run_for(4 * SECOND)
    assert clock.now() == 12 * SECOND
    clock.heal()
    scheduler.run_for(SECOND)
    assert clock.now() == 13 * SECOND
