"""What committed entries do: a key-value store with sessions (Ongaro 2014, 6.3).

Deterministic: every node that applied the same entries has the same state.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import MutableMapping
from typing import Final, TypeAlias, assert_never

from system_under_test.gossip_raft.core.image import (
    Answer,
    Image,
    decode_image,
    encode_image,
)
from system_under_test.gossip_raft.core.raw_log import WINDOW, RawLog, Window
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import (
    APPLIED,
    AddToSet,
    Append,
    Applied,
    Cas,
    ClientId,
    Compacted,
    Delete,
    Dequeue,
    Enqueue,
    Entry,
    Get,
    Increment,
    LogCommand,
    LogIndex,
    Position,
    Put,
    Raw,
    Refused,
    Result,
    Scalar,
    SetMembership,
    Txn,
    Value,
)

Store: TypeAlias = MutableMapping[str, Value]
Update: TypeAlias = Put | Cas | Delete | Append | Enqueue | Dequeue | AddToSet | Increment

INTEGER_MAX: Final = 2**63 - 1
"""What a message can hold; a counter never leaves ``-INTEGER_MAX - 1 .. INTEGER_MAX``."""


class StateMachine:
    def __init__(self, rules: Rules, window: Window = WINDOW) -> None:
        self._rules = rules
        self._window = window
        self._values: dict[str, Value] = {}
        self._answers: dict[ClientId, Answer] = {}
        self._raw = RawLog(window)

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
        results = tuple(map(self._execute, entry.commands))
        self._raw.add(entry)
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

    def raw_entries(self, first: LogIndex, entries_max: int) -> tuple[Entry, ...]:
        """The applied entries with raw commands, and of them only those, from ``first`` on,
        as far as they are kept."""
        return self._raw.page(first, entries_max)

    @property
    def raw_compacted(self) -> Compacted:
        """What of them is not kept any more."""
        return self._raw.compacted

    def image(self) -> bytes:
        """All of the state, sessions included; equal states have equal images."""
        answers = self._rules.answers_in_snapshot(self._answers)
        return encode_image(Image(self._values, answers, self._raw.entries, self._raw.compacted))

    def restore(self, image: bytes) -> None:
        """Become the state machine that wrote ``image``.

        Raises:
            MalformedImage: No state machine did; nothing has changed.
        """
        decoded = decode_image(image)
        self._values = dict(decoded.values)
        self._answers = dict(decoded.answers)
        self._raw = RawLog(self._window, decoded.raw, decoded.compacted)

    def _execute(self, command: LogCommand) -> Result:
        match command:
            case Raw():
                return APPLIED  # It is kept as it came, for a while.
            case SetMembership():
                return APPLIED  # It took effect when it was appended.
            case Txn(micro=micro):
                return self._execute_txn(micro)
            case _:
                return _write(self._values, command)

    def _execute_txn(self, micro: tuple[Get | Put | Append, ...]) -> Result:
        changes: dict[str, Value] = {}
        view: Store = ChainMap(changes, self._values)
        observed: list[Value] = []
        writes = not all(isinstance(operation, Get) for operation in micro)
        for operation in micro:
            if isinstance(operation, Get):
                value = view.get(operation.key)
                observed.append(self._rules.observed_in_txn(value, len(observed), writes=writes))
                continue
            result = _write(view, operation)
            if isinstance(result, Refused):
                self._values.update(self._rules.changes_of_refused(changes))
                return result
        self._values.update(changes)
        return Applied(tuple(observed))


def _write(store: Store, command: Update) -> Result:
    match command:
        case Put(key=key, value=value):
            store[key] = value
            return APPLIED
        case Cas(key=key, expected=expected, replacement=replacement):
            observed = store.get(key)
            if observed == expected:
                store[key] = replacement
            return Applied((observed,))
        case Delete(key=key):
            store.pop(key, None)
            return APPLIED
        case Append(key=key, element=element):
            held = _sequence(store, key)
            if held is None:
                return Refused(f"append to {key!r}, which is not a list")
            store[key] = (*held, element)
            return APPLIED
        case Enqueue() | Dequeue():
            return _queue(store, command)
        case AddToSet(key=key, element=element):
            held = _sequence(store, key)
            if held is None:
                return Refused(f"add to {key!r}, which is not a set")
            if element not in held:
                store[key] = (*held, element)
            return APPLIED
        case Increment(key=key, by=by):
            return _increment(store, key, by)
        case _:
            assert_never(command)


def _queue(store: Store, command: Enqueue | Dequeue) -> Result:
    held = _sequence(store, command.key)
    if held is None:
        kind = type(command).__name__.lower()
        return Refused(f"{kind} on {command.key!r}, which is not a queue")
    if isinstance(command, Enqueue):
        store[command.key] = (*held, command.element)
        return APPLIED
    if not held:
        return APPLIED
    store[command.key] = held[1:]
    return Applied(held[:1])


def _increment(store: Store, key: str, by: int) -> Result:
    held = store.get(key)
    if held is None:
        held = 0
    if not isinstance(held, int):
        return Refused(f"increment of {key!r}, which is not a counter")
    total = held + by
    if not -INTEGER_MAX - 1 <= total <= INTEGER_MAX:
        return Refused(f"increment of {key!r} by {by}: {total} is out of range")
    store[key] = total
    return Applied((total,))


def _sequence(store: Store, key: str) -> tuple[Scalar, ...] | None:
    """The list, queue or set at ``key``; ``None`` if it holds something else."""
    held = store.get(key)
    if held is None:
        return ()
    return held if isinstance(held, tuple) else None
