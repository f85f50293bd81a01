"""Random histories of a register: of a correct one, of one that errs, of nonsense."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass

from histories.call import (
    Call,
    CompareAndSet,
    Failed,
    Indeterminate,
    Ok,
    Outcome,
    Read,
    Scalar,
    Write,
)
from histories.history import History
from histories.op import FOREVER, Nanos, Op, ProcessId


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the histories look like.

    ``values`` None makes every written value unique.  ``spread`` is the longest
    an operation takes, in units of the longest pause between two calls.
    """

    ops: int
    processes: int = 3
    keys: int = 1
    values: int | None = 3
    spread: int = 4
    unknown: float = 0.15
    failed: float = 0.1


@dataclass(slots=True)
class _Attempt:
    process: int
    key: str
    invoked: int
    completed: int
    takes_effect: int | None
    ending: str


def correct_history(rng: random.Random, shape: Shape) -> History:
    """What clients of a correct register see: linearizable by construction.

    Operations take effect at one instant within their interval.  Unknown ones may
    take effect long after their process gave up, or never; failed ones never.
    """
    attempts = _attempts(rng, shape)
    effects = sorted(
        (attempt.takes_effect, number)
        for number, attempt in enumerate(attempts)
        if attempt.takes_effect is not None
    )
    order = [number for _, number in effects]
    order += [number for number, each in enumerate(attempts) if each.takes_effect is None]
    held: dict[str, Scalar] = {}
    used: dict[str, list[Scalar]] = {}
    finished: dict[int, tuple[Call, Outcome]] = {}
    for serial, number in enumerate(order, start=1):
        attempt = attempts[number]
        key, now = attempt.key, held.get(attempt.key)
        written = serial if shape.values is None else rng.randrange(shape.values)
        past = used.setdefault(key, [None])
        call: Call
        answer: tuple[Scalar, ...]
        match rng.random():
            case chance if chance < 0.45:
                call, answer = Read(key), (now,)
            case chance if chance < 0.7:
                call, answer = Write(key, written), ()
            case _:
                expected = now if rng.random() < 0.5 else rng.choice(past)
                call, answer = CompareAndSet(key, expected, written), (now,)
        if attempt.takes_effect is not None:
            if isinstance(call, Write):
                held[key] = call.value
            elif isinstance(call, CompareAndSet) and call.expected == now:
                held[key] = call.replacement
            past.append(held.get(key))
        finished[number] = call, _outcome(attempt, answer)
    return _history(attempts, finished)


def spoiled_history(rng: random.Random, shape: Shape) -> History:
    """A correct history with up to two answers replaced: may be linearizable or not."""
    ops = list(correct_history(rng, shape).ops)
    for _ in range(rng.randrange(1, 3)):
        at = rng.randrange(len(ops))
        op = ops[at]
        if isinstance(op.outcome, Ok) and op.outcome.values:
            ops[at] = _with_outcome(op, Ok((rng.choice(_values(shape, ops)),)))
        elif isinstance(op.outcome, Ok):
            ops[at] = _with_outcome(op, Failed("spoiled"))
    return History.of(ops)


def nonsense_history(rng: random.Random, shape: Shape) -> History:
    """Answers without any register behind them."""
    ops = list(correct_history(rng, shape).ops)
    for at, op in enumerate(ops):
        if isinstance(op.outcome, Ok) and op.outcome.values:
            ops[at] = _with_outcome(op, Ok((rng.choice(_values(shape, ops)),)))
    return History.of(ops)


def _values(shape: Shape, ops: list[Op]) -> list[Scalar]:
    if shape.values is not None:
        return [None, *range(shape.values)]
    written = (op.call for op in ops)
    return [None, *(call.value for call in written if isinstance(call, Write))]


def _with_outcome(op: Op, outcome: Outcome) -> Op:
    return Op(
        index=op.index,
        process=op.process,
        call=op.call,
        outcome=outcome,
        invoked=op.invoked,
        completed=op.completed,
    )


def _attempts(rng: random.Random, shape: Shape) -> list[_Attempt]:
    unit = 3 if shape.ops < 20 else 1000
    free = [(0, process) for process in range(shape.processes)]
    next_process = shape.processes
    attempts: list[_Attempt] = []
    for _ in range(shape.ops):
        since, process = heapq.heappop(free)
        invoked = since + rng.randint(0, unit)
        completed = invoked + rng.randint(0, shape.spread * unit)
        key = f"k{rng.randrange(shape.keys)}"
        chance = rng.random()
        takes_effect: int | None = rng.randint(invoked, completed)
        ending = "ok"
        if chance < shape.unknown:
            ending = "unknown"
            takes_effect = rng.choice((None, rng.randint(invoked, invoked + 9 * unit)))
            heapq.heappush(free, (completed, next_process))
            next_process += 1
        else:
            heapq.heappush(free, (completed, process))
            if chance < shape.unknown + shape.failed:
                ending, takes_effect = "failed", None
        attempts.append(_Attempt(process, key, invoked, completed, takes_effect, ending))
    attempts.sort(key=lambda attempt: attempt.invoked)
    _repair_ties(attempts)
    return attempts


def _repair_ties(attempts: list[_Attempt]) -> None:
    """Effects of one process at one instant must keep the order of its calls.

    Instants are scaled, so that between two neighbours there is room for the
    position of the attempt.
    """
    scale = len(attempts) + 1
    for position, attempt in enumerate(attempts):
        if attempt.takes_effect is not None:
            attempt.takes_effect = attempt.takes_effect * scale + position


def _outcome(attempt: _Attempt, answer: tuple[Scalar, ...]) -> Outcome:
    match attempt.ending:
        case "ok":
            return Ok(answer)
        case "failed":
            return Failed("refused")
        case _:
            return Indeterminate("timed out")


def _history(attempts: list[_Attempt], finished: dict[int, tuple[Call, Outcome]]) -> History:
    return History.of(
        Op(
            index=number,
            process=ProcessId(attempt.process),
            call=finished[number][0],
            outcome=finished[number][1],
            invoked=Nanos(attempt.invoked),
            completed=FOREVER if attempt.ending == "unknown" else Nanos(attempt.completed),
        )
        for number, attempt in enumerate(attempts)
    )
