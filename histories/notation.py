"""Histories in words: one line an operation, written for people and read back for tests.

    process 4: read k7 -> 3              [1.204 s, 1.209 s]
    process 2: write k7 5: done          [1.205 s, 1.211 s]
    process 0: cas k7 3 -> 5: swapped    [1.215 s, 1.218 s]
    process 1: cas k7 3 -> 6: saw 5      [1.219 s, 1.230 s]
    process 3: write k7 9: failed (not the leader)  [1.220 s, 1.221 s]
    process 5: write k7 8: unknown (timed out)      [1.222 s, ?]
    process 6: dequeue jobs: done        [1.223 s, 1.224 s]     (it was empty)
    process 7: txn bank { read a; append b 3 } -> [1, 2]  [1.225 s, 1.226 s]

Also ``append``, ``add``, ``remove``, ``contains``, ``enqueue`` KEY ELEMENT,
``increment`` KEY BY, ``acquire``, ``release`` KEY OWNER [PERMITS], ``generate-id`` KEY and
``transfer`` KEY SOURCE TARGET AMOUNT.  Values are JSON, and ``nil`` for absent; several
answers are separated by ``|``.  When reading, ``process`` may be left out, and so may
``: done``; bare times are nanoseconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias, assert_never

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
    Scalar,
    Transfer,
    Txn,
    Value,
    Write,
    answers_with,
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
    """``read k7``, ``write k7 3``, ``cas k7 2 -> 5``, ``txn { read x; append y 3 }``."""
    f, key = call.__struct_config__.tag, describe_key(call.key)
    match call:
        case Read() | Dequeue() | GenerateId():
            return f"{f} {key}"
        case Write(value=value):
            return f"{f} {key} {describe_value(value)}"
        case CompareAndSet(expected=expected, replacement=replacement):
            return f"{f} {key} {describe_value(expected)} -> {describe_value(replacement)}"
        case Append() | Add() | Remove() | Contains() | Enqueue():
            return f"{f} {key} {describe_value(call.element)}"
        case Increment(by=by):
            return f"{f} {key} {by}"
        case Acquire() | Release():
            permits = "" if call.permits == 1 else f" {call.permits}"
            return f"{f} {key} {describe_value(call.owner)}{permits}"
        case Transfer(source=source, target=target, amount=amount):
            return f"{f} {key} {describe_value(source)} {describe_value(target)} {amount}"
        case Txn(micro=micro):
            store = f"{key} " if call.key else ""
            return f"{f} {store}{{ {'; '.join(describe_call(step) for step in micro)} }}"
        case _:
            assert_never(call)


def describe_key(key: str) -> str:
    """The key as it is, in quotes if it could be mistaken for something else."""
    return key if _PLAIN_KEY.fullmatch(key) else json.dumps(key)


def describe_outcome(call: Call, outcome: Outcome) -> str:
    """``-> 3``, ``done``, ``swapped``, ``saw 3``, ``failed (why)``, ``unknown (why)``."""
    match outcome:
        case Ok(values=values):
            return _describe_answers(call, values)
        case Failed(reason=reason):
            return "failed" + _parenthesis(reason)
        case Indeterminate(reason=reason):
            return "unknown" + _parenthesis(reason)
        case _:
            assert_never(outcome)


def _describe_answers(call: Call, values: tuple[Value, ...]) -> str:
    if isinstance(call, CompareAndSet) and len(values) == 1:
        swapped = same(values[0], call.expected)
        return "swapped" if swapped else f"saw {describe_value(values[0])}"
    return f"-> {' | '.join(map(describe_value, values))}" if values else "done"


def _parenthesis(reason: str) -> str:
    return f" ({' '.join(reason.split())})" if reason.strip() else ""


def describe_op(op: Op, clock: Clock | None = None) -> str:
    """``process 4: read k7 -> 3  [1.204 s, 1.209 s]``, or ``... [events 17, 19]``.

    Args:
        op: What to print.
        clock: How to print its times; chosen for this op alone if not given.
    """
    clock = clock or clock_for([op])
    outcome = describe_outcome(op.call, op.outcome)
    joint = " " if outcome.startswith("->") else ": "
    what, clock = ("events ", str) if clock is event_number else ("", clock)
    ended = "?" if op.completed == FOREVER else clock(op.completed)
    return (
        f"process {op.process}: {describe_call(op.call)}{joint}{outcome}"
        f"  [{what}{clock(op.invoked)}, {ended}]"
    )


def clock_for(ops: Iterable[Op]) -> Clock:
    """The shortest clock that prints different times of these ops differently.

    Seconds with 3, 6 or 9 decimals; events if all times are tiny: they count then, and
    measure nothing.
    """
    return clock_for_times(time for op in ops for time in (op.invoked, op.completed))


def clock_for_times(moments: Iterable[Nanos]) -> Clock:
    """The same for moments, ``FOREVER`` left aside."""
    times = {time for time in moments if time != FOREVER}
    if max(times, default=0) < _COUNTED_MAX:
        return event_number
    for decimals in (3, 6):
        if len({round(time, decimals - 9) for time in times}) == len(times):
            return _seconds(decimals)
    return _seconds(9)


def event_number(time: Nanos) -> str:
    """``event 17``: a position among events, where nobody measured times."""
    return f"event {time}"


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
_LINE: Final = re.compile(
    rf"""(?:process\s+)?(?P<process>\d+)\s*:\s*(?P<what>.*?)
         \s*\[\s*(?:events\s+)?(?P<invoked>{_TIME})\s*,\s*(?P<completed>{_TIME}|\?)\s*\]""",
    re.VERBOSE,
)
_TOKEN: Final = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|->|[:;,|{}\[\]]|[^\s":;,|{}\[\]]+)""")
_ENDS_CALL: Final = frozenset({"", ":", ";", "}", "["})
_PUNCTUATION: Final = _ENDS_CALL | {",", "|", "{", "]", "->"}
_REFUSED: Final = re.compile(r"\s*:\s*(?P<word>failed|unknown)(?:\s*\((?P<reason>.*)\))?\s*")


