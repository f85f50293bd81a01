"""One entry of a Jepsen history, before anybody knows what it means."""

from __future__ import annotations

from dataclasses import dataclass

from histories.errors import MalformedHistory
from histories.formats.edn import Edn, EdnMap, Keyword, Symbol
from histories.formats.source import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignEvent:
    """An invocation or a completion of a client.

    ``type`` is invoke, ok, fail or info; ``key`` is that of an entry that names one;
    ``error`` why it is no ok, in words; ``time`` is in nanoseconds, if known.
    """

    place: Place
    value_place: Place
    process: int
    type: str
    f: str
    key: str | None
    value: Edn
    error: str
    time: int | None

    def broken(self, problem: str, file: str, field: str) -> MalformedHistory:
        """What is wrong with a field of this entry."""
        place = self.value_place if field == "value" else self.place
        return MalformedHistory(
            problem, file=file, line=place.line, column=place.column, field=field
        )


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
