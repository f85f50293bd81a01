"""Virtual time runs in order, and a timer that is moved wakes once."""

from __future__ import annotations

from system_under_test.gossip_raft.simulation.scheduler import Scheduler, Timer


def test_what_is_due_at_one_instant_happens_in_the_order_in_which_it_was_planned() -> None:
    scheduler, seen = Scheduler(), list[str]()
    for name in "abc":
        scheduler.at(5, seen.append, name)
    scheduler.at(3, seen.append, "first")
    scheduler.run_for(10)
    assert (seen, scheduler.now, scheduler.events) == (["first", "a", "b", "c"], 10, 4)


def test_what_is_not_yet_due_waits_and_time_stops_where_it_was_told() -> None:
    scheduler, seen = Scheduler(), list[int]()
    scheduler.at(11, seen.append, 1)
    scheduler.run_for(10)
    assert (seen, scheduler.now) == ([], 10)
    scheduler.run_for(1)
    assert seen == [1]


def test_the_world_goes_on_inside_of_what_happens() -> None:
    scheduler, seen = Scheduler(), list[str]()

    def outer(_: object) -> None:
        scheduler.run_for(5)
        seen.append("outer")

    scheduler.at(1, outer)
    scheduler.at(2, seen.append, "inner")
    scheduler.run_for(10)
    assert seen == ["inner", "outer"]


def test_a_timer_wakes_once_at_the_time_set_last() -> None:
    scheduler, woken = Scheduler(), list[int]()
    timer = Timer(scheduler, lambda: woken.append(scheduler.now))
    for time in (50, 20, 30):
        timer.set(time)
    scheduler.run_for(100)
    assert woken == [30]
    timer.set(150)
    timer.cancel()
    timer.set(160)
    scheduler.run_for(100)
    assert woken == [30, 160]


def test_a_timer_that_is_put_off_again_and_again_keeps_one_event_waiting() -> None:
    scheduler, woken = Scheduler(), list[int]()
    timer = Timer(scheduler, lambda: woken.append(scheduler.now))
    for time in range(1_000, 2_000):
        timer.set(time)
    scheduler.run_for(5_000)
    assert woken == [1_999]
    assert scheduler.events == 2
