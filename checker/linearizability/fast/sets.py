"""Sets whose elements are told apart: those that only grow, and those seen element by element."""

from __future__ import annotations

from typing import Any, Final

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
    each_once,
    judge,
)
from checker.linearizability.fast.lists import Numbers, is_plain, tuple_of
from checker.linearizability.jit import inner_jit, jit
from checker.linearizability.sorting import ascending
from histories.call import Scalar, Value
from histories.columns import Columns, Int64s
from histories.op import FOREVER

UNSEEN: Final = -1
ODD: Final = -2
"""As in ``lists``."""

_CALLS: Final = ("add", "read", "remove", "contains")
_ADD, _READ, _REMOVE, _CONTAINS = range(4)

_FINE, _AMBIGUOUS, _FOREIGN, _MIXED, _PHANTOM, _TWICE, _REPEATED, _APART, _LATE, _ABSENT = range(10)
_REASONS: Final = {
    _AMBIGUOUS: "an element that was seen may have been added more than once",
    _FOREIGN: "it is no call of a set, or no answer to one",
    _MIXED: "elements were removed, and the set was read whole",
}
_HINTS: Final = {
    _PHANTOM: "nobody added an element that was seen",
    _TWICE: "what was added once was removed twice",
    _REPEATED: "it was answered with an element twice, or with no set",
    _APART: "neither of the sets that were read contains the other",
    _LATE: "the second ended before the first began, although it must come later",
    _ABSENT: "an element was not found although it was there all the while",
}


def decide(columns: Columns) -> Answer:
    """Whether one set explains the rows, all of one key.

    Covered are elements added once if they were seen, with either removals or
    reads of the whole set besides questions for single elements.

    Why it is right.  Without removals a set only grows, so those read form a chain,
    which orders additions and reads but for the additions between two reads;
    besides, what found an element comes after its addition, what did not before
    it.  Precedences alone can be met if and only if each op's earliest possible
    moment, the latest invocation of what must not come after it, is not past its
    completion.  With removals but without reads each element is a set of its own
    (Horn & Kroening, FORTE 2015).  It was there, if it has to be at all, strictly
    between the first completion and the last invocation of what found it, added
    it or removed it: what did not find it needs a moment outside of that.

    Cost: O(n log n + the elements of the distinct sets read).
    """
    return judge(columns, decide_keys)[0]


def decide_keys(rows: Rows) -> list[Answer]:
    """``decide`` for each key."""
    place, fresh = places(rows)
    return decide_placed(rows, place, fresh)


def places(rows: Rows) -> tuple[Int64s, Int64s]:
    """When elements first appear in the chain of the sets read of each key.

    This is all of what was read that matters.

    Returns:
        Of shape (n,): for a read the position of its set among those read, by
        size, counted from 0, or ``ODD`` if it does not contain those before or
        names an element twice; for an addition that of the first set with its
        element, or ``UNSEEN``; for other ops ``UNSEEN``.
        Of shape (n,): for a read how many elements the one before has not.
    """
    place, fresh = np.full((2, rows.row.size), UNSEEN, dtype=np.int64)
    kind = rows.kinds(*_CALLS)
    named = Numbers(rows.values, each_once(rows.argument[kind == _ADD]))
    first_in = np.full(len(rows.values) + 1, UNSEEN, dtype=np.int64)
    for key in range(rows.keys):
        low, high = rows.span(key)
        reads = low + np.flatnonzero((kind[low:high] == _READ) & (rows.outcome[low:high] == OK))
        if not reads.size:
            continue
        numbers, which = np.unique(rows.result[reads], return_inverse=True)
        position, news = _chain([rows.values[number] for number in numbers.tolist()])
        place[reads] = position[which]
        fresh[reads] = np.array([len(new) for new in news] + [0, 0])[position[which]]
        additions = low + np.flatnonzero(kind[low:high] == _ADD)
        elements = [named.of(new) for new in news]
        for at, new in enumerate(elements):
            first_in[new] = at
        first_in[-1] = UNSEEN
        place[additions] = first_in[rows.argument[additions]]
        for new in elements:
            first_in[new] = UNSEEN
    return place, fresh


