"""What clients transmitted and what came back: ``clients.jsonl`` of a live run, one line each.

For people: what it says decides nothing, and a run may lack it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from histories.history import History
from system_under_test.gossip_raft.core.describe import body
from system_under_test.gossip_raft.core.messages import (
    Message,
    NotLeader,
    Results,
    Unavailable,
    Values,
)

_ENCODER: Final = msgspec.json.Encoder()


class Attempt(msgspec.Struct, kw_only=True):
    """One transmission of an operation by ``client`` to ``node``.

    ``answer`` is "" while there is none, ``returned`` is ``None`` if none ever came; times
    are nanoseconds.
    """

    client: str
    node: str
    departed: int
    returned: int | None = None
    answer: str = ""


class ClientLog:
    """Writes attempts as they end.

    What was written last is lost if the process dies; if the disk is full, all from there on.
    No operation may suffer from it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")
        self._is_open = True

    def ended(self, message: Message, sent: int, now: int, came: Message | str) -> None:
        """``came``: the answer to ``message``, or why there is none."""
        if not self._is_open:
            return
        node = message.target
        attempt = Attempt(client=message.source, node=node, departed=sent)
        if isinstance(came, Message):
            attempt.returned, attempt.answer = now, answer_of(came)
        else:
            attempt.answer = came.removeprefix(f"{node}: ").removeprefix(f"{node} ")
        try:
            self._file.write(_ENCODER.encode(attempt) + b"\n")
        except OSError:
            self.close()

    def close(self) -> None:
        self._is_open = False
        with contextlib.suppress(OSError):
            self._file.close()


def read_attempts(path: Path, clock_origin_ns: int) -> list[Attempt]:
    """On the clock of the journal; none if there is no such file, and no torn last line."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    attempts = [msgspec.json.decode(line, type=Attempt) for line in lines]
    for attempt in attempts:
        attempt.departed -= clock_origin_ns
        if attempt.returned is not None:
            attempt.returned -= clock_origin_ns
    return attempts


def answer_of(message: Message) -> str:
    """In words that follow the name of the node."""
    match message.body:
        case NotLeader(leader=leader):
            return f"does not lead (says {leader or 'nobody'} does)"
        case Unavailable(reason=reason):
            return f"refused: {reason}"
        case Results() | Values():
            return "answered"
        case _:
            return body(message.body)


def by_operation(history: History, attempts: Iterable[Attempt]) -> dict[int, list[Attempt]]:
    """The attempts of each operation in the order of time; ``attempts`` may come in any."""
    of_client: dict[str, list[Attempt]] = {}
    for attempt in sorted(attempts, key=lambda each: each.departed):
        of_client.setdefault(attempt.client, []).append(attempt)
    found: dict[int, list[Attempt]] = {}
    for op in reversed(history.ops):
        # The latest operation takes the latest attempts, and leaves the others to those before.
        mine = of_client.get(f"p{op.process}", [])
        taken: list[Attempt] = []
        while mine and mine[-1].departed >= op.invoked:
            taken.append(mine.pop())
        if taken:
            found[op.index] = taken[::-1]
    return found
