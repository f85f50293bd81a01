"""Causal consistency of registers, by its bad patterns (Bouajjani, Enea, Guerraoui & Hamza 2017).

The causal order is the transitive closure of the order of each process and of who read whose
write.  Where every value is written once to its key, a history is causally consistent exactly
if that order has no cycle, every value read was written, and no read answers a value (or none)
although another write to its key came causally between the two.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

import numpy as np

from checker.base import Budget
from checker.verdict import Anomaly, Unknown, UnknownCause, Verdict
from checker.workloads.answers import anomaly, verdict
from histories.call import Failed, Ok, Read, Write
from histories.columns import Int64s
from histories.history import History
from histories.notation import describe_key, describe_op, describe_value
from histories.op import Op
from histories.values import identity

_SOURCE = "Bouajjani et al. 2017"
_NOBODY = -1


@dataclass(frozen=True, slots=True)
class CausalChecker:
    """Looks at reads that were answered and writes that may have been executed.

    Cost: O(ops * processes) time and memory.
    """

    name: str = "causal"

    def check(self, history: History, budget: Budget) -> Verdict:  # noqa: ARG002  See its cost.
        order = _Order()
        for op in history.ops:
            if (repeated := order.take(op)) is not None:
                return Unknown(
                    UnknownCause.INCOMPLETE_EVIDENCE,
                    f"{describe_op(repeated)} writes what another does, "
                    f"so that reads do not tell which they saw",
                )
        found = list(order.out_of_thin_air())
        past, rest = order.pasts()
        if rest:
            found.append(order.cycle(rest))
        else:
            found += order.overwritten(past)
        reads = sum(isinstance(op.call, Read) for op in order.ops)
        return verdict(history, found, f"{reads:,} reads, {len(order.ops) - reads:,} writes")


@dataclass(slots=True)
class _Order:
    """The ops by number; of each its process's number, its place there, and whom it read.

    ``writer`` has the write of each key and value; ``places`` those of the writes to a key by
    a process, ascending, with ``numbers`` beside them.
    """

    ops: list[Op] = field(default_factory=list)
    process: list[int] = field(default_factory=list)
    place: list[int] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    processes: dict[int, int] = field(default_factory=dict)
    latest: list[int] = field(default_factory=list)
    writer: dict[tuple[str, Hashable], int] = field(default_factory=dict)
    places: dict[str, dict[int, list[int]]] = field(default_factory=dict)
    numbers: dict[tuple[int, int], int] = field(default_factory=dict)

    def take(self, op: Op) -> Op | None:
        """Add ``op`` if it counts; answers it if it writes what was written before."""
        match op.call:
            case Read() if isinstance(op.outcome, Ok):
                self._append(op)
            case Write(key=key, value=value) if not isinstance(op.outcome, Failed):
                number = self._append(op)
                if self.writer.setdefault((key, identity(value)), number) != number:
                    return op
                process, place = self.process[number], self.place[number]
                self.places.setdefault(key, {}).setdefault(process, []).append(place)
            case _:
                pass
        return None

    def _append(self, op: Op) -> int:
        number = len(self.ops)
        process = self.processes.setdefault(op.process, len(self.processes))
        if process == len(self.latest):
            self.latest.append(_NOBODY)
        before = self.latest[process]
        self.ops.append(op)
        self.process.append(process)
        self.place.append(0 if before == _NOBODY else self.place[before] + 1)
        self.before.append(before)
        self.latest[process] = number
        self.numbers[process, self.place[number]] = number
        return number

    def seen_by(self, number: int) -> int:
        """The write whose value a read answered; nobody for the initial value, or no read."""
        op = self.ops[number]
        if not isinstance(op.call, Read) or not isinstance(op.outcome, Ok):
            return _NOBODY
        return self.writer.get((op.call.key, identity(op.outcome.values[0])), _NOBODY)

    def out_of_thin_air(self) -> Iterator[Anomaly]:
        for number, op in enumerate(self.ops):
            if isinstance(op.call, Read) and isinstance(op.outcome, Ok):
                value = op.outcome.values[0]
                if value is not None and self.seen_by(number) == _NOBODY:
                    text = f"{describe_value(value)} was read, and nobody wrote it"
                    yield anomaly("thin-air-read", _SOURCE, (op,), text, (describe_op(op),))

    def pasts(self) -> tuple[Int64s, list[int]]:
        """For each op how much of each process is in its causal past, itself included.

        Shape (ops, processes), places counted from 1.  Second, the ops on or behind cycles,
        whose past is not known.
        """
        count = len(self.ops)
        past = np.zeros((count, len(self.processes)), dtype=np.int64)
        followers: list[list[int]] = [[] for _ in range(count)]
        awaited = [0] * count
        for number in range(count):
            for cause in {self.before[number], self.seen_by(number)} - {_NOBODY}:
                followers[cause].append(number)
                awaited[number] += 1
        ready = deque(number for number in range(count) if not awaited[number])
        while ready:
            number = ready.popleft()
            past[number, self.process[number]] = self.place[number] + 1
            for follower in followers[number]:
                np.maximum(past[follower], past[number], out=past[follower])
                awaited[follower] -= 1
                if not awaited[follower]:
                    ready.append(follower)
        return past, [number for number in range(count) if awaited[number]]

    def cycle(self, rest: list[int]) -> Anomaly:
        """One that is among ``rest``: follow causes that are in it until one comes again."""
        left = frozenset(rest)
        walked = [rest[0]]
        while walked.count(walked[-1]) < 2:
            causes = (self.before[walked[-1]], self.seen_by(walked[-1]))
            walked.append(next(cause for cause in causes if cause in left))
        found = [self.ops[n] for n in reversed(walked[walked.index(walked[-1]) + 1 :])]
        return anomaly(
            "cyclic-causality",
            _SOURCE,
            found,
            f"of {len(found)} operations each comes causally before the next, and the last before "
            f"the first",
            map(describe_op, found),
        )

    def overwritten(self, past: Int64s) -> Iterator[Anomaly]:
        """Reads of what was causally overwritten."""
        for number, op in enumerate(self.ops):
            if not isinstance(op.call, Read) or not isinstance(op.outcome, Ok):
                continue
            seen, value = self.seen_by(number), op.outcome.values[0]
            if seen == _NOBODY and value is not None:
                continue
            for process, places in self.places.get(op.call.key, {}).items():
                known = bisect_right(places, past[number, process] - 1)
                if not known:
                    continue
                other = self.numbers[process, places[known - 1]]
                if seen == _NOBODY or (
                    other != seen and past[other, self.process[seen]] > self.place[seen]
                ):
                    yield self._overwritten(op, other, seen)
                    break

    def _overwritten(self, op: Op, other: int, seen: int) -> Anomaly:
        assert isinstance(op.outcome, Ok), "only answers are judged"
        shown = describe_value(op.outcome.values[0])
        evidence = [*([] if seen == _NOBODY else [self.ops[seen]]), self.ops[other], op]
        return anomaly(
            "write-causally-overwritten" if seen != _NOBODY else "write-causally-missed",
            _SOURCE,
            evidence,
            f"process {op.process} read {shown} from {describe_key(op.call.key)}, although "
            f"what it had seen or done comes after the write of process {self.ops[other].process}"
            + ("" if seen == _NOBODY else ", which had overwritten that"),
            map(describe_op, evidence),
        )
