"""What the names and values of a Jepsen test mean: Jepsen's maps do not say.

The same "add" puts an element into a set or a number onto a counter, the same [1 2] is
what a cas expects and installs or a key and its value.  One look at the whole history,
and at what its model takes, tells.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, assert_never

from histories.call import (
    Acquire,
    Add,
    Append,
    Call,
    CompareAndSet,
    Contains,
    Dequeue,
    Enqueue,
    Failed,
    GenerateId,
    Increment,
    Micro,
    Ok,
    Outcome,
    Read,
    Release,
    Remove,
    Scalar,
    Transfer,
    Txn,
    Value,
    Write,
)
from histories.formats.edn import Edn, EdnMap, Keyword, Symbol, in_edn
from histories.formats.foreign_event import ForeignEvent, in_words

DRAINS: Final = frozenset({"drain"})

_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("read", "get"), "read"),
        **dict.fromkeys(("write", "put", "set"), "write"),
        "cas": "cas",
        "append": "append",
        "add": "add",
        "remove": "remove",
        "contains": "contains",
        **dict.fromkeys(("enqueue", "push"), "enqueue"),
        **dict.fromkeys(("dequeue", "pop"), "dequeue"),
        "drain": "drain",
        **dict.fromkeys(("increment", "inc"), "increment"),
        **dict.fromkeys(("decrement", "dec"), "decrement"),
        **dict.fromkeys(("acquire", "lock"), "acquire"),
        **dict.fromkeys(("release", "unlock"), "release"),
        **dict.fromkeys(("generate-id", "generate"), "generate-id"),
        "transfer": "transfer",
        "txn": "txn",
    }
)
"""What tests call a function, and how we do."""

_OBJECTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("append",), "list"),
        **dict.fromkeys(("add", "remove", "contains"), "set"),
        **dict.fromkeys(("enqueue", "dequeue", "drain"), "queue"),
        **dict.fromkeys(("increment", "decrement"), "counter"),
        **dict.fromkeys(("acquire", "release"), "lock"),
        "generate-id": "ids",
    }
)
"""The key of calls that name none, by a function that only such an object has."""

_OF_COLLECTIONS: Final = frozenset({"append", "add", "remove", "contains"})
_STORE: Final = ""
_NIL_SAYS_NOTHING: Final = "answered nil, which here means that the value is not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one history is to be read.

    Attributes:
        file: Named in errors.
        only_key: The key of calls that name none.
        keyed: Whether each value is a pair of a key and the value proper (Jepsen's
            independent keys).
        counts: Whether "add" adds to a number.
        holds_many: Whether reads answer collections.
        is_bank: Whether reads answer the balances of accounts.
        nil_is_absent: Whether a read of nil found nothing there, or says nothing.
    """

    file: str
    only_key: str
    keyed: bool
    counts: bool
    holds_many: bool
    is_bank: bool
    nil_is_absent: bool

    def call(self, event: ForeignEvent, completion: ForeignEvent | None) -> Call:
        """What was asked.  A bank's read names its accounts only in its ``completion``."""
        key, value = self._parts(event)
        match _NAMES.get(event.f):
            case "read" if self.is_bank:
                return Txn(_STORE, tuple(map(Read, self._balances(completion))))
            case "read":
                return Read(key)
            case "write":
                return Write(key, _scalar(value))
            case "cas":
                expected, replacement = self._pair(value, event, "expected replacement")
                return CompareAndSet(key, _scalar(expected), _scalar(replacement))
            case "append" | "add" | "remove" | "contains" | "enqueue" as f:
                if f == "add" and self.counts:
                    return Increment(key, self._integer(value, event))
                return _ELEMENT_CALLS[f](key, _scalar(value))
            case "dequeue":
                return Dequeue(key)
            case "increment" | "decrement" as f:
                by = 1 if value is None else self._integer(value, event)
                return Increment(key, by if f == "increment" else -by)
            case "acquire":
                return Acquire(key, event.process, _permits(value))
            case "release":
                return Release(key, event.process, _permits(value))
            case "generate-id":
                return GenerateId(key)
            case "transfer":
                return self._transfer(value, event)
            case "txn":
                return Txn(_STORE, tuple(self._micro(step, event) for step in self._steps(event)))
            case _:
                raise event.broken(
                    f"{event.f!r} is no call that is known here: {', '.join(_NAMES)}",
                    self.file,
                    "f",
                )

    def answer(self, event: ForeignEvent, call: Call, completion: ForeignEvent) -> Outcome:
        """What an "ok" says."""
        value = self._answered(completion)
        match call:
            case Read():
                if value is None and not self.nil_is_absent:
                    return Failed(_NIL_SAYS_NOTHING)
                return Ok((self._value(value),))
            case Write() | Append() | Add() | Enqueue() | Release() | Transfer():
                return Ok()
            case CompareAndSet(expected=expected):
                return Ok((expected,))
            case Remove():
                return Ok((value if isinstance(value, bool) else True,))
            case Contains():
                if not isinstance(value, bool):
                    raise completion.broken("must be true or false", self.file, "value")
                return Ok((value,))
            case Dequeue():
                return Ok() if value is None else Ok((_scalar(value),))
            case Increment() | Acquire():
                # Where the call brought a number, the answer only repeats it.
                asked = self._parts(event)[1]
                told = asked is None and isinstance(value, int)
                return Ok((_scalar(value),)) if told else Ok()
            case GenerateId():
                if value is None:
                    raise completion.broken("must be the new identifier", self.file, "value")
                return Ok((_scalar(value),))
            case Txn() if self.is_bank:
                return Ok(tuple(self._balances(completion).values()))
            case Txn(micro=micro):
                return self._read_values(micro, event, completion)
            case _:
                assert_never(call)

    def drained(
        self, event: ForeignEvent, completion: ForeignEvent | None
    ) -> Iterator[tuple[Call, Outcome]]:
        """The dequeues that a drain consists of."""
        if completion is None or completion.type == "info":
            raise event.broken(
                "a drain without an end may have taken anything, so that nothing can be judged",
                self.file,
                "f",
            )
        if completion.type == "fail":
            return
        key = self._parts(event)[0]
        taken = self._answered(completion)
        if not isinstance(taken, tuple):
            raise completion.broken("a drain answers all it took", self.file, "value")
        for element in taken:
            yield Dequeue(key), Ok((_scalar(element),))

    def _parts(self, event: ForeignEvent) -> tuple[str, Edn]:
        """The key and the value proper."""
        if self.keyed and isinstance(event.value, tuple) and len(event.value) == 2:
            return in_words(event.value[0]), event.value[1]
        return self.only_key if event.key is None else event.key, event.value

    def _answered(self, completion: ForeignEvent) -> Edn:
        """The value proper of an answer."""
        match completion.value:
            case (_, value) if self.keyed:
                return value
            case value:
                return value

    def _balances(self, completion: ForeignEvent | None) -> dict[str, int]:
        if completion is None or completion.type != "ok" or completion.value is None:
            return {}
        if not isinstance(completion.value, EdnMap):
            raise completion.broken(
                "a bank's read answers the balance of each account", self.file, "value"
            )
        return {
            in_words(account): self._integer(balance, completion)
            for account, balance in completion.value.pairs
        }

    def _transfer(self, value: Edn, event: ForeignEvent) -> Transfer:
        if not isinstance(value, EdnMap):
            raise event.broken("a transfer needs {:from :to :amount}", self.file, "value")
        return Transfer(
            _STORE,
            in_words(value.get("from")),
            in_words(value.get("to")),
            self._integer(value.get("amount"), event),
        )

    def _steps(self, event: ForeignEvent) -> tuple[Edn, ...]:
        if not isinstance(event.value, tuple):
            raise event.broken("a txn needs its steps, [[f key value] ...]", self.file, "value")
        return event.value

    def _micro(self, step: Edn, event: ForeignEvent) -> Micro:
        match step:
            case (Keyword(name="r" | "read") | "r" | "read", key, *_):
                return Read(in_words(key))
            case (Keyword(name="w" | "write") | "w" | "write", key, value):
                return Write(in_words(key), _scalar(value))
            case (Keyword(name="append") | "append", key, element):
                return Append(in_words(key), _scalar(element))
            case _:
                raise event.broken(
                    f"{in_words(step)!r} is no step of a txn: [:r key value], [:w key value] "
                    "or [:append key element]",
                    self.file,
                    "value",
                )

    def _read_values(
        self, micro: Sequence[Micro], event: ForeignEvent, completion: ForeignEvent
    ) -> Outcome:
        steps = self._steps(completion)
        if tuple(self._micro(step, completion) for step in steps) != tuple(micro):
            raise completion.broken(
                f"has other steps than the call in line {event.place.line}", self.file, "value"
            )
        answers: list[Value] = []
        for step in steps:
            match step:
                case (Keyword(name="r" | "read") | "r" | "read", _, *values):
                    read = self._value(values[0] if values else None)
                    answers.append(() if read is None and self.holds_many else read)
                case _:
                    pass
        return Ok(tuple(answers))

    def _pair(self, value: Edn, event: ForeignEvent, what: str) -> tuple[Edn, Edn]:
        match value:
            case (first, second):
                return first, second
            case _:
                raise event.broken(f"needs two values, [{what}]", self.file, "value")

    def _integer(self, value: Edn, event: ForeignEvent) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise event.broken(f"{in_words(value) or 'nil'!r} is no whole number", self.file, "value")

    def _value(self, value: Edn) -> Value:
        if self.holds_many and isinstance(value, tuple):
            return tuple(map(_scalar, value))
        return _scalar(value)


