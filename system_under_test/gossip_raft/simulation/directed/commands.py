"""What clients ask for, as the words of a transcript."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from system_under_test.gossip_raft.core.types import (
    AddToSet,
    Append,
    Cas,
    Command,
    Delete,
    Dequeue,
    Enqueue,
    Get,
    Increment,
    Nanos,
    Put,
    Raw,
    Scalar,
    Txn,
)
from system_under_test.gossip_raft.simulation.directed.transcript import TranscriptError

MS: Final = 1_000_000


def split_deadline(words: list[str]) -> tuple[list[str], Nanos | None]:
    """What stands before ``within MS``, and that time."""
    match words:
        case [*rest, "within", milliseconds]:
            return rest, Nanos(int(milliseconds) * MS)
        case _:
            return words, None


def commands(words: Sequence[str]) -> tuple[Command, ...]:
    """One, or several with ``+`` between them, which make one request."""
    return tuple(_command(part.split()) for part in " ".join(words).split(" + "))


def _command(words: Sequence[str]) -> Command:
    match words:
        case ["put", assignment]:
            key, written = assignment.split("=")
            return Put(key, _scalar(written))
        case ["append", key, element]:
            return Append(key, _scalar(element))
        case ["cas", key, expected, replacement]:
            return Cas(key, _scalar(expected), _scalar(replacement))
        case ["delete", key]:
            return Delete(key)
        case ["raw", json]:
            return Raw(json)
        case ["enqueue", key, element]:
            return Enqueue(key, _scalar(element))
        case ["dequeue", key]:
            return Dequeue(key)
        case ["add", key, element]:
            return AddToSet(key, _scalar(element))
        case ["increment", key, "by", number]:
            return Increment(key, int(number))
        case ["txn", *micro]:
            return Txn(tuple(map(_micro, micro)))
        case _:
            raise TranscriptError(f"unknown write: {' '.join(words)}")


def _micro(word: str) -> Get | Put | Append:
    """``r:KEY``, ``w:KEY:VALUE`` or ``append:KEY:VALUE``."""
    match word.split(":"):
        case ["r", key]:
            return Get(key)
        case ["w", key, value]:
            return Put(key, _scalar(value))
        case ["append", key, element]:
            return Append(key, _scalar(element))
        case _:
            raise TranscriptError(f"unknown micro-operation: {word}")


def _scalar(word: str) -> Scalar:
    if word == "nil":
        return None
    return int(word) if word.isdigit() else word
