"""A large journal straight into columns, without an object for each event.

    journal file -> bytes -> kernel -> tables of numbers -> Columns -> History

The same history as ``history_of(read_journal(path))``, for any journal that this module
takes; one that is not lawful, or not spelled as ``JournalWriter`` spells, it leaves to
that path, which can say what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import numpy as np

from histories.call import (
    Call,
    Ok,
    Txn,
    Value,
    answers_with,
)
from histories.columns import (
    FUNCTIONS,
    NO_VALUE,
    OUTCOMES,
    SAMPLES,
    Columns,
    Int32s,
    Int64s,
    UInt8s,
    arguments,
    in_order_of_first_use,
    number_of_call,
    outcome_number,
)
from histories.errors import MalformedHistory, UnreadableHistory
from histories.event import Completed, Event, Invoked, Note, Opened
from histories.formats import journal_scanner as scanner
from histories.history import History
from histories.journal import LINE_BYTES_MAX, torn_line
from histories.lazy_ops import LazyOps
from histories.op import FOREVER, Nanos
from histories.pairing import UNFINISHED, pair

_BLOCK: Final = 2**22
"""Bytes taken at a time: tables grow by what so many bytes may hold."""

_LINE_BYTES_MIN: Final = 64
"""No line of an operation is shorter."""

_STRANGE_SHARE_MAX: Final = 0.05
"""If more lines than this are strange, the other path is the faster one."""

_ANSWERS_MIN: Final = np.array([not answers_with(call, 0) for call in SAMPLES], dtype=np.uint8)
_ANSWERS_MAX: Final = np.array([answers_with(call, 1) for call in SAMPLES], dtype=np.uint8)
_OK, _INFO = OUTCOMES.index("ok"), OUTCOMES.index("info")
_UNSPELLED: Final = b"-0.0"
"""Two spellings of one value; where this occurs at all we do not look closer."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """A history, and the unfinished last line that was left out, in words."""

    history: History
    torn: str | None


class _Declined(Exception):
    pass


def scan_journal(path: Path, progress: Callable[[int], None]) -> Scanned | None:
    """The history of a journal; None if ``read_journal`` must read it.

    Args:
        path: The file.
        progress: Is told of each block how many bytes it had.

    Raises:
        UnreadableHistory: The file cannot be opened or read.

    Cost: O(n) time; memory for the columns and for each different text once.
    """
    tables = _Tables()
    try:
        torn = _read(path, tables, progress)
        return Scanned(_history(tables, str(path)), torn)
    except (_Declined, MalformedHistory, msgspec.DecodeError, UnicodeDecodeError):
        return None
    except OSError as error:
        raise UnreadableHistory(str(path), error.strerror or str(error)) from error


def _read(path: Path, tables: _Tables, progress: Callable[[int], None]) -> str | None:
    block = bytearray(LINE_BYTES_MAX + _BLOCK)
    lines = np.frombuffer(block, dtype=np.uint8)
    rest = 0
    with path.open("rb", buffering=0) as stream:
        while count := stream.readinto(memoryview(block)[rest : rest + _BLOCK]):
            progress(count)
            filled = rest + count
            end = block.rfind(b"\n", rest, filled) + 1
            if end == 0:
                if filled > LINE_BYTES_MAX:
                    raise _Declined
                rest = filled
                continue
            tables.take(lines, end)
            rest = filled - end
            block[:rest] = block[end:filled]
    return torn_line(tables.events + 1, bytes(block[:rest])) if rest else None


@dataclass(slots=True)
class _Tables:
    """What the kernel fills; it grows before each block by what that may hold.

    ``calls`` and ``answers`` are by op what columns cannot hold, ``others`` the events
    that are no operations.
    """

    state: Int64s = field(default_factory=lambda: np.zeros(5, dtype=np.int64))
    longs: Int64s = field(default_factory=lambda: np.empty((5, 0), dtype=np.int64))
    smalls: Int32s = field(default_factory=lambda: np.empty((5, 0), dtype=np.int32))
    bytes_: UInt8s = field(default_factory=lambda: np.empty((3, 0), dtype=np.uint8))
    kept: UInt8s = field(default_factory=lambda: np.empty(0, dtype=np.uint8))
    ends: Int64s = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    slots: Int32s = field(default_factory=lambda: np.full(1, -1, dtype=np.int32))
    calls: dict[int, Call] = field(default_factory=dict)
    answers: dict[int, Ok] = field(default_factory=dict)
    others: list[Event] = field(default_factory=list)
    decoder: msgspec.json.Decoder[Event] = field(
        default_factory=lambda: msgspec.json.Decoder(Event)
    )
    strange: int = 0

    @property
    def events(self) -> int:
        return int(self.state[scanner.EVENTS])

    @property
    def rows(self) -> int:
        return int(self.state[scanner.ROWS])

    def take(self, lines: UInt8s, end: int) -> None:
        """Read the lines of ``lines[:end]``."""
        at = 0
        self._grow(end)
        while at < end:
            at, why = scanner.scan(
                lines,
                at,
                end,
                *(self.state, self.longs, self.smalls, self.bytes_),
                *(self.kept, self.ends, self.slots),
            )
            if why == scanner.UNLAWFUL:
                raise _Declined
            if why == scanner.STRANGE:
                line_end = at + int(np.argmax(lines[at : at + LINE_BYTES_MAX + 1] == 10)) + 1
                self._take_strange(lines[at:line_end].tobytes())
                at = line_end

    def _grow(self, size: int) -> None:
        rows = self.rows + size // _LINE_BYTES_MIN + 1
        self.longs = _widened(self.longs, rows)
        self.smalls = _widened(self.smalls, rows)
        self.bytes_ = _widened(self.bytes_, rows)
        # A text takes one byte more than in the line, and nothing else of the line is kept.
        self.kept = _widened(self.kept, int(self.state[scanner.BYTES]) + 2 * size)
        texts = int(self.state[scanner.TEXTS]) + size // _LINE_BYTES_MIN * scanner.TEXTS_A_LINE_MAX
        self.ends = _widened(self.ends, texts + scanner.TEXTS_A_LINE_MAX + 1)
        if 2 * texts > self.slots.size:
            self.slots = np.full(2 << (2 * texts).bit_length(), -1, dtype=np.int32)
            scanner.fill_slots(self.state, self.kept, self.ends, self.slots)

    def _take_strange(self, line: bytes) -> None:
        event = self.decoder.decode(line)
        if (self.events == 0) != isinstance(event, Opened):
            raise _Declined
        match event:
            case Invoked():
                self._invoked(event)
            case Completed():
                self._completed(event)
            case Opened(schema_version=version):
                if version != Opened().schema_version:
                    raise _Declined
            case _:
                self.others.append(event)
        self.state[scanner.EVENTS] += 1
        if not isinstance(event, Opened):
            self.state[scanner.LATEST] = max(self.state[scanner.LATEST], event.time)
        self.strange += isinstance(event, Invoked | Completed)
        if self.strange > 1000 and self.strange > _STRANGE_SHARE_MAX * self.events:
            raise _Declined

    def _invoked(self, event: Invoked) -> None:
        row = self.rows
        if event.op != row or not 0 <= event.time < FOREVER or not 0 <= event.process < FOREVER:
            raise _Declined
        self.smalls[:, row] = NO_VALUE
        self.smalls[scanner.KEY, row] = self._number(event.call.key)
        held = arguments(event.call)
        for target, value in zip((scanner.ARGUMENT, scanner.EXPECTED), held, strict=False):
            self.smalls[target, row] = self._number(value)
        if FUNCTIONS[number_of_call(event.call)] in ("transfer", "txn"):
            self.calls[row] = event.call
        self.bytes_[:, row] = number_of_call(event.call), _INFO, 0
        self.longs[:, row] = event.time, event.time, event.process, self.events, NO_VALUE
        self.state[scanner.ROWS] += 1

    def _completed(self, event: Completed) -> None:
        op = event.op
        if (
            not 0 <= op < self.rows
            or self.longs[scanner.PROCESS, op] != event.process
            or self.longs[scanner.ANSWERED_BY, op] != NO_VALUE
            or not self.longs[scanner.INVOKED, op] <= event.time < FOREVER
        ):
            raise _Declined
        match event.outcome:
            case Ok(values=values) as outcome if isinstance(self.calls.get(op), Txn):
                self.answers[op] = outcome
                self.bytes_[scanner.ANSWERS, op] = not answers_with(self.calls[op], len(values))
            case Ok(values=values):
                self.bytes_[scanner.ANSWERS, op] = min(len(values), 2)
                if values:
                    self.smalls[scanner.RESULT, op] = self._number(values[0])
            case outcome:
                self.smalls[scanner.REASON, op] = self._number(outcome.reason)
        self.bytes_[scanner.OUTCOME, op] = outcome_number(event.outcome)
        self.longs[scanner.COMPLETED, op] = event.time
        self.longs[scanner.ANSWERED_BY, op] = self.events

    def _number(self, value: Value) -> int:
        text = np.frombuffer(msgspec.json.encode(value), dtype=np.uint8)
        self.kept = _widened(self.kept, int(self.state[scanner.BYTES]) + text.size + 1)
        return int(
            scanner.intern_text(text, 0, text.size, self.state, self.kept, self.ends, self.slots)
        )


IntegerTable = TypeVar("IntegerTable", Int64s, Int32s, UInt8s)


def _widened(table: IntegerTable, columns: int) -> IntegerTable:
    """The table with at least so many columns; it at least doubles if it grows."""
    have = table.shape[-1]
    if have >= columns:
        return table
    wider = np.empty((*table.shape[:-1], max(columns, 2 * have)), dtype=table.dtype)
    wider[..., :have] = table
    return wider


def _history(tables: _Tables, file: str) -> History:
    count = tables.rows
    longs, smalls, bytes_ = tables.longs, tables.smalls, tables.bytes_
    texts = _decoded(tables)
    key, keys = in_order_of_first_use(smalls[scanner.KEY, :count, None])
    held = smalls[[scanner.ARGUMENT, scanner.EXPECTED, scanner.RESULT], :count]
    numbers, values = in_order_of_first_use(held.T)
    reason, reasons = in_order_of_first_use(smalls[scanner.REASON, :count, None])
    outcome = bytes_[scanner.OUTCOME, :count]
    columns = Columns(
        index=np.arange(count, dtype=np.int64),
        invoked=longs[scanner.INVOKED, :count],
        completed=np.where(outcome == _INFO, FOREVER, longs[scanner.COMPLETED, :count]),
        process=longs[scanner.PROCESS, :count],
        f=bytes_[scanner.FUNCTION, :count],
        outcome=outcome,
        key=key[:, 0],
        argument=numbers[:, 0],
        expected=numbers[:, 1],
        result=numbers[:, 2],
        keys=tuple(str(texts[text]) for text in keys),
        values=tuple(map(texts.__getitem__, values)),
    )
    _require_laws(columns, tables)
    ops = LazyOps(
        columns=columns,
        reason=reason[:, 0],
        reasons=(*(str(texts[text]) for text in reasons), UNFINISHED.reason),
        calls=tables.calls,
        answers=tables.answers,
    )
    ended = Note(time=Nanos(int(tables.state[scanner.LATEST])), text="")
    return History(ops, pair((*tables.others, ended), file=file).faults)


def _decoded(tables: _Tables) -> tuple[Value, ...]:
    """All texts as values, if each is spelled as we would spell it."""
    spelled = tables.kept[: tables.state[scanner.BYTES]].tobytes()
    array = b"[" + spelled[:-1] + b"]"
    values = msgspec.json.decode(array, type=tuple[Value, ...])
    if (
        _UNSPELLED in spelled
        or len(values) != tables.state[scanner.TEXTS]
        or msgspec.json.encode(values) != array
    ):
        raise _Declined
    return values


def _require_laws(columns: Columns, tables: _Tables) -> None:
    """The laws of ``Op``, except those that the kernel saw to."""
    count = tables.rows
    called = tables.longs[scanner.CALLED_BY, :count]
    answered = tables.longs[scanner.ANSWERED_BY, :count]
    ended = tables.longs[scanner.COMPLETED, :count]
    order = np.argsort(columns.process, kind="stable")
    before, after = order[:-1], order[1:]
    same = columns.process[before] == columns.process[after]
    before, after = before[same], after[same]
    ok = columns.outcome == _OK
    answers = tables.bytes_[scanner.ANSWERS, :count]
    lawful = (
        (np.diff(columns.invoked) >= 0).all()
        and (columns.outcome[before] != _INFO).all()
        and (answered[before] < called[after]).all()
        and (ended[before] <= columns.invoked[after]).all()
        and (_ANSWERS_MIN[columns.f[ok]] <= answers[ok]).all()
        and (answers[ok] <= _ANSWERS_MAX[columns.f[ok]]).all()
        and _are_integers(columns, "increment", columns.argument)
        and _are_integers(columns, "acquire", columns.expected)
        and _are_integers(columns, "release", columns.expected)
    )
    if not lawful:
        raise _Declined


def _are_integers(columns: Columns, f: str, numbers: Int32s) -> bool:
    used = np.unique(numbers[columns.f == FUNCTIONS.index(f)])
    return all(type(columns.values[number]) is int for number in used.tolist())
