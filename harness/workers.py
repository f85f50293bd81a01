"""The same work on many items, over all cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Self, TypeVar

from harness.errors import EnvironmentFailure
from system_under_test.gossip_raft.runtime.process import die_with_parent

Item = TypeVar("Item")
Result = TypeVar("Result")


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

    def __init__(self, work: Callable[[Item], Result], jobs: int) -> None:
        self._work = work
        self._workers = [] if jobs == 1 else [_Worker(work) for _ in range(jobs)]

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
        busy: dict[Connection, _Worker[Item, Result]] = {}
        for worker in self._workers:
            if worker.takes_one_of(waiting):
                busy[worker.connection] = worker
        while busy:
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                worker = busy[ready]
                item, result = worker.result()
                if not worker.takes_one_of(waiting):
                    del busy[ready]
                yield item, result


class _Worker(Generic[Item, Result]):
    def __init__(self, work: Callable[[Item], Result]) -> None:
        # Forked: it has everything imported and compiled that we have.
        context = multiprocessing.get_context("fork")
        self.connection, theirs = context.Pipe()
        self._item: Item | None = None
        self._process = context.Process(
            target=_serve, args=(work, theirs, os.getpid()), daemon=True
        )
        self._process.start()
        theirs.close()

    def takes_one_of(self, items: Iterator[Item]) -> bool:
        """Whether there was one left."""
        for item in items:
            self._item = item
            self.connection.send(item)
            return True
        return False

    def result(self) -> tuple[Item, Result]:
        try:
            result, error = self.connection.recv()
        except EOFError as ended:
            self._process.join()
            raise EnvironmentFailure(
                f"a worker ended with status {self._process.exitcode} at {self._item}"
            ) from ended
        if error is not None:
            raise error
        item = self._item
        assert item is not None
        return item, result

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self.connection.close()


def _serve(work: Callable[[Any], Any], connection: Connection, parent: int) -> None:
    die_with_parent(parent)
    # Ctrl-C is the parent's to answer: it ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        item = connection.recv()
        try:
            answer: tuple[Any, Exception | None] = (work(item), None)
        except Exception as error:  # noqa: BLE001  The parent raises it.
            answer = (None, error)
        connection.send(answer)
