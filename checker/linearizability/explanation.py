"""Why a key is not linearizable, in words that a person can check by hand.

Every sentence claims only what holds in the whole history of the key, and what
it claims is by itself enough to rule out every linearization.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from checker.base import Budget, ElementModel, Model, State, ValueModel
from checker.linearizability.dependencies import Sources
from checker.linearizability.elements import tell_of_elements
from checker.linearizability.engines import find
from checker.linearizability.holders import tell_of_holders
from checker.linearizability.minimal import minimal_part
from checker.linearizability.search import DeadEnd, Stuck
from checker.linearizability.zones import Zone, conflict
from checker.models.catalogue import known_as
from checker.models.locks import OwnedMutex
from checker.models.register import CasRegister
from checker.verdict import Anomaly
from histories.call import (
    Acquire,
    Call,
    CompareAndSet,
    Failed,
    Ok,
    Read,
    Release,
    Scalar,
    Value,
    Write,
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
    describe_value,
)
from histories.op import FOREVER, Nanos, Op
from histories.values import same

KIND: Final = "nonlinearizable"
SOURCE: Final = "Herlihy & Wing 1990"

_NOT_MINIMAL: Final = "the search for fewer operations that show it was given up: it took too long"
_DEAD_ENDS_SHOWN: Final = 10
_TAIL_SHOWN: Final = 8
_ORDER_MAX: Final = 500
_PREFIX_STATES_MAX: Final = 5_000
"""The prefix is an extra: it must not cost as much as the verdict did."""


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
    suspects = part.ops if within is None else within
    reduced = minimal_part(suspects, stuck, model, budget)
    evidence = reduced.ops
    culprit = _first_stuck(evidence, model, budget) or stuck or _last_answer(evidence)
    story = _Story(part.ops, evidence, culprit, clock_for([*evidence, culprit.op]))
    sentence = story.sentence(model)
    prefix = _first_stuck(part.ops, model, budget)
    return Anomaly(
        kind=KIND,
        source=SOURCE,
        evidence=tuple(op.index for op in evidence),
        explanation=f"key {describe_key(key)}: {sentence}",
        details=(
            *([] if reduced.is_minimal else [_NOT_MINIMAL]),
            *_prefix_lines(part, prefix, story.clock),
        ),
        culprit=culprit.op.index if prefix is None else prefix.op.index,
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


def _first_stuck(ops: Sequence[Op], model: Model[State], budget: Budget) -> Stuck | None:
    states_max = max(_PREFIX_STATES_MAX, len(ops))
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
            return "the one before can be explained"
        case _:
            return f"the {count:,} before can be explained"


def _describe_dead_end(end: DeadEnd) -> str:
    return f"possible state {end.state}: {end.reason}"


def _briefly(op: Op) -> str:
    outcome = describe_outcome(op.call, op.outcome) if isinstance(op.outcome, Ok) else "assumed"
    joint = " " if outcome.startswith("->") else ": "
    return f"{op.process}: {describe_call(op.call)}{joint}{outcome}"


@dataclass(frozen=True, slots=True)
class _Story:
    """One key's ops, the evidence among them, and where the evidence gets stuck."""

    ops: Sequence[Op]
    evidence: Sequence[Op]
    stuck: Stuck
    clock: Clock

    def sentence(self, model: Model[State]) -> str:
        told: str | None = None
        if isinstance(model, CasRegister):
            told = self._of_values(model)
        elif isinstance(model, ElementModel):
            told = tell_of_elements(self.ops, self.evidence, model, self.clock)
        elif isinstance(model, OwnedMutex):
            told = tell_of_holders(self.evidence, self.clock)
        return told or self._of_core(model) or self.fallback()

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
        acts = [self._saw(self.evidence[row]) for row in answer.core]
        return f"{'; '.join(acts)}: {answer.hint}"

    def _of_values(self, model: ValueModel) -> str | None:
        facts = _Facts(self.ops, model)
        templates: tuple[Callable[[_Facts, Op], str | None], ...] = (
            self._phantom,
            self._from_failed,
            self._from_the_future,
            self._overwritten,
            self._replaced,
            self._claimed_twice,
        )
        latest_first = sorted(self.evidence, key=lambda op: (-op.completed, -op.index))
        for template in templates:
            for op in latest_first:
                if facts.seen(op) is not None and (sentence := template(facts, op)):
                    return sentence
        zones = conflict(self.ops, self.evidence, model)
        return None if zones is None else self._both_at_once(*zones, model)

    def fallback(self) -> str:
        op = self.stuck.op
        ends = self.stuck.dead_ends
        states = ", or ".join(end.state for end in ends[:_DEAD_ENDS_SHOWN])
        possible = f": the state could only be {states}" if states else ""
        if len(ends) == 1:
            possible = f": {ends[0].reason}"
        count = len(self.evidence)
        shown = f"the {count} operations shown" if count > 1 else "what happened"
        return (
            f"no order of {shown} explains {_that(op)}{self._did(op)} between "
            f"{self.clock(op.invoked)} and {self.clock(op.completed)}{possible}"
        )

    def _phantom(self, facts: _Facts, op: Op) -> str | None:
        if facts.is_initial(op) or facts.installers(op) or facts.failed(op):
            return None
        return f"{self._saw(op)}, but nobody ever tried to write that value"

    def _from_failed(self, facts: _Facts, op: Op) -> str | None:
        failed = facts.failed(op)
        if facts.is_initial(op) or facts.installers(op) or not failed:
            return None
        source = failed[0]
        assert isinstance(source.outcome, Failed), "that is how it was chosen"
        which = "its only source" if len(failed) == 1 else "like all sources of it"
        reason = f" ({source.outcome.reason})" if source.outcome.reason else ""
        return (
            f"{self._saw(op)}, but {which}, {self._attempt(source)} at "
            f"{self.clock(source.invoked)}, had failed{reason} and must never have taken effect"
        )

    def _from_the_future(self, facts: _Facts, op: Op) -> str | None:
        sources = facts.installers(op)
        if facts.is_initial(op) or not sources:
            return None
        first = min(sources, key=lambda source: source.invoked)
        if first.invoked <= op.completed:
            return None
        return (
            f"{self._saw(op)}, before anyone wrote that value: {self._attempt(first)} "
            f"began only at {self.clock(first.invoked)}"
        )

    def _overwritten(self, facts: _Facts, op: Op) -> str | None:
        """Another value was there after every source of what ``op`` saw, and before it."""
        value = _describe_seen(op)
        for other in sorted(self.evidence, key=lambda each: each.invoked):
            there = facts.value_certainly_there(other)
            if there is None or there == facts.seen(op) or not _precedes(other, op):
                continue
            if not facts.all_before(op, other):
                continue
            sources = facts.installers(op)
            again = f"nothing wrote {value} again" if sources else f"nothing ever wrote {value}"
            if any(source.invoked > op.completed for source in sources):
                again += " until later"
            finished = (
                f"{self._saw(op)}, although {self._attempt(other)} had finished at "
                f"{self.clock(other.completed)}, before that {_noun(op.call)} began, and {again}"
            )
            if facts.is_lost(other):
                lost = _describe_installed(other.call)
                return f"{finished}, as if the write of {lost} had been lost: nobody ever saw it"
            return f"{finished}: a stale value"
        return None

    def _replaced(self, facts: _Facts, op: Op) -> str | None:
        """The only one that can have written it is the only one that a change can have found."""
        for other in self.evidence:
            if (
                facts.replaces(other)
                and facts.seen(other) == facts.seen(op)
                and not facts.is_initial(op)
                and _precedes(other, op)
                and len(sources := facts.serving(op)) == 1
                and facts.serving(other) == sources
            ):
                return (
                    f"{self._saw(op)}, although {self._attempt(other)} had finished at "
                    f"{self.clock(other.completed)}, before that {_noun(op.call)} began: "
                    f"both can only have found what {self._attempt(sources[0])} left, and after "
                    f"that change it was there no more"
                )
        return None

    def _claimed_twice(self, facts: _Facts, op: Op) -> str | None:
        """More compare-and-sets took a value away than times that it was there."""
        if not facts.replaces(op):
            return None
        rivals = [
            each
            for each in self.evidence
            if facts.replaces(each) and facts.seen(each) == facts.seen(op)
        ]
        times = len(facts.installers(op)) + facts.is_initial(op)
        if len(rivals) <= times:
            return None
        claims = " and ".join(
            f"{self._attempt(each)} (answered at {self.clock(each.completed)})" for each in rivals
        )
        both = "both" if len(rivals) == 2 else "all"
        often = "only once" if times == 1 else f"only {times} times"
        return (
            f"{claims} {both} succeeded, although {_describe_seen(op)} was there {often}: "
            f"each must have found it and replaced it"
        )

    def _both_at_once(self, one: Zone, other: Zone, model: ValueModel) -> str:
        """``one`` was there all the time, and ``other`` can be neither before nor after."""
        ours, theirs = self._values_of(one, model), self._values_of(other, model)
        begun = (
            "the start"
            if one.first is None
            else f"{self.clock(one.begun_by)}, when {self._attempt(one.first)} had finished,"
        )
        until = f"{self.clock(one.not_ended_at)}, when {self._attempt(one.last)} began"
        after = f"{self._attempt(other.last)} began at {self.clock(other.not_ended_at)}"
        before = (
            f"{theirs} was there from the start"
            if other.first is None
            else f"{self._attempt(other.first)} had finished at {self.clock(other.begun_by)}"
        )
        return (
            f"{ours} was there from {begun} to {until}; so {theirs} can only have come before or "
            f"after, but {after} and {before}, and each value was written only once"
        )

    def _values_of(self, zone: Zone, model: ValueModel) -> str:
        """``3``, or ``2 and then 5`` for a value changed directly into another."""
        names = {
            value: text
            for op in self.evidence
            for value, text in (
                (model.installs(op.call, _answer(op)), _describe_installed(op.call)),
                (model.needs(op.call, _answer(op)), _describe_found(op)),
            )
        }
        return " and then ".join(names[value] for value in zone.values if value in names)

    def _saw(self, op: Op) -> str:
        """``process 4 read 7 at 1.204 s``, the moment being its completion."""
        return f"{self._did(op)} at {self.clock(op.completed)}"

    def _did(self, op: Op) -> str:
        match op.call, op.outcome:
            case Read(), Ok(values=values):
                return f"process {op.process} read {describe_value(values[0])}"
            case CompareAndSet(), Ok(values=values):
                return (
                    f"process {op.process} found {describe_value(values[0])} "
                    f"(in {describe_call(op.call)})"
                )
            case Acquire(), Ok(values=values):
                token = f" with token {describe_value(values[0])}" if values else ""
                return f"process {op.process} acquired the lock{token}"
            case Release(), Ok():
                return f"process {op.process} released the lock"
            case _, Ok(values=values) if values:
                answer = describe_outcome(op.call, op.outcome)
                return f"process {op.process}'s {describe_call(op.call)} {answer}"
            case _:
                return f"process {op.process}'s {describe_call(op.call)}"

    def _attempt(self, op: Op) -> str:
        """``process 2's write of 9``, ``process 3's read of 5``."""
        match op.call, op.outcome:
            case Read(), Ok(values=values):
                return f"process {op.process}'s read of {describe_value(values[0])}"
            case Write(value=value), _:
                return f"process {op.process}'s write of {describe_value(value)}"
            case CompareAndSet(expected=expected), Ok(values=values) if not same(
                values[0], expected
            ):
                return (
                    f"process {op.process}'s {describe_call(op.call)} "
                    f"that found {describe_value(values[0])}"
                )
            case CompareAndSet(expected=expected, replacement=replacement), _:
                return (
                    f"process {op.process}'s change from {describe_value(expected)} "
                    f"to {describe_value(replacement)}"
                )
            case _:
                return f"process {op.process}'s {describe_call(op.call)}"


