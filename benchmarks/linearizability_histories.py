"""Large correct histories as columns, made without an object per operation."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

from histories.call import Scalar, Value
from histories.columns import FUNCTIONS, NO_VALUE, OUTCOMES, Columns, Int64s

CLIENTS = 10


@dataclass(slots=True)
class Run:
    """Rows under construction, by invocation; see ``Columns``.

    ``effects`` are the rows in the order in which they took effect.
    """

    invoked: Int64s
    completed: Int64s
    process: Int64s
    effects: list[int]
    f: Int64s
    key: Int64s
    argument: Int64s
    expected: Int64s
    result: Int64s
    failed: Int64s
    values: list[Value]
    keys: int = 1

    @classmethod
    def of(cls, ops: int, rng: np.random.Generator, keys: int = 1) -> Run:
        """Clients that wait a little, then call for some time, again and again."""
        each = -(-ops // CLIENTS)
        pauses = rng.integers(1, 50, (CLIENTS, each))
        lasts = rng.integers(1, 500, (CLIENTS, each))
        completed = np.cumsum(pauses + lasts, axis=1)
        invoked = completed - lasts
        process = np.repeat(np.arange(CLIENTS), each)
        order = np.argsort(invoked.ravel(), kind="stable")[:ops]
        invoked, completed = invoked.ravel()[order], completed.ravel()[order]
        instant = invoked + rng.random(ops) * (completed - invoked)
        empty = np.full((3, ops), NO_VALUE, dtype=np.int64)
        return cls(
            invoked=invoked,
            completed=completed,
            process=process[order],
            effects=np.argsort(instant, kind="stable").tolist(),
            f=np.zeros(ops, np.int64),
            key=rng.integers(0, keys, ops),
            argument=empty[0],
            expected=empty[1],
            result=empty[2],
            failed=np.zeros(ops, np.int64),
            values=[],
            keys=keys,
        )

    def columns(self) -> Columns:
        ops = self.invoked.size
        return Columns(
            index=np.arange(ops),
            invoked=self.invoked,
            completed=self.completed,
            process=self.process,
            f=self.f.astype(np.uint8),
            outcome=(self.failed * OUTCOMES.index("fail")).astype(np.uint8),
            key=self.key.astype(np.int32),
            argument=self.argument.astype(np.int32),
            expected=self.expected.astype(np.int32),
            result=self.result.astype(np.int32),
            keys=tuple(f"k{number}" for number in range(self.keys)),
            values=tuple(self.values),
        )

    def number(self, value: Value) -> int:
        """Of a value that was not there before."""
        self.values.append(value)
        return len(self.values) - 1


def _numbered(*names: str) -> Int64s:
    return np.array([FUNCTIONS.index(name) for name in names])


def register(ops: int, keys: int = 1) -> Run:
    """Reads and writes in equal parts, each write of its own value."""
    rng = np.random.default_rng(1)
    run = Run.of(ops, rng, keys)
    read, write = _numbered("read", "write")
    run.f = np.where(rng.random(ops) < 0.5, read, write)
    nothing = run.number(None)
    held = [nothing] * keys
    for row in run.effects:
        key = run.key[row]
        if run.f[row] == read:
            run.result[row] = held[key]
        else:
            held[key] = run.argument[row] = run.number(len(run.values))
    return run


def cas_register(ops: int) -> Run:
    """Reads, writes and compare-and-sets, half of which fail and tell what they found."""
    rng = np.random.default_rng(2)
    run = Run.of(ops, rng)
    read, write, _ = calls = _numbered("read", "write", "cas")
    run.f, works = calls[rng.integers(0, 3, ops)], rng.random(ops) < 0.5
    held = before = run.number(None)
    for row in run.effects:
        if run.f[row] == read:
            run.result[row] = held
            continue
        run.argument[row] = run.number(len(run.values))
        if run.f[row] != write:
            run.result[row] = held
            run.expected[row] = held if works[row] else before
            if run.expected[row] != held:
                continue
        before, held = held, run.argument[row]
    return run


def queue(ops: int, order: Literal["first", "last", "least"]) -> Run:
    """Puts and takes in equal parts, of items of their own; some find nothing."""
    rng = np.random.default_rng(3)
    run = Run.of(ops, rng)
    put, take = _numbered("enqueue", "dequeue")
    run.f = np.where(rng.random(ops) < 0.5, put, take)
    priorities = rng.permutation(ops).tolist()
    line: deque[int] = deque()
    heap: list[tuple[int, int]] = []
    for row in run.effects:
        if run.f[row] == put:
            run.argument[row] = number = run.number(priorities[row])
            if order == "least":
                heapq.heappush(heap, (priorities[row], number))
            else:
                line.append(number)
        elif heap:
            run.result[row] = heapq.heappop(heap)[1]
        elif line:
            run.result[row] = line.popleft() if order == "first" else line.pop()
    return run


def set_by_element(ops: int) -> Run:
    """Elements that are added, looked for and removed, at most 100 at a time."""
    rng = np.random.default_rng(4)
    run = Run.of(ops, rng)
    add, contains, remove = _numbered("add", "contains", "remove")
    false, true = run.number(False), run.number(True)
    there: deque[int] = deque()
    gone = -1
    choice = rng.random(ops)
    for row in run.effects:
        if len(there) < 100 and (choice[row] < 0.4 or not there):
            run.f[row], run.argument[row] = add, run.number(len(run.values))
            there.append(int(run.argument[row]))
        elif choice[row] < 0.6 or not there:
            run.f[row] = contains
            run.argument[row] = there[0] if choice[row] < 0.5 or gone < 0 else gone
            run.result[row] = true if run.argument[row] != gone else false
        else:
            gone = there.popleft()
            run.f[row], run.argument[row], run.result[row] = remove, gone, true
    return run


def set_read_whole(ops: int, reads: int = 5) -> Run:
    """A set that only grows, and is read whole a few times."""
    run = Run.of(ops, np.random.default_rng(5))
    add, read = _numbered("add", "read")
    elements: list[Scalar] = []
    for at, row in enumerate(run.effects, start=1):
        if at % (ops // reads):
            run.f[row], run.argument[row] = add, run.number(row)
            elements.append(row)
        else:
            run.f[row], run.result[row] = read, run.number(tuple(elements))
    return run


def lists(ops: int, keys: int) -> Run:
    """Appends and reads in equal parts; every list that was read is there verbatim."""
    rng = np.random.default_rng(6)
    run = Run.of(ops, rng, keys)
    append, read = _numbered("append", "read")
    run.f = np.where(rng.random(ops) < 0.5, append, read)
    held: list[tuple[Scalar, ...]] = [()] * keys
    latest = [run.number(())] * keys
    for row in run.effects:
        key = run.key[row]
        if run.f[row] == append:
            run.argument[row] = run.number(row)
            held[key], latest[key] = (*held[key], row), NO_VALUE
        else:
            if latest[key] == NO_VALUE:
                latest[key] = run.number(held[key])
            run.result[row] = latest[key]
    return run


def list_lengths(ops: int) -> tuple[Run, Int64s]:
    """One list, of whose reads only the length is kept, as ``lists.places`` has it."""
    rng = np.random.default_rng(7)
    run = Run.of(ops, rng)
    append, read = _numbered("append", "read")
    run.f = np.where(rng.random(ops) < 0.5, append, read)
    place = np.empty(ops, dtype=np.int64)
    effects = np.array(run.effects)
    appends = run.f[effects] == append
    place[effects] = np.cumsum(appends) - appends
    longest = int(place[run.f == read].max(initial=0))
    place[(run.f == append) & (place >= longest)] = NO_VALUE
    return run, place


def counter(ops: int) -> Run:
    """Increments by one that do not tell the sum, and reads, in equal parts."""
    rng = np.random.default_rng(8)
    run = Run.of(ops, rng)
    read, increment = _numbered("read", "increment")
    run.f = np.where(rng.random(ops) < 0.5, read, increment)
    run.values = list(range(ops + 1))
    effects = np.array(run.effects)
    sums = np.cumsum(run.f[effects] == increment)
    run.result[effects] = np.where(run.f[effects] == read, sums, NO_VALUE)
    run.argument = np.where(run.f == increment, 1, NO_VALUE)
    return run


def semaphore(ops: int) -> Run:
    """Clients that take the only permit and give it back; who must wait fails."""
    run = Run.of(ops, np.random.default_rng(9))
    acquire, release = _numbered("acquire", "release")
    run.values = list(range(CLIENTS))
    run.argument, run.expected = run.process.copy(), np.ones(ops, np.int64)
    holder = -1
    for row in run.effects:
        process = run.process[row]
        run.f[row] = release if holder == process else acquire
        if holder in {process, -1}:
            holder = -1 if holder == process else process
        else:
            run.failed[row] = 1
    return run