def _chain(answers: list[Value]) -> tuple[Int64s, list[list[Scalar]]]:
    """The position of each, ``ODD`` where it fits nowhere; what is new at each position."""
    position = np.full(len(answers), ODD, dtype=np.int64)
    news: list[list[Scalar]] = []
    before: frozenset[Any] | None = None
    kinds = {kind for answer in answers for kind in set(map(type, tuple_of(answer)))}
    plain = is_plain(kinds)
    members = [_members(answer, plain) for answer in answers]
    for at in sorted(range(len(answers)), key=lambda each: len(tuple_of(answers[each]))):
        mine = members[at]
        if mine is None or (before is not None and not before <= mine):
            continue
        if mine != before:
            new = mine - before if before else mine
            news.append([element if plain else element[1] for element in new])
            before = mine
        position[at] = len(news) - 1
    return position, news


def _members(answer: Value, plain: bool) -> frozenset[Any] | None:
    """The elements of a set that was read, with their types unless these are plain.

    None if it is no set, or names an element twice.
    """
    if answer is not None and not isinstance(answer, tuple):
        return None
    elements = tuple_of(answer)
    members = frozenset(elements if plain else zip(map(type, elements), elements, strict=True))
    return members if len(members) == len(elements) else None


def decide_placed(rows: Rows, place: Int64s, fresh: Int64s) -> list[Answer]:
    """``decide`` for each key, given ``places``."""
    kind, truth = rows.kinds(*_CALLS), _truths(rows)
    codes = np.zeros(rows.keys, dtype=np.int64)
    named = np.full((rows.keys, 4), -1, dtype=np.int64)
    moment, step = np.zeros((2, rows.row.size), dtype=np.int64)
    _decide(
        *(rows.starts, kind, rows.outcome, rows.invoked, rows.completed, rows.argument),
        *(truth, place, fresh, len(rows.values), codes, named, moment, step),
    )
    return [
        _answer(rows, key, place, (moment, step), code, core)
        for key, (code, core) in enumerate(zip(codes.tolist(), named.tolist(), strict=True))
    ]


def _truths(rows: Rows) -> Int64s:
    """Of each row 1 if it was answered true, 0 if false, -1 if neither."""
    truth = np.full(len(rows.values) + 1, -1, dtype=np.int64)
    for answer in (False, True):
        number = rows.number_of(answer)
        if number >= 0:
            truth[number] = int(answer)
    return np.where(rows.outcome == OK, truth[rows.result], -1)


def _answer(
    rows: Rows, key: int, place: Int64s, when: tuple[Int64s, Int64s], code: int, core: list[int]
) -> Answer:
    if code == _FINE:
        return Linearizable(lambda: _witness(rows, key, *when))
    if code in _REASONS:
        return NotApplicable(_REASONS[code])
    return _violation(rows, key, place, code, core)


def _violation(rows: Rows, key: int, place: Int64s, code: int, core: list[int]) -> Violation:
    """With reads that show in what order things came, and all additions of what they show."""
    low, high = rows.span(key)
    kind = rows.kinds(*_CALLS)
    named = [at for at in core if at >= 0]
    if code == _PHANTOM:
        return closed_evidence(set(), named, _HINTS[code])
    answered = low + np.flatnonzero((kind[low:high] == _READ) & (rows.outcome[low:high] == OK))
    reads = [at for at in named if kind[at] == _READ]
    if code == _APART:
        odd = _members(rows.values[rows.result[reads[0]]], plain=False)
        if odd is None:
            return closed_evidence(set(), named, _HINTS[_REPEATED])
        for at in answered.tolist():
            other = _members(rows.values[rows.result[at]], plain=False)
            if other is not None and not other <= odd and not odd <= other:
                reads.append(at)
                named.append(at)
                break
    elif code == _LATE and answered.size:
        # A set of the first size that shows what came early separates it from the late.
        early = int(place[named[0]])
        if kind[named[0]] != _READ:
            added = (kind == _ADD) & (rows.argument == rows.argument[named[0]])
            early = int(place[low:high][added[low:high]].max(initial=UNSEEN))
        reads += [at for at in answered.tolist() if place[at] == early][:1]
    elements = {int(rows.argument[at]) for at in named if kind[at] != _READ}
    shown = np.full(len(rows.values) + 1, False)
    shown[list(elements)] = True
    numbers = Numbers(rows.values, each_once(rows.argument[kind == _ADD]))
    for at in reads:
        shown[numbers.of(tuple_of(rows.values[rows.result[at]]))] = True
    shown[-1] = False
    added = (kind == _ADD) & (rows.outcome != FAILED) & shown[rows.argument]
    return closed_evidence(
        {low + int(at) for at in np.flatnonzero(added[low:high])} | set(reads), named, _HINTS[code]
    )


