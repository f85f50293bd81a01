"""Histories as Jepsen and Knossos store them: maps, in a vector or one by one.

    {:process 4, :type :invoke, :f :write, :value 2, :time 341187643, :index 0}
    {"process": 4, "type": "invoke", "f": "write", "value": 2}

Entries of the nemesis, whose process is no number, are skipped.  As in Knossos a read
of nil says nothing.  Porcupine's key-value logs are of this form too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from histories.errors import MalformedHistory
from histories.formats.edn import Edn, EdnMap, Keyword, Symbol
from histories.formats.foreign_event import ForeignEvent, in_words
from histories.formats.source import Place


def jepsen_events(entries: Iterable[tuple[Place, Edn]], *, file: str) -> Iterator[ForeignEvent]:
    """What clients did, in the order of the entries.

    Raises:
        MalformedHistory: An entry is not what Jepsen writes, with line, column and field.
    """
    for place, entry in entries:
        if not isinstance(entry, EdnMap):
            raise MalformedHistory(
                f"{in_words(entry) or 'nil'!r} is no entry of a history",
                file=file,
                line=place.line,
                column=place.column,
            )
        if not isinstance(entry.get("process"), Keyword | Symbol | str):
            yield _event(entry, file)


def _event(entry: EdnMap, file: str) -> ForeignEvent:
    process, time, key = entry.get("process"), entry.get("time"), entry.get("key")
    if not isinstance(process, int) or isinstance(process, bool):
        raise _broken(
            entry, "process", file, "no process" if process is None else "no whole number"
        )
    return ForeignEvent(
        place=entry.place,
        value_place=entry.place_of("value"),
        process=process,
        type=_name(entry, "type", file),
        f="txn" if _is_bare_txn(entry) else _name(entry, "f", file),
        key=None if key is None else in_words(key),
        value=entry.get("value"),
        error=in_words(entry.get("error")),
        time=time if isinstance(time, int) else None,
    )


def _is_bare_txn(entry: EdnMap) -> bool:
    """Whether it is one of Elle's, whose transactions need no name."""
    value = entry.get("value")
    return (
        entry.get("f") is None
        and isinstance(value, tuple)
        and all(isinstance(step, tuple) for step in value)
    )


def _name(entry: EdnMap, field: str, file: str) -> str:
    match entry.get(field):
        case Keyword(name=name) | str(name):
            return name
        case None:
            raise _broken(entry, field, file, "missing")
        case _:
            raise _broken(entry, field, file, "no keyword")


def _broken(entry: EdnMap, field: str, file: str, problem: str) -> MalformedHistory:
    place = entry.place_of(field)
    return MalformedHistory(problem, file=file, line=place.line, column=place.column, field=field)
