"""Simulated clocks lie as told, and still never go back."""

from __future__ import annotations

import random

from system_under_test.gossip_raft.core.types import Nanos
from system_under_test.gossip_raft.simulation.clock import SimulatedClock, Wake
from system_under_test.gossip_raft.simulation.scheduler import Scheduler

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
    clock.bump(-3 * SECOND)
    scheduler.run_for(2 * SECOND)
    assert clock.now() == 10 * SECOND
    scheduler.run_for(2 * SECOND)
    assert clock.now() == 11 * SECOND


def test_a_clock_that_is_reset_goes_on_from_where_it_is() -> None:
    scheduler = Scheduler()
    clock = SimulatedClock(scheduler)
    scheduler.run_for(SECOND)
    assert clock.now() == SECOND
    clock.bump(-SECOND)
    clock.reset()
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
                    clock.bump(rng.randint(-SECOND, SECOND))
                case 1:
                    clock.drift(rng.randint(-500_000, 500_000))
                case 2:
                    clock.reset()
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
            rng.choice((clock.bump, clock.drift))(rng.randint(-400_000, 400_000))
            wake.clock_changed()
        scheduler.run_for(30 * SECOND)
        ((at, shown),) = woken
        assert asked <= shown <= asked + 400_000 + 2, f"seed {seed}: woken at {at}"