def _witness(rows: Rows, key: int, moment: Int64s, step: Int64s) -> Int64s:
    low, high = rows.span(key)
    order = np.lexsort((step[low:high], moment[low:high]))
    return np.asarray(low + order[step[low:high][order] >= 0])


@jit
def _decide(  # type: ignore[no-untyped-def]
    starts, kind, outcome, invoked, completed, argument, truth, place, fresh, values,
    codes, named, moment, step,
):  # fmt: skip
    by_value = np.full((6, values + 1), -1, dtype=np.int64)
    for key in range(starts.size - 1):
        low, high = starts[key], starts[key + 1]
        whole, removed = False, False
        codes[key] = _FINE
        for at in range(low, high):
            if outcome[at] == FAILED:
                continue
            asks = kind[at] == _REMOVE or kind[at] == _CONTAINS
            if kind[at] < 0 or (asks and outcome[at] == OK and truth[at] < 0):
                codes[key] = _FOREIGN
            whole |= kind[at] == _READ and outcome[at] == OK
            removed |= kind[at] == _REMOVE and (outcome[at] != OK or truth[at] != 0)
        if codes[key] != _FINE:
            continue
        if whole and removed:
            codes[key] = _MIXED
        elif whole:
            codes[key] = _grown(
                low, high, kind, outcome, invoked, completed, argument, truth, place, fresh,
                by_value, named[key], moment, step,
            )  # fmt: skip
        else:
            codes[key] = _one_by_one(
                low, high, kind, outcome, invoked, completed, argument, truth,
                by_value, named[key], moment, step,
            )  # fmt: skip
        for at in range(low, high):
            by_value[:, argument[at]] = -1


@inner_jit
def _grown(  # type: ignore[no-untyped-def]
    low, high, kind, outcome, invoked, completed, argument, truth, place, fresh,
    by_value, named, moment, step,
):  # fmt: skip
    """A set that was read whole and lost nothing.

    ``moment`` becomes each op's earliest possible moment, ``step`` its rank among
    those of one moment, -1 for what did not happen.
    """
    level = np.empty(high - low, dtype=np.int64)
    code, sets = _sort_out(
        low, high, kind, outcome, invoked, argument, truth, place, fresh,
        by_value, level, named, moment, step,
    )  # fmt: skip
    if code != _FINE:
        return code
    missed, cause = by_value[2], by_value[3]
    order = ascending(level)
    before, tail, now = -1, -1, -1
    for each in range(order.size):
        at = low + order[each]
        if level[order[each]] > 2 * sets:
            break
        if level[order[each]] != now:
            now, before = level[order[each]], tail
        last = before
        if kind[at] == _ADD:
            without = missed[argument[at]]
            if without >= 0 and (last < 0 or invoked[without] > invoked[last]):
                last = without
        if last >= 0 and completed[at] < invoked[last]:
            named[0], named[1] = last, at
            return _LATE
        if last < 0 or invoked[at] > invoked[last]:
            last = at
        moment[at], step[at] = invoked[last], 1 + now
        if kind[at] == _ADD:
            cause[argument[at]] = last
        if tail < 0 or invoked[last] > invoked[tail]:
            tail = last
    for at in range(low, high):
        if outcome[at] == OK and truth[at] == 1 and kind[at] == _CONTAINS:
            last = cause[argument[at]]
            if completed[at] < invoked[last]:
                named[0], named[1] = last, at
                return _LATE
            moment[at], step[at] = max(invoked[at], invoked[last]), 2 * sets + 2
    return _FINE


