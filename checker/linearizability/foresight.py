"""What the answers of a whole history rule out, for objects whose states hold an order.

Where nobody looks, a list or a queue can be in as many states as there are orders
of what was put in, and these never become one again.  But whoever looks later
tells the order: a state that contradicts it is a dead end already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any, Final

from checker.base import Inconsistent, Model
from checker.models.lists import AppendList, ListState
from checker.models.queues import Queue, QueueState
from histories.call import Call, Dequeue, Enqueue, Failed, Ok, Read
from histories.op import FOREVER, Nanos, Op
from histories.values import identity

_HOPELESS: Final = Inconsistent("later answers rule it out")
_ALWAYS: Final = Nanos(-(2**63))


def with_foresight(model: Model[Any], ops: Sequence[Op]) -> Model[Any]:
    """The model, refusing steps after which the answers of ``ops`` cannot all follow.

    The same histories are linearizable, if they are ``ops``, all of them.  Of most
    models nothing is known: these are answered as they are.
    """
    if type(model) is AppendList:
        return _ForesightedList(ops)
    if type(model) is Queue:
        return _ForesightedQueue(ops)
    return model


class _ForesightedList(AppendList):
    """A list only grows, so it is at any time a beginning of the longest that was read,
    or begins with it."""

    def __init__(self, ops: Sequence[Op]) -> None:
        answers = (
            op.outcome.values[0]
            for op in ops
            if isinstance(op.call, Read) and isinstance(op.outcome, Ok)
        )
        lists = (answer for answer in answers if isinstance(answer, tuple))
        longest = max(lists, key=len, default=())
        self._longest: ListState = tuple(identity(element) for element in longest)

    def step(self, state: ListState, call: Call, outcome: Ok | None) -> ListState | Inconsistent:
        after = super().step(state, call, outcome)
        if isinstance(after, Inconsistent) or len(after) == len(state):
            return after
        at = len(state)
        return _HOPELESS if at < len(self._longest) and self._longest[at] != after[at] else after


class _ForesightedQueue(Queue):
    """What went in first must come out first, and what an answer holds nobody else took.

    For elements that went in once, and came out of one answered taking or of none.
    """

    def __init__(self, ops: Sequence[Op]) -> None:
        put = Counter(
            identity(op.call.element)
            for op in ops
            if isinstance(op.call, Enqueue) and not isinstance(op.outcome, Failed)
        )
        takings: dict[Hashable, list[Op]] = {}
        unseen = [Nanos(FOREVER)]
        for op in ops:
            if isinstance(op.call, Dequeue) and isinstance(op.outcome, Ok):
                for element in op.outcome.values:
                    takings.setdefault(identity(element), []).append(op)
            elif isinstance(op.call, Dequeue) and not isinstance(op.outcome, Failed):
                unseen.append(op.invoked)
        self._out_from: dict[Hashable, Nanos] = {}
        """The earliest moment at which it can come out."""
        self._out_by: dict[Hashable, Nanos] = {}
        """Of those that came out for certain, the latest."""
        for name, times in put.items():
            seen = takings.get(name, ())
            if times == 1 and len(seen) == 1:
                self._out_from[name] = seen[0].invoked
                self._out_by[name] = seen[0].completed
            elif times == 1 and not seen:
                self._out_from[name] = min(unseen)

    def step(self, state: QueueState, call: Call, outcome: Ok | None) -> QueueState | Inconsistent:
        if isinstance(call, Dequeue) and outcome is None and state and state[0] in self._out_by:
            return _HOPELESS
        after = super().step(state, call, outcome)
        if isinstance(call, Enqueue):
            latest = self._out_by.get(identity(call.element), FOREVER)
            if any(self._out_from.get(element, _ALWAYS) > latest for element in state):
                return _HOPELESS
        return after
