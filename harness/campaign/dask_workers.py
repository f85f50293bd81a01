"""A Dask cluster as workers of a campaign (the extra ``dask``).

Dask decides where an item is done, and does it again elsewhere when a worker is lost.  Workers
must see the run store under the same name, and have this very code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, Final, Self

from distributed import Client, LocalCluster, wait
from distributed.scheduler import KilledWorker

from harness.campaign.records import Record
from harness.campaign.work import Item, Place, failed, perform
from harness.errors import EnvironmentFailure

CONNECT_SECONDS: Final = 20
AHEAD: Final = 2
"""Items handed out for each worker thread: one in work, one at hand."""

_PATIENCE_S: Final = 0.25


class DaskWorkers:
    """All workers that a scheduler has, now or later.

    Leaving the context takes back what is not done, and ends a cluster that was started here.
    """

    def __init__(
        self, place: Place, scheduler: str | None, jobs: int, meanwhile: Callable[[], None]
    ) -> None:
        """
        Args:
            scheduler: "tcp://host:port"; ``None`` starts a cluster of ``jobs`` processes here.

        Raises:
            EnvironmentFailure: There is no scheduler, or it has no workers.
        """
        self._place = place
        self._meanwhile = meanwhile
        self._cluster: Any = None
        try:
            if scheduler is None:
                self._cluster = LocalCluster(
                    n_workers=jobs,
                    threads_per_worker=1,
                    host="127.0.0.1",
                    dashboard_address=None,
                )
            self._client = Client(self._cluster or scheduler, timeout=CONNECT_SECONDS)
            self._client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except (OSError, TimeoutError, ValueError) as error:
            self._end_cluster()
            where = scheduler or "a cluster on this machine"
            raise EnvironmentFailure(f"Dask: {where}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._end_cluster()

    @property
    def count(self) -> int:
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def spread(self, items: Iterable[Item]) -> Iterator[tuple[Item, Record]]:
        """As ``Workers.spread``.

        Raises:
            EnvironmentFailure: A worker cannot do anything: it does not see the store, perhaps.
        """
        waiting, handed = iter(items), dict[Any, Item]()
        self._hand_out(waiting, handed)
        while handed:
            with suppress(TimeoutError):
                wait(list(handed), timeout=_PATIENCE_S, return_when="FIRST_COMPLETED")
            for future in [one for one in handed if one.done()]:
                item = handed.pop(future)
                yield item, self._record(item, future)
            self._hand_out(waiting, handed)
            self._meanwhile()

    def _hand_out(self, waiting: Iterator[Item], handed: dict[Any, Item]) -> None:
        for item in islice(waiting, max(0, AHEAD * self.count - len(handed))):
            # Impure: the same item again is to be done again, not looked up.
            handed[self._client.submit(perform, self._place, item, pure=False)] = item

    def _record(self, item: Item, future: Any) -> Record:
        if future.cancelled():
            raise EnvironmentFailure("Dask: the scheduler was lost")
        match future.exception():
            case None:
                record: Record = future.result()
                return record
            case KilledWorker() as lost:
                # Dask has tried it on several workers, and lost them all.
                return failed(item, str(lost), 0.0)
            case error:
                raise error

    def _end_cluster(self) -> None:
        if self._cluster is not None:
            self._cluster.close()
