"""The levels by their formulas, on matrices over all pairs of transactions.

Cerone, Bernardi & Gotsman (2015); Cerone & Gotsman (2018); Adya (1999).  For histories of
lists whose version order is known completely and in which no read is wrong by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from histories.call import Append, Ok, Read, Scalar, Txn
from histories.history import History
from histories.op import Op

Relation = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relations:
    """Square matrices over the transactions: who is before whom."""

    ww: Relation
    wr: Relation
    rw: Relation
    session: Relation
    realtime: Relation


def relations(history: History) -> Relations | None:
    """None if some certain append was never seen, or an order is ambiguous."""
    ops = list(history.ops)
    if not all(isinstance(op.outcome, Ok) for op in ops):
        return None
    order = _orders(ops)
    if order is None:
        return None
    size = len(ops)
    ww, wr, rw, session, realtime = (np.zeros((size, size), dtype=np.bool_) for _ in range(5))
    for one, first in enumerate(ops):
        for other, second in enumerate(ops):
            if one == other:
                continue
            session[one, other] = first.process == second.process and one < other
            realtime[one, other] = first.completed < second.invoked or session[one, other]
            for key, places in order.items():
                written_one, written_other = _last(first, key, places), _last(second, key, places)
                if written_one is not None and written_other is not None:
                    # Elements of one between those of another are a cycle of two.
                    ww[one, other] |= _first(first, key, places) < written_other
                for seen in _external(second, key):
                    wr[one, other] |= written_one is not None and seen == written_one + 1
                for seen in _external(first, key):
                    rw[one, other] |= written_other is not None and written_other >= seen
    return Relations(ww=ww, wr=wr, rw=rw, session=session, realtime=realtime)


def broken_levels(found: Relations) -> Mapping[str, bool]:
    """Per level whether the formula of it is violated."""
    ww, wr, rw = found.ww, found.wr, found.rw
    levels = {
        "read-uncommitted": _cyclic(ww),
        "read-committed": _cyclic(ww | wr),
        "read-atomic": _cyclic(ww | wr) | _reflexive(_then(wr, rw)),
        "causal-cerone": _cyclic(ww | wr) | _reflexive(_then(_closure(wr), rw)),
        "prefix": _cyclic(ww | wr | _then(wr, rw)),
        "parallel-snapshot-isolation": _reflexive(_then(_closure(ww | wr), rw)) | _cyclic(ww | wr),
        "snapshot-isolation": _snapshot(ww | wr, rw),
        "serializable": _cyclic(ww | wr | rw),
    }
    for prefix, extra in (("strong-session-", found.session), ("strong-", found.realtime)):
        depends = ww | wr | extra
        levels[f"{prefix}read-uncommitted"] = _cyclic(ww | extra)
        levels[f"{prefix}read-committed"] = _cyclic(depends)
        levels[f"{prefix}snapshot-isolation"] = _snapshot(depends, rw)
        last = "strict-serializable" if prefix == "strong-" else f"{prefix}serializable"
        levels[last] = _cyclic(depends | rw)
    return levels


def _snapshot(depends: Relation, rw: Relation) -> bool:
    return _cyclic(depends | _then(depends, rw))


def _then(one: Relation, other: Relation) -> Relation:
    composed: Relation = (one.astype(np.int64) @ other.astype(np.int64)) > 0
    return composed


def _closure(relation: Relation) -> Relation:
    closure = relation.copy()
    for _ in range(len(relation)):
        closure |= _then(closure, relation)
    return closure


def _reflexive(relation: Relation) -> bool:
    return bool(np.trace(relation))


def _cyclic(relation: Relation) -> bool:
    return _reflexive(_closure(relation))


def _orders(ops: list[Op]) -> dict[str, dict[Scalar, int]] | None:
    longest: dict[str, tuple[Scalar, ...]] = {}
    written: dict[str, set[Scalar]] = {}
    for op in ops:
        assert isinstance(op.call, Txn)
        assert isinstance(op.outcome, Ok)
        answers = iter(op.outcome.values)
        for micro in op.call.micro:
            if isinstance(micro, Append):
                written.setdefault(micro.key, set()).add(micro.element)
            elif isinstance(micro, Read):
                seen = next(answers) or ()
                assert isinstance(seen, tuple)
                longest[micro.key] = max(longest.get(micro.key, ()), seen, key=len)
    if any(set(longest.get(key, ())) != elements for key, elements in written.items()):
        return None
    return {
        key: {element: place for place, element in enumerate(elements)}
        for key, elements in longest.items()
    }


def _first(op: Op, key: str, places: Mapping[Scalar, int]) -> int:
    assert isinstance(op.call, Txn)
    return min(places[m.element] for m in op.call.micro if isinstance(m, Append) and m.key == key)


def _last(op: Op, key: str, places: Mapping[Scalar, int]) -> int | None:
    assert isinstance(op.call, Txn)
    own = [m.element for m in op.call.micro if isinstance(m, Append) and m.key == key]
    return places[own[-1]] if own else None


def _external(op: Op, key: str) -> list[int]:
    """How long the lists were that it read of ``key`` before it appended to it."""
    assert isinstance(op.call, Txn)
    assert isinstance(op.outcome, Ok)
    answers = iter(op.outcome.values)
    lengths: list[int] = []
    for micro in op.call.micro:
        if isinstance(micro, Read):
            seen = next(answers) or ()
            assert isinstance(seen, tuple)
            if micro.key == key:
                lengths.append(len(seen))
        elif micro.key == key:
            break
    return lengths