_ELEMENT_CALLS: Final[Mapping[str, Callable[[str, Scalar], Call]]] = MappingProxyType(
    {"append": Append, "add": Add, "remove": Remove, "contains": Contains, "enqueue": Enqueue}
)


def dialect_of(
    events: Sequence[ForeignEvent],
    *,
    file: str,
    nil_is_absent: bool,
    takes: Container[str] | None,
) -> Dialect:
    """How to read these; for the arguments see ``history_of_foreign``."""
    functions = {_NAMES.get(event.f) for event in events}
    reads = [
        event.value for event in events if event.type == "ok" and _NAMES.get(event.f) == "read"
    ]
    keyed = _are_keyed(events)
    if takes is None or ("increment" in takes) == ("add" in takes):
        counts = any(_is_integer(_last(value) if keyed else value) for value in reads)
    else:
        counts = "increment" in takes
    counts = counts and "add" in functions
    return Dialect(
        file=file,
        only_key="counter"
        if counts
        else next((name for f, name in _OBJECTS.items() if f in functions), "register"),
        keyed=keyed,
        counts=counts,
        holds_many=not counts
        and (not functions.isdisjoint(_OF_COLLECTIONS) or _appends_in_txns(events)),
        is_bank="transfer" in functions,
        nil_is_absent=nil_is_absent,
    )


