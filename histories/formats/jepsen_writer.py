"""Our histories as Jepsen's EDN, one map a line, as ``history.edn`` of its store has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from msgspec.structs import replace

from histories.call import (
    Acquire,
    Add,
    Append,
    Call,
    CompareAndSet,
    Contains,
    Dequeue,
    Enqueue,
    Failed,
    GenerateId,
    Increment,
    Indeterminate,
    Micro,
    Ok,
    Outcome,
    Read,
    Release,
    Remove,
    Transfer,
    Txn,
    Value,
    Write,
)
from histories.formats.edn import Edn, EdnMap, Keyword, in_edn
from histories.formats.source import Place
from histories.history import FaultWindow, History
from histories.op import FOREVER, Nanos, Op

NEMESIS: Final = "nemesis"


@dataclass(frozen=True, slots=True)
class _Line:
    time: Nanos
    order: int
    process: Edn
    type: str
    f: str
    value: Edn
    error: str | None = None


def jepsen_edn(history: History) -> Iterator[str]:
    """The lines, in the order of time; calls on keys as of ``jepsen.independent``: ``[key value]``.

    A compare-and-set that found something else is a failed one there.  An indeterminate call
    that was never answered ends with an ``:info`` at the end, as it does when Jepsen's client
    loses patience.  Where there are transfers, transactions are a bank's reads;
    where there are other transactions, a read by itself is one, too.
    """
    end = _end(history)
    kinds = {type(op.call) for op in history.first_of_each_function()}
    is_bank = Transfer in kinds
    in_txns = Txn in kinds and not is_bank
    lines = [
        line
        for op in (map(_in_txn, history.ops) if in_txns else history.ops)
        for line in _of_op(op, end, is_bank=is_bank)
    ]
    lines += [line for fault in history.faults for line in _of_fault(fault)]
    lines.sort(key=lambda line: (line.time, line.order))
    for index, line in enumerate(lines):
        pairs: list[tuple[Edn, Edn]] = [
            (Keyword("index"), index),
            (Keyword("time"), line.time),
            (Keyword("type"), Keyword(line.type)),
            (Keyword("process"), line.process),
            (Keyword("f"), Keyword(line.f)),
            (Keyword("value"), line.value),
        ]
        if line.error is not None:
            pairs.append((Keyword("error"), line.error))
        yield in_edn(_map(pairs))


def _end(history: History) -> Nanos:
    """After everything that is known."""
    times = [op.invoked for op in history.ops]
    times += [op.completed for op in history.ops if op.completed != FOREVER]
    times += [fault.ended for fault in history.faults]
    return Nanos(max(times, default=0) + 1)


def _in_txn(op: Op) -> Op:
    return replace(op, call=Txn("", (op.call,))) if isinstance(op.call, Read) else op


def _of_op(op: Op, end: Nanos, *, is_bank: bool) -> Iterator[_Line]:
    f = "read" if is_bank and isinstance(op.call, Txn) else str(op.call.__struct_config__.tag)
    # What completes at an instant precedes what begins then: so it is in a journal.
    yield _Line(op.invoked, 1, op.process, "invoke", f, _value(op.call, None, is_bank=is_bank))
    completed = end if op.completed == FOREVER else op.completed
    kind, error = _ending(op.call, op.outcome)
    answered = op.outcome.values if isinstance(op.outcome, Ok) else None
    order = 2 if completed == op.invoked else 0
    value = _value(op.call, answered, is_bank=is_bank)
    yield _Line(completed, order, op.process, kind, f, value, error)


def _of_fault(fault: FaultWindow) -> Iterator[_Line]:
    nodes = tuple(fault.nodes)
    process = Keyword(NEMESIS)
    yield _Line(fault.began, 3, process, "info", f"start-{fault.kind}", nodes, fault.detail)
    yield _Line(fault.ended, 3, process, "info", f"stop-{fault.kind}", nodes, fault.evidence)


def _ending(call: Call, outcome: Outcome) -> tuple[str, str | None]:
    match outcome:
        case Ok(values=(held,)) if isinstance(call, CompareAndSet) and held != call.expected:
            return "fail", f"held {held}"
        case Ok():
            return "ok", None
        case Failed(reason=reason):
            return "fail", reason
        case Indeterminate(reason=reason):
            return "info", reason
        case _:
            assert_never(outcome)


def _value(call: Call, answered: tuple[Value, ...] | None, *, is_bank: bool) -> Edn:
    """What stands in ``:value``: of an invocation, if nothing was ``answered``."""
    told = answered[0] if answered else None
    match call:
        case Txn(micro=micro) if is_bank:
            if answered is None:
                return None
            return _map(zip((step.key for step in micro), answered, strict=True))
        case Txn(micro=micro):
            return _steps(micro, answered)
        case Transfer(source=source, target=target, amount=amount):
            names = map(Keyword, ("from", "to", "amount"))
            return _map(zip(names, (source, target, amount), strict=True))
        case Read() | Dequeue() | GenerateId():
            return (call.key, told)
        case Write(value=value):
            return (call.key, value)
        case CompareAndSet(expected=expected, replacement=replacement):
            return (call.key, (expected, replacement))
        case Append() | Add() | Enqueue():
            return (call.key, call.element)
        case Remove() | Contains():
            return (call.key, call.element if answered is None else told)
        case Increment(by=by):
            return (call.key, by)
        case Acquire() | Release():
            return (call.key, call.permits)
        case _:
            assert_never(call)


def _steps(micro: Sequence[Micro], answered: tuple[Value, ...] | None) -> Edn:
    reads = iter(answered or ())
    steps: list[Edn] = []
    for step in micro:
        match step:
            case Read(key=key):
                steps.append((Keyword("r"), key, next(reads, None)))
            case Write(key=key, value=value):
                steps.append((Keyword("w"), key, value))
            case Append(key=key, element=element):
                steps.append((Keyword("append"), key, element))
            case _:
                assert_never(step)
    return tuple(steps)


def _map(pairs: Iterable[tuple[Edn, Edn]]) -> EdnMap:
    return EdnMap(tuple(pairs), Place(0, 0), ())
