"""Linearizability while a run goes on: the first violation, as soon as it is certain."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeAlias

from checker.base import Budget, Model, State
from checker.linearizability.explanation import KIND, SOURCE
from checker.linearizability.search import Exhausted, OpenSearch, Stuck
from checker.models.nondeterministic import Specification, as_model
from checker.verdict import Anomaly, Invalid, Unknown, UnknownCause, Valid, Verdict
from histories.call import Call, Failed, Indeterminate, Outcome
from histories.notation import clock_for, describe_key, describe_op
from histories.op import FOREVER, Nanos, Op, ProcessId

_Event: TypeAlias = tuple[Nanos, bool, int]
"""Time, whether it is a completion, and the index of the op."""


@dataclass(slots=True)
class _Key(Generic[State]):
    """What is kept of one key: the search, and events that it has not seen yet."""

    search: OpenSearch[State]
    events: list[_Event] = field(default_factory=list)
    ops: dict[int, Op] = field(default_factory=dict)
    latest: dict[ProcessId, tuple[Nanos, int]] = field(default_factory=dict)
    """Per process, when its last op ended, and which that was."""


class LinearizabilityMonitor(Generic[State]):
    """Fed with calls and their outcomes, in time order, as they happen.

    An answer is judged when every call that began before it ended has its outcome:
    until then one of them may still explain it.  Memory is bounded by what is open, and
    by the kinds of calls whose outcome was never known.
    """

    def __init__(self, model: Model[State] | Specification[State], budget: Budget) -> None:
        """``budget``: ``states_max`` is for each answer; where it runs out, the key is given up."""
        self._model: Model[State] = as_model(model)
        self._budget = budget
        self._keys: dict[str, _Key[State]] = {}
        self._in_flight: dict[ProcessId, tuple[int, Call, Nanos]] = {}
        self._count = 0
        self._judged = 0
        self._anomaly: Anomaly | None = None
        self._given_up: dict[str, Exhausted] = {}

    @property
    def violation(self) -> Anomaly | None:
        """The first that was found; nothing is looked at after it."""
        return self._anomaly

    def invoked(self, process: ProcessId, call: Call, at: Nanos) -> Anomaly | None:
        """A call began; the violation that is certain now, if one is.

        The call gets the next index of the run.

        Raises:
            ForeignCall: The model does not know it.
        """
        self._model.observes_only(call, None)
        self._in_flight[process] = self._count, call, at
        self._count += 1
        return self._judge(self._horizon(at))

    def completed(self, process: ProcessId, outcome: Outcome, at: Nanos) -> Anomaly | None:
        """The call of that process ended; the violation that is certain now, if one is."""
        index, call, began = self._in_flight.pop(process)
        self._keep(
            Op(
                index=index,
                process=process,
                call=call,
                outcome=outcome,
                invoked=began,
                completed=FOREVER if isinstance(outcome, Indeterminate) else at,
            )
        )
        return self._judge(self._horizon(at))

    def finish(self) -> Verdict:
        """What is open stays so for ever: judge the rest."""
        for process, (index, call, began) in self._in_flight.items():
            self._keep(
                Op(
                    index=index,
                    process=process,
                    call=call,
                    outcome=Indeterminate("the run ended"),
                    invoked=began,
                    completed=FOREVER,
                )
            )
        self._in_flight.clear()
        self._judge(FOREVER)
        if self._anomaly is not None:
            return Invalid((self._anomaly,))
        for key, exhausted in self._given_up.items():
            return Unknown(
                exhausted.cause,
                f"key {describe_key(key)} was given up at {describe_op(exhausted.op)}: "
                f"{exhausted.configurations:,} configurations",
            )
        if not self._judged:
            return Unknown(UnknownCause.NOTHING_TO_CHECK, "nothing was answered")
        return Valid(f"{self._judged:,} answers judged while the run went on")

    def kept(self) -> int:
        """How many operations are in memory."""
        return len(self._in_flight) + sum(len(key.ops) for key in self._keys.values())

    def _keep(self, op: Op) -> None:
        if isinstance(op.outcome, Failed):
            return
        key = self._keys.get(op.call.key)
        if key is None:
            key = self._keys[op.call.key] = _Key(OpenSearch(self._model, self._budget))
        key.ops[op.index] = op
        heapq.heappush(key.events, (op.invoked, False, op.index))
        if op.completed != FOREVER:
            heapq.heappush(key.events, (op.completed, True, op.index))

    def _horizon(self, now: Nanos) -> Nanos:
        """Before that moment every call has its outcome, and no call will begin."""
        return min((began for _, _, began in self._in_flight.values()), default=now)

    def _judge(self, horizon: Nanos) -> Anomaly | None:
        for name, key in self._keys.items():
            if name in self._given_up or self._anomaly is not None:
                key.events.clear()
                key.ops.clear()
                continue
            for op, is_completion in self._due(key, horizon):
                if not is_completion:
                    key.search.invoke(op, self._predecessor(key, op))
                    continue
                self._judged += 1
                found = key.search.complete(op)
                if isinstance(found, Stuck):
                    self._anomaly = _anomaly(name, found)
                    return self._anomaly
                if found is not None:
                    self._given_up[name] = found
                    break
        return None

    @staticmethod
    def _due(key: _Key[State], horizon: Nanos) -> Iterator[tuple[Op, bool]]:
        while key.events and key.events[0][0] < horizon:
            _, is_completion, index = heapq.heappop(key.events)
            op = key.ops[index]
            yield op, is_completion
            if is_completion or op.completed == FOREVER:
                del key.ops[index]

    @staticmethod
    def _predecessor(key: _Key[State], op: Op) -> int | None:
        before = key.latest.get(op.process)
        if op.completed == FOREVER:
            key.latest.pop(op.process, None)
        else:
            key.latest[op.process] = op.completed, op.index
        return before[1] if before is not None and before[0] >= op.invoked else None


def _anomaly(key: str, stuck: Stuck) -> Anomaly:
    clock = clock_for([stuck.op])
    states = ", or ".join(end.state for end in stuck.dead_ends)
    reasons = tuple(f"possible state {end.state}: {end.reason}" for end in stuck.dead_ends)
    return Anomaly(
        kind=KIND,
        source=SOURCE,
        evidence=(stuck.op.index,),
        explanation=(
            f"key {describe_key(key)}: nothing explains {describe_op(stuck.op, clock)} after "
            f"{stuck.explained:,} answers that can be explained: the state could only be {states}"
        ),
        details=reasons,
    )
