"""One PySyncObj node, and on the leader the load: ``python -m benchmarks.pysyncobj_node``.

Its users call a replicated method inside a node's own process, so that is how it is
written to here: no client link, which is to its advantage.  One JSON line a request on
stdin, one a reply on stdout; the end of stdin ends it.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import pysyncobj

from benchmarks.measure import now_ns

POLL_S = 0.05


class Store(pysyncobj.SyncObj):  # type: ignore[misc]
    def __init__(self, address: str, others: list[str], journal: Path, *, batch: bool) -> None:
        options = pysyncobj.SyncObjConf(
            journalFile=str(journal),
            fullDumpFile=str(journal.with_suffix(".dump")),
            appendEntriesUseBatch=batch,
        )
        super().__init__(address, others, options)
        self._values: dict[str, str] = {}

    @pysyncobj.replicated  # type: ignore[untyped-decorator]
    def put(self, key: str, value: str) -> None:
        self._values[key] = value


class Load:
    """A closed loop in callbacks, as PySyncObj has it."""

    def __init__(self, store: Store, outstanding: int, writes_max: int, seconds_max: float) -> None:
        self._store = store
        self._left = writes_max
        self._under_way = 0
        self._outstanding = outstanding
        self._end = now_ns() + int(seconds_max * 1e9)
        self._lock = threading.Lock()
        self._done = threading.Event()
        self.latencies: list[int] = []
        self.failed = 0

    def run(self) -> None:
        for _ in range(self._outstanding):
            self._next()
        self._done.wait()

    def _next(self) -> None:
        with self._lock:
            before = now_ns()
            if self._left <= 0 or before >= self._end:
                if not self._under_way:
                    self._done.set()
                return
            self._left -= 1
            self._under_way += 1
            number = self._left

        def answered(_result: object, error: int) -> None:
            with self._lock:
                self._under_way -= 1
                if error:
                    self.failed += 1
                else:
                    self.latencies.append(now_ns() - before)
            self._next()

        self._store.put(f"k{number % 1000}", "v" * 16, callback=answered)


def main() -> None:
    address, *others = sys.argv[3:]
    store = Store(address, others, Path(sys.argv[1]), batch=sys.argv[2] == "batch")
    for line in sys.stdin:
        _say(_answer(store, json.loads(line)))
    store.destroy()


def _answer(store: Store, request: dict[str, Any]) -> dict[str, Any]:
    if request["do"] == "status":
        status = store.getStatus()
        return {"leads": status["leader"] is not None and status["leader"] == status["self"]}
    load = Load(store, request["outstanding"], request["writes_max"], request["seconds_max"])
    began = now_ns()
    load.run()
    return {
        "elapsed_ns": now_ns() - began,
        "latencies_ns": load.latencies,
        "failed": load.failed,
    }


def _say(reply: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
