"""What Jepsen's histories have in common, in whatever syntax they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from histories.call import (
    CompareAndSet,
    Failed,
    Indeterminate,
    Ok,
    Outcome,
    Read,
    Scalar,
    Write,
)
from histories.errors import MalformedHistory
from histories.event import Completed, Event, Invoked
from histories.formats.edn import Edn, EdnMap, Keyword, Symbol
from histories.history import History
from histories.op import Nanos, ProcessId
from histories.pairing import pair

ONLY_KEY: Final = "register"
"""The key of operations that name none."""

_NIL_SAYS_NOTHING: Final = "answered nil, which here means that the value is not known"


RegisterCall: TypeAlias = Read | Write | CompareAndSet


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignEvent:
    """One entry of a Jepsen history: an invocation or a completion of a client.

    ``type`` is invoke, ok, fail or info; ``error`` why it is no ok, in words.
    ``time`` is in nanoseconds, if known.
    """

    line: int
    process: int
    type: str
    f: str
    key: str
    value: Edn
    error: str
    time: int | None


def history_of_foreign(
    events: Sequence[ForeignEvent], *, file: str, nil_is_absent: bool
) -> History:
    """Pair the events of a register history.

    Their order is the truth; their times are used only where they agree with it,
    else the n-th event happens at n nanoseconds.

    A failed call never took effect.  A successful compare-and-set found what it
    expected.

    Args:
        events: In the order of the file, without those of the nemesis.
        file: Named in errors.
        nil_is_absent: Whether a read of nil found nothing there (etcd's logs), or
            says nothing at all (Knossos).

    Raises:
        MalformedHistory: A call is no register's, or they break a law of ``Op``.
    """
    numbers = {event.time for event in events}
    times = [event.time for event in events if event.time is not None]
    measured = len(times) == len(events) == len(numbers) and times == sorted(times)
    open_calls: dict[int, tuple[int, RegisterCall]] = {}
    paired: list[Event] = []
    called = 0
    for position, event in enumerate(events):
        time = Nanos(times[position] if measured else position)
        process = ProcessId(event.process)
        if event.type == "invoke":
            call = _call(event, file)
            paired.append(Invoked(time=time, op=called, process=process, call=call))
            open_calls[event.process] = called, call
            called += 1
            continue
        if event.process not in open_calls:
            raise MalformedHistory(
                f"process {event.process} has no open call to be completed",
                file=file,
                line=event.line,
                field="process",
            )
        op, call = open_calls.pop(event.process)
        outcome = _outcome(event, call, file, nil_is_absent)
        paired.append(Completed(time=time, op=op, process=process, outcome=outcome))
    return pair(paired, file=file, lines=[event.line for event in events])


def _call(event: ForeignEvent, file: str) -> RegisterCall:
    match event.f, event.value:
        case "read", _:
            return Read(event.key)
        case "write", value:
            return Write(event.key, _scalar(value, event, file))
        case "cas", (expected, replacement):
            return CompareAndSet(
                event.key, _scalar(expected, event, file), _scalar(replacement, event, file)
            )
        case "cas", _:
            raise MalformedHistory(
                "a cas needs two values, [expected replacement]",
                file=file,
                line=event.line,
                field="value",
            )
        case f, _:
            raise MalformedHistory(
                f"{f!r} is no call of a register: read, write or cas",
                file=file,
                line=event.line,
                field="f",
            )


def _outcome(event: ForeignEvent, call: RegisterCall, file: str, nil_is_absent: bool) -> Outcome:
    match event.type:
        case "fail":
            return Failed(event.error or "failed")
        case "info":
            return Indeterminate(event.error or "unknown")
        case "ok":
            return _answer(event, call, file, nil_is_absent)
        case other:
            raise MalformedHistory(
                f"{other!r} is none of invoke, ok, fail, info",
                file=file,
                line=event.line,
                field="type",
            )


def _answer(event: ForeignEvent, call: RegisterCall, file: str, nil_is_absent: bool) -> Outcome:
    match call:
        case Read():
            if event.value is None and not nil_is_absent:
                return Failed(_NIL_SAYS_NOTHING)
            return Ok((_scalar(event.value, event, file),))
        case Write():
            return Ok()
        case CompareAndSet(expected=expected):
            return Ok((expected,))
        case _:
            assert_never(call)


def _scalar(value: Edn, event: ForeignEvent, file: str) -> Scalar:
    match value:
        case Keyword(name=name) | Symbol(name=name):
            return name
        case tuple() | EdnMap():
            raise MalformedHistory(
                "a register holds single values", file=file, line=event.line, field="value"
            )
        case _:
            return value
