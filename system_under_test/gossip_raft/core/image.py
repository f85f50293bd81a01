"""The state machine as bytes: one canonical JSON text, so equal states have equal images.

::

    {"answers": {CLIENT: [sequence, term, index, [RESULT, ...]]},
     "raw": [COMPACTED INDEX, COMPACTED COMMANDS,
             [[term, index, CLIENT, sequence, [JSON TEXT, ...]]]],
     "values": {KEY: SCALAR or [SCALAR, ...]}}

A ``RESULT`` is a list of values for ``Applied`` and a text, the reason, for ``Refused``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from system_under_test.gossip_raft.core.types import (
    Applied,
    ClientId,
    Compacted,
    Entry,
    LogIndex,
    Position,
    Raw,
    Refused,
    Result,
    Session,
    Term,
    Value,
)


class MalformedImage(ValueError):
    """Bytes that no state machine wrote."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the newest request of a client got, and where in the log it stands."""

    sequence: int
    position: Position
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """``raw``: the applied raw entries that are kept, of their commands only the raw ones;
    ``compacted``: what of them is not kept any more."""

    values: Mapping[str, Value]
    answers: Mapping[ClientId, Answer]
    raw: Iterable[Entry]
    compacted: Compacted


def encode_image(image: Image) -> bytes:
    compacted = image.compacted
    document = {
        "answers": {client: _answer(answer) for client, answer in image.answers.items()},
        "raw": [compacted.index, compacted.commands, [_raw(entry) for entry in image.raw]],
        "values": image.values,
    }
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def decode_image(data: bytes) -> Image:
    """
    Raises:
        MalformedImage: ``data`` is not what ``encode_image`` answers.
    """
    try:
        document = json.loads(data)
        index, commands, raw = document["raw"]
        return Image(
            {key: _decode_value(value) for key, value in document["values"].items()},
            {
                ClientId(client): _decode_answer(answer)
                for client, answer in document["answers"].items()
            },
            tuple(map(_decode_raw, raw)),
            Compacted(LogIndex(index), commands),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise MalformedImage(f"not an image: {error}") from error


def _answer(answer: Answer) -> list[Any]:
    position, results = answer.position, [_result(result) for result in answer.results]
    return [answer.sequence, position.term, position.index, results]


def _result(result: Result) -> tuple[Value, ...] | str:
    match result:
        case Applied(values=values):
            return values
        case Refused(reason=reason):
            return reason
        case _:
            assert_never(result)


def _raw(entry: Entry) -> list[Any]:
    session = entry.session
    texts = [command.json for command in entry.commands if isinstance(command, Raw)]
    client, sequence = (None, 0) if session is None else (session.client, session.sequence)
    return [entry.term, entry.index, client, sequence, texts]


def _decode_value(value: Any) -> Value:
    if isinstance(value, list):
        return tuple(map(_decode_scalar, value))
    return _decode_scalar(value)


def _decode_scalar(scalar: Any) -> int | str | None:
    if scalar is None or (isinstance(scalar, int | str) and not isinstance(scalar, bool)):
        return scalar
    raise ValueError(f"{scalar!r} is no value")


def _decode_answer(answer: Any) -> Answer:
    sequence, term, index, results = answer
    return Answer(
        sequence, Position(Term(term), LogIndex(index)), tuple(map(_decode_result, results))
    )


def _decode_result(result: Any) -> Result:
    if isinstance(result, str):
        return Refused(result)
    return Applied(tuple(map(_decode_value, result)))


def _decode_raw(raw: Any) -> Entry:
    term, index, client, sequence, texts = raw
    session = None if client is None else Session(ClientId(client), sequence)
    return Entry(Term(term), LogIndex(index), session, tuple(map(Raw, texts)))