def _are_keyed(events: Sequence[ForeignEvent]) -> bool:
    """Whether all calls and answers are pairs, a cas a pair within a pair."""
    told = [event for event in events if event.type in ("invoke", "ok")]
    return bool(told) and all(
        event.key is None
        and event.f not in ("txn", "transfer")
        and _is_pair(event.value)
        and (event.f != "cas" or _is_pair(_last(event.value)))
        for event in told
    )


def _appends_in_txns(events: Sequence[ForeignEvent]) -> bool:
    return any(
        isinstance(step, tuple) and step[:1] in ((Keyword("append"),), ("append",))
        for event in events
        if event.f == "txn" and isinstance(event.value, tuple)
        for step in event.value
    )


def _scalar(value: Edn) -> Scalar:
    """A single value; what consists of many is told by its text."""
    match value:
        case Keyword(name=name) | Symbol(name=name):
            return name
        case tuple() | EdnMap():
            return in_edn(value)
        case _:
            return value


def _is_pair(value: Edn) -> bool:
    return isinstance(value, tuple) and len(value) == 2


def _last(value: Edn) -> Edn:
    """The value proper, whether there is a key before it or not."""
    return value[1] if isinstance(value, tuple) and len(value) == 2 else value


def _is_integer(value: Edn) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _permits(value: Edn) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 1