class _Facts:
    """What the whole history of the key says about values."""

    def __init__(self, ops: Sequence[Op], model: ValueModel) -> None:
        self._ops = ops
        self._model = model
        self._sources: Sources | None = None
        self._installers: dict[Hashable, list[Op]] = {}
        self._failed: dict[Hashable, list[Op]] = {}
        self._seen_first: dict[Hashable, Nanos] = {}
        for op in ops:
            installed = model.installs(op.call, _answer(op))
            if installed is not None:
                side = self._failed if isinstance(op.outcome, Failed) else self._installers
                side.setdefault(installed, []).append(op)
            seen = self.seen(op)
            if seen is not None:
                first = self._seen_first.get(seen, FOREVER)
                self._seen_first[seen] = min(first, op.completed)

    def seen(self, op: Op) -> Hashable | None:
        """The value that an answered op certainly found."""
        return self._model.needs(op.call, op.outcome) if isinstance(op.outcome, Ok) else None

    def replaces(self, op: Op) -> bool:
        """Whether the op certainly found one value and left another."""
        installed = self._model.installs(op.call, _answer(op))
        return installed is not None and self.seen(op) not in (None, installed)

    def is_initial(self, op: Op) -> bool:
        return self.seen(op) == self._model.initial

    def installers(self, op: Op) -> list[Op]:
        """Who may have installed what ``op`` saw, itself apart."""
        return [each for each in self._installers.get(self.seen(op), []) if each is not op]

    def serving(self, op: Op) -> list[Op]:
        """Those of them that ``op`` may have found, considering what replaced them."""
        if self._sources is None:
            self._sources = Sources(self._ops, self._model)
        return [self._ops[position] for position in self._sources.of(op)]

    def failed(self, op: Op) -> list[Op]:
        return self._failed.get(self.seen(op), [])

    def value_certainly_there(self, op: Op) -> Hashable | None:
        """A value that the object held at some moment within the interval of ``op``."""
        if not isinstance(op.outcome, Ok):
            return None
        installed = self._model.installs(op.call, op.outcome)
        return self.seen(op) if installed is None else installed

    def is_lost(self, op: Op) -> bool:
        """Whether ``op`` is an acknowledged write whose value nobody ever saw."""
        installed = self._model.installs(op.call, _answer(op))
        return installed is not None and installed not in self._seen_first

    def all_before(self, op: Op, other: Op) -> bool:
        """Whether what ``op`` saw was installed before ``other`` began, and never after.

        A source counts as before if it had completed, or if it is the only one and
        its value had been seen by then; as after ``op`` if it began later.
        """
        sources = [each for each in self.installers(op) if each.invoked <= op.completed]
        if all(_precedes(each, other) for each in sources):
            return True
        seen_first = self._seen_first.get(self.seen(op), FOREVER)
        return len(sources) + self.is_initial(op) == 1 and seen_first < other.invoked


def _precedes(earlier: Op, later: Op) -> bool:
    """In real time, or in the order of their process where their intervals touch."""
    if earlier.process == later.process:
        return earlier.index < later.index
    return earlier.completed < later.invoked


def _answer(op: Op) -> Ok | None:
    return op.outcome if isinstance(op.outcome, Ok) else None


def _describe_seen(op: Op) -> str:
    assert isinstance(op.outcome, Ok), "only an answered op saw something"
    value: Value = op.outcome.values[0]
    return describe_value(value)


def _describe_found(op: Op) -> str:
    if isinstance(op.outcome, Ok) and op.outcome.values:
        return describe_value(op.outcome.values[0])
    return describe_value(op.call.expected) if isinstance(op.call, CompareAndSet) else ""


def _that(op: Op) -> str:
    """Before what ``_did`` says, where that is a sentence."""
    return "that " if isinstance(op.call, Read | CompareAndSet | Acquire | Release) else ""


def _noun(call: Call) -> str:
    return "read" if isinstance(call, Read) else "cas"


def _describe_installed(call: Call) -> str:
    value: Scalar
    match call:
        case Write(value=value) | CompareAndSet(replacement=value):
            return describe_value(value)
        case _:
            return describe_call(call)
