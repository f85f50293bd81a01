"""Why a value cannot have come back, once another one was there.

Whoever saw the value needs one that installed it after the other was there.  For each
that may have, it is shown what contradicts that: it was over by then, it would have had
to find what was not there, or it is needed earlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from checker.base import Budget, Model, ValueModel
from checker.linearizability.acts import (
    Acts,
    describe_found,
    describe_seen,
    noun,
    of_unknown_outcome,
)
from checker.linearizability.engines import find
from checker.linearizability.search import Stuck
from histories.call import CompareAndSet, Failed, Ok
from histories.op import Op, ProcessId, answer_of, changed, precedes

_EVIDENCE_MAX: Final = 64
_SOURCES_MAX: Final = 4
"""More reasons than that nobody reads."""


def tell_of_returns(
    evidence: Sequence[Op], model: ValueModel, acts: Acts, budget: Budget
) -> str | None:
    """The sentence, if every source of what some operation saw is ruled out by itself.

    Args:
        evidence: Closed and bad by itself, as ``dependencies`` has it.
        model: What installs and what sees a value.
        acts: Tells of operations.
        budget: For one search in the evidence for each source.
    """
    if len(evidence) > _EVIDENCE_MAX:
        return None
    for op in sorted(evidence, key=lambda op: (-op.completed, -op.index)):
        if isinstance(op.outcome, Ok) and model.needs(op.call, op.outcome) is not None:
            told = _Return(evidence, model, acts, budget, op).told()
            if told is not None:
                return told
    return None


@dataclass(frozen=True, slots=True)
class _Return:
    """``seer`` saw a value after another one was there."""

    evidence: Sequence[Op]
    model: ValueModel
    acts: Acts
    budget: Budget
    seer: Op

    def told(self) -> str | None:
        other = self._other()
        sources = [
            op
            for op in self.evidence
            if op is not self.seer
            and op.invoked <= self.seer.completed
            and not isinstance(op.outcome, Failed)
            and self.model.installs(op.call, answer_of(op)) == self._wanted
        ]
        if other is None or not sources:
            return None
        over = [op for op in sources if precedes(op, other)]
        late = [op for op in sources if not precedes(op, other)]
        if not late or len(late) > _SOURCES_MAX:
            return None
        reasons = [self._reason(op, other) for op in late]
        if None in reasons:
            return None
        if over:
            last = max(over, key=lambda op: op.completed)
            what = self.acts.attempt(last) if len(over) == 1 else "every other write of it"
            reasons.insert(0, f"{what} was over by {self.acts.clock(last.completed)}")
        return (
            f"{self.acts.saw(self.seer)}, although {self.acts.attempt(other)} had finished at "
            f"{self.acts.clock(other.completed)}, before that {noun(self.seer.call)} began, and "
            f"nothing can have brought {describe_seen(self.seer)} back: "
            f"{'; '.join(filter(None, reasons))}"
        )

    @property
    def _wanted(self) -> object:
        return self.model.needs(self.seer.call, answer_of(self.seer))

    def _other(self) -> Op | None:
        """The latest operation before that certainly had another value there."""
        before = [
            op
            for op in self.evidence
            if isinstance(op.outcome, Ok)
            and precedes(op, self.seer)
            and self._there(op) not in (None, self._wanted)
        ]
        return max(before, key=lambda op: (op.invoked, op.index), default=None)

    def _there(self, op: Op) -> object:
        """A value that was there at some moment within the interval of ``op``."""
        installed = self.model.installs(op.call, answer_of(op))
        return self.model.needs(op.call, answer_of(op)) if installed is None else installed

    def _reason(self, source: Op, other: Op) -> str | None:
        """Why ``source`` cannot have taken effect after what ``other`` had there."""
        late = changed(
            source,
            invoked=max(source.invoked, other.invoked),
            completed=min(source.completed, self.seer.completed),
            outcome=_certain(source),
        )
        rest = [late if op is source else op for op in self.evidence if op is not self.seer]
        rest.sort(key=lambda op: op.invoked)
        # Processes of their own, as one that is late may overlap what its process did next.
        moved = [
            changed(op, index=index, process=ProcessId(index)) for index, op in enumerate(rest)
        ]
        model: Model[object] = self.model  # type: ignore[assignment]  # every value model is one
        found, _ = find(moved, model, self.budget, prophetic=False)
        if not isinstance(found, Stuck):
            return None
        which = f"{self.acts.attempt(source)}{of_unknown_outcome(source)}"
        stuck = rest[found.op.index]
        if stuck is late:
            return f"{which} would have had to find {describe_found(source)}, which was gone"
        what = f"{self.acts.did(stuck)} at {self.acts.clock(stuck.completed)}"
        if self.model.needs(stuck.call, answer_of(stuck)) == self._wanted:
            return f"{which} must have come earlier, as only it explains that {what}"
        return f"{which} cannot have come that late, as nothing would then explain that {what}"


def _certain(op: Op) -> Ok:
    """The answer if it did what made it a source."""
    if isinstance(op.outcome, Ok):
        return op.outcome
    return Ok((op.call.expected,)) if isinstance(op.call, CompareAndSet) else Ok()
