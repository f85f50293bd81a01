"""The kernel that reads the lines of a journal as bytes, millions of events a second.

It knows the lines of ``JournalWriter`` byte for byte, and of those only the calls and
outcomes that fit into columns.  Every other line it leaves to its caller.  Texts (keys,
values, reasons) become numbers, one for each different spelling; that the spelling is
the one that the writer would have chosen, so that different spellings are different
values, is for the caller to see to, and so are the laws of a history.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

import numpy as np
from numba import njit

from histories.columns import FUNCTIONS, NO_VALUE, OUTCOMES, Int32s, Int64s, UInt8s

INVOKED, COMPLETED, PROCESS, CALLED_BY, ANSWERED_BY = range(5)
"""Rows of the table of int64: nanoseconds, nanoseconds, process, and the numbers of the
events that called and answered (``NO_VALUE`` while the op is open)."""

KEY, ARGUMENT, EXPECTED, RESULT, REASON = range(5)
"""Rows of the table of int32: numbers of texts, ``NO_VALUE`` where there is none."""

FUNCTION, OUTCOME, ANSWERS = range(3)
"""Rows of the table of uint8: as in ``Columns``, and how many values were answered."""

ROWS, EVENTS, TEXTS, BYTES, LATEST = range(5)
"""Elements of the state: how much of each table is filled, and the latest time seen."""

STRANGE: Final = -1
"""The kernel does not know the line; its caller may."""

UNLAWFUL: Final = -2
"""After the lines before it, this line belongs to no history."""

TEXTS_A_LINE_MAX: Final = 3

_DIGITS_MAX: Final = 18
_TXN: Final = FUNCTIONS.index("txn")
_OK, _FAILED, _INFO = (OUTCOMES.index(name) for name in ("ok", "fail", "info"))
_FIELDS: Final = {
    "read": (),
    "write": (("value", ARGUMENT),),
    "cas": (("expected", EXPECTED), ("replacement", ARGUMENT)),
    **dict.fromkeys(("append", "add", "remove", "contains", "enqueue"), (("element", ARGUMENT),)),
    "dequeue": (),
    "increment": (("by", ARGUMENT),),
    **dict.fromkeys(("acquire", "release"), (("owner", ARGUMENT), ("permits", EXPECTED))),
    "generate-id": (),
}
"""What follows the key of a call, in the order of the line."""


def _text(text: str) -> UInt8s:
    return np.frombuffer(text.encode(), np.uint8)


_Table: TypeAlias = tuple[UInt8s, Int64s]


def _table(texts: Iterable[str]) -> _Table:
    """Many texts in a row, and where each begins and the last ends."""
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), ends


_INVOKED_LINE: Final = _text('{"event":"invoked","time":')
_COMPLETED_LINE: Final = _text('{"event":"completed","time":')
_OP: Final = _text(',"op":')
_PROCESS: Final = _text(',"process":')
_CALL: Final = _text(',"call":{"f":"')
_OUTCOME: Final = _text(',"outcome":{"type":"')
_OK_VALUES: Final = _text('ok","values":[')
_FAILED_REASON: Final = _text('fail","reason":')
_INFO_REASON: Final = _text('info","reason":')
_TRUE, _FALSE, _NULL = _text("true"), _text("false"), _text("null")
_ENDING: Final = _text("}}\n")
_HEADS: Final = _table(f'{f}","key":' for f in _FIELDS)
_NAMES: Final = _table(f',"{name}":' for fields in _FIELDS.values() for name, _ in fields)
_FIRST_FIELD: Final = np.cumsum([0, *map(len, _FIELDS.values())], dtype=np.int64)
_TARGETS: Final = np.array(
    [target for fields in _FIELDS.values() for _, target in fields], dtype=np.int64
)
_NUMBERS: Final = np.array([FUNCTIONS.index(f) for f in _FIELDS], dtype=np.int64)


@njit(cache=True, inline="always")
def _matches(line: UInt8s, at: int, text: UInt8s) -> bool:
    # Lines end in a newline, which no text holds, so this never runs beyond the last line.
    for i in range(text.size):
        if line[at + i] != text[i]:
            return False
    return True


@njit(cache=True)
def _one_of(line: UInt8s, at: int, texts: UInt8s, ends: Int64s) -> int:
    for number in range(ends.size - 1):
        begin = ends[number]
        for i in range(begin, ends[number + 1]):
            if line[at + i - begin] != texts[i]:
                break
        else:
            return number
    return -1


@njit(cache=True)
def _number(line: UInt8s, at: int) -> tuple[int, int]:
    """A number without sign and where it ends; that is -1 if there is none."""
    value, begin = 0, at
    while 48 <= line[at] <= 57:
        value = value * 10 + (line[at] - 48)
        at += 1
    if not 0 < at - begin <= _DIGITS_MAX or (line[begin] == 48 and at - begin > 1):
        return 0, -1
    return value, at


@njit(cache=True)
def _string_end(line: UInt8s, at: int) -> int:
    """Where the string that begins at ``at`` ends; -1 if none begins."""
    if line[at] != 34:
        return -1
    at += 1
    while line[at] != 34:
        if line[at] < 32:
            return -1
        at += 2 if line[at] == 92 and line[at + 1] >= 32 else 1
    return at + 1


@njit(cache=True)
def _scalar_end(line: UInt8s, at: int) -> int:
    """Where the scalar that begins at ``at`` ends; -1 if none begins."""
    first = line[at]
    if first == 34:
        return _string_end(line, at)
    if first == 45 or 48 <= first <= 57:
        at += 1
        while 48 <= line[at] <= 57 or line[at] in (43, 45, 46, 69, 101):
            at += 1
        return at
    if _matches(line, at, _NULL) or _matches(line, at, _TRUE):
        return at + 4
    return at + 5 if _matches(line, at, _FALSE) else -1


@njit(cache=True)
def _value_end(line: UInt8s, at: int) -> int:
    """The same of a scalar or an array of scalars."""
    if line[at] != 91:
        return _scalar_end(line, at)
    at += 1
    if line[at] == 93:
        return at + 1
    while True:
        at = _scalar_end(line, at)
        if at < 0:
            return -1
        if line[at] == 93:
            return at + 1
        if line[at] != 44:
            return -1
        at += 1


@njit(cache=True)
def _slot(text: UInt8s, begin: int, end: int, slots: int) -> int:
    """FNV-1a, its upper half folded into the lower, as ``slots`` is a power of two."""
    code = np.uint64(14695981039346656037)
    for i in range(begin, end):
        code = (code ^ np.uint64(text[i])) * np.uint64(1099511628211)
    code ^= code >> np.uint64(32)
    return int(np.int64(code & np.uint64(slots - 1)))


@njit(cache=True)
def intern_text(
    line: UInt8s,
    begin: int,
    end: int,
    state: Int64s,
    kept: UInt8s,
    ends: Int64s,
    slots: Int32s,
) -> int:
    """The number of the text ``line[begin:end]``, a new one if it was not seen before.

    Args:
        line: Holds the text.
        begin: Where the text begins.
        end: Where it ends.
        state: ``TEXTS`` and ``BYTES`` are read and counted up.
        kept: All texts in a row, a comma after each.
        ends: ``ends[i]`` is where text i begins, behind the comma of the one before.
        slots: A hash table with open addressing, its size a power of two; -1 is free.
    """
    slot = _slot(line, begin, end, slots.size)
    while slots[slot] >= 0:
        known = slots[slot]
        at = ends[known]
        if ends[known + 1] - 1 - at == end - begin:
            for i in range(begin, end):
                if kept[at + i - begin] != line[i]:
                    break
            else:
                return int(known)
        slot = (slot + 1) & (slots.size - 1)
    number = state[TEXTS]
    slots[slot] = number
    at = state[BYTES]
    for i in range(begin, end):
        kept[at + i - begin] = line[i]
    kept[at + end - begin] = 44
    state[TEXTS] += 1
    state[BYTES] = at + end - begin + 1
    ends[number + 1] = state[BYTES]
    return int(number)


@njit(cache=True)
def fill_slots(state: Int64s, kept: UInt8s, ends: Int64s, slots: Int32s) -> None:
    """Enter all texts into an empty hash table, which is larger than the last."""
    for number in range(state[TEXTS]):
        slot = _slot(kept, ends[number], ends[number + 1] - 1, slots.size)
        while slots[slot] >= 0:
            slot = (slot + 1) & (slots.size - 1)
        slots[slot] = number


@njit(cache=True)
def scan(
    lines: UInt8s,
    begin: int,
    end: int,
    state: Int64s,
    longs: Int64s,
    smalls: Int32s,
    bytes_: UInt8s,
    kept: UInt8s,
    ends: Int64s,
    slots: Int32s,
) -> tuple[int, int]:
    """Read the events of ``lines[begin:end]``, which ends in a newline.

    Args:
        lines: Whole lines of a journal.
        begin: Where to begin.
        end: Where to stop.
        state: Shape (5,), counted up.
        longs: Shape (5, capacity), see ``INVOKED``.
        smalls: Shape (5, capacity), see ``KEY``.
        bytes_: Shape (3, capacity), see ``FUNCTION``.
        kept: See ``intern_text``, as the following.
        ends: All of them and the tables must have room for what the lines hold.
        slots: Likewise.

    Returns:
        Where it stopped, and why: 0 at ``end``, else ``STRANGE`` or ``UNLAWFUL`` at the
        beginning of a line, of which nothing was taken.
    """
    at = begin
    while at < end:
        if _matches(lines, at, _INVOKED_LINE):
            after = _invoked(lines, at, state, longs, smalls, bytes_, kept, ends, slots)
        elif _matches(lines, at, _COMPLETED_LINE):
            after = _completed(lines, at, state, longs, smalls, bytes_, kept, ends, slots)
        else:
            after = STRANGE
        if after < 0:
            return at, after
        state[EVENTS] += 1
        at = after
    return at, 0


@njit(cache=True)
def _event_head(lines: UInt8s, at: int) -> tuple[int, int, int, int]:
    """Time, op and process, and where they end; that is -1 if they are not there."""
    time, at = _number(lines, at)
    if at < 0 or not _matches(lines, at, _OP):
        return 0, 0, 0, -1
    op, at = _number(lines, at + _OP.size)
    if at < 0 or not _matches(lines, at, _PROCESS):
        return 0, 0, 0, -1
    process, at = _number(lines, at + _PROCESS.size)
    return time, op, process, at


@njit(cache=True)
def _invoked(
    lines: UInt8s,
    at: int,
    state: Int64s,
    longs: Int64s,
    smalls: Int32s,
    bytes_: UInt8s,
    kept: UInt8s,
    ends: Int64s,
    slots: Int32s,
) -> int:
    time, op, process, at = _event_head(lines, at + _INVOKED_LINE.size)
    if at < 0 or not _matches(lines, at, _CALL):
        return STRANGE
    at += _CALL.size
    which = _one_of(lines, at, _HEADS[0], _HEADS[1])
    if which < 0:
        return STRANGE
    at += _HEADS[1][which + 1] - _HEADS[1][which]
    row = state[ROWS]
    for small in range(smalls.shape[0]):
        smalls[small, row] = NO_VALUE
    after = _string_end(lines, at)
    if after < 0:
        return STRANGE
    key_begin, key_end = at, after
    at = after
    # Two rounds: nothing of a line that turns out to be strange may be kept.
    for field in range(_FIRST_FIELD[which], _FIRST_FIELD[which + 1]):
        at = _field_end(lines, at, field)
        if at < 0:
            return STRANGE
    if not _matches(lines, at, _ENDING):
        return STRANGE
    if op != row:
        return UNLAWFUL
    smalls[KEY, row] = intern_text(lines, key_begin, key_end, state, kept, ends, slots)
    after = key_end
    for field in range(_FIRST_FIELD[which], _FIRST_FIELD[which + 1]):
        name = _NAMES[1][field + 1] - _NAMES[1][field]
        begin, after = after + name, _field_end(lines, after, field)
        smalls[_TARGETS[field], row] = intern_text(lines, begin, after, state, kept, ends, slots)
    bytes_[FUNCTION, row] = _NUMBERS[which]
    bytes_[OUTCOME, row] = _INFO
    bytes_[ANSWERS, row] = 0
    longs[INVOKED, row] = time
    longs[COMPLETED, row] = time
    longs[PROCESS, row] = process
    longs[CALLED_BY, row] = state[EVENTS]
    longs[ANSWERED_BY, row] = NO_VALUE
    state[ROWS] += 1
    state[LATEST] = max(state[LATEST], time)
    return at + _ENDING.size


@njit(cache=True)
def _field_end(lines: UInt8s, at: int, field: int) -> int:
    names, ends = _NAMES
    for i in range(ends[field], ends[field + 1]):
        if lines[at + i - ends[field]] != names[i]:
            return -1
    return _scalar_end(lines, at + ends[field + 1] - ends[field])


@njit(cache=True)
def _completed(
    lines: UInt8s,
    at: int,
    state: Int64s,
    longs: Int64s,
    smalls: Int32s,
    bytes_: UInt8s,
    kept: UInt8s,
    ends: Int64s,
    slots: Int32s,
) -> int:
    time, op, process, at = _event_head(lines, at + _COMPLETED_LINE.size)
    if at < 0 or not _matches(lines, at, _OUTCOME):
        return STRANGE
    at += _OUTCOME.size
    answers, text = 0, RESULT
    if _matches(lines, at, _OK_VALUES):
        outcome = _OK
        begin = end = at + _OK_VALUES.size
        if lines[begin] != 93:
            answers = 1
            end = _value_end(lines, begin)
        if end < 0 or lines[end] != 93:
            return STRANGE
        at = end + 1
    else:
        text = REASON
        if _matches(lines, at, _FAILED_REASON):
            outcome = _FAILED
            begin = at + _FAILED_REASON.size
        elif _matches(lines, at, _INFO_REASON):
            outcome = _INFO
            begin = at + _INFO_REASON.size
        else:
            return STRANGE
        end = _string_end(lines, begin)
        if end < 0:
            return STRANGE
        at = end
    if not _matches(lines, at, _ENDING):
        return STRANGE
    if (
        op >= state[ROWS]
        or longs[PROCESS, op] != process
        or longs[ANSWERED_BY, op] != NO_VALUE
        or time < longs[INVOKED, op]
    ):
        return UNLAWFUL
    if outcome == _OK and bytes_[FUNCTION, op] == _TXN:
        return STRANGE  # Its answers are several.
    if end > begin:
        smalls[text, op] = intern_text(lines, begin, end, state, kept, ends, slots)
    bytes_[OUTCOME, op] = outcome
    bytes_[ANSWERS, op] = answers
    longs[COMPLETED, op] = time
    longs[ANSWERED_BY, op] = state[EVENTS]
    state[LATEST] = max(state[LATEST], time)
    return at + _ENDING.size
