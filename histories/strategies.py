"""Hypothesis strategies for calls, outcomes and histories of every kind of object.

Two sorts of histories: ``histories`` keeps the laws of ``Op`` and nothing else, so most are wrong;
``linearizable_histories`` is right by construction, because every operation takes effect on a
sequential object at one instant within its interval.  Needs Hypothesis, a development dependency.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, assert_never

from hypothesis import strategies as st

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
    Indeterminate,
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
    answers_with,
)
from histories.history import History
from histories.op import FOREVER, Nanos, Op, ProcessId

INT_MAX: Final = 2**63 - 1
VALUES: Final = st.integers(0, 3)
"""Few, so that equal ones meet."""
REFUSED: Final = Failed("refused")
LOST: Final = Indeterminate("timed out")


def keys(count: int = 2) -> st.SearchStrategy[str]:
    return st.sampled_from([f"k{number}" for number in range(count)])


def scalars() -> st.SearchStrategy[Scalar]:
    """Every value that a journal can hold."""
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-INT_MAX - 1, INT_MAX),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    )


def values() -> st.SearchStrategy[Value]:
    return scalars() | st.lists(scalars(), max_size=4).map(tuple)


# --- calls ------------------------------------------------------------------------------


def _micro(key: st.SearchStrategy[str]) -> st.SearchStrategy[Micro]:
    return st.one_of(
        st.builds(Read, key), st.builds(Write, key, VALUES), st.builds(Append, key, VALUES)
    )


def _register(key: st.SearchStrategy[str]) -> st.SearchStrategy[Call]:
    return st.one_of(
        st.builds(Read, key),
        st.builds(Write, key, VALUES),
        st.builds(CompareAndSet, key, VALUES, VALUES),
    )


def _list(key: st.SearchStrategy[str]) -> st.SearchStrategy[Call]:
    return st.builds(Read, key) | st.builds(Append, key, VALUES)


def _set(key: st.SearchStrategy[str]) -> st.SearchStrategy[Call]:
    return st.one_of(
        st.builds(Read, key),
        st.builds(Add, key, VALUES),
        st.builds(Remove, key, VALUES),
        st.builds(Contains, key, VALUES),
    )


def _queue(key: st.SearchStrategy[str]) -> st.SearchStrategy[Call]:
    return st.builds(Enqueue, key, VALUES) | st.builds(Dequeue, key)


def _counter(key: st.SearchStrategy[str]) -> st.SearchStrategy[Call]:
    return st.builds(Read, key) | st.builds(Increment, key, st.integers(-2, 2))


def _lock(key: st.SearchStrategy[str]) -> st.SearchStrategy[Call]:
    owner = st.sampled_from(("a", "b"))
    return st.builds(Acquire, key, owner) | st.builds(Release, key, owner)


def _ids(key: st.SearchStrategy[str]) -> st.SearchStrategy[Call]:
    return st.builds(GenerateId, key)


def _bank(key: st.SearchStrategy[str]) -> st.SearchStrategy[Call]:
    account = st.sampled_from(("x", "y", "z"))
    return st.builds(Read, key) | st.builds(Transfer, key, account, account, st.integers(0, 5))


def _store(key: st.SearchStrategy[str]) -> st.SearchStrategy[Call]:
    micro = st.lists(_micro(keys()), min_size=1, max_size=4).map(tuple)
    return st.builds(Txn, key, micro)


_KINDS: Final[dict[str, Callable[[st.SearchStrategy[str]], st.SearchStrategy[Call]]]] = {
    "register": _register,
    "list": _list,
    "set": _set,
    "queue": _queue,
    "counter": _counter,
    "lock": _lock,
    "ids": _ids,
    "bank": _bank,
    "store": _store,
}
KINDS: Final = tuple(_KINDS)
"""The kinds of objects."""


def calls(kind: str, key: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[Call]:
    """What can be asked of an object of one of ``KINDS``."""
    return _KINDS[kind](keys() if key is None else key)


def any_calls() -> st.SearchStrategy[Call]:
    return st.sampled_from(KINDS).flatmap(calls)


# --- outcomes ---------------------------------------------------------------------------


def outcomes(call: Call) -> st.SearchStrategy[Outcome]:
    """Whatever has the form of an answer to ``call``, a refusal, or nobody knows."""
    return _definite(call) | st.just(LOST)


def _definite(call: Call) -> st.SearchStrategy[Outcome]:
    count_max = len(call.micro) if isinstance(call, Txn) else 1
    counts = [count for count in range(count_max + 1) if answers_with(call, count)]
    answers = st.lists(VALUES | values(), min_size=counts[0], max_size=counts[-1]).map(tuple)
    return st.builds(Ok, answers) | st.just(REFUSED)


# --- histories --------------------------------------------------------------------------


@st.composite
def histories(
    draw: st.DrawFn,
    call: st.SearchStrategy[Call] | None = None,
    *,
    ops_max: int = 12,
    processes_max: int = 4,
) -> History:
    """Any that keep the laws of ``Op``; answers have nothing to do with each other."""
    of_op = any_calls() if call is None else call
    spans = draw(_spans(ops_max=ops_max, processes_max=processes_max))
    asked = [draw(of_op) for _ in spans]
    answers = [
        LOST if span.lost else draw(_definite(each))
        for span, each in zip(spans, asked, strict=True)
    ]
    return _history(spans, asked, answers)


@st.composite
def linearizable_histories(
    draw: st.DrawFn,
    kind: str,
    *,
    ops_max: int = 12,
    processes_max: int = 4,
) -> History:
    """What clients of correct objects of a kind see: each key is an object of its own.

    Refused operations never take effect; those that nobody knows of took effect within their
    interval, after it, or never.
    """
    spans = draw(_spans(ops_max=ops_max, processes_max=processes_max))
    asked = [draw(calls(kind)) for _ in spans]
    effects = [draw(_effect(span)) for span in spans]
    order = sorted(
        (instant, number) for number, instant in enumerate(effects) if instant is not None
    )
    objects: dict[str, SequentialObject] = {}
    answers: list[Outcome] = [REFUSED] * len(spans)
    for _, number in order:
        held = objects.setdefault(asked[number].key, SequentialObject(kind))
        answers[number] = held.apply(asked[number])
    for number, span in enumerate(spans):
        if span.lost:
            answers[number] = LOST
    return _history(spans, asked, answers)


class _Span(NamedTuple):
    """When and by whom something was asked.  Nobody hears of a ``lost`` one again."""

    process: int
    invoked: int
    completed: int
    lost: bool


class _Drawn(NamedTuple):
    worker: int
    pause: int
    length: int
    lost: bool


def _spans(*, ops_max: int, processes_max: int) -> st.SearchStrategy[list[_Span]]:
    """In the order of invocation; shrinks to fewer, one after the other."""
    drawn = st.builds(
        _Drawn,
        st.integers(0, processes_max - 1),
        st.integers(0, 3),
        st.integers(0, 9),
        st.sampled_from((False, False, False, False, True)),
    )
    return st.lists(drawn, max_size=ops_max).map(
        lambda each: _arranged(each, processes_max=processes_max)
    )


def _arranged(drawn: Sequence[_Drawn], *, processes_max: int) -> list[_Span]:
    process = list(range(processes_max))
    free = [0] * processes_max
    spans, now = [], 0
    for worker, pause, length, lost in drawn:
        now = max(now + pause, free[worker])
        spans.append(_Span(process[worker], now, now + length, lost))
        free[worker] = now + length + 1
        if lost:
            process[worker] += processes_max
    return spans


def _effect(span: _Span) -> st.SearchStrategy[int | None]:
    """When it took effect, ``None``: never."""
    if span.lost:
        return st.none() | st.integers(span.invoked, span.invoked + 20)
    # Shrinks towards taking effect: a history of refusals says little.
    return st.integers(span.invoked, span.completed) | st.none()


def _history(spans: Sequence[_Span], asked: Sequence[Call], answers: Sequence[Outcome]) -> History:
    return History.of(
        Op(
            index=index,
            process=ProcessId(span.process),
            call=call,
            outcome=outcome,
            invoked=Nanos(span.invoked),
            completed=FOREVER if span.lost else Nanos(span.completed),
        )
        for index, (span, call, outcome) in enumerate(zip(spans, asked, answers, strict=True))
    )


class SequentialObject:
    """An object of one of ``KINDS`` that does one call after the other.

    A queue is first in, first out; a counter begins at 0; a lock belongs to who has acquired it
    and not released it; accounts begin with 10 each and are never overdrawn, and a read of a bank
    answers all of them; a store holds registers, which are lists once something was appended.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._value: Value = () if kind in {"list", "set"} else None
        self._counter = 0
        self._accounts = {"x": 10, "y": 10, "z": 10}
        self._store: dict[str, SequentialObject] = {}

    def apply(self, call: Call) -> Outcome:
        match call:
            case Read():
                return Ok((self._read(),))
            case Write(value=value):
                self._value = value
                return Ok()
            case CompareAndSet(expected=expected, replacement=replacement):
                before = self._value
                if before == expected:
                    self._value = replacement
                return Ok((before,))
            case Append(element=element) | Enqueue(element=element):
                self._value = (*self._elements(), element)
                return Ok()
            case Add() | Remove() | Contains():
                return self._apply_to_set(call)
            case Dequeue():
                first, self._value = self._elements()[:1], self._elements()[1:]
                return Ok(first)
            case Increment(by=by):
                self._counter += by
                return Ok((self._counter,))
            case Acquire(owner=owner) | Release(owner=owner):
                free = isinstance(call, Acquire)
                if self._value != (None if free else owner):
                    return Failed("not now")
                self._value = owner if free else None
                return Ok()
            case GenerateId():
                self._counter += 1
                return Ok((self._counter,))
            case Transfer():
                return self._transfer(call)
            case Txn(micro=micro):
                return Ok(tuple(value for step in micro for value in self._micro(step)))
            case _:
                assert_never(call)

    def _read(self) -> Value:
        match self._kind:
            case "counter":
                return self._counter
            case "bank":
                return tuple(self._accounts.values())
            case _:
                return self._value

    def _elements(self) -> tuple[Scalar, ...]:
        return self._value if isinstance(self._value, tuple) else ()

    def _apply_to_set(self, call: Add | Remove | Contains) -> Outcome:
        held = self._elements()
        is_in = call.element in held
        match call:
            case Add(element=element):
                self._value = held if is_in else (*held, element)
                return Ok()
            case Remove(element=element):
                self._value = tuple(other for other in held if other != element)
                return Ok((is_in,))
            case Contains():
                return Ok((is_in,))
            case _:
                assert_never(call)

    def _micro(self, step: Micro) -> tuple[Value, ...]:
        outcome = self._store.setdefault(step.key, SequentialObject("register")).apply(step)
        assert isinstance(outcome, Ok), outcome
        return outcome.values

    def _transfer(self, call: Transfer) -> Outcome:
        if self._accounts[call.source] < call.amount:
            return Failed("not covered")
        self._accounts[call.source] -= call.amount
        self._accounts[call.target] += call.amount
        return Ok()
