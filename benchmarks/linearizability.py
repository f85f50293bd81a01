"""How fast histories are judged: ``python -m benchmarks.linearizability [--ops N] [NAME ...]``.

Each case builds a history of clients that call one after the other, whose ops
took effect at one random instant each, as columns in memory; what is timed is
judging them, with kernels compiled.  A line tells CPU seconds (the best of
three), ops per second, memory beyond that of the history, and by what power of
the number of ops the time grew from a tenth of them.

The second table is of registers whose values repeat, whose clients crash, or whose
answers are wrong, judged by ``check`` as users do, explanation included, from columns too,
as a reader of large files leaves them.  With ``--porcupine DIR``, a checkout of
https://github.com/anishathalye/porcupine, and Go installed, Porcupine judges each of these
histories in turn with us, its model a compare-and-set register, on one core
(``GOMAXPROCS=1``), for at most 60 CPU seconds and 10 GB; what it takes to read the history
is not counted.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Final, TypeAlias, assert_never

import numpy as np
from msgspec import Struct, json

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
from benchmarks.porcupine.rival import Timed, build, porcupine
from benchmarks.register_histories import Case, Fault, register_history
from benchmarks.transactions import write_journal
from checker.base import Budget
from checker.linearizability.check import check
from checker.linearizability.fast.base import Answer, Linearizable, Rows
from checker.linearizability.fast.choose import dispatch_all
from checker.models.register import CasRegister
from checker.verdict import Invalid, Valid, Verdict
from histories.formats.journal_columns import scan_journal
from histories.history import History

CHECKED: Final = (
    Case(ops=10_000, clients=5),
    Case(ops=10_000, clients=10),
    Case(ops=10_000, clients=10, fault=Fault.MIXED_UP),
    Case(ops=10_000, clients=10, values=None),
    Case(ops=10_000, clients=10, values=None, fault=Fault.MIXED_UP),
    Case(ops=10_000, clients=5, crashed=0.01, fault=Fault.MADE_UP),
    Case(ops=10_000, clients=5, crashed=0.01, fault=Fault.STALE),
    Case(ops=10_000, clients=5, crashed=0.01, fault=Fault.MIXED_UP),
    Case(ops=10_000, clients=5, crashed=0.001, fault=Fault.WORN_OUT),
    Case(ops=10_000, clients=5, crashed=0.02),
    Case(ops=1_000, clients=10, crashed=0.01, fault=Fault.MADE_UP),
    Case(ops=1_000, clients=10, crashed=0.01, fault=Fault.STALE),
    Case(ops=1_000, clients=10, crashed=0.01, fault=Fault.MIXED_UP),
    Case(ops=100_000, clients=5, values=None),
    Case(ops=100_000, clients=5, values=None, fault=Fault.MIXED_UP),
    Case(ops=100_000, clients=10, values=None),
    Case(ops=100_000, clients=10, values=None, fault=Fault.MIXED_UP),
    Case(ops=100_000, clients=5),
    Case(ops=100_000, clients=25),
)
"""The lines of the second table."""

Judge: TypeAlias = Callable[[], object]
"""What is timed; answers something false if the history was not found correct."""

_REPEATS: Final = 3
_LONG_S: Final = 5.0
"""What takes longer is not repeated."""
_SECONDS_MAX: Final = 60.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A history in memory: how to judge it, and itself if Porcupine can judge it too."""

    judge: Judge
    history: History | None = None


Prepare: TypeAlias = Callable[[int], Prepared]
"""Makes a history of so many ops."""


class Cost(Struct, frozen=True):
    """Of one check: CPU seconds, bytes that it took at most, and what it answered.

    ``porcupine`` is what Porcupine answered, if it was asked.
    """

    seconds: float
    memory: int
    answer: str
    porcupine: Timed | str | None


