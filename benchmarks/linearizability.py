"""How fast histories are judged: ``python -m benchmarks.linearizability [--ops N] [NAME ...]``.

Each case builds a history of clients that call one after the other, whose ops
took effect at one random instant each, as columns in memory; what is timed is
judging them, with kernels compiled.  A line tells CPU seconds (the best of
three), ops per second, memory beyond that of the columns, and by what power of
the number of ops the time grew from a tenth of them.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np

from benchmarks.linearizability_histories import (
    Run,
    cas_register,
    counter,
    list_lengths,
    lists,
    queue,
    register,
    semaphore,
    set_by_element,
    set_read_whole,
)
from checker.linearizability.fast.base import Answer, Linearizable, Rows
from checker.linearizability.fast.choose import dispatch_all

Judge: TypeAlias = Callable[[], object]
"""What is timed; answers something false if the history was not found correct."""

_REPEATS: Final = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one check: CPU seconds, and bytes that it took at most."""

    seconds: float
    memory: int


def _near_linear(make: Callable[[int], Run], model: str) -> Callable[[int], Judge]:
    def prepare(ops: int) -> Judge:
        columns = make(ops).columns()
        return lambda: _all_linearizable(dispatch_all(columns, model))

    return prepare


def _from_lengths(ops: int) -> Judge:
    from checker.linearizability.fast.lists import decide_placed  # noqa: PLC0415  numba

    run, place = list_lengths(ops)
    columns = run.columns()
    return lambda: _all_linearizable(decide_placed(Rows.of(columns), place))


def _all_linearizable(answers: list[Answer] | tuple[Answer, ...]) -> bool:
    return all(isinstance(answer, Linearizable) for answer in answers)


CASES: Final[Mapping[str, Callable[[int], Judge]]] = MappingProxyType(
    {
        "register": _near_linear(register, "register"),
        "register, 10,000 keys": _near_linear(lambda ops: register(ops, keys=10_000), "register"),
        "cas-register": _near_linear(cas_register, "cas-register"),
        "queue": _near_linear(lambda ops: queue(ops, "first"), "queue"),
        "stack": _near_linear(lambda ops: queue(ops, "last"), "stack"),
        "priority-queue": _near_linear(lambda ops: queue(ops, "least"), "priority-queue"),
        "unordered-queue": _near_linear(lambda ops: queue(ops, "first"), "unordered-queue"),
        "set by element": _near_linear(set_by_element, "set"),
        "set read whole 5 times": _near_linear(set_read_whole, "set"),
        "list-append, 10,000 keys": _near_linear(
            lambda ops: lists(ops, keys=10_000), "list-append"
        ),
        "list-append, lengths only": _from_lengths,
        "counter": _near_linear(counter, "counter"),
        "semaphore": _near_linear(semaphore, "semaphore"),
    }
)
"""Name to what prepares so many ops, and says how to judge them."""


def measure(prepare: Callable[[int], Judge], ops: int) -> Cost:
    """In a process of its own, so that memory is this check's alone.

    Raises:
        RuntimeError: The history was not found correct, or the process died.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "w", encoding="ascii") as answer:
            answer.write(_measure_here(prepare, ops))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="ascii") as answer:
        text = answer.read()
    os.waitpid(child, 0)
    if not text:
        raise RuntimeError(f"no answer about {ops} ops")
    seconds, memory = text.split()
    return Cost(float(seconds), int(memory))


def _measure_here(prepare: Callable[[int], Judge], ops: int) -> str:
    prepare(1000)()
    judge = prepare(ops)
    before = _resident_bytes()
    best = math.inf
    for _ in range(_REPEATS):
        began = time.process_time()
        right = judge()
        best = min(best, time.process_time() - began)
        assert right, "a correct history was not found correct"
    return f"{best} {max(_peak_bytes() - before, 0)}"


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(CASES)}")
    parser.add_argument("--ops", type=int, default=1_000_000)
    chosen = parser.parse_args()
    print(f"python {sys.version.split()[0]}, numpy {np.__version__}, {os.cpu_count()} cores")
    print(f"{'history':28}{'ops':>11}{'s':>9}{'ops/s':>13}{'MB':>8}{'growth':>8}")
    for name, prepare in CASES.items():
        if not chosen.names or name in chosen.names:
            small, large = measure(prepare, chosen.ops // 10), measure(prepare, chosen.ops)
            growth = math.log10(large.seconds / small.seconds)
            print(
                f"{name:28}{chosen.ops:11,}{large.seconds:9.3f}{chosen.ops / large.seconds:13,.0f}"
                f"{large.memory / 1e6:8.0f}{growth:8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
