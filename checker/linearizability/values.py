"""Why a history of one value is wrong: who saw what, and why it cannot have been there."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

from checker.base import ValueModel
from checker.linearizability.acts import (
    Acts,
    describe_found,
    describe_installed,
    describe_seen,
    noun,
    of_unknown_outcome,
)
from checker.linearizability.dependencies import Sources
from checker.linearizability.zones import Zone, conflict
from histories.call import Failed, Ok
from histories.notation import Clock
from histories.op import FOREVER, Nanos, Op, answer_of, precedes

_SOURCES_SHOWN: Final = 4
_SEEING_MAX: Final = 100
"""So many operations are looked at, where the evidence is large."""


def tell_of_values(
    ops: Sequence[Op], evidence: Sequence[Op], model: ValueModel, clock: Clock
) -> str | None:
    """The sentence, if what one operation saw cannot have been there.

    Args:
        ops: All of the object: they tell who installed a value.
        evidence: Those that may be named; bad by themselves.
        model: What installs and what sees a value.
        clock: How moments are printed.
    """
    facts = _Facts(ops, model)
    changes = [op for op in evidence if facts.replaces(op)]
    tale = _Tale(evidence, changes, facts, Acts(clock), clock)
    templates: tuple[Callable[[Op], str | None], ...] = (
        tale.phantom,
        tale.from_failed,
        tale.from_the_future,
        tale.overwritten,
        tale.replaced,
        tale.claimed_twice,
    )
    latest_first = sorted(evidence, key=lambda op: (-op.completed, -op.index))
    seeing = [op for op in latest_first if tale.facts.seen(op) is not None][:_SEEING_MAX]
    for template in templates:
        for op in seeing:
            if sentence := template(op):
                return sentence
    zones = conflict(ops, evidence, model)
    return None if zones is None else tale.both_at_once(*zones, model)


def tell_of_sources(ops: Sequence[Op], op: Op, model: ValueModel, clock: Clock) -> str:
    """Who can have left what ``op`` found, of all ops of the object; empty if it found nothing.

    For where no order explains ``op``: then none has one of them as the latest change before.
    """
    facts, acts = _Facts(ops, model), Acts(clock)
    if facts.seen(op) is None:
        return ""
    sources = [acts.attempt(each) + of_unknown_outcome(each) for each in facts.serving(op)]
    if facts.is_initial(op):
        sources.insert(0, "the start")
    if not sources:
        return ""
    more = len(sources) - _SOURCES_SHOWN
    if more > 0:
        sources[_SOURCES_SHOWN:] = [f"{more} others"]
    return (
        f"; {describe_seen(op)} can only have come from {' or '.join(sources)}, and in no order "
        f"that explains the rest is that the latest change before"
    )


@dataclass(frozen=True, slots=True)
class _Tale:
    """What each method answers is wrong with what ``op`` saw, if that is what is wrong.

    ``changes`` are those of the evidence that certainly found one value and left another.
    """

    evidence: Sequence[Op]
    changes: Sequence[Op]
    facts: _Facts
    acts: Acts
    clock: Clock

    def phantom(self, op: Op) -> str | None:
        if self.facts.is_initial(op) or self.facts.installers(op) or self.facts.failed(op):
            return None
        return f"{self.acts.saw(op)}, but nobody ever tried to write that value"

    def from_failed(self, op: Op) -> str | None:
        failed = self.facts.failed(op)
        if self.facts.is_initial(op) or self.facts.installers(op) or not failed:
            return None
        source = failed[0]
        assert isinstance(source.outcome, Failed), "that is how it was chosen"
        which = "its only source" if len(failed) == 1 else "like all sources of it"
        reason = f" ({source.outcome.reason})" if source.outcome.reason else ""
        return (
            f"{self.acts.saw(op)}, but {which}, {self.acts.attempt(source)} at "
            f"{self.clock(source.invoked)}, had failed{reason} and must never have taken effect"
        )

    def from_the_future(self, op: Op) -> str | None:
        sources = self.facts.installers(op)
        if self.facts.is_initial(op) or not sources:
            return None
        first = min(sources, key=lambda source: source.invoked)
        if first.invoked <= op.completed:
            return None
        return (
            f"{self.acts.saw(op)}, before anyone wrote that value: {self.acts.attempt(first)} "
            f"began only at {self.clock(first.invoked)}"
        )

    def overwritten(self, op: Op) -> str | None:
        """Another value was there after every source of what ``op`` saw, and before it."""
        value = describe_seen(op)
        over = self.facts.sources_over(op)
        for other in sorted(self.evidence, key=lambda each: each.invoked):
            if other.invoked < over or not precedes(other, op):
                continue
            there = self.facts.value_certainly_there(other)
            if there is None or there == self.facts.seen(op):
                continue
            if not self.facts.all_before(op, other):
                continue
            sources = self.facts.installers(op)
            again = f"nothing wrote {value} again" if sources else f"nothing ever wrote {value}"
            if any(source.invoked > op.completed for source in sources):
                again += " until later"
            finished = (
                f"{self.acts.saw(op)}, although {self.acts.attempt(other)} had finished at "
                f"{self.clock(other.completed)}, before that {noun(op.call)} began, and {again}"
            )
            if self.facts.is_lost(other):
                lost = describe_installed(other.call)
                return f"{finished}, as if the write of {lost} had been lost: nobody ever saw it"
            return f"{finished}: a stale value"
        return None

    def replaced(self, op: Op) -> str | None:
        """The only one that can have written it is the only one that a change can have found."""
        for other in self.changes:
            if (
                precedes(other, op)
                and self.facts.seen(other) == self.facts.seen(op)
                and not self.facts.is_initial(op)
                and len(sources := self.facts.serving(op)) == 1
                and self.facts.serving(other) == sources
            ):
                return (
                    f"{self.acts.saw(op)}, although {self.acts.attempt(other)} had finished at "
                    f"{self.clock(other.completed)}, before that {noun(op.call)} began: "
                    f"both can only have found what {self.acts.attempt(sources[0])} left, and "
                    f"after that change it was there no more"
                )
        return None

    def claimed_twice(self, op: Op) -> str | None:
        """More compare-and-sets took a value away than times that it was there."""
        if not self.facts.replaces(op):
            return None
        rivals = [each for each in self.changes if self.facts.seen(each) == self.facts.seen(op)]
        times = len(self.facts.installers(op)) + self.facts.is_initial(op)
        if len(rivals) <= times:
            return None
        claims = " and ".join(
            f"{self.acts.attempt(each)} (answered at {self.clock(each.completed)})"
            for each in rivals
        )
        both = "both" if len(rivals) == 2 else "all"
        often = "only once" if times == 1 else f"only {times} times"
        return (
            f"{claims} {both} succeeded, although {describe_seen(op)} was there {often}: "
            f"each must have found it and replaced it"
        )

    def both_at_once(self, one: Zone, other: Zone, model: ValueModel) -> str:
        """``one`` was there all the time, and ``other`` can be neither before nor after."""
        ours, theirs = self._values_of(one, model), self._values_of(other, model)
        begun = (
            "the start"
            if one.first is None
            else f"{self.clock(one.begun_by)}, when {self.acts.attempt(one.first)} had finished,"
        )
        until = f"{self.clock(one.not_ended_at)}, when {self.acts.attempt(one.last)} began"
        after = f"{self.acts.attempt(other.last)} began at {self.clock(other.not_ended_at)}"
        before = (
            f"{theirs} was there from the start"
            if other.first is None
            else f"{self.acts.attempt(other.first)} had finished at {self.clock(other.begun_by)}"
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
                (model.installs(op.call, answer_of(op)), describe_installed(op.call)),
                (model.needs(op.call, answer_of(op)), describe_found(op)),
            )
        }
        return " and then ".join(names[value] for value in zone.values if value in names)


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
            installed = model.installs(op.call, answer_of(op))
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
        installed = self._model.installs(op.call, answer_of(op))
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
        installed = self._model.installs(op.call, answer_of(op))
        return installed is not None and installed not in self._seen_first

    def sources_over(self, op: Op) -> Nanos:
        """Before that not ``all_before`` of anything."""
        sources = self._sources_in_time(op)
        if len(sources) + self.is_initial(op) == 1:
            return Nanos(0)
        return max((each.completed for each in sources), default=Nanos(0))

    def all_before(self, op: Op, other: Op) -> bool:
        """Whether what ``op`` saw was installed before ``other`` began, and never after.

        A source counts as before if it had completed, or if it is the only one and
        its value had been seen by then; as after ``op`` if it began later.
        """
        sources = self._sources_in_time(op)
        if all(precedes(each, other) for each in sources):
            return True
        seen_first = self._seen_first.get(self.seen(op), FOREVER)
        return len(sources) + self.is_initial(op) == 1 and seen_first < other.invoked

    def _sources_in_time(self, op: Op) -> list[Op]:
        return [each for each in self.installers(op) if each.invoked <= op.completed]
