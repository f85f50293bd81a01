"""One door for histories from anywhere: what a file is, its content tells."""

from __future__ import annotations

import io
from collections.abc import Callable, Container
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias

from histories.errors import MalformedHistory, UnreadableHistory
from histories.formats.edn import Edn, EdnMap, read_edn, read_json
from histories.formats.foreign import history_of_foreign
from histories.formats.jepsen import jepsen_events
from histories.formats.porcupine import porcupine_events
from histories.formats.source import Place
from histories.history import History
from histories.journal import read_journal
from histories.notation import parse_history
from histories.pairing import history_of

FORMATS: Final = ("journal", "jepsen-edn", "jepsen-json", "porcupine-log", "notation")

Progress: TypeAlias = Callable[[int], None]
"""Is told how many more bytes of the file were taken."""

_LOOKED_AT: Final = 4096
_SCANNED_FROM: Final = 2**24
"""A journal of fewer bytes is read before the kernel for larger ones would be loaded."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was in a file.

    Attributes:
        history: The operations.
        format: One of ``FORMATS``.
        torn: What of the file was left out, in words.
        timed: Whether the times are those of the file; else they count its events.
    """

    history: History
    format: str
    torn: str | None = None
    timed: bool = True


def read_history(
    path: Path,
    *,
    format: str | None = None,  # noqa: A002  The user's word for it.
    takes: Container[str] | None = None,
    progress: Progress = lambda _: None,
) -> Reading:
    """Read a history of our own, of Jepsen's, of Knossos' or of Porcupine's tests.

    Args:
        path: The file; an empty one is an empty journal.
        format: One of ``FORMATS``; found out from how the file begins if not given.
        takes: See ``history_of_foreign``.
        progress: Called now and then.

    Raises:
        UnreadableHistory: The file cannot be opened or read.
        MalformedHistory: It is in none of these formats, or is broken, with the
            file, the line, and where they are known the column and the field.
    """
    chosen = format or _format_of(path)
    file = str(path)
    if chosen == "journal":
        return _journal(path, progress)
    try:
        with path.open(encoding="utf-8-sig") as stream:

            def read(count: int) -> str:
                piece = stream.read(count)
                progress(len(piece))
                return piece

            match chosen:
                case "jepsen-edn":
                    events = jepsen_events(read_edn(read, file=file), file=file)
                case "jepsen-json":
                    events = jepsen_events(read_json(read, file=file), file=file)
                case "porcupine-log":
                    events = porcupine_events(stream, file=file)
                case "notation":
                    return Reading(_notation(stream.read(), file), chosen)
                case _:
                    raise AssertionError(f"{chosen!r} is none of {FORMATS}")
            history, timed = history_of_foreign(
                events, file=file, nil_is_absent=chosen == "porcupine-log", takes=takes
            )
            return Reading(history, chosen, timed=timed)
    except OSError as error:
        raise UnreadableHistory(file, error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise _not_text(path) from error


def _format_of(path: Path) -> str:
    """What the first characters say."""
    try:
        with path.open("rb") as stream:
            start = stream.read(_LOOKED_AT).decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    except OSError as error:
        raise UnreadableHistory(str(path), error.strerror or str(error)) from error
    first_object = start.removeprefix("[").lstrip()
    if not start or start.startswith('{"event"'):
        return "journal"
    if first_object.startswith("{") and first_object[1:].lstrip().startswith('"'):
        return "journal" if '"event"' in first_object.partition("}")[0] else "jepsen-json"
    if start.startswith("INFO"):
        return "porcupine-log"
    if start.startswith(("[", "(", "{", ";", "#_")):
        return "jepsen-edn"
    if start.startswith(("process ", "#")) or start[0].isdigit():
        return "notation"
    raise MalformedHistory(
        f"neither a journal nor EDN, JSON, a Jepsen log or notation: begins {start[:20]!a}",
        file=str(path),
        line=1,
        column=1,
    )


def _journal(path: Path, progress: Progress) -> Reading:
    try:
        large = path.stat().st_size >= _SCANNED_FROM and not _begins_with_transactions(path)
    except OSError as error:
        raise UnreadableHistory(str(path), error.strerror or str(error)) from error
    if large:
        from histories.formats.journal_columns import scan_journal

        scanned = scan_journal(path, progress)
        if scanned is not None:
            return Reading(scanned.history, "journal", scanned.torn)
    try:
        journal = read_journal(path)
        return Reading(history_of(journal), "journal", journal.torn)
    except MalformedHistory as error:
        raise _with_column(error, path) from error


def _begins_with_transactions(path: Path) -> bool:
    """Whether the kernel, which leaves transactions to others, would have nothing to do."""
    with path.open("rb") as stream:
        return b'"f":"txn"' in stream.read(_LOOKED_AT)


def _with_column(error: MalformedHistory, path: Path) -> MalformedHistory:
    """The same error with the place of its field in its line."""
    if error.line is None:
        return error
    with path.open(encoding="utf-8", errors="replace") as stream:
        text = next(islice(stream, error.line - 1, None), "")
    try:
        found = next(read_json(io.StringIO(text).read), None)
        column = 1 if found is None else _column(found[0], found[1], error.field)
    except MalformedHistory as no_json:
        column = no_json.column or 1
    return MalformedHistory(
        error.problem, file=error.file, line=error.line, column=column, field=error.field
    )


def _column(place: Place, value: Edn, field: str | None) -> int:
    for name in (field or "").split("."):
        if isinstance(value, EdnMap):
            place, value = value.place_of(name), value.get(name)
    return place.column


def _notation(text: str, file: str) -> History:
    try:
        return parse_history(text)
    except MalformedHistory as error:
        column = None
        if error.line is not None:
            line = text.splitlines()[error.line - 1]
            column = len(line) - len(line.lstrip()) + 1
        raise MalformedHistory(
            error.problem, file=file, line=error.line, column=column, field=error.field
        ) from error


def _not_text(path: Path) -> MalformedHistory:
    """Where in the file the first byte is that cannot be text."""
    content = path.read_bytes()
    try:
        content.decode()
    except UnicodeDecodeError as error:
        begin = content.rfind(b"\n", 0, error.start) + 1
        return MalformedHistory(
            f"not UTF-8: {error.reason}, byte 0x{content[error.start]:02x}",
            file=str(path),
            line=content.count(b"\n", 0, error.start) + 1,
            column=len(content[begin : error.start].decode()) + 1,
        )
    raise AssertionError("a text that was no text a moment ago")
