"""Histories as Jepsen and Knossos store them: EDN maps, in a vector or one by one.

    {:process 4, :type :invoke, :f :write, :value 2, :time 341187643, :index 0}

Entries of the nemesis, whose process is no number, are skipped.  As in Knossos
a read of nil says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from histories.errors import MalformedHistory
from histories.formats.edn import Edn, EdnMap, Keyword, Symbol, read_edn
from histories.formats.foreign import ONLY_KEY, ForeignEvent, history_of_foreign
from histories.history import History


def parse_jepsen_edn(text: str, *, file: str) -> History:
    """A register history from Jepsen's EDN.  Raises MalformedHistory with the line."""
    events = [
        event
        for entry in _entries(read_edn(text, file=file), file)
        if (event := _event(entry, file)) is not None
    ]
    return history_of_foreign(events, file=file, nil_is_absent=False)


def _entries(values: Iterable[Edn], file: str) -> Iterator[EdnMap]:
    for value in values:
        if isinstance(value, EdnMap):
            yield value
        elif isinstance(value, tuple):
            yield from _entries(value, file)
        else:
            raise MalformedHistory(f"{value!r} is no entry of a history", file=file)


def _event(entry: EdnMap, file: str) -> ForeignEvent | None:
    process, time, key = entry.get("process"), entry.get("time"), entry.get("key")
    if isinstance(process, Keyword | Symbol | str):
        return None
    if not isinstance(process, int) or isinstance(process, bool):
        raise MalformedHistory("no process", file=file, line=entry.line, field="process")
    return ForeignEvent(
        line=entry.line,
        process=process,
        type=_name(entry, "type", file),
        f=_name(entry, "f", file),
        key=ONLY_KEY if key is None else in_words(key),
        value=entry.get("value"),
        error=in_words(entry.get("error")),
        time=time if isinstance(time, int) else None,
    )


def _name(entry: EdnMap, field: str, file: str) -> str:
    value = entry.get(field)
    if isinstance(value, Keyword):
        return value.name
    if isinstance(value, str):
        return value
    raise MalformedHistory("missing or no keyword", file=file, line=entry.line, field=field)


def in_words(value: Edn) -> str:
    """An error or a key as plain text."""
    match value:
        case None:
            return ""
        case Keyword(name=name) | Symbol(name=name):
            return name
        case tuple():
            return " ".join(filter(None, map(in_words, value)))
        case EdnMap(pairs=pairs):
            return " ".join(f"{in_words(key)}={in_words(item)}" for key, item in pairs)
        case _:
            return str(value)