@inner_jit
def _sort_out(  # type: ignore[no-untyped-def]
    low, high, kind, outcome, invoked, argument, truth, place, fresh,
    by_value, level, named, moment, step,
):  # fmt: skip
    """Fill in who added, found and missed each element, and the level of each op.

    Additions that the set of place p is the first to show are at level 2 p, reads
    of it one above, other additions that happened above them all; what is still
    higher has no level.  Returns what it found, and how many sets there are.
    """
    adder, found, missed = by_value[0], by_value[1], by_value[2]
    sets = 0
    for at in range(low, high):
        step[at] = -1
        if kind[at] == _READ and outcome[at] == OK:
            if place[at] == ODD:
                named[0] = at
                return _APART, sets
            sets = max(sets, place[at] + 1)
        elif outcome[at] == OK and kind[at] != _ADD:
            if truth[at] == 1:
                found[argument[at]] = at
            elif missed[argument[at]] < 0 or invoked[at] > invoked[missed[argument[at]]]:
                missed[argument[at]] = at
    level[:] = 2 * sets + 1
    shown = np.zeros(sets, dtype=np.int64)
    for at in range(low, high):
        if kind[at] == _ADD and outcome[at] != FAILED:
            element = argument[at]
            seen = place[at] >= 0 or found[element] >= 0
            if seen and adder[element] >= 0:
                return _AMBIGUOUS, sets
            if outcome[at] != OK and not seen:
                continue
            adder[element] = at
            level[at - low] = 2 * place[at] if place[at] >= 0 else 2 * sets
            if place[at] >= 0:
                shown[place[at]] += 1
        elif kind[at] == _READ and outcome[at] == OK:
            level[at - low] = 2 * place[at] + 1
    for at in range(low, high):
        if outcome[at] != OK:
            continue
        if kind[at] == _READ and shown[place[at]] != fresh[at]:
            named[0] = at
            return _PHANTOM, sets
        if kind[at] != _READ and kind[at] != _ADD and truth[at] == 1 and adder[argument[at]] < 0:
            named[0] = at
            return _PHANTOM, sets
        if kind[at] != _READ and kind[at] != _ADD and truth[at] != 1:
            moment[at], step[at] = invoked[at], 0
    return _FINE, sets


@inner_jit
def _one_by_one(  # type: ignore[no-untyped-def]
    low, high, kind, outcome, invoked, completed, argument, truth, by_value, named, moment, step
):
    """Elements that come and go once each, if they were seen; ``moment``, ``step`` as above."""
    code = _sum_up(low, high, kind, outcome, completed, argument, truth, by_value, named, step)
    if code != _FINE:
        return code
    adder, remover, maybe = by_value[0], by_value[1], by_value[2]
    added_by, there_until = by_value[3], by_value[4]
    for at in range(low, high):
        element = argument[at]
        if outcome[at] == FAILED or kind[at] == _READ:
            continue
        there = added_by[element]
        if there < 0:
            if outcome[at] == OK:
                moment[at], step[at] = invoked[at], 0
            continue
        add, begun, until = adder[element], completed[there], FOREVER
        last = there_until[element]
        if invoked[add] > invoked[last]:
            last = add
        if completed[there] < invoked[add]:
            named[0], named[1] = add, there
            return _LATE
        gone = remover[element]
        if gone >= 0 and completed[gone] < invoked[last]:
            named[0], named[1] = last, gone
            return _LATE
        if gone < 0 and maybe[element] >= 0:
            gone = maybe[element]
        if gone >= 0:
            until = max(invoked[last], invoked[gone])
        if at == add:
            moment[at], step[at] = begun, 1
        elif at == gone:
            moment[at], step[at] = max(begun, until), 3
        elif outcome[at] == OK and truth[at] == 1:
            moment[at], step[at] = max(begun, invoked[at]), 2
        elif outcome[at] == OK:
            if invoked[at] <= begun:
                moment[at], step[at] = invoked[at], 0
            elif completed[at] >= until:
                moment[at], step[at] = max(invoked[at], until), 4
            else:
                named[0], named[1], named[2], named[3] = at, there, last, gone
                return _ABSENT
    return _FINE


@inner_jit
def _sum_up(  # type: ignore[no-untyped-def]
    low, high, kind, outcome, completed, argument, truth, by_value, named, step
):
    """Fill in by element who added and removed it, or may have.

    And the ops that show since when and until when it was there for certain.
    """
    adder, remover, maybe, added_by, there_until, adders = by_value
    for at in range(low, high):
        step[at] = -1
        element = argument[at]
        if outcome[at] == FAILED or kind[at] == _READ:
            continue
        if kind[at] == _ADD:
            adder[element] = at
            adders[element] += 1
        if kind[at] == _REMOVE and outcome[at] != OK:
            if maybe[element] < 0:
                maybe[element] = at
        elif outcome[at] == OK and (kind[at] == _ADD or truth[at] == 1):
            if kind[at] == _REMOVE:
                if remover[element] >= 0:
                    named[0], named[1] = remover[element], at
                else:
                    remover[element] = at
            if added_by[element] < 0 or completed[at] < completed[added_by[element]]:
                added_by[element] = at
            there_until[element] = at
    for at in range(low, high):
        element = argument[at]
        if element >= 0 and adders[element] > 0:
            return _AMBIGUOUS
        if element >= 0 and adders[element] < 0 and added_by[element] >= 0:
            named[0], named[1] = added_by[element], -1
            return _PHANTOM
    if named[0] >= 0:
        return _TWICE
    return _FINE
