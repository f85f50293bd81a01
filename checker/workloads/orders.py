"""Jepsen's tests of order: long-fork, monotonic, sequential, causal-reverse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from checker.base import Budget
from checker.verdict import Anomaly, Verdict
from checker.workloads.answers import anomaly, snapshots, verdict
from histories.call import Ok, Read, Txn, Write
from histories.history import History
from histories.notation import describe_key, describe_op, describe_value
from histories.op import FOREVER, Op


@dataclass(frozen=True, slots=True)
class LongForkChecker:
    """Of two snapshots of the same keys, each written once, one has all the other has.

    ``jepsen.tests.long-fork``; forbidden by prefix consistency and snapshot isolation.
    """

    name: str = "long-fork"

    def check(self, history: History, budget: Budget) -> Verdict:  # noqa: ARG002  O(n log n)
        groups: dict[frozenset[str], list[tuple[frozenset[str], Op]]] = {}
        for op, seen in snapshots(history):
            present = frozenset(key for key, value in seen.items() if value is not None)
            groups.setdefault(frozenset(seen), []).append((present, op))
        found = [fork for group in groups.values() if (fork := _fork(group)) is not None]
        count = sum(map(len, groups.values()))
        return verdict(history, found, f"{count:,} snapshots of {len(groups):,} groups of keys")


def _fork(group: list[tuple[frozenset[str], Op]]) -> Anomaly | None:
    """Ordered by size, each must contain the one before; then all are a chain."""
    for (fewer, one), (more, other) in pairwise(sorted(group, key=lambda each: len(each[0]))):
        if fewer <= more:
            continue
        only_one, only_other = min(fewer - more), min(more - fewer)
        return anomaly(
            "long-fork",
            "Sovran et al. 2011",
            (one, other),
            f"one transaction saw the write of {describe_key(only_one)} and not that of "
            f"{describe_key(only_other)}, another the other way round",
            (describe_op(one), describe_op(other)),
        )
    return None


@dataclass(frozen=True, slots=True)
class MonotonicChecker:
    """A value that only grows is never seen to shrink.

    Read by one process, or by reads of which one ended before the other began.
    """

    realtime: bool = True
    name: str = "monotonic"

    def check(self, history: History, budget: Budget) -> Verdict:  # noqa: ARG002  O(n log n)
        found: list[Anomaly] = []
        count = 0
        for key, part in history.by_key().items():
            reads = [(op, _number(op)) for op in part.ops if isinstance(op.call, Read)]
            numbers = [(op, value) for op, value in reads if value is not None]
            count += len(numbers)
            found += _shrinking(key, numbers, self.realtime)
        return verdict(history, found, f"{count:,} reads")


def _number(op: Op) -> int | float | None:
    value = op.outcome.values[0] if isinstance(op.outcome, Ok) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _shrinking(key: str, reads: list[tuple[Op, int | float]], realtime: bool) -> Iterator[Anomaly]:
    by_completion = sorted(reads, key=lambda read: read[0].completed)
    of_process: dict[int, tuple[Op, int | float]] = {}
    ended = 0
    highest: tuple[Op, int | float] | None = None
    for op, value in reads:
        while realtime and by_completion[ended][0].completed < op.invoked:
            if highest is None or by_completion[ended][1] > highest[1]:
                highest = by_completion[ended]
            ended += 1
        own = of_process.get(op.process)
        for before in (own, highest):
            if before is not None and before[1] > value:
                yield anomaly(
                    "non-monotonic",
                    "Jepsen, monotonic",
                    (before[0], op),
                    f"{describe_key(key)} was {describe_value(before[1])} and later "
                    f"{describe_value(value)}",
                    (describe_op(before[0]), describe_op(op)),
                )
                break
        if own is None or value > own[1]:
            of_process[op.process] = op, value


@dataclass(frozen=True, slots=True)
class SequentialChecker:
    """Keys are written in one order and read in the opposite one: behind a key that is
    there no key is missing.

    The transactions name the keys in the order in which they read them, the last written
    first (Jepsen's test of sequential consistency between keys).
    """

    name: str = "sequential"

    def check(self, history: History, budget: Budget) -> Verdict:  # noqa: ARG002  It is linear.
        found: list[Anomaly] = []
        count = 0
        for op, seen in snapshots(history):
            count += 1
            present: str | None = None
            for key, value in seen.items():
                if value is not None:
                    present = key if present is None else present
                elif present is not None:
                    found.append(
                        anomaly(
                            "missing-predecessor",
                            "Jepsen, sequential",
                            (op,),
                            f"{describe_key(present)} was there, and then {describe_key(key)}, "
                            f"which had been written before it, was not",
                            (describe_op(op),),
                        )
                    )
                    break
        return verdict(history, found, f"{count:,} snapshots")


@dataclass(frozen=True, slots=True)
class CausalReverseChecker:
    """Whoever sees a write sees every write that had ended before that one began.

    ``jepsen.tests.causal-reverse``: keys are written once, by single writes; what is
    found is possible under serializability, and not under its strict variant.
    """

    name: str = "causal-reverse"

    def check(self, history: History, budget: Budget) -> Verdict:  # noqa: ARG002  n * keys read
        writes = _writes(history)
        found: list[Anomaly] = []
        count = 0
        for op, seen in snapshots(history):
            count += 1
            there = [
                writes[key] for key, value in seen.items() if value is not None and key in writes
            ]
            latest = max(there, key=lambda write: write.invoked, default=None)
            for key, value in seen.items():
                missed = writes.get(key)
                if latest is None or missed is None or value is not None:
                    continue
                if missed.completed < latest.invoked and missed.completed != FOREVER:
                    found.append(_reversed(op, missed, latest))
                    break
        return verdict(history, found, f"{count:,} snapshots, {len(writes):,} writes")


def _writes(history: History) -> dict[str, Op]:
    """The one write of each key, alone or as a transaction of its own."""
    writes: dict[str, Op] = {}
    for op in history.ops:
        match op.call:
            case Write(key=key) | Txn(micro=(Write(key=key),)):
                if isinstance(op.outcome, Ok):
                    writes[key] = op
            case _:
                pass
    return writes


def _reversed(op: Op, missed: Op, latest: Op) -> Anomaly:
    return anomaly(
        "causal-reverse",
        "Jepsen, causal-reverse",
        (op, missed, latest),
        f"process {op.process} saw the write of process {latest.process} and not that of process "
        f"{missed.process}, which had ended before the other began",
        map(describe_op, (missed, latest, op)),
    )
