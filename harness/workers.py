"""The same work on many items, over all cores."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Self, TypeVar

from harness.collecting import collect_seldom
from harness.errors import EnvironmentFailure
from harness.wall_clock import deadline_after
from system_under_test.gossip_raft.runtime.process import die_with_parent

Item = TypeVar("Item")
Result = TypeVar("Result")

_PATIENCE_S = 0.25


def spread(
    work: Callable[[Item], Result], items: Iterable[Item], jobs: int
) -> Generator[tuple[Item, Result], None, None]:
    """Every item with what ``work`` made of it, as it comes; by ``jobs`` processes at a time.

    Closing the iterator ends the processes.  Raises what ``Crew.spread`` does.
    """
    with Crew(work, jobs) as crew:
        yield from crew.spread(items)


class Crew(Generic[Item, Result]):
    """``jobs`` processes that do the same work; one job is this very process.

    Leaving the context ends the processes, and so does the end of this process, however it
    comes.
    """

    def __init__(
        self,
        work: Callable[[Item], Result],
        jobs: int,
        *,
        lost: Callable[[Item, str], Result] | None = None,
        seconds_max: float = math.inf,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Args:
            lost: What to say of an item whose process ended by itself, and why it did: another
                process takes its place.  With it even one job is a process of its own.
            seconds_max: A process that takes longer over one item is ended.
            meanwhile: Called every quarter of a second or so while items are worked on.
        """
        self._work = work
        self._lost = lost
        self._seconds_max = seconds_max
        self._meanwhile = meanwhile
        alone = jobs == 1 and lost is None
        self._workers = [] if alone else [self._worker() for _ in range(jobs)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()

    def spread(self, items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
        """Every item with what came of it, as it comes.  To be used up before the next call.

        Raises:
            EnvironmentFailure: A process ended by itself: out of memory, perhaps.
            Exception: What the work raised.
        """
        if not self._workers:
            for item in items:
                yield item, self._work(item)
            return
        waiting = iter(items)
        for worker in self._workers:
            worker.takes_one_of(waiting)
        while busy := {one.connection: one for one in self._workers if one.busy}:
            for ready in wait(list(busy), _PATIENCE_S):
                assert isinstance(ready, Connection)
                worker = busy[ready]
                item, result = self._result(worker)
                yield item, result  # First: it may decide that there is no other item.
                self._after(worker).takes_one_of(waiting)
            for worker in self._workers:
                worker.end_if_overdue()
            self._meanwhile()

    def _result(self, worker: _Worker[Item, Result]) -> tuple[Item, Result]:
        try:
            return worker.result()
        except WorkerEnded as ended:
            if self._lost is None:
                raise
            assert worker.item is not None
            return worker.item, self._lost(worker.item, str(ended))

    def _after(self, worker: _Worker[Item, Result]) -> _Worker[Item, Result]:
        """The worker itself, or who takes its place."""
        if not worker.ended:
            return worker
        worker.end()
        successor = self._worker()
        self._workers[self._workers.index(worker)] = successor
        return successor

    def _worker(self) -> _Worker[Item, Result]:
        return _Worker(self._work, self._seconds_max)


class WorkerEnded(EnvironmentFailure):
    """A process ended by itself, or was ended because it took too long."""


class _Worker(Generic[Item, Result]):
    def __init__(self, work: Callable[[Item], Result], seconds_max: float) -> None:
        # Forked: it has everything imported and compiled that we have.
        context = multiprocessing.get_context("fork")
        self.connection, theirs = context.Pipe()
        self.item: Item | None = None
        self.busy = self.ended = False
        self._seconds_max = seconds_max
        self._too_late: Callable[[], bool] = lambda: False
        self._process = context.Process(
            target=_serve, args=(work, theirs, os.getpid()), daemon=True
        )
        self._process.start()
        theirs.close()

    def end_if_overdue(self) -> None:
        """Then ``result`` says so."""
        if self.busy and self._too_late():
            self._process.kill()

    def takes_one_of(self, items: Iterator[Item]) -> None:
        """If there is one left."""
        for item in items:
            self.item = item
            self.connection.send(item)
            self.busy = True
            if self._seconds_max < math.inf:
                self._too_late = deadline_after(self._seconds_max)
            return

    def result(self) -> tuple[Item, Result]:
        """Raises: WorkerEnded, and what the work raised."""
        self.busy = False
        try:
            result, error = self.connection.recv()
        except (EOFError, OSError) as ended:
            self._process.join()
            self.ended = True
            status = self._process.exitcode
            why = f"took over {self._seconds_max:g} s" if self._too_late() else f"status {status}"
            raise WorkerEnded(f"a worker ended with {why} at {self.item}") from ended
        if error is not None:
            raise error
        assert self.item is not None
        return self.item, result

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self.connection.close()


def _serve(work: Callable[[Any], Any], connection: Connection, parent: int) -> None:
    die_with_parent(parent)
    collect_seldom()
    # Ctrl-C is the parent's to answer: it ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True:
        item = connection.recv()
        try:
            answer: tuple[Any, Exception | None] = (work(item), None)
        except Exception as error:  # noqa: BLE001  The parent raises it.
            answer = (None, error)
        connection.send(answer)
