"""Simulated databases of known isolation, right and wrong ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from histories.call import (
    Append,
    Failed,
    Indeterminate,
    Micro,
    Ok,
    Outcome,
    Read,
    Txn,
    Value,
    Write,
)
from histories.history import History
from histories.op import FOREVER, Nanos, Op, ProcessId

State: TypeAlias = dict[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What is asked.  ``unknown``: share of transactions whose answer is lost."""

    txns: int
    processes: int = 3
    keys: int = 3
    micro_max: int = 4
    lists: bool = True
    unknown: float = 0.0
    read_back: bool = False


@dataclass(slots=True)
class Attempt:
    """A transaction under way: its instants are those of its begin, its steps, its commit."""

    process: int
    micro: tuple[Micro, ...]
    invoked: int
    instants: list[int]
    completed: int
    snapshot: State = field(default_factory=dict)
    began: int = 0
    own: State = field(default_factory=dict)
    answers: list[Value] = field(default_factory=list)
    failed: str = ""


class Database:
    """Serial: everything happens at the commit.  Others override what they get wrong."""

    def __init__(self, rng: random.Random, lists: bool) -> None:
        self.rng = rng
        self.lists = lists
        self.state: State = {}
        self.changed: dict[str, int] = {}
        self.commits = 0

    def begin(self, attempt: Attempt) -> None:
        pass

    def step(self, attempt: Attempt, micro: Micro) -> None:
        pass

    def commit(self, attempt: Attempt) -> None:
        for micro in attempt.micro:
            match micro:
                case Read(key=key):
                    attempt.answers.append(self.state.get(key))
                case _:
                    self.put(self.state, micro)

    def put(self, state: State, micro: Micro) -> None:
        match micro:
            case Append(key=key, element=element):
                held = state.get(key)
                assert held is None or isinstance(held, tuple)
                state[key] = (*(held or ()), element)
            case Write(key=key, value=value):
                state[key] = value
            case Read():
                raise AssertionError("a read puts nothing")

    def seen(self, base: State, attempt: Attempt, key: str) -> Value:
        """``base`` with the transaction's own writes."""
        view = {key: base[key]} if key in base else {}
        for micro in attempt.micro[: len(attempt.own)]:
            if not isinstance(micro, Read) and micro.key == key:
                self.put(view, micro)
        return view.get(key)

    def install(self, attempt: Attempt) -> None:
        self.commits += 1
        for micro in attempt.micro:
            if not isinstance(micro, Read):
                self.put(self.state, micro)
                self.changed[micro.key] = self.commits


class SnapshotIsolated(Database):
    """First committer wins."""

    def begin(self, attempt: Attempt) -> None:
        attempt.snapshot = dict(self.state)
        attempt.began = self.commits

    def step(self, attempt: Attempt, micro: Micro) -> None:
        if isinstance(micro, Read):
            attempt.answers.append(self.seen(attempt.snapshot, attempt, micro.key))
        attempt.own[str(len(attempt.own))] = None

    def commit(self, attempt: Attempt) -> None:
        written = {micro.key for micro in attempt.micro if not isinstance(micro, Read)}
        if any(self.changed.get(key, 0) > attempt.began for key in written):
            attempt.failed = "conflict"
            return
        self.install(attempt)


class WithoutConflicts(SnapshotIsolated):
    """Snapshots, but nobody looks for conflicting writes: updates get lost."""

    def commit(self, attempt: Attempt) -> None:
        self.install(attempt)


class ReadCommitted(WithoutConflicts):
    """Every read sees what is committed at its own instant."""

    def step(self, attempt: Attempt, micro: Micro) -> None:
        attempt.snapshot = self.state
        super().step(attempt, micro)