def in_columns(history: History) -> History:
    """The same as a reader of large files leaves it, in columns."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "journal.jsonl"
        write_journal(path, history.ops)
        scanned = scan_journal(path, lambda _: None)
    assert scanned is not None, "no journal of ours is strange"
    return scanned.history


def _checked(case: Case) -> Prepare:
    """By the one door; answers nothing if the verdict is wrong."""

    def prepare(ops: int) -> Prepared:
        history = in_columns(register_history(dataclasses.replace(case, ops=ops), seed=1))

        def judge() -> Verdict | None:
            end = time.process_time() + _SECONDS_MAX
            budget = Budget(deadline=lambda: time.process_time() > end)
            verdict = check(history, CasRegister(), budget=budget)
            match case.fault:
                case Fault.NOTHING:
                    return None if isinstance(verdict, Invalid) else verdict
                case Fault.MADE_UP | Fault.STALE | Fault.WORN_OUT:
                    return None if isinstance(verdict, Valid) else verdict
                case Fault.MIXED_UP:
                    return verdict
                case _:
                    assert_never(case.fault)

        return Prepared(judge, history)

    return prepare


def _near_linear(make: Callable[[int], Run], model: str) -> Prepare:
    def prepare(ops: int) -> Prepared:
        columns = make(ops).columns()
        return Prepared(lambda: _all_linearizable(dispatch_all(columns, model)))

    return prepare


def _from_lengths(ops: int) -> Prepared:
    from checker.linearizability.fast.lists import decide_placed  # noqa: PLC0415  numba

    run, place = list_lengths(ops)
    columns = run.columns()
    return Prepared(lambda: _all_linearizable(decide_placed(Rows.of(columns), place)))


def _all_linearizable(answers: list[Answer] | tuple[Answer, ...]) -> bool:
    return all(isinstance(answer, Linearizable) for answer in answers)


CASES: Final[Mapping[str, Prepare]] = MappingProxyType(
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


def measure(prepare: Prepare, ops: int, program: Path | None = None) -> Cost:
    """In a process of its own, so that memory is this check's alone.

    Args:
        prepare: Makes the history.
        ops: How large.
        program: Porcupine's, to be asked in turn with us.

    Raises:
        RuntimeError: The history was not found correct, or the process died.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "wb") as answer:
            answer.write(json.encode(_measure_here(prepare, ops, program)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        written = answer.read()
    os.waitpid(child, 0)
    if not written:
        raise RuntimeError(f"no answer about {ops} ops")
    return json.decode(written, type=Cost)


def _measure_here(prepare: Prepare, ops: int, program: Path | None) -> Cost:
    prepare(1000).judge()
    prepared = prepare(ops)
    before = _resident_bytes()
    best = math.inf
    right: object = None
    theirs: Timed | str | None = None
    with ExitStack() as stack:
        rival = None
        if program is not None and prepared.history is not None:
            rival = stack.enter_context(porcupine(program, prepared.history))
        for _ in range(_REPEATS):
            if best < _LONG_S or right is None:
                began = time.process_time()
                right = prepared.judge()
                best = min(best, time.process_time() - began)
                assert right, "the verdict is wrong"
            if rival is not None and (theirs is None or _is_short(theirs)):
                theirs = _better(theirs, rival.check())
    return Cost(best, max(_peak_bytes() - before, 0), type(right).__name__, theirs)


def _is_short(answer: Timed | str) -> bool:
    return isinstance(answer, Timed) and answer.seconds < _LONG_S


def _better(one: Timed | str | None, other: Timed | str) -> Timed | str:
    if isinstance(one, Timed) and isinstance(other, Timed):
        return min(one, other, key=lambda timed: timed.seconds)
    return other


def _check_all(checkout: Path | None) -> None:
    print(
        f"\n{'ops':>8}{'clients':>9}{'crashed':>9}{'values':>8}  {'answers':9}{'verdict':8}"
        f"{'s':>8}{'ops/s':>11}{'MB':>7}{'' if checkout is None else '   Porcupine: s, ratio'}"
    )
    with TemporaryDirectory() as directory:
        program = None if checkout is None else build(checkout, Path(directory))
        for case in CHECKED:
            cost = measure(_checked(case), case.ops, program)
            print(
                f"{case.ops:8,}{case.clients:9}{case.crashed:9.1%}{case.values or 'unique':>8}  "
                f"{case.fault.value:9}{cost.answer:8}{cost.seconds:8.3f}"
                f"{case.ops / cost.seconds:11,.0f}{cost.memory / 1e6:7.0f}   {_beside(cost)}",
                flush=True,
            )


def _beside(cost: Cost) -> str:
    match cost.porcupine:
        case None:
            return ""
        case str() as why:
            return why
        case Timed(seconds=seconds, is_valid=is_valid):
            assert is_valid == (cost.answer == Valid.__name__), "one of us is wrong"
            return f"{seconds:.2f}, {seconds / cost.seconds:.1f}"


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(CASES)}")
    parser.add_argument("--checked", action="store_true", help="only the second table")
    parser.add_argument("--ops", type=int, default=1_000_000)
    parser.add_argument("--porcupine", type=Path, help="a checkout, to be measured beside us")
    chosen = parser.parse_args()
    print(f"python {sys.version.split()[0]}, numpy {np.__version__}, {os.cpu_count()} cores")
    print(f"{'history':28}{'ops':>11}{'s':>9}{'ops/s':>13}{'MB':>8}{'growth':>8}")
    for name, prepare in () if chosen.checked else CASES.items():
        if not chosen.names or name in chosen.names:
            small, large = measure(prepare, chosen.ops // 10), measure(prepare, chosen.ops)
            growth = math.log10(large.seconds / small.seconds)
            print(
                f"{name:28}{chosen.ops:11,}{large.seconds:9.3f}{chosen.ops / large.seconds:13,.0f}"
                f"{large.memory / 1e6:8.0f}{growth:8.2f}",
                flush=True,
            )
    if not chosen.names:
        _check_all(chosen.porcupine)


if __name__ == "__main__":
    main()
