"""A register whose observed values were each installed once: zones and chains.

Gibbons & Korach, "Testing shared memories", SIAM J. Comput. 26 (1997), with the
zones of Golab, Li & Shah, "Analyzing consistency properties for fun and profit"
(PODC 2011); compare-and-sets that tell what they found join zones to chains.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from checker.linearizability.fast.base import (
    FAILED,
    OK,
    START,
    UNKNOWN,
    Answer,
    Linearizable,
    NotApplicable,
    Rows,
    Violation,
    closed_evidence,
    judge,
)
from checker.linearizability.fast.clashes import clash
from checker.linearizability.jit import inner_jit, jit
from histories.call import Scalar
from histories.columns import Columns, Int64s

_READ, _WRITE, _CAS = range(3)

# What the kernel found of a key.
_FINE, _PHANTOM, _CLAIMS, _CYCLE, _INSIDE, _ZONES, _TWICE, _FOREIGN, _SILENT = range(9)

_REASONS: Final = {
    _TWICE: "a value that was seen may have been installed more than once",
    _FOREIGN: "it is no call of a register",
    _SILENT: "an answer does not tell the value found",
}
_HINTS: Final = {
    _PHANTOM: "nothing installed the value that was seen",
    _CLAIMS: "both compare-and-sets succeeded on one and the same value",
    _CYCLE: "each of these values was installed only on top of another one of them",
    _INSIDE: "the second ended before the first began, on values that came later",
    _ZONES: "either of two values would have to be there before the other",
}


def decide(columns: Columns, initial: Scalar = None) -> Answer:
    """Whether one register explains the rows, all of one key.

    Covered are reads, writes and compare-and-sets that answer what they found,
    if each value that was seen can have been installed in one way only; of others
    some violations are found (``clash``).

    Why it is right.  What saw a value follows its installer with no other
    installer in between, and a compare-and-set follows what saw the value it
    replaced; so all ops on values linked by compare-and-sets form one block, whose
    inner order is known up to reads of one value.  That order must not run
    against time (one pass with the latest invocation so far).  A block with first
    completion f and last invocation s must precede another, with f' and s', if
    f < s'.  In a shortest cycle of that relation take the block of the least f:
    each other block has a predecessor in the cycle, whose f is no less, so the
    block precedes them all, and its own predecessor too; hence two blocks with
    f < s' and f' < s are the only obstacle.  An indeterminate installer whose
    value nobody saw can be left out of any linearization; one whose value was
    seen did happen, and made what it found seen as well.

    Cost: O(n log n), and O(n) but for a binary search per value.
    """
    return judge(columns, lambda rows: decide_keys(rows, initial))[0]


def decide_keys(rows: Rows, initial: Scalar = None) -> list[Answer]:
    """``decide`` for each key."""
    kind, first = rows.kinds("read", "write", "cas"), rows.number_of(initial)
    if rows.keys == 1 and _is_ambiguous(rows, kind, first):
        return [_answer(rows, 0, first, _TWICE, [])]
    codes = np.zeros(rows.keys, dtype=np.int64)
    named = np.full((rows.keys, 4), -1, dtype=np.int64)
    _decide(
        *(rows.starts, kind, rows.outcome, rows.invoked, rows.completed),
        *(rows.argument, rows.expected, rows.result),
        *(len(rows.values), first, codes, named),
    )
    return [
        _answer(rows, key, first, code, core)
        for key, (code, core) in enumerate(zip(codes.tolist(), named.tolist(), strict=True))
    ]


def _is_ambiguous(rows: Rows, kind: Int64s, first: int) -> bool:
    """Whether the kernel would say ``_TWICE``: then nobody need wait until it is compiled.

    Only of what it has no other reason to refuse.
    """
    seeing = (rows.outcome == OK) & (kind != _WRITE)
    if (kind < 0).any() or (rows.result[seeing] < 0).any():
        return False
    found = np.where(rows.outcome == OK, rows.result, rows.expected)
    swaps = (kind == _CAS) & (found == rows.expected) & (rows.expected != rows.argument)
    installs = ((kind == _WRITE) | swaps) & (rows.outcome != FAILED) & (rows.argument >= 0)
    makers = np.bincount(rows.argument[installs], minlength=len(rows.values))
    if first >= 0:
        makers[first] += 1
    return bool((makers[rows.result[seeing]] > 1).any())


def _answer(rows: Rows, key: int, first: int, code: int, core: list[int]) -> Answer:
    if code == _FINE:
        return Linearizable(lambda: _witness(rows, key, first))
    if code == _TWICE:
        return clash(rows, key, first) or NotApplicable(_REASONS[code])
    if code in _REASONS:
        return NotApplicable(_REASONS[code])
    return _violation(rows, key, first, code, core)


def _violation(rows: Rows, key: int, first: int, code: int, core: list[int]) -> Violation:
    """With what installed all that was seen, and what saw that the indeterminate happened."""
    low, high = rows.span(key)
    kind, outcome = rows.kinds("read", "write", "cas")[low:high], rows.outcome[low:high]
    argument, expected = rows.argument[low:high], rows.expected[low:high]
    answered = outcome == OK
    sees = np.where(answered, rows.result[low:high], expected)
    swaps = (kind == _CAS) & (sees == expected) & (expected != argument)
    installs = ((kind == _WRITE) | swaps) & (outcome != FAILED)
    maker = np.full(len(rows.values) + 1, -1, dtype=np.int64)
    maker[argument[installs]] = np.flatnonzero(installs)
    named = [at - low for at in core if at >= 0]
    evidence: set[int] = set()
    work = list(named)
    while work:
        at = work.pop()
        if at in evidence:
            continue
        evidence.add(at)
        if kind[at] != _WRITE and sees[at] != first and maker[sees[at]] >= 0:
            work.append(int(maker[sees[at]]))
        if outcome[at] == UNKNOWN:
            readers = (kind != _WRITE) & (sees == argument[at]) & (answered | installs)
            certain = readers & answered
            work.extend(np.flatnonzero(certain)[:1].tolist() or np.flatnonzero(readers).tolist())
    return closed_evidence({at + low for at in evidence}, [at + low for at in named], _HINTS[code])


def _witness(rows: Rows, key: int, first: int) -> Int64s:
    low, high = rows.span(key)
    kind = rows.kinds("read", "write", "cas")
    point = np.full((high - low, 4), -1, dtype=np.int64)
    _place(
        *(low, high, kind, rows.outcome, rows.invoked, rows.completed),
        *(rows.argument, rows.expected, rows.result, len(rows.values), first, point),
    )
    order = np.lexsort((point[:, 3], point[:, 2], point[:, 1], point[:, 0]))
    return np.asarray(order[point[order, 3] >= 0] + low)


@jit
def _decide(  # type: ignore[no-untyped-def]
    starts, kind, outcome, invoked, completed, argument, expected, result, values, first,
    codes, named,
):  # fmt: skip
    scratch = np.full((6, values + 3), -1, dtype=np.int64)
    zones = np.empty((5, kind.size), dtype=np.int64)
    for key in range(starts.size - 1):
        low, high = starts[key], starts[key + 1]
        code = _index(
            low, high, kind, outcome, completed, argument, expected, result,
            first, scratch, named[key],
        )  # fmt: skip
        if code == _FINE:
            code = _walk(
                low, high, kind, outcome, invoked, completed, argument, expected, first,
                scratch, zones, named[key],
            )  # fmt: skip
        if code == _FINE:
            code = _compare(low, high, invoked, zones, named[key])
        codes[key] = code
        _forget(low, high, argument, expected, result, scratch)


# The rows of ``scratch``, by value.  The last two columns are for -1 (none) and for
# an initial value of -2 that no op names.
_SEEN, _MAKER, _MAKERS, _CLAIM, _EARLIEST, _LATEST = range(6)


@inner_jit
def _forget(low, high, argument, expected, result, scratch):  # type: ignore[no-untyped-def]
    for at in range(low, high):
        for row in range(6):
            scratch[row, argument[at]] = -1
            scratch[row, expected[at]] = -1
            scratch[row, result[at]] = -1


@inner_jit
def _index(  # type: ignore[no-untyped-def]
    low, high, kind, outcome, completed, argument, expected, result, first, scratch, named
):
    """Who installed, claimed and saw each value; whether that is one at most."""
    seen, maker, makers = scratch[_SEEN], scratch[_MAKER], scratch[_MAKERS]
    claim, earliest, latest = scratch[_CLAIM], scratch[_EARLIEST], scratch[_LATEST]
    work = np.empty(high - low + 1, dtype=np.int64)
    todo = 0
    for at in range(low, high):
        if outcome[at] == FAILED:
            continue
        if kind[at] < 0:
            return _FOREIGN
        answered = outcome[at] == OK
        if answered and kind[at] != _WRITE:
            value = result[at]
            if value < 0:
                return _SILENT
            if seen[value] < 0:
                seen[value] = at
                work[todo] = value
                todo += 1
        installs = kind[at] == _WRITE
        if kind[at] == _CAS:
            found = result[at] if answered else expected[at]
            installs = found == expected[at] and expected[at] != argument[at]
        if installs:
            makers[argument[at]] += 1
            maker[argument[at]] = at
        elif answered:
            value = result[at]
            if earliest[value] < 0 or completed[at] < completed[earliest[value]]:
                earliest[value] = at
            latest[value] = at
    while todo > 0:
        todo -= 1
        value = work[todo]
        # ``makers`` counts from -1.
        if makers[value] > 0 or (value == first and makers[value] >= 0):
            return _TWICE
        if value == first:
            continue
        at = maker[value]
        if at < 0:
            named[0] = seen[value]
            return _PHANTOM
        if kind[at] == _CAS and seen[expected[at]] < 0:
            seen[expected[at]] = at
            work[todo] = expected[at]
            todo += 1
    for at in range(low, high):
        if kind[at] == _CAS and outcome[at] != FAILED and expected[at] != argument[at]:
            if outcome[at] == OK:
                happened = result[at] == expected[at]
            else:
                happened = seen[argument[at]] >= 0
            if happened:
                if claim[expected[at]] >= 0:
                    named[0], named[1] = claim[expected[at]], at
                    return _CLAIMS
                claim[expected[at]] = at
    return _FINE


@inner_jit
def _walk(  # type: ignore[no-untyped-def]
    low, high, kind, outcome, invoked, completed, argument, expected, first,
    scratch, zones, named,
):  # fmt: skip
    """Check the order inside each chain; leave its zone at the row invoked last.

    By that row, ``zones[0]`` is the row completed first (-1 for the chain of the
    initial value, -2 where no chain ends), ``zones[1]`` when the zone begins and
    ``zones[2]`` the root of the chain (-1 for the initial value).  By installer,
    ``zones[3]`` is the root of its chain and ``zones[4]`` its position in it.
    """
    seen, claim = scratch[_SEEN], scratch[_CLAIM]
    earliest, latest = scratch[_EARLIEST], scratch[_LATEST]
    for at in range(low, high):
        zones[0, at] = -2
    for start in range(low - 1, high):
        if start < low:
            if first < 0 or seen[first] < 0:
                continue
            root, value = -1, first
        else:
            root, value = start, argument[start]
            if kind[root] != _WRITE or outcome[root] == FAILED:
                continue
            if seen[value] < 0 and outcome[root] != OK:
                continue
        at, head, tail, depth = root, -1, -1, 0
        while True:
            if at >= 0:
                if tail >= 0 and completed[at] < invoked[tail]:
                    named[0], named[1] = tail, at
                    return _INSIDE
                if tail < 0 or invoked[at] > invoked[tail]:
                    tail = at
                if head < 0 or completed[at] < completed[head]:
                    head = at
                zones[3, at], zones[4, at] = root, depth
            if seen[value] < 0:
                break
            reader = earliest[value]
            if reader >= 0:
                if tail >= 0 and completed[reader] < invoked[tail]:
                    named[0], named[1] = tail, reader
                    return _INSIDE
                if tail < 0 or invoked[latest[value]] > invoked[tail]:
                    tail = latest[value]
                if head < 0 or completed[reader] < completed[head]:
                    head = reader
            at = claim[value]
            if at < 0:
                break
            claim[value] = -1
            value = argument[at]
            depth += 1
        zones[0, tail], zones[1, tail], zones[2, tail] = head, completed[head], root
        if root < 0:
            zones[0, tail], zones[1, tail] = -1, START
    for at in range(low, high):
        if kind[at] == _CAS and claim[expected[at]] == at:
            named[0] = at
            return _CYCLE
    return _FINE


@inner_jit
def _compare(low, high, invoked, zones, named):  # type: ignore[no-untyped-def]
    """Whether no zone must come both before and after another.

    Forward zones end in the order of their rows, and must not overlap; then the
    first that ends after a backward zone's completion is the only one that can
    hold it.
    """
    ends = np.empty(high - low, dtype=np.int64)
    forward = 0
    for tail in range(low, high):
        if zones[0, tail] != -2 and zones[1, tail] < invoked[tail]:
            if forward > 0 and zones[1, tail] < invoked[ends[forward - 1]]:
                before = ends[forward - 1]
                named[0], named[1] = zones[0, before], before
                named[2], named[3] = zones[0, tail], tail
                return _ZONES
            ends[forward] = tail
            forward += 1
    for tail in range(low, high):
        if zones[0, tail] != -2 and zones[1, tail] >= invoked[tail]:
            around = _first_ending_after(zones[1, tail], ends, forward, invoked)
            if around < forward and zones[1, ends[around]] < invoked[tail]:
                outer = ends[around]
                named[0], named[1] = zones[0, outer], outer
                named[2], named[3] = zones[0, tail], tail
                return _ZONES
    return _FINE


@inner_jit
def _first_ending_after(time, ends, forward, invoked):  # type: ignore[no-untyped-def]
    left, right = 0, forward
    while left < right:
        middle = (left + right) // 2
        if invoked[ends[middle]] > time:
            right = middle
        else:
            left = middle + 1
    return left


@jit
def _place(  # type: ignore[no-untyped-def]
    low, high, kind, outcome, invoked, completed, argument, expected, result, values, first,
    point,
):  # fmt: skip
    """Where each row comes: time of its chain, backward or forward, the chain, depth in it.

    A backward zone stands where its last op begins, moved to the end of the
    forward zone that this falls into; a forward zone where it begins.
    """
    scratch = np.full((6, values + 3), -1, dtype=np.int64)
    zones = np.empty((5, kind.size), dtype=np.int64)
    named = np.empty(4, dtype=np.int64)
    _index(low, high, kind, outcome, completed, argument, expected, result, first, scratch, named)
    maker, claim = scratch[_MAKER], scratch[_CLAIM]
    happened = np.zeros(high - low, dtype=np.bool_)
    for at in range(low, high):
        if kind[at] == _CAS:
            happened[at - low] = claim[expected[at]] == at
        elif kind[at] == _WRITE and outcome[at] != FAILED:
            happened[at - low] = outcome[at] == OK or scratch[_SEEN, argument[at]] >= 0
    _walk(
        low, high, kind, outcome, invoked, completed, argument, expected, first,
        scratch, zones, named,
    )  # fmt: skip
    time = np.empty(high - low + 1, dtype=np.int64)
    forward = np.zeros(high - low + 1, dtype=np.bool_)
    ends = np.empty(high - low, dtype=np.int64)
    count = 0
    for tail in range(low, high):
        if zones[0, tail] != -2 and zones[1, tail] < invoked[tail]:
            chain = zones[2, tail] - low if zones[2, tail] >= 0 else high - low
            time[chain], forward[chain] = zones[1, tail], True
            ends[count] = tail
            count += 1
    for tail in range(low, high):
        if zones[0, tail] != -2 and zones[1, tail] >= invoked[tail]:
            around = _first_ending_after(invoked[tail], ends, count, invoked)
            moved = invoked[tail]
            if around < count and zones[1, ends[around]] < invoked[tail]:
                moved = invoked[ends[around]]
            time[zones[2, tail] - low] = moved
    for at in range(low, high):
        if kind[at] == _WRITE or (kind[at] == _CAS and happened[at - low]):
            if not happened[at - low]:
                continue
            root, depth = zones[3, at], 2 * zones[4, at]
        elif outcome[at] == OK:
            root, depth = -1, 1
            if result[at] != first:
                root = zones[3, maker[result[at]]]
                depth = 2 * zones[4, maker[result[at]]] + 1
        else:
            continue
        chain = root - low if root >= 0 else high - low
        point[at - low, 0], point[at - low, 1] = time[chain], int(forward[chain])
        point[at - low, 2], point[at - low, 3] = chain, depth
