"""Why a key is not linearizable, in words that a person can check by hand.

Every sentence claims only what holds in the whole history of the key, and what
it claims is by itself enough to rule out every linearization.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from checker.base import Budget, ElementModel, Model, State
from checker.linearizability.acts import Acts
from checker.linearizability.counts import COUNTED, tell_of_counts
from checker.linearizability.elements import tell_of_elements
from checker.linearizability.engines import find
from checker.linearizability.holders import tell_of_holders
from checker.linearizability.minimal import NOT_MINIMAL, minimal_part, minimal_stretch
from checker.linearizability.returns import tell_of_returns
from checker.linearizability.search import Counted, DeadEnd, Stretch, Stuck
from checker.linearizability.texts import tell_of_texts
from checker.linearizability.values import tell_of_sources, tell_of_values
from checker.models.catalogue import known_as
from checker.models.locks import OwnedMutex
from checker.models.register import CasRegister
from checker.models.text import Text
from checker.verdict import Anomaly
from histories.call import (
    Acquire,
    CompareAndSet,
    Ok,
    Read,
    Release,
)
from histories.columns import to_columns
from histories.history import History
from histories.notation import (
    Clock,
    clock_for,
    describe_call,
    describe_key,
    describe_op,
    describe_outcome,
)
from histories.op import Op

KIND: Final = "nonlinearizable"
SOURCE: Final = "Herlihy & Wing 1990"

_DEAD_ENDS_SHOWN: Final = 10
_TAIL_SHOWN: Final = 5
_ORDER_MAX: Final = 500
_EASY_STATES_MAX: Final = 1_000
_PREFIX_STATES_MAX: Final = 25_000
"""The prefix is an extra: it may take a second or so, and for that finds most."""


def explain(
    key: str,
    part: History,
    stuck: Stuck | None,
    model: Model[State],
    budget: Budget,
    *,
    within: Sequence[Op] | None = None,
) -> Anomaly:
    """The anomaly of one key.

    Args:
        key: Its name.
        part: All of its ops.
        stuck: Where its search got stuck, if it was searched.
        model: What it should do.
        budget: Bounds each of the searches for the words, not their sum.
        within: A closed part that is bad by itself, if one is known.
    """
    if stuck is not None and stuck.counted is not None:
        prefix = _first_stuck(part.ops, model, budget, _EASY_STATES_MAX)
        return _counted(key, part, stuck.counted, prefix)
    if stuck is not None and stuck.nearby is not None:
        return _nearby(key, part, stuck.nearby, model, budget)
    suspects = part.ops if within is None else within
    prefix = _first_stuck(part.ops, model, budget)
    known = prefix if within is None else None
    reduced = minimal_part(suspects, known or stuck, model, budget, is_first=known is not None)
    evidence = reduced.ops
    culprit = _first_stuck(evidence, model, budget) or stuck or _last_answer(evidence)
    story = _Story(part.ops, evidence, culprit, clock_for([*evidence, culprit.op]))
    sentence = story.sentence(model, budget)
    return Anomaly(
        kind=KIND,
        source=SOURCE,
        evidence=tuple(op.index for op in evidence),
        explanation=f"key {describe_key(key)}: {sentence}",
        details=(
            *([] if reduced.is_minimal else [NOT_MINIMAL]),
            *_prefix_lines(part, prefix, story.clock),
        ),
        culprit=culprit.op.index if prefix is None else prefix.op.index,
        order=_order_of(prefix),
    )


def _nearby(
    key: str, part: History, stretch: Stretch, model: Model[State], budget: Budget
) -> Anomaly:
    """The anomaly where a stretch of time shows it, whatever was there before."""
    prefix = _first_stuck(part.ops, model, budget)
    reduced, stuck = minimal_stretch(stretch, part.ops, model, budget)
    culprit = stuck or _last_answer(reduced.ops)
    story = _Story(part.ops, reduced.ops, culprit, clock_for(reduced.ops), is_stretch=True)
    return Anomaly(
        kind=KIND,
        source=SOURCE,
        evidence=tuple(op.index for op in reduced.ops),
        explanation=f"key {describe_key(key)}: {story.sentence(model, budget)}",
        details=(
            *([] if reduced.is_minimal else [NOT_MINIMAL]),
            *_prefix_lines(part, prefix, story.clock),
        ),
        culprit=culprit.op.index if prefix is None else prefix.op.index,
        order=_order_of(prefix),
    )


def _counted(key: str, part: History, counted: Counted, prefix: Stuck | None) -> Anomaly:
    """The anomaly where counting shows it: nothing has to be searched for."""
    evidence = counted.ops()
    clock = clock_for(evidence)
    return Anomaly(
        kind=KIND,
        source=SOURCE,
        evidence=tuple(op.index for op in evidence),
        explanation=f"key {describe_key(key)}: {tell_of_counts(counted, Acts(clock))}",
        details=(COUNTED, *_prefix_lines(part, prefix, clock)),
        culprit=counted.seers[-1].index if prefix is None else prefix.op.index,
        order=_order_of(prefix),
    )


def _order_of(prefix: Stuck | None) -> tuple[int, ...]:
    """Of the longest prefix that can be explained, the end of one order."""
    if prefix is None or not prefix.dead_ends:
        return ()
    return prefix.dead_ends[0].order[-_ORDER_MAX:]


def _last_answer(evidence: Sequence[Op]) -> Stuck:
    answered = [op for op in evidence if isinstance(op.outcome, Ok)]
    last = max(answered, key=lambda op: (op.completed, op.index))
    return Stuck(op=last, explained=len(answered) - 1, dead_ends=())


def _first_stuck(
    ops: Sequence[Op], model: Model[State], budget: Budget, most: int | None = None
) -> Stuck | None:
    """With at most ``most`` configurations, or some for each op."""
    states_max = most or max(_PREFIX_STATES_MAX, len(ops))
    bounded = replace(budget, states_max=min(budget.states_max, states_max))
    found, _ = find(ops, model, bounded, traced=True, prophetic=False)
    return found if isinstance(found, Stuck) else None


def _prefix_lines(part: History, stuck: Stuck | None, clock: Clock) -> list[str]:
    """The longest linearizable prefix, one order of its end, and why nothing follows."""
    if stuck is None:
        return ["the longest prefix that can be explained was not found within the budget"]
    ends = stuck.dead_ends
    lines = [
        f"the first answer that nothing explains is {describe_op(stuck.op, clock)}; "
        f"{_answers_before(stuck.explained)}"
    ]
    if ends and ends[0].order:
        order = ends[0].order
        more = len(order) > _TAIL_SHOWN
        tail = " | ".join(_briefly(part.op(index)) for index in order[-_TAIL_SHOWN:])
        lines.append(f"one order that explains them {'ends with' if more else 'is'}: {tail}")
    lines += [_describe_dead_end(end) for end in ends[:_DEAD_ENDS_SHOWN]]
    if len(ends) > _DEAD_ENDS_SHOWN:
        lines.append(f"and {len(ends) - _DEAD_ENDS_SHOWN} more states, none of which fits")
    return lines


def _answers_before(count: int) -> str:
    match count:
        case 0:
            return "there was none before"
        case 1:
            return "the one answer before can be explained"
        case _:
            return f"the {count:,} answers before can be explained"


def _describe_dead_end(end: DeadEnd) -> str:
    return f"possible state {end.state}: {end.reason}"


def _briefly(op: Op) -> str:
    outcome = describe_outcome(op.call, op.outcome) if isinstance(op.outcome, Ok) else "assumed"
    joint = " " if outcome.startswith("->") else ": "
    return f"{op.process}: {describe_call(op.call)}{joint}{outcome}"


@dataclass(frozen=True, slots=True)
class _Story:
    """One key's ops, the evidence among them, and where the evidence gets stuck.

    ``is_stretch``: It does so whatever was there before.
    """

    ops: Sequence[Op]
    evidence: Sequence[Op]
    stuck: Stuck
    clock: Clock
    is_stretch: bool = False

    def sentence(self, model: Model[State], budget: Budget) -> str:
        told: str | None = None
        if isinstance(model, CasRegister):
            told = tell_of_values(self.ops, self.evidence, model, self.clock)
            if told is None and not self.is_stretch:
                told = tell_of_returns(self.evidence, model, Acts(self.clock), budget)
        elif isinstance(model, ElementModel):
            told = tell_of_elements(self.ops, self.evidence, model, self.clock)
        elif isinstance(model, Text):
            told = tell_of_texts(self.ops, self.evidence, self.clock)
        elif isinstance(model, OwnedMutex):
            told = tell_of_holders(self.evidence, self.clock)
        return told or self._of_core(model) or self.fallback(model)

    def _of_core(self, model: Model[State]) -> str | None:
        """What the near-linear algorithm for the model says, if there is one."""
        identified = known_as(model)
        if identified is None or isinstance(model, CasRegister):
            return None
        # These need numba, which nobody pays for who is told in other words.
        from checker.linearizability.fast.base import Violation  # noqa: PLC0415
        from checker.linearizability.fast.choose import dispatch  # noqa: PLC0415

        answer = dispatch(to_columns(self.evidence), *identified)
        if not isinstance(answer, Violation):
            return None
        acts = [Acts(self.clock).saw(self.evidence[row]) for row in answer.core]
        return f"{'; '.join(acts)}: {answer.hint}"

    def fallback(self, model: Model[State]) -> str:
        op, sources = self.stuck.op, ""
        if isinstance(model, CasRegister):
            sources = tell_of_sources(self.ops, op, model, self.clock)
        ends = self.stuck.dead_ends
        states = ", or ".join(end.state for end in ends[:_DEAD_ENDS_SHOWN])
        possible = f": the state could only be {states}" if states else ""
        if not self.stuck.all_ends:
            possible = ""
        elif len(ends) == 1:
            possible = f": {ends[0].reason}"
        count = len(self.evidence)
        before = ", whatever was there before," if self.is_stretch else ""
        shown = f"the {count} operations shown" if count > 1 else "what happened"
        return (
            f"no order of {shown}{before} explains {_that(op)}{Acts(self.clock).did(op)} between "
            f"{self.clock(op.invoked)} and {self.clock(op.completed)}{possible}{sources}"
        )


def _that(op: Op) -> str:
    """Before what ``_did`` says, where that is a sentence."""
    return "that " if isinstance(op.call, Read | CompareAndSet | Acquire | Release) else ""
