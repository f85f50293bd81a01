"""The logs of Jepsen's etcd test that Porcupine is tested with.

    INFO  jepsen.util - 0    :invoke    :cas    [1 2]

One event a line, fields separated by blanks.  A read of nil found nothing there.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from typing import Final

from histories.errors import MalformedHistory
from histories.formats.edn import Edn, read_edn
from histories.formats.foreign_event import ForeignEvent, in_words
from histories.formats.source import Place

_LINE: Final = re.compile(
    r"\s*INFO\s+jepsen\.util - (?P<process>\d{1,18}|:\w+)\s+:(?P<type>\w+)\s+:(?P<f>[\w-]+)"
    r"\s*(?P<value>.*)"
)
_HEAD: Final = re.compile(
    r"\s*(?:INFO\s*)?(?:jepsen\.util\s*)?(?:-\s*)?(?:[\d:]\S*\s*)?(?::\w+\s*)?"
)


def porcupine_events(lines: Iterable[str], *, file: str) -> Iterator[ForeignEvent]:
    """What clients did, line by line.  Raises MalformedHistory with line and column."""
    for number, line in enumerate(lines, start=1):
        content = line.rstrip()
        if not content:
            continue
        parts = _LINE.fullmatch(content)
        if parts is None:
            head = _HEAD.match(content)
            raise MalformedHistory(
                "no line of a Jepsen log, 'INFO jepsen.util - process :type :f value'",
                file=file,
                line=number,
                column=1 if head is None else head.end() + 1,
            )
        if not parts["process"].isdigit():
            continue
        place = Place(number, parts.start("value") + 1)
        value = _value(parts["value"], file, place)
        yield ForeignEvent(
            place=Place(number, parts.start("process") + 1),
            value_place=place,
            process=int(parts["process"]),
            type=parts["type"],
            f=parts["f"],
            key=None,
            value=value,
            error=in_words(value) if parts["type"] in ("fail", "info") else "",
            time=None,
        )


def _value(text: str, file: str, place: Place) -> Edn:
    if not text:
        return None
    # As the first of a vector: what stands alone in brackets would be handed out in pieces.
    try:
        return next(read_edn(io.StringIO(f"[{text}").read))[1]
    except MalformedHistory as error:
        raise MalformedHistory(
            error.problem,
            file=file,
            line=place.line,
            column=place.column + (error.column or 2) - 2,
            field="value",
        ) from error
