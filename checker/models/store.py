"""A key-value store whose transactions are atomic, and registers written together."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TypeAlias, assert_never

from checker.base import Inconsistent
from checker.errors import ForeignCall
from histories.call import Append, Call, Ok, Read, Txn, Write
from histories.notation import describe_key, describe_value
from histories.values import identity

StoreState: TypeAlias = tuple[tuple[str, Hashable], ...]
"""Keys with the identities of their values, in the order of the keys; without absent ones."""


class KeyValueStore:
    """Keys with a value or a list each, on which transactions act one after the other.

    A transaction sees what it wrote itself (Herlihy & Wing's definition with whole
    transactions as operations: strict serializability).
    """

    name = "key-value-store"
    initial: StoreState = ()

    def step(self, state: StoreState, call: Call, outcome: Ok | None) -> StoreState | Inconsistent:
        self._require_known(call)
        assert isinstance(call, Txn), "others are not known"
        held = dict(state)
        answers = iter(() if outcome is None else outcome.values)
        for micro in call.micro:
            now = held.get(micro.key, _ABSENT)
            match micro:
                case Read():
                    if outcome is None:
                        continue
                    answer = next(answers)
                    if (_ABSENT if answer == () else identity(answer)) != now:
                        return Inconsistent(
                            f"{describe_key(micro.key)} held {_name(now)}, "
                            f"the transaction read {describe_value(answer)}"
                        )
                case Write(value=value):
                    held[micro.key] = identity(value)
                case Append(element=element):
                    held[micro.key] = (*_elements(now), identity(element))
                case _:
                    assert_never(micro)
        return tuple(sorted((key, value) for key, value in held.items() if value != _ABSENT))

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        self._require_known(call)
        return isinstance(call, Txn) and all(isinstance(micro, Read) for micro in call.micro)

    def offers(self, call: Call, outcome: Ok | None) -> Iterable[Hashable]:
        assert isinstance(call, Txn), "others are not known"
        for micro in call.micro:
            match micro:
                case Write(key=key, value=value):
                    yield key, identity(value)
                case Append(key=key, element=element):
                    yield key, identity(element)
                case Read():
                    pass
                case _:
                    assert_never(micro)

    def relies_on(self, call: Call, outcome: Ok | None) -> Iterable[Hashable]:
        assert isinstance(call, Txn), "others are not known"
        if outcome is None:
            return
        reads = (micro for micro in call.micro if isinstance(micro, Read))
        for micro, answer in zip(reads, outcome.values, strict=True):
            for value in answer if isinstance(answer, tuple) else (answer,):
                yield micro.key, identity(value)

    def describe(self, state: StoreState) -> str:
        return "{" + ", ".join(f"{describe_key(key)}: {_name(value)}" for key, value in state) + "}"

    def _require_known(self, call: Call) -> None:
        if not isinstance(call, Txn):
            raise ForeignCall(self.name, call)


class MultiRegister(KeyValueStore):
    """Registers, some of which are read and written together."""

    name = "multi-register"

    def _require_known(self, call: Call) -> None:
        super()._require_known(call)
        if isinstance(call, Txn) and any(isinstance(micro, Append) for micro in call.micro):
            raise ForeignCall(self.name, call)


_ABSENT: Hashable = identity(None)


def _elements(value: Hashable) -> tuple[Hashable, ...]:
    return value if isinstance(value, tuple) and _is_list(value) else ()


def _is_list(value: Hashable) -> bool:
    """Whether this is the identity of a tuple: that of a scalar begins with its type."""
    return isinstance(value, tuple) and not (len(value) == 2 and isinstance(value[0], type))


def _name(value: Hashable) -> str:
    assert isinstance(value, tuple), "identities are tuples"
    if _is_list(value):
        return "[" + ", ".join(_name(part) for part in value) + "]"
    return describe_value(value[1])
