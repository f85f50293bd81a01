"""How operations, times and verdicts are put into words for a person.

Every text made here is safe to show: what is not printable (controls, lone
surrogates, characters that reorder a line) appears as an escape, and what is
too long says how long it was.  Escaping for HTML is the template's part.
"""

from __future__ import annotations

from typing import Final, assert_never

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
from histories.values import same

TEXT_MAX: Final = 200
"""Characters of one value or reason shown; the rest is in the history file."""

NANOS_PER_SECOND: Final = 1_000_000_000
NANOS_PER_MILLISECOND: Final = 1_000_000
NANOS_PER_MICROSECOND: Final = 1_000


def visible(text: str) -> str:
    """``text`` with everything unprintable as a Python escape; keeps no control at all."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def shortened(text: str, characters_max: int = TEXT_MAX) -> str:
    """``visible(text)``, cut after so many characters with its true length told."""
    if len(text) <= characters_max:
        return visible(text)
    return f"{visible(text[:characters_max])}… ({len(text):,} characters)"


def describe_value(value: Value) -> str:
    """As the history writes it, strings in quotes; ``None`` is "nothing"."""
    match value:
        case None:
            return "nothing"
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{shortened(escaped)}"'
        case tuple():
            return shortened("[" + ", ".join(describe_value(item) for item in value) + "]")
        case bool() | int() | float():
            return shortened(str(value))
        case _:
            assert_never(value)


def describe_call(call: Call) -> str:
    f, key = call.__struct_config__.tag, shortened(call.key)
    match call:
        case Read() | Dequeue() | GenerateId():
            return f"{f} {key}"
        case Write(value=value):
            return f"{f} {key} = {describe_value(value)}"
        case CompareAndSet(expected=expected, replacement=replacement):
            return f"{f} {key}: {describe_value(expected)} → {describe_value(replacement)}"
        case Append() | Add() | Remove() | Contains() | Enqueue():
            return f"{f} {key} {describe_value(call.element)}"
        case Increment(by=by):
            return f"{f} {key} by {by}"
        case Acquire() | Release():
            permits = "" if call.permits == 1 else f" ({call.permits} permits)"
            return f"{f} {key} for {describe_value(call.owner)}{permits}"
        case Transfer(source=source, target=target, amount=amount):
            return f"{f} {amount} from {shortened(source)} to {shortened(target)}"
        case Txn(micro=micro):
            return shortened("; ".join(map(describe_call, micro)))
        case _:
            assert_never(call)


def describe_answer(call: Call, outcome: Outcome) -> str:
    """What the client was told: "→ 7", "ok", "failed: …", "no answer: …"."""
    match outcome:
        case Ok(values=values):
            if isinstance(call, CompareAndSet) and len(values) == 1:
                if same(values[0], call.expected):
                    return "done"
                return f"refused, held {describe_value(values[0])}"
            if not values:
                return "ok"
            return "→ " + ", ".join(describe_value(value) for value in values)
        case Failed(reason=reason):
            return f"failed: {shortened(reason)}"
        case Indeterminate(reason=reason):
            return f"no answer: {shortened(reason)}"
        case _:
            assert_never(outcome)


def describe_duration(nanos: int) -> str:
    """Three significant digits in the unit that suits: "812 µs", "4.20 ms", "31.0 s"."""
    if nanos >= NANOS_PER_SECOND:
        value, unit = nanos / NANOS_PER_SECOND, "s"
    elif nanos >= NANOS_PER_MILLISECOND:
        value, unit = nanos / NANOS_PER_MILLISECOND, "ms"
    elif nanos >= NANOS_PER_MICROSECOND:
        value, unit = nanos / NANOS_PER_MICROSECOND, "µs"
    else:
        return f"{nanos} ns"
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f} {unit}"


def describe_instant(nanos: int) -> str:
    """Seconds since the start of the run, to the microsecond: "12.034567 s"."""
    return f"{nanos / NANOS_PER_SECOND:.6f} s"


def counted(number: int, noun: str) -> str:
    """ "1 fault", "3,000 operations", "2 anomalies"."""
    if number == 1:
        return f"1 {noun}"
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {plural}"