class ReadUncommitted(Database):
    """Writes are seen at once, and stay even when their transaction fails."""

    def step(self, attempt: Attempt, micro: Micro) -> None:
        if isinstance(micro, Read):
            attempt.answers.append(self.state.get(micro.key))
        else:
            self.put(self.state, micro)

    def commit(self, attempt: Attempt) -> None:
        if self.rng.random() < 0.2:
            attempt.failed = "changed its mind"


class Losing(Database):
    """Serial, but some acknowledged writes never happen."""

    def put(self, state: State, micro: Micro) -> None:
        if self.rng.random() < 0.9:
            super().put(state, micro)


class Stale(Database):
    """Serial, but transactions that only read may be given an old state."""

    def __init__(self, rng: random.Random, lists: bool) -> None:
        super().__init__(rng, lists)
        self.past: list[State] = [{}]

    def commit(self, attempt: Attempt) -> None:
        if all(isinstance(micro, Read) for micro in attempt.micro) and self.rng.random() < 0.5:
            old = self.rng.choice(self.past)
            attempt.answers += [old.get(micro.key) for micro in attempt.micro]
            return
        super().commit(attempt)
        self.past.append(dict(self.state))


def run(
    database: Callable[[random.Random, bool], Database], rng: random.Random, shape: Shape
) -> History:
    """The history of clients of such a database.

    With ``read_back`` one more transaction reads all keys at the end.
    """
    attempts = _attempts(rng, shape)
    system = database(rng, shape.lists)
    instants = sorted(
        (instant, number, place)
        for number, attempt in enumerate(attempts)
        for place, instant in enumerate(attempt.instants)
    )
    for _, number, place in instants:
        attempt = attempts[number]
        if place == 0:
            system.begin(attempt)
        elif place <= len(attempt.micro):
            system.step(attempt, attempt.micro[place - 1])
        else:
            system.commit(attempt)
    attempts.sort(key=lambda attempt: attempt.invoked)
    return History.of(
        _op(index, attempt, rng.random() < shape.unknown and attempt is not attempts[-1])
        for index, attempt in enumerate(attempts)
    )


def _attempts(rng: random.Random, shape: Shape) -> list[Attempt]:
    free = [0] * shape.processes
    attempts: list[Attempt] = []
    written = 0
    for _ in range(shape.txns):
        process = rng.randrange(shape.processes)
        micro: list[Micro] = []
        for _ in range(rng.randint(1, shape.micro_max)):
            key = f"k{rng.randrange(shape.keys)}"
            if rng.random() < 0.5:
                micro.append(Read(key))
            else:
                written += 1
                micro.append(Append(key, written) if shape.lists else Write(key, written))
        attempts.append(_attempt(rng, process, tuple(micro), free))
    if shape.read_back:
        free.append(max(free))
        everything = tuple(Read(f"k{number}") for number in range(shape.keys))
        attempts.append(_attempt(rng, shape.processes, everything, free))
    return attempts


def _attempt(
    rng: random.Random, process: int, micro: tuple[Micro, ...], free: list[int]
) -> Attempt:
    invoked = free[process] + rng.randint(1, 30)
    instants = [invoked + rng.randint(1, 8)]
    for _ in range(len(micro) + 1):
        instants.append(instants[-1] + rng.randint(1, 8))
    completed = instants[-1] + rng.randint(1, 8)
    free[process] = completed
    return Attempt(process, micro, invoked, instants, completed)


def _op(index: int, attempt: Attempt, lost: bool) -> Op:
    outcome: Outcome = Ok(tuple(attempt.answers))
    if attempt.failed:
        outcome = Failed(attempt.failed)
    elif lost:
        outcome = Indeterminate("lost")
    # An unanswered process is retired, so each transaction has one of its own then.
    process = 1000 + index if lost else attempt.process
    return Op(
        index=index,
        process=ProcessId(process),
        call=Txn("", attempt.micro),
        outcome=outcome,
        invoked=Nanos(attempt.invoked),
        completed=FOREVER if isinstance(outcome, Indeterminate) else Nanos(attempt.completed),
    )
