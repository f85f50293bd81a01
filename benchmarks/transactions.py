"""How fast histories of transactions are judged, and how that grows.

    python -m benchmarks.transactions [--largest 1000000] [--journal]

Processor seconds of one core; the first figure of a size includes nothing compiled, as
machine code is kept between runs.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import shorten
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from checker.base import Budget
from checker.transactions.check import Judgement, check, judge
from checker.transactions.drawing import draw
from harness.collecting import uncollected
from histories.call import Append, Ok, Read, Txn
from histories.event import Completed, Event, Invoked, Opened
from histories.formats.read import read_history
from histories.history import History
from histories.op import FOREVER, Nanos, Op, ProcessId
from histories.txn_columns import READ, WRITE, TxnColumns

KEYS_ACTIVE: Final = 5
WRITES_PER_KEY: Final = 40
CONCURRENCY: Final = 20


@dataclass(frozen=True, slots=True)
class Measured:
    what: str
    txns: int
    seconds: float
    detail: str


def synthetic(txns: int, seed: int = 1) -> TxnColumns:
    """A serial execution of list transactions of 3 or 4 steps, seen with overlapping intervals.

    Keys as in our own workload: 5 at a time, each for 40 writes.
    """
    rng = random.Random(seed)
    lists = [array("i") for _ in range(KEYS_ACTIVE)]
    active = list(range(KEYS_ACTIVE))
    f, key, argument, seen, version_key, values = (array("i") for _ in range(6))
    offset, seen_offset = [0], [0]
    for _ in range(txns):
        for _ in range(rng.choice((3, 4))):
            place = rng.randrange(KEYS_ACTIVE)
            k = active[place]
            key.append(k)
            if rng.random() < 0.5:
                f.append(READ)
                argument.append(-1)
                seen.extend(lists[k])
            else:
                f.append(WRITE)
                argument.append(len(values))
                lists[k].append(len(values))
                values.append(len(lists[k]))
                version_key.append(k)
                if len(lists[k]) == WRITES_PER_KEY:
                    active[place] = len(lists)
                    lists.append(array("i"))
            seen_offset.append(len(seen))
        offset.append(len(f))
    chance = np.random.default_rng(seed)
    point = np.arange(txns) * 1000 + CONCURRENCY * 400
    # A process is free again well before its next turn, CONCURRENCY transactions later.
    spread = CONCURRENCY * 400
    invoked = point - chance.integers(1, spread, txns)
    completed = point + chance.integers(1, spread, txns)
    columns = TxnColumns(
        index=np.arange(txns),
        invoked=invoked,
        completed=completed,
        process=np.arange(txns) % CONCURRENCY,
        outcome=np.zeros(txns, dtype=np.uint8),
        offset=np.array(offset),
        f=np.array(f, dtype=np.uint8),
        key=np.array(key, dtype=np.int32),
        argument=np.array(argument, dtype=np.int32),
        seen_offset=np.array(seen_offset),
        seen=np.array(seen, dtype=np.int32),
        version_key=np.array(version_key, dtype=np.int32),
        keys=tuple(map(str, range(len(lists)))),
        values=tuple(values),
    )
    return _frozen(_by_invocation(columns))


def _by_invocation(columns: TxnColumns) -> TxnColumns:
    order = np.argsort(columns.invoked, kind="stable")
    micro = _spans(columns.offset, order)
    seen = _spans(columns.seen_offset, micro)
    return replace(
        columns,
        invoked=columns.invoked[order],
        completed=columns.completed[order],
        process=columns.process[order],
        offset=_ends(np.diff(columns.offset)[order]),
        f=columns.f[micro],
        key=columns.key[micro],
        argument=columns.argument[micro],
        seen_offset=_ends(np.diff(columns.seen_offset)[micro]),
        seen=columns.seen[seen],
    )


def _spans(offset: NDArray[Any], rows: NDArray[Any]) -> NDArray[Any]:
    """The numbers of ``offset[r] .. offset[r + 1]`` for each row r, one after another."""
    count = np.diff(offset)[rows]
    begin = np.cumsum(count) - count
    return np.repeat(offset[:-1][rows] - begin, count) + np.arange(count.sum())


def _ends(count: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([[0], np.cumsum(count)])


def _frozen(columns: TxnColumns) -> TxnColumns:
    for name in TxnColumns.__slots__:
        column = getattr(columns, name)
        if isinstance(column, np.ndarray):
            column.flags.writeable = False
    return columns


def stale(columns: TxnColumns, reads: int, txns: range, seed: int = 2) -> TxnColumns:
    """With so many reads that miss the last one to three elements, among these transactions."""
    chance = np.random.default_rng(seed)
    count = np.diff(columns.seen_offset)
    inside = (np.arange(len(count)) >= columns.offset[txns.start]) & (
        np.arange(len(count)) < columns.offset[txns.stop]
    )
    chosen = chance.choice(np.flatnonzero(inside & (count > 3)), reads, replace=False)
    missed = chance.integers(1, 4, reads)
    keep = np.ones(len(columns.seen), dtype=np.bool_)
    for m, some in zip(chosen, missed, strict=True):
        keep[columns.seen_offset[m + 1] - some : columns.seen_offset[m + 1]] = False
    count[chosen] -= missed
    return _frozen(replace(columns, seen_offset=_ends(count), seen=columns.seen[keep]))


def ops_of(columns: TxnColumns) -> Iterator[Op]:
    """The same as operations; each has the first process that is free."""
    free: list[int] = []
    for t in range(len(columns.index)):
        began = int(columns.invoked[t])
        process = next((p for p, end in enumerate(free) if end < began), len(free))
        free[process : process + 1] = [int(columns.completed[t])]
        micro, answers = _steps(columns, t)
        yield Op(
            index=t,
            process=ProcessId(process),
            call=Txn("", micro),
            outcome=Ok(answers),
            invoked=Nanos(began),
            completed=Nanos(int(columns.completed[t])),
        )


def _steps(
    columns: TxnColumns, t: int
) -> tuple[tuple[Read | Append, ...], tuple[tuple[Any, ...], ...]]:
    micro: list[Read | Append] = []
    answers: list[tuple[Any, ...]] = []
    for m in range(int(columns.offset[t]), int(columns.offset[t + 1])):
        key = columns.keys[columns.key[m]]
        if columns.f[m] == READ:
            micro.append(Read(key))
            versions = columns.seen[columns.seen_offset[m] : columns.seen_offset[m + 1]]
            answers.append(tuple(columns.values[version] for version in versions))
        else:
            micro.append(Append(key, columns.values[columns.argument[m]]))
    return tuple(micro), tuple(answers)


def write_journal(path: Path, ops: Sequence[Op]) -> None:
    """As a run would have written it."""
    moments = sorted(
        [(op.invoked, 1, op) for op in ops]
        + [(op.completed, 0, op) for op in ops if op.completed != FOREVER],
        key=lambda moment: moment[:2],
    )
    encoder = msgspec.json.Encoder()
    with path.open("wb") as stream:
        stream.write(encoder.encode(Opened()) + b"\n")
        for at, begins, op in moments:
            event: Event = (
                Invoked(time=at, op=op.index, process=op.process, call=op.call)
                if begins
                else Completed(time=at, op=op.index, process=op.process, outcome=op.outcome)
            )
            stream.write(encoder.encode(event) + b"\n")


def _timed(what: str, txns: int, work: Callable[[], str]) -> Measured:
    before = time.process_time()
    detail = work()
    return Measured(what, txns, time.process_time() - before, detail)


def measure(largest: int, *, journal: bool) -> Iterator[Measured]:
    judge(synthetic(40_000), "append", Budget())  # load the machine code
    sizes = [size for size in (10_000, 100_000, 1_000_000) if size < largest] + [largest]
    for size in sizes:
        columns = synthetic(size)
        yield _timed("from columns", size, lambda c=columns: _found(judge(c, "append", Budget())))  # type: ignore[misc]
        one = stale(columns, 10, range(size // 2, size))
        yield _timed("ten stale reads, drawn", size, lambda c=one: _drawn(c))  # type: ignore[misc]
        many = stale(columns, size // 100, range(size))
        yield _timed("1 % stale reads", size, lambda c=many: _found(judge(c, "append", Budget())))  # type: ignore[misc]
        if size <= 100_000:
            history = History.of(ops_of(columns))
            with uncollected():
                yield _timed("from a history", size, lambda h=history: str(check(h)))  # type: ignore[misc]
        if journal:
            yield from _from_disk(columns)
    part = stale(synthetic(20_000), 8_000, range(10_000))
    yield _timed(
        "20,000, 8,000 stale reads", 20_000, lambda: _found(judge(part, "append", Budget()))
    )


def _from_disk(columns: TxnColumns) -> Iterator[Measured]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        write_journal(path, list(ops_of(columns)))
        size = path.stat().st_size / 1e6
        name = f"from a journal of {size:,.0f} MB"
        with uncollected():
            yield _timed(name, len(columns.index), lambda: str(check(read_history(path).history)))


def _found(judgement: Judgement) -> str:
    kinds = dict.fromkeys(finding.kind for finding in judgement.findings)
    undecided = f"; undecided: {judgement.undecided}" if judgement.undecided else ""
    return (", ".join(kinds) or "nothing found") + undecided


def _drawn(columns: TxnColumns) -> str:
    judgement = judge(columns, "append", Budget())
    cycle = next((finding for finding in judgement.findings if finding.steps), None)
    drawn = "" if cycle is None else f"; {len(draw(cycle, judgement.words)):,} characters of SVG"
    return _found(judgement) + drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--journal", action="store_true", help="also from disk")
    chosen = parser.parse_args()
    table = Table("transactions", "what", "CPU s", "per second", "result")
    for row in measure(chosen.largest, journal=chosen.journal):
        table.add_row(
            f"{row.txns:,}",
            row.what,
            f"{row.seconds:.2f}",
            f"{row.txns / row.seconds:,.0f}",
            shorten(row.detail, 48),
        )
    console = Console(width=110)
    console.print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    console.print(f"largest memory {peak:.1f} GiB")


if __name__ == "__main__":
    main()
