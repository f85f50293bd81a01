"""Histories in words: one line an operation, written for people and read back for tests.

    process 4: read k7 -> 3              [1.204 s, 1.209 s]
    process 2: write k7 5: done          [1.205 s, 1.211 s]
    process 0: cas k7 3 -> 5: swapped    [1.215 s, 1.218 s]
    process 1: cas k7 3 -> 6: saw 5      [1.219 s, 1.230 s]
    process 3: write k7 9: failed (not the leader)  [1.220 s, 1.221 s]
    process 5: write k7 8: unknown (timed out)      [1.222 s, ?]

Values are JSON, and ``nil`` for absent.  When reading, ``process`` may be left
out, and so may ``: done``; bare times are nanoseconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias, assert_never

from histories.call import (
    Call,
    CompareAndSet,
    Failed,
    Indeterminate,
    Ok,
    Outcome,
    Read,
    Scalar,
    Value,
    Write,
)
from histories.errors import MalformedHistory
from histories.history import History
from histories.op import FOREVER, Nanos, Op, ProcessId
from histories.values import same

Clock: TypeAlias = Callable[[Nanos], str]
"""How a moment is printed."""

_SECOND: Final = 1_000_000_000
_COUNTED_MAX: Final = 10_000
"""Below this many nanoseconds, times are positions rather than measurements."""

_PLAIN_KEY: Final = re.compile(r"[\w./@+-]+")


def describe_value(value: Value) -> str:
    """``3``, ``true``, ``"text"``, ``nil``: never more than one line."""
    if value is None:
        return "nil"
    if isinstance(value, tuple):
        return "[" + ", ".join(describe_value(part) for part in value) + "]"
    return json.dumps(value)


def describe_call(call: Call) -> str:
    """``read k7``, ``write k7 3``, ``cas k7 2 -> 5``."""
    key = describe_key(call.key)
    match call:
        case Read():
            return f"read {key}"
        case Write(value=value):
            return f"write {key} {describe_value(value)}"
        case CompareAndSet(expected=expected, replacement=replacement):
            return f"cas {key} {describe_value(expected)} -> {describe_value(replacement)}"
        case _:
            assert_never(call)


def describe_key(key: str) -> str:
    """The key as it is, in quotes if it could be mistaken for something else."""
    return key if _PLAIN_KEY.fullmatch(key) else json.dumps(key)


def describe_outcome(call: Call, outcome: Outcome) -> str:
    """``-> 3``, ``done``, ``swapped``, ``saw 3``, ``failed (why)``, ``unknown (why)``."""
    match outcome:
        case Ok(values=values):
            return _describe_answer(call, values[0] if values else None)
        case Failed(reason=reason):
            return "failed" + _parenthesis(reason)
        case Indeterminate(reason=reason):
            return "unknown" + _parenthesis(reason)
        case _:
            assert_never(outcome)


def _describe_answer(call: Call, value: Value) -> str:
    match call:
        case Read():
            return f"-> {describe_value(value)}"
        case Write():
            return "done"
        case CompareAndSet(expected=expected):
            return "swapped" if same(value, expected) else f"saw {describe_value(value)}"
        case _:
            assert_never(call)


def _parenthesis(reason: str) -> str:
    return f" ({' '.join(reason.split())})" if reason.strip() else ""


def describe_op(op: Op, clock: Clock | None = None) -> str:
    """``process 4: read k7 -> 3  [1.204 s, 1.209 s]``.

    Args:
        op: What to print.
        clock: How to print its times; chosen for this op alone if not given.
    """
    clock = clock or clock_for([op])
    outcome = describe_outcome(op.call, op.outcome)
    joint = " " if outcome.startswith("->") else ": "
    ended = "?" if op.completed == FOREVER else clock(op.completed)
    return (
        f"process {op.process}: {describe_call(op.call)}{joint}{outcome}"
        f"  [{clock(op.invoked)}, {ended}]"
    )


def clock_for(ops: Iterable[Op]) -> Clock:
    """The shortest clock that prints different times of these ops differently.

    Seconds with 3, 6 or 9 decimals; nanoseconds if all times are tiny.
    """
    times = {time for op in ops for time in (op.invoked, op.completed) if time != FOREVER}
    if max(times, default=0) < _COUNTED_MAX:
        return nanoseconds
    for decimals in (3, 6):
        if len({round(time, decimals - 9) for time in times}) == len(times):
            return _seconds(decimals)
    return _seconds(9)


def nanoseconds(time: Nanos) -> str:
    """``1204 ns``: exact."""
    return f"{time} ns"


def _seconds(decimals: int) -> Clock:
    def clock(time: Nanos) -> str:
        whole, rest = divmod(round(time, decimals - 9), _SECOND)
        return f"{whole}.{rest:09d}"[: decimals - 9 or None] + " s"

    return clock


def print_history(history: History) -> str:
    """One line an op, times exact: ``parse_history`` reads the same history back."""
    return "".join(describe_op(op, nanoseconds) + "\n" for op in history.ops)


def parse_history(text: str) -> History:
    """Read what this module prints; blank lines and ``#`` comments are skipped.

    Lines may come in any order: ops are numbered by invocation, then by line.

    Raises:
        MalformedHistory: A line is not an operation (with its number), or the
            operations together break a law of ``Op``.
    """
    ops: list[Op] = []
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.strip()
        if content and not content.startswith("#"):
            ops.append(_parse_op(content, number))
    ops.sort(key=lambda op: op.invoked)
    return History.of(
        Op(
            index=index,
            process=op.process,
            call=op.call,
            outcome=op.outcome,
            invoked=op.invoked,
            completed=op.completed,
        )
        for index, op in enumerate(ops)
    )


_TIME: Final = r"(?:\d+\.\d{1,9}[ ]s|\d+(?:[ ]ns)?)"
_TEXT: Final = r'"(?:[^"\\]|\\.)*"'
_VALUE: Final = rf'(?:{_TEXT}|[^\s:"]+)'
_LINE: Final = re.compile(
    rf"""(?:process\s+)?(?P<process>\d+)\s*:\s*
         (?P<call>(?P<f>read|write|cas)\s+(?P<key>{_TEXT}|[^\s:"]+)
            (?:\s+(?P<first>(?!->){_VALUE}))?
            (?:\s*->\s*(?P<second>{_VALUE}))?)
         (?:\s*:\s*(?P<outcome>done|swapped|saw|failed|unknown)
            (?:\s+(?P<saw>(?!\(){_VALUE}))?
            (?:\s*\((?P<reason>.*)\))?)?
         \s*\[\s*(?P<invoked>{_TIME})\s*,\s*(?P<completed>{_TIME}|\?)\s*\]""",
    re.VERBOSE,
)


def _parse_op(line: str, number: int) -> Op:
    parts = _LINE.fullmatch(line)
    if parts is None:
        raise MalformedHistory(
            "not of the form 'process: call outcome [invoked, completed]'", line=number
        )
    call = _parse_call(parts, number)
    outcome = _parse_outcome(parts, call, number)
    completed = FOREVER if parts["completed"] == "?" else _parse_time(parts["completed"])
    return Op(
        index=0,
        process=ProcessId(int(parts["process"])),
        call=call,
        outcome=outcome,
        invoked=_parse_time(parts["invoked"]),
        completed=completed,
    )


def _parse_call(parts: re.Match[str], number: int) -> Call:
    key = json.loads(parts["key"]) if parts["key"].startswith('"') else parts["key"]
    first, second = parts["first"], parts["second"]
    match parts["f"]:
        case "read" if first is None:
            return Read(key)
        case "write" if first is not None and second is None:
            return Write(key, _parse_value(first, number))
        case "cas" if first is not None and second is not None:
            return CompareAndSet(key, _parse_value(first, number), _parse_value(second, number))
        case f:
            raise MalformedHistory(f"wrong arguments for {f!r}", line=number, field="call")


def _parse_outcome(parts: re.Match[str], call: Call, number: int) -> Outcome:
    reason = parts["reason"] or ""
    answer = parts["second"] if isinstance(call, Read) else None
    match parts["outcome"], call:
        case None, Read() if answer is not None:
            return Ok((_parse_value(answer, number),))
        case "failed", _ if answer is None:
            return Failed(reason)
        case "unknown", _ if answer is None:
            return Indeterminate(reason)
        case None | "done", Write():
            return Ok()
        case "swapped", CompareAndSet(expected=expected):
            return Ok((expected,))
        case "saw", CompareAndSet() if parts["saw"] is not None:
            return Ok((_parse_value(parts["saw"], number),))
        case _:
            raise MalformedHistory(
                f"{parts['outcome'] or 'nothing'!r} is no outcome of {describe_call(call)!r}",
                line=number,
                field="outcome",
            )


def _parse_value(text: str, number: int) -> Scalar:
    if text == "nil":
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise MalformedHistory(f"{text!r} is not a value", line=number, field="value") from error
    if isinstance(value, bool | int | float | str):
        return value
    raise MalformedHistory(f"{text!r} is not a scalar", line=number, field="value")


def _parse_time(text: str) -> Nanos:
    if not text.endswith(" s"):
        return Nanos(int(text.removesuffix(" ns")))
    whole, _, decimals = text.removesuffix(" s").partition(".")
    return Nanos(int(whole) * _SECOND + int(decimals.ljust(9, "0")))
