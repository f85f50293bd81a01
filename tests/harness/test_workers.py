"""Processes that share work, and what becomes of work whose process ends."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from harness.errors import EnvironmentFailure
from harness.workers import Crew, spread


def square(number: int) -> int:
    return number * number


def test_every_item_comes_back_once_whatever_the_number_of_processes() -> None:
    for jobs in (1, 2):
        assert sorted(spread(square, range(20), jobs)) == [(n, n * n) for n in range(20)]


def dies_of_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_process_that_ends_by_itself_ends_the_work() -> None:
    with pytest.raises(EnvironmentFailure, match="a worker ended with status -9 at 3"):
        list(spread(dies_of_three, range(5), 2))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_lost_process_is_replaced_and_its_item_told_of(jobs: int) -> None:
    told: list[str] = []

    def lost(item: int, why: str) -> int:
        told.append(why)
        return -item

    with Crew(dies_of_three, jobs, lost=lost) as crew:
        assert sorted(crew.spread(range(6))) == [(0, 0), (1, 1), (2, 2), (3, -3), (4, 4), (5, 5)]
        assert sorted(crew.spread(range(3))) == [(0, 0), (1, 1), (2, 2)]
    assert told == ["a worker ended with status -9 at 3"]


def never_ends_with_one(number: int) -> int:
    if number == 1:
        threading.Event().wait()
    return number


def test_a_process_that_takes_too_long_is_ended_and_the_rest_goes_on() -> None:
    def lost(item: int, why: str) -> int:
        return -item if "took over 0.3 s" in why else -99

    with Crew(never_ends_with_one, 1, lost=lost, seconds_max=0.3) as crew:
        assert list(crew.spread(range(3))) == [(0, 0), (1, -1), (2, 2)]
