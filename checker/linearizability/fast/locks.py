"""Locks and semaphores whose owners call one at a time: grant late, free early, and count."""

from __future__ import annotations

from enum import Enum
from typing import Final

import numpy as np

from checker.linearizability.fast.base import (
    FAILED,
    OK,
    Answer,
    Linearizable,
    NotApplicable,
    Rows,
    Violation,
    closed_evidence,
    judge,
)
from checker.linearizability.jit import inner_jit, jit
from checker.linearizability.sorting import ascending
from histories.columns import Columns, Int64s

_CALLS: Final = ("acquire", "release")
_ACQUIRE, _RELEASE = range(2)

_FINE, _FOREIGN, _OVERLAP, _UNSURE, _UNHELD, _FULL, _TOKENS, _TIED = range(8)
_REASONS: Final = {
    _FOREIGN: "it is no call of such a lock",
    _OVERLAP: "an owner called twice at once",
    _UNSURE: "an owner went on after an indeterminate call",
    _TIED: "tokens were given at one moment",
}
_HINTS: Final = {
    _UNHELD: "it was released by an owner that did not hold it",
    _FULL: "it was held by others all the while",
    _TOKENS: "the token is not larger than those given before",
}


class Lock(Enum):
    """What a lock allows.  The values are those that the kernel is told."""

    PERMITS = 0
    """A number of permits, of which an owner may hold several."""
    REENTRANT = 1
    """One owner, which may acquire again what it holds."""
    FENCED = 2
    """One owner at a time, each told a larger number than those before."""


def decide(columns: Columns, lock: Lock = Lock.PERMITS, permits: int = 1) -> Answer:
    """Whether one lock explains the rows, all of one key.

    Covered is what each owner did one call after the other, an indeterminate one
    last.  A mutex whose owner alone may release it is a semaphore with one permit.

    Why it is right.  What an owner holds depends on its own calls alone, whose
    order is known.  Granting each acquisition as late and freeing at each release
    as early as the answers allow keeps that order, and leaves the least held at
    every moment: either that fits at all moments, or nothing does.  An
    indeterminate acquisition had better not happen, an indeterminate release at
    once.  Fenced tokens must then grow in the order of the grants, which is the
    only one, since one owner's time with the lock has to be over before another's.

    Cost: O(n log n).
    """
    return judge(columns, lambda rows: decide_keys(rows, lock, permits))[0]


def decide_keys(rows: Rows, lock: Lock = Lock.PERMITS, permits: int = 1) -> list[Answer]:
    """``decide`` for each key."""
    moment = np.empty(rows.row.size, dtype=np.int64)
    codes = np.zeros(rows.keys, dtype=np.int64)
    named = np.full((rows.keys, 2), -1, dtype=np.int64)
    kind, wanted, token = rows.kinds(*_CALLS), _integers(rows, rows.expected), _tokens(rows)
    _decide(
        *(rows.starts, kind, rows.outcome, rows.invoked, rows.completed, rows.process),
        *(rows.argument, wanted, token, len(rows.values), lock.value, permits),
        *(codes, named, moment),
    )
    return [
        _answer(rows, key, moment, code, core)
        for key, (code, core) in enumerate(zip(codes.tolist(), named.tolist(), strict=True))
    ]


_NONE: Final = -1
_NO_INTEGER: Final = -2
_NEVER: Final = -1


def _integers(rows: Rows, numbers: Int64s) -> Int64s:
    """What these numbers of values stand for, ``_NO_INTEGER`` where that is none from 0 on."""
    used = np.unique(numbers)
    table = np.full(len(rows.values) + 1, _NO_INTEGER, dtype=np.int64)
    for number in used[used >= 0].tolist():
        value = rows.values[number]
        if type(value) is int and 0 <= value < 2**31:
            table[number] = value
    return table[numbers]


def _tokens(rows: Rows) -> Int64s:
    return np.where(rows.result >= 0, _integers(rows, rows.result), _NONE)


def _answer(rows: Rows, key: int, moment: Int64s, code: int, core: list[int]) -> Answer:
    if code == _FINE:
        return Linearizable(lambda: _witness(rows, key, moment))
    if code in _REASONS:
        return NotApplicable(_REASONS[code])
    return _violation(rows, key, moment, code, core[0])


def _violation(rows: Rows, key: int, moment: Int64s, code: int, at: int) -> Violation:
    """With all that was held then, from when its owner held nothing until it does again."""
    if code == _UNHELD:
        mine = [other for other in _session(rows, key, at) if other <= at]
        return closed_evidence(set(mine), [at], _HINTS[code])
    if code == _TOKENS:
        order = [other for other in _witness(rows, key, moment).tolist() if other != at]
        acquired = [
            other
            for other in order
            if rows.kinds(*_CALLS)[other] == _ACQUIRE and moment[other] <= moment[at]
        ]
        told = [place for place, other in enumerate(acquired) if rows.result[other] >= 0]
        core = [*acquired[told[-1] if told else 0 :], at]
        evidence = {other for each in core for other in _session(rows, key, each)}
        return closed_evidence(evidence, core, _HINTS[code])
    kind = rows.kinds(*_CALLS)
    low, high = rows.span(key)
    begun = (moment[low:high] <= moment[at]) & (moment[low:high] != _NEVER)
    owners = set(rows.argument[low:high][begun & (kind[low:high] == _ACQUIRE)].tolist())
    evidence = set(_session(rows, key, at))
    core = [at]
    many = np.where(kind == _ACQUIRE, 1, -1) * _integers(rows, rows.expected)
    for owner in sorted(owners - {int(rows.argument[at])}):
        of_owner = np.flatnonzero(begun & (rows.argument[low:high] == owner)) + low
        if many[of_owner].sum() > 0:
            session = _session(rows, key, int(of_owner[-1]))
            evidence |= set(session)
            core.append(session[0])
    return closed_evidence(evidence, core[::-1], _HINTS[code])


