"""What a bug of the zoo is: a few wrong rules, or wrong storage, and what they break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.ports import Storage


def _sound_storage(storage: Storage) -> Storage:
    return storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One bug.

    Attributes:
        name: What ``--bug`` and transcripts call it.
        summary: What the wrong node does, in one sentence.
        breaks: The properties that fail.
        rules: To be called without arguments; given to the ``Node``.
        storage: Wraps the storage that the ``Host`` is given.
    """

    name: str
    summary: str
    breaks: tuple[str, ...]
    rules: Callable[[], Rules] = Rules
    storage: Callable[[Storage], Storage] = _sound_storage
