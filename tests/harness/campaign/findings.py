"""Small records and tasks for tests."""

from __future__ import annotations

from harness.campaign.records import Findings, Ran, RanAgain, Record, Shrunk
from harness.campaign.task import Task
from harness.swarm import Given


def task(number: int, *, live: bool = False, seed: int | None = None) -> Task:
    given = Given(workload="register", faults=("kill",))
    return Task(number=number, live=live, seed=number if seed is None else seed, given=given)


def ran(
    number: int,
    verdict: str = "valid",
    found: tuple[str, ...] = (),
    *,
    faults: tuple[str, ...] = (),
    sentence: str = "",
    run: str = "",
) -> Ran:
    return Ran(
        task=number,
        verdict=verdict,
        sentence=sentence or f"{verdict.capitalize()}: so it is",
        found=found,
        faults=faults,
        run=run,
        seconds=1.0,
    )


def failing(number: int, *faults: str, found: str = "raft: two leaders") -> Ran:
    return ran(number, "invalid", (found,), faults=faults, run=f"register/{number}")


def again(number: int, attempt: int, *, found: str = "raft: two leaders") -> RanAgain:
    return RanAgain(
        task=number,
        attempt=attempt,
        verdict="invalid" if found else "valid",
        found=(found,) if found else (),
        run="",
        seconds=1.0,
    )


def shrunk(number: int, *shape: str, problem: str = "") -> Shrunk:
    return Shrunk(
        task=number,
        shape=shape,
        story=tuple(f"{n} s  {kind}" for n, kind in enumerate(shape)),
        run="" if problem else f"register/{number}-shrunk",
        problem=problem,
        seconds=1.0,
    )


def findings(*records: Record) -> Findings:
    made = Findings()
    for record in records:
        made.add(record)
    return made