def _parse_op(line: str, number: int) -> Op:
    parts = _LINE.fullmatch(line)
    if parts is None:
        raise MalformedHistory(
            "not of the form 'process: call outcome [invoked, completed]'", line=number
        )
    reader = _Reader(parts["what"], number)
    call = reader.call()
    return Op(
        index=0,
        process=ProcessId(int(parts["process"])),
        call=call,
        outcome=reader.outcome(call),
        invoked=_parse_time(parts["invoked"]),
        completed=FOREVER if parts["completed"] == "?" else _parse_time(parts["completed"]),
    )


class _Reader:
    """Reads a call and then its outcome from one text, token by token."""

    def __init__(self, text: str, line: int) -> None:
        self._text = text
        self._line = line
        self._at = 0

    def call(self) -> Call:
        f = self._take()
        if f == "txn":
            return self._txn()
        return self._simple_call(f)

    def outcome(self, call: Call) -> Outcome:
        refused = _REFUSED.fullmatch(self._text, self._at)
        if refused is not None:
            reason = refused["reason"] or ""
            return Failed(reason) if refused["word"] == "failed" else Indeterminate(reason)
        words = self._take() if self._peek() else ""
        if words == ":":
            words = self._take()
        values: tuple[Value, ...] = ()
        match words, call:
            case "->", _:
                values = self._answers()
            case "swapped", CompareAndSet(expected=expected):
                values = (expected,)
            case "saw", CompareAndSet():
                values = (self._scalar(self._take()),)
            case "" | "done", _ if answers_with(call, 0):
                pass
            case _:
                raise self._no_outcome(words, call)
        if self._peek() or not answers_with(call, len(values)):
            raise self._no_outcome(self._peek() or words, call)
        return Ok(values)

    # --- calls -------------------------------------------------------------------

    def _simple_call(self, f: str) -> Call:
        key = self._key(f)
        arguments: list[Scalar] = []
        while self._peek() not in {"", ":", ";", "}", "["} and not self._begins_answer(
            f, arguments
        ):
            word = self._take()
            if word != "->":
                arguments.append(self._scalar(word))
        match f, arguments:
            case "read", []:
                return Read(key)
            case "write", [value]:
                return Write(key, value)
            case "cas", [expected, replacement]:
                return CompareAndSet(key, expected, replacement)
            case "dequeue", []:
                return Dequeue(key)
            case "generate-id", []:
                return GenerateId(key)
            case (("append" | "add" | "remove" | "contains" | "enqueue"), [element]):
                return _ELEMENT_CALLS[f](key, element)
            case "increment", [int(by)]:
                return Increment(key, by)
            case (("acquire" | "release"), [owner, *permits]) if len(permits) < 2:
                lock = Acquire if f == "acquire" else Release
                match permits:
                    case [int(count)]:
                        return lock(key, owner, count)
                    case []:
                        return lock(key, owner)
                    case _:
                        pass
            case "transfer", [source, target, int(amount)]:
                return Transfer(key, str(source), str(target), amount)
            case _:
                pass
        raise MalformedHistory(f"wrong arguments for {f!r}", line=self._line, field="call")

    def _begins_answer(self, f: str, arguments: list[Scalar]) -> bool:
        """An arrow is one of a cas between its two values, and else comes before the answer."""
        return self._peek() == "->" and (f != "cas" or len(arguments) != 1)

    def _txn(self) -> Txn:
        store = "" if self._peek() == "{" else self._key("txn")
        steps: list[Micro] = []
        separator = self._take()
        if separator != "{":
            raise MalformedHistory("a txn needs { steps }", line=self._line, field="call")
        while separator != "}" and self._peek() != "}":
            step = self._simple_call(self._take())
            if not isinstance(step, Read | Write | Append):
                problem = f"{describe_call(step)!r} is no step of a transaction"
                raise MalformedHistory(problem, line=self._line, field="call")
            steps.append(step)
            separator = self._take()
            if separator not in {";", "}"}:
                raise MalformedHistory("steps end with ; or }", line=self._line, field="call")
        if separator != "}":
            self._take()
        return Txn(store, tuple(steps))

    # --- tokens ------------------------------------------------------------------

    def _peek(self) -> str:
        token = _TOKEN.match(self._text, self._at)
        return "" if token is None else token[1]

    def _take(self) -> str:
        token = _TOKEN.match(self._text, self._at)
        if token is None:
            return ""
        self._at = token.end()
        return token[1]

    def _key(self, f: str) -> str:
        word = self._take()
        if word in _PUNCTUATION:
            raise MalformedHistory(f"wrong arguments for {f!r}", line=self._line, field="call")
        return str(self._scalar(word)) if word.startswith('"') else word

    def _answers(self) -> tuple[Value, ...]:
        values = [self._value()]
        while self._peek() == "|":
            self._take()
            values.append(self._value())
        return tuple(values)

    def _value(self) -> Value:
        word = self._take()
        if word != "[":
            return self._scalar(word)
        elements: list[Scalar] = []
        while (word := self._take()) not in {"]", ""}:
            if word != ",":
                elements.append(self._scalar(word))
        return tuple(elements)

    def _scalar(self, word: str) -> Scalar:
        if word == "nil":
            return None
        try:
            value = json.loads(word)
        except ValueError as error:
            problem = f"{word!r} is not a value"
            raise MalformedHistory(problem, line=self._line, field="value") from error
        if isinstance(value, bool | int | float | str):
            return value
        raise MalformedHistory(f"{word!r} is not a scalar", line=self._line, field="value")

    def _no_outcome(self, words: str, call: Call) -> MalformedHistory:
        return MalformedHistory(
            f"{words or 'nothing'!r} is no outcome of {describe_call(call)!r}",
            line=self._line,
            field="outcome",
        )


_ELEMENT_CALLS: Final[dict[str, Callable[[str, Scalar], Call]]] = {
    "append": Append,
    "add": Add,
    "remove": Remove,
    "contains": Contains,
    "enqueue": Enqueue,
}


def _parse_time(text: str) -> Nanos:
    if not text.endswith(" s"):
        return Nanos(int(text.removesuffix(" ns")))
    whole, _, decimals = text.removesuffix(" s").partition(".")
    return Nanos(int(whole) * _SECOND + int(decimals.ljust(9, "0")))
