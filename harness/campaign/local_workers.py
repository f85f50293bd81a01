"""The processes of this machine as workers of a campaign."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Self

from harness.campaign.records import Record
from harness.campaign.work import Item, Place, failed, perform
from harness.workers import Crew


class LocalWorkers:
    """``jobs`` processes.  One that dies or takes too long costs its item, and is replaced.

    Leaving the context ends them, and whatever they started.
    """

    def __init__(self, place: Place, jobs: int, meanwhile: Callable[[], None]) -> None:
        self.count = jobs
        self._crew: Crew[Item, Record] = Crew(
            partial(perform, place),
            jobs,
            lost=lambda item, why: failed(item, why, 0.0),
            seconds_max=place.budget.task_seconds,
            meanwhile=meanwhile,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._crew.__exit__()

    def spread(self, items: Iterable[Item]) -> Iterator[tuple[Item, Record]]:
        return self._crew.spread(items)
