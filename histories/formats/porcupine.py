"""The logs of Jepsen's etcd test that Porcupine is tested with.

    INFO  jepsen.util - 0    :invoke    :cas    [1 2]

One event a line, fields separated by blanks.  A read of nil found nothing there.
"""

from __future__ import annotations

import re
from typing import Final

from histories.errors import MalformedHistory
from histories.formats.edn import Edn, read_edn
from histories.formats.foreign import ONLY_KEY, ForeignEvent, history_of_foreign
from histories.formats.jepsen_edn import in_words
from histories.history import History

_LINE: Final = re.compile(
    r"INFO\s+jepsen\.util - (?P<process>\d+|:\w+)\s+:(?P<type>\w+)\s+:(?P<f>[\w-]+)\s*(?P<value>.*)"
)


def parse_porcupine_log(text: str, *, file: str) -> History:
    """A register history from such a log.  Raises MalformedHistory with the line."""
    events: list[ForeignEvent] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        parts = _LINE.fullmatch(line.strip())
        if parts is None:
            raise MalformedHistory("no line of a Jepsen log", file=file, line=number)
        if not parts["process"].isdigit():
            continue
        value = _value(parts["value"], file, number)
        events.append(
            ForeignEvent(
                line=number,
                process=int(parts["process"]),
                type=parts["type"],
                f=parts["f"],
                key=ONLY_KEY,
                value=value,
                error=in_words(value) if parts["type"] in ("fail", "info") else "",
                time=None,
            )
        )
    return history_of_foreign(events, file=file, nil_is_absent=True)


def _value(text: str, file: str, line: int) -> Edn:
    try:
        values = tuple(read_edn(text))
    except MalformedHistory as error:
        raise MalformedHistory(error.problem, file=file, line=line, field="value") from error
    return values[0] if values else None
