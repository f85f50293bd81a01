"""One door for histories from anywhere: what a file is, its content tells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from histories.errors import MalformedHistory, UnreadableHistory
from histories.formats.jepsen_edn import parse_jepsen_edn
from histories.formats.porcupine import parse_porcupine_log
from histories.history import History
from histories.journal import read_journal
from histories.notation import parse_history
from histories.pairing import history_of

FILE_BYTES_MAX: Final = 2**30
"""Foreign histories are read whole; a larger one is refused."""

_LOOKED_AT: Final = 4096


@dataclass(frozen=True, slots=True)
class Reading:
    """A history, the format it was in, and what of the file was left out, in words."""

    history: History
    format: str
    torn: str | None = None


def read_history(path: Path) -> Reading:
    """Read a history of our own, of Jepsen's, or of Porcupine's tests.

    Formats: "journal" (JSON lines), "jepsen-edn", "porcupine-log", and "notation"
    (``histories.notation``).  An empty file is an empty journal.

    Raises:
        UnreadableHistory: The file cannot be opened or read.
        MalformedHistory: It is in none of these formats, or is broken, with the
            file and the line.
    """
    start = _start_of(path).lstrip("\ufeff \t\r\n")
    file = str(path)
    if not start or start.startswith('{"'):
        journal = read_journal(path)
        return Reading(history_of(journal), "journal", journal.torn)
    if start.startswith("INFO"):
        return Reading(parse_porcupine_log(_text_of(path), file=file), "porcupine-log")
    if start.startswith(("[", "(", "{", ";", "#_")):
        return Reading(parse_jepsen_edn(_text_of(path), file=file), "jepsen-edn")
    if start.startswith(("process ", "#")) or start[0].isdigit():
        try:
            return Reading(parse_history(_text_of(path)), "notation")
        except MalformedHistory as error:
            raise MalformedHistory(
                error.problem, file=file, line=error.line, field=error.field
            ) from error
    raise MalformedHistory(
        f"neither a journal nor EDN, a Jepsen log or notation: begins {start[:20]!a}",
        file=file,
        line=1,
    )


def _start_of(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_LOOKED_AT).decode("utf-8", "replace")
    except OSError as error:
        raise UnreadableHistory(str(path), error.strerror or str(error)) from error


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise MalformedHistory(f"larger than {FILE_BYTES_MAX} bytes", file=str(path))
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UnreadableHistory(str(path), error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise MalformedHistory(f"not UTF-8: {error}", file=str(path)) from error