def _session(rows: Rows, key: int, at: int) -> list[int]:
    """The calls of an owner around one, from where it held nothing to where it does again."""
    low, high = rows.span(key)
    mine = (rows.argument[low:high] == rows.argument[at]) & (rows.outcome[low:high] != FAILED)
    kind, many = rows.kinds(*_CALLS), _integers(rows, rows.expected)
    session: list[int] = []
    held = 0
    for other in (np.flatnonzero(mine) + low).tolist():
        if held == 0:
            if at in session:
                break
            session = []
        session.append(other)
        held += int(many[other]) if kind[other] == _ACQUIRE else -int(many[other])
        held = max(held, 0)
    return session


def _witness(rows: Rows, key: int, moment: Int64s) -> Int64s:
    low, high = rows.span(key)
    release = rows.kinds(*_CALLS)[low:high] == _RELEASE
    order = np.lexsort((~release, moment[low:high]))
    return np.asarray(low + order[moment[low:high][order] != _NEVER])


@jit
def _decide(  # type: ignore[no-untyped-def]
    starts, kind, outcome, invoked, completed, process, owner, wanted, token, values, lock,
    permits, codes, named, moment,
):  # fmt: skip
    latest = np.full(values + 1, -1, dtype=np.int64)
    held = np.zeros(values + 1, dtype=np.int64)
    change = np.zeros(kind.size, dtype=np.int64)
    for key in range(starts.size - 1):
        low, high = starts[key], starts[key + 1]
        codes[key] = _owners(
            low, high, kind, outcome, invoked, completed, process, owner, wanted, lock,
            latest, held, named[key], moment, change,
        )  # fmt: skip
        if codes[key] == _FINE:
            codes[key] = _count(low, high, kind, token, lock, permits, named[key], moment, change)
        for at in range(low, high):
            latest[owner[at]], held[owner[at]] = -1, 0


@inner_jit
def _owners(  # type: ignore[no-untyped-def]
    low, high, kind, outcome, invoked, completed, process, owner, wanted, lock,
    latest, held, named, moment, change,
):  # fmt: skip
    """Fill in when each call takes effect, and how many permits more are held then."""
    for at in range(low, high):
        moment[at] = _NEVER
        if outcome[at] == FAILED:
            continue
        if kind[at] < 0 or wanted[at] < 1 or (lock != 0 and wanted[at] != 1):
            return _FOREIGN
        before = latest[owner[at]]
        if before >= 0:
            if outcome[before] != OK:
                return _UNSURE
            touches = completed[before] == invoked[at] and process[before] == process[at]
            if completed[before] >= invoked[at] and not touches:
                return _OVERLAP
        latest[owner[at]] = at
    for at in range(low, high):
        if outcome[at] == FAILED:
            continue
        many = wanted[at]
        depth = held[owner[at]]
        if kind[at] == _RELEASE:
            if depth < many:
                if outcome[at] != OK:
                    continue
                named[0] = at
                return _UNHELD
            held[owner[at]] = depth - many
            moment[at] = invoked[at]
            change[at] = -many if lock != 1 else -int(depth == 1)
        elif outcome[at] == OK:
            held[owner[at]] = depth + many
            moment[at] = completed[at]
            change[at] = many if lock != 1 else int(depth == 0)
    return _FINE


@jit
def _count(low, high, kind, token, lock, permits, named, moment, change):  # type: ignore[no-untyped-def]
    """Whether there are enough permits at each moment, and whether tokens grow."""
    order = np.empty(high - low, dtype=np.int64)
    many = 0
    for wanted in (_RELEASE, _ACQUIRE):
        for at in range(low, high):
            if kind[at] == wanted and moment[at] != _NEVER:
                order[many], many = at, many + 1
    order = order[:many][ascending(moment[order[:many]])]
    total = 0
    for at in order:
        total += change[at]
        if total > permits:
            named[0] = at
            return _FULL
    last, before = -1, -1
    for at in order:
        if lock != 2 or kind[at] != _ACQUIRE:
            continue
        if token[at] == _NO_INTEGER:
            return _FOREIGN
        if before >= 0 and moment[before] == moment[at]:
            return _TIED
        mine = token[at] if token[at] >= 0 else last + 1
        if mine <= last:
            named[0] = at
            return _TOKENS
        last, before = mine, at
    return _FINE
