"""What committed entries do: a key-value store with sessions (Ongaro 2014, 6.3).

Deterministic: every node that applied the same entries has the same state.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import ChainMap
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import (
    Append,
    Applied,
    Cas,
    ClientId,
    Delete,
    Entry,
    Get,
    LogCommand,
    LogIndex,
    Position,
    Put,
    Raw,
    Refused,
    Result,
    SetMembership,
    Txn,
    Value,
)

Store: TypeAlias = MutableMapping[str, Value]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the newest request of a client got, and where in the log it stands."""

    sequence: int
    position: Position
    results: tuple[Result, ...]


class StateMachine:
    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._values: dict[str, Value] = {}
        self._answers: dict[ClientId, Answer] = {}
        self._raw: list[LogIndex] = []

    def apply(self, entry: Entry) -> Answer:
        """Execute ``entry``; of a repeated request the first answer, and no effect."""
        session = entry.session
        if session is not None:
            first = self._answers.get(session.client)
            if first is not None and self._rules.is_repeat(session.sequence, first.sequence):
                if first.sequence == session.sequence:
                    return first
                stale = Refused(f"stale sequence {session.sequence}, newest is {first.sequence}")
                return Answer(
                    session.sequence,
                    Position(entry.term, entry.index),
                    (stale,) * len(entry.commands),
                )
        results = tuple(self._execute(command, entry.index) for command in entry.commands)
        position = Position(entry.term, entry.index)
        answer = Answer(0 if session is None else session.sequence, position, results)
        if session is not None:
            self._answers[session.client] = answer
        return answer

    def answer_of(self, client: ClientId) -> Answer | None:
        """The newest answer of ``client``: part of the replicated state."""
        return self._answers.get(client)

    def read(self, keys: tuple[str, ...]) -> tuple[Value, ...]:
        """One value per key; ``None`` where there is none."""
        return tuple(self._values.get(key) for key in keys)

    def raw_indices(self, first: LogIndex, entries_max: int) -> tuple[LogIndex, ...]:
        """Where the applied raw entries are, from ``first`` on."""
        start = bisect_left(self._raw, first)
        return tuple(self._raw[start : start + entries_max])

    def _execute(self, command: LogCommand, index: LogIndex) -> Result:
        match command:
            case Raw():
                if not self._raw or self._raw[-1] != index:
                    self._raw.append(index)
                return Applied()
            case SetMembership():
                return Applied()  # It took effect when it was appended.
            case Txn(micro=micro):
                return self._execute_txn(micro)
            case Put() | Cas() | Delete() | Append():
                return _write(self._values, command)
            case _:
                assert_never(command)

    def _execute_txn(self, micro: tuple[Get | Put | Append, ...]) -> Result:
        changes: dict[str, Value] = {}
        view: Store = ChainMap(changes, self._values)
        observed: list[Value] = []
        for operation in micro:
            if isinstance(operation, Get):
                observed.append(view.get(operation.key))
                continue
            result = _write(view, operation)
            if isinstance(result, Refused):
                return result  # All or nothing: ``changes`` is dropped.
        self._values.update(changes)
        return Applied(tuple(observed))


def _write(store: Store, command: Put | Cas | Delete | Append) -> Result:
    match command:
        case Put(key=key, value=value):
            store[key] = value
            return Applied()
        case Cas(key=key, expected=expected, replacement=replacement):
            observed = store.get(key)
            if observed == expected:
                store[key] = replacement
            return Applied((observed,))
        case Delete(key=key):
            store.pop(key, None)
            return Applied()
        case Append(key=key, element=element):
            held = store.get(key)
            if held is None:
                held = ()
            if not isinstance(held, tuple):
                return Refused(f"append to {key!r}, which is not a list")
            store[key] = (*held, element)
            return Applied()
        case _:
            assert_never(command)
