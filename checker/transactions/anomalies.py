"""The anomalies of a history, cycles and others, in the words of its operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np

from checker.transactions.cycle_classes import EDGE_NAMES, Step
from checker.transactions.cycles import EXAMPLES_MAX, Cycle
from checker.transactions.inference import Inferred
from checker.transactions.kernels import (
    ABORTED,
    DISORDERED,
    FUTURE,
    GARBAGE,
    INCOMPATIBLE,
    INTERMEDIATE,
    INTERNAL,
)
from checker.transactions.words import Words
from checker.verdict import Anomaly, Dependency
from histories.notation import describe_key
from histories.txn_columns import FAILED, READ, TxnColumns

_ADYA: Final = "Adya 1999"
_ELLE: Final = "Kingsbury & Alvaro 2020"
_CERONE: Final = "Cerone, Bernardi & Gotsman 2015"
_BERENSON: Final = "Berenson et al. 1995"
_TERRY: Final = "Terry et al. 1994"

SOURCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "garbage-read": _ELLE,
        "duplicate-elements": _ELLE,
        "cyclic-versions": _ELLE,
        "dirty-update": _ELLE,
        "incompatible-order": _ELLE,
        "future-read": _ELLE,
        "internal": _CERONE,
        "fractured-read": "Bailis et al. 2014",
        "observed-transaction-vanishes": "Bailis et al. 2013",
        "write-conflict": _CERONE,
        "causal-violation": _CERONE,
        "prefix-violation": _CERONE,
        "long-fork": "Sovran et al. 2011",
        "lost-update": f"{_BERENSON}, P4",
        "write-skew": f"{_BERENSON}, A5B; {_ADYA}, G2-item",
        "monotonic-reads-violation": _TERRY,
        "monotonic-writes-violation": _TERRY,
        "read-your-writes-violation": _TERRY,
        "writes-follow-reads-violation": _TERRY,
    }
)
"""Where an anomaly is defined, unless by Adya."""

_TITLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "G0": "a cycle of overwrites",
        "G1c": "a circular flow of information",
        "G-single": "a cycle with a single missed write",
        "G-cursor": "a lost update of one key",
        "G-nonadjacent": "a cycle in which no two missed writes are adjacent",
        "G2-item": "a cycle of missed writes",
        "write-skew": "write skew: each of two transactions missed what the other wrote",
        "fractured-read": "part of a transaction's writes was seen and part was not",
        "observed-transaction-vanishes": "a transaction was seen and then no more",
        "write-conflict": "both wrote one key, and one had missed a write of the other",
        "causal-violation": "a write was missed of which the past was known",
        "prefix-violation": "a snapshot that is no prefix of any order of transactions",
        "long-fork": "a long fork: two writes were seen in opposite orders",
        "G-update": "a cycle of transactions that write, but for one at most",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An anomaly before it is put into the run's numbers.

    Attributes:
        kind: A key of ``checker.consistency_models.RULES_OUT``.
        txns: Rows of the columns that show it.
        sentence: What is wrong.
        details: Further lines.
        steps: The cycle, if it is one; then the last details are why each step holds.
    """

    kind: str
    txns: tuple[int, ...]
    sentence: str
    details: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()

    def anomaly(self, inferred: Inferred, rules_out: Iterable[str]) -> Anomaly:
        """With evidence as op indices, and what it rules out as the last line."""
        return Anomaly(
            kind=self.kind,
            source=SOURCES.get(self.kind, _ADYA),
            evidence=tuple(sorted({int(inferred.columns.index[row]) for row in self.txns})),
            explanation=self.sentence,
            details=(*self.details, f"rules out {', '.join(rules_out)}"),
            cycle=tuple(self._dependencies(inferred.columns)),
        )

    def _dependencies(self, columns: TxnColumns) -> Iterator[Dependency]:
        for step, why in zip(
            self.steps, self.details[len(self.details) - len(self.steps) :], strict=True
        ):
            yield Dependency(
                earlier=int(columns.index[step.src]),
                later=int(columns.index[step.dst]),
                kind=EDGE_NAMES[step.kind],
                key="" if step.key < 0 else describe_key(columns.keys[step.key]),
                why=why,
            )


def of_cycle(cycle: Cycle, words: Words) -> Finding:
    """The finding that a cycle is."""
    base = cycle.name.removesuffix("-realtime").removesuffix("-process")
    title = _TITLES[base]
    if cycle.name.endswith("-process"):
        title += ", counting the order of each process"
    if cycle.name.endswith("-realtime"):
        title += ", counting real time"
    names = [f"T{number}" for number in range(1, len(cycle.steps) + 1)]
    return Finding(
        kind=cycle.name,
        txns=tuple(step.src for step in cycle.steps),
        sentence=f"{title}: {' < '.join([*names, names[0]])}",
        details=tuple(words.cycle(cycle.steps)),
        steps=cycle.steps,
    )


def vanishing(findings: Iterable[Finding], words: Words) -> Iterator[Finding]:
    """The fractured reads that saw a transaction first and missed it then."""
    for finding in findings:
        if finding.kind != "fractured-read":
            continue
        missed, seen = finding.steps[0], finding.steps[-1]
        if min(words.reads(missed.src, seen.key)) < max(words.reads(missed.src, missed.key)):
            yield replace(
                finding,
                kind="observed-transaction-vanishes",
                sentence=f"{_TITLES['observed-transaction-vanishes']}: "
                f"T1 read {words.key(seen.key)}, then {words.key(missed.key)}",
            )


def without_cycles(inferred: Inferred, words: Words) -> Iterator[Finding]:
    """Everything wrong that single reads, keys and pairs of transactions show."""
    reads = _Reads(inferred, words)
    yield from reads.of_bit(GARBAGE, reads.garbage)
    yield from reads.of_bit(ABORTED, reads.aborted)
    yield from reads.of_bit(INTERMEDIATE, reads.intermediate)
    yield from reads.of_bit(INTERNAL, reads.internal)
    yield from reads.of_bit(FUTURE, reads.future)
    yield from reads.of_bit(INCOMPATIBLE, reads.incompatible)
    yield from reads.of_bit(DISORDERED, reads.disordered)
    yield from reads.duplicates()
    yield from _dirty_updates(inferred, words)
    yield from _lost_updates(inferred, words)
    for key in inferred.cyclic[:EXAMPLES_MAX]:
        yield Finding(
            kind="cyclic-versions",
            txns=(),
            sentence=f"the versions of {words.key(key)} have no order: each comes before another",
        )


class _Reads:
    """Findings about single reads; each method says what is wrong with micro-operation m."""

    def __init__(self, inferred: Inferred, words: Words) -> None:
        self._inferred = inferred
        self._columns = inferred.columns
        self._words = words

    def of_bit(self, bit: int, describe: Callable[[int], Finding]) -> Iterator[Finding]:
        """The first few."""
        found = np.flatnonzero(self._inferred.problem & bit)
        for m in found[:EXAMPLES_MAX]:
            yield describe(int(m))

    def _row(self, m: int) -> int:
        return int(self._inferred.writes.txn_of[m])

    def _read(self, m: int, up_to: int | None = None) -> str:
        key = self._words.key(int(self._columns.key[m]))
        return f"T1 read {key} -> {self._words.seen(m, up_to)}"

    def _seen(self, m: int) -> list[int]:
        return [int(v) for v in self._columns.seen[slice(*self._columns.seen_offset[m : m + 2])]]

    def _finding(self, kind: str, rows: tuple[int, ...], sentence: str) -> Finding:
        return Finding(
            kind=kind, txns=rows, sentence=sentence, details=tuple(self._words.named(rows))
        )

    def garbage(self, m: int) -> Finding:
        writer = self._inferred.writes.writer
        version = next(v for v in self._seen(m) if writer[v] < 0)
        what = self._words.value(version)
        return self._finding(
            "garbage-read",
            (self._row(m),),
            f"{self._read(m, version)}, but nobody ever wrote {what}",
        )

    def aborted(self, m: int) -> Finding:
        writer, outcome = self._inferred.writes.writer, self._columns.outcome
        version, row = next(
            (v, self._row(int(writer[v])))
            for v in self._seen(m)
            if writer[v] >= 0 and outcome[self._row(int(writer[v]))] == FAILED
        )
        return self._finding(
            "G1a",
            (self._row(m), row),
            f"{self._read(m, version)}, but T2, which wrote {self._words.value(version)}, "
            f"had failed",
        )

    def intermediate(self, m: int) -> Finding:
        version = self._words.last_seen(m)
        row = self._row(int(self._inferred.writes.writer[version]))
        final = self._words.value(self._words.writes(row, int(self._columns.key[m]))[-1])
        return self._finding(
            "G1b",
            (self._row(m), row),
            f"{self._read(m)}, but T2, which wrote {self._words.value(version)}, "
            f"went on to write {final}",
        )

    def internal(self, m: int) -> Finding:
        before = self._words.own_before(m)
        return self._finding(
            "internal", (self._row(m),), f"{self._read(m)}, although it had itself {before}"
        )

    def future(self, m: int) -> Finding:
        own = self._words.writes(self._row(m), int(self._columns.key[m]))
        version = next(v for v in own if v in self._seen(m))
        return self._finding(
            "future-read",
            (self._row(m),),
            f"{self._read(m, version)} before it wrote {self._words.value(version)} itself",
        )

    def incompatible(self, m: int) -> Finding:
        other = int(self._inferred.longest[self._columns.key[m]])
        pairs = zip(self._seen(m), self._seen(other), strict=False)
        place, one, two = next(
            (number, one, two) for number, (one, two) in enumerate(pairs, start=1) if one != two
        )
        return self._finding(
            "incompatible-order",
            (self._row(m), self._row(other)),
            f"{self._read(m, one)} and T2 read {self._words.seen(other, two)}: neither begins "
            f"with the other, they differ from element {place} on",
        )

    def disordered(self, m: int) -> Finding:
        key, row = int(self._columns.key[m]), self._row(m)
        own = self._words.writes(row, key)
        later = int(self._columns.argument[m])
        earlier = own[own.index(later) - 1]
        one, two = self._words.value(earlier), self._words.value(later)
        wrong = "before" if self._inferred.position[earlier] >= 0 else "without"
        other = int(self._inferred.longest[key])
        return self._finding(
            "incompatible-order",
            (row, self._row(other)),
            f"T1 appended {one} to {self._words.key(key)} and then {two}, but T2 read "
            f"{self._words.seen(other, later)}: {two} {wrong} {one}",
        )

    def duplicates(self) -> Iterator[Finding]:
        """Reads of keys without an order in which an element stands twice."""
        inferred, columns = self._inferred, self._columns
        if not inferred.unordered.any():
            return
        suspects = np.flatnonzero(
            (columns.f == READ)
            & (inferred.unordered[columns.key] == 1)
            & (np.diff(columns.seen_offset) > 1)
        )
        shown: set[int] = set()
        for m in map(int, suspects):
            key = int(columns.key[m])
            seen = self._seen(m)
            if key in shown or len(set(seen)) == len(seen):
                continue
            version = next(v for place, v in enumerate(seen) if v in seen[:place])
            if inferred.writes.repeated[version]:
                continue
            shown.add(key)
            yield self._finding(
                "duplicate-elements",
                (self._row(m),),
                f"{self._read(m)}, with {self._words.value(version)} twice, which was written once",
            )
            if len(shown) == EXAMPLES_MAX:
                return


def _dirty_updates(inferred: Inferred, words: Words) -> Iterator[Finding]:
    for key in np.flatnonzero(inferred.dirty >= 0)[:EXAMPLES_MAX]:
        version = int(inferred.dirty[key])
        row = int(inferred.writes.txn_of[inferred.writes.writer[version]])
        read = int(inferred.longest[key])
        rows = (row, int(inferred.writes.txn_of[read]))
        yield Finding(
            kind="dirty-update",
            txns=rows,
            sentence=f"T1 failed, but others built upon the {words.value(version)} that it "
            f"appended to {words.key(int(key))}: T2 read {words.seen(read, version)}",
            details=tuple(words.named(rows)),
        )


def _lost_updates(inferred: Inferred, words: Words) -> Iterator[Finding]:
    lost, columns = inferred.lost, inferred.columns
    triples = zip(lost.one, lost.other, lost.slot, strict=True)
    for one, other, slot in list(triples)[:EXAMPLES_MAX]:
        versions = len(columns.values)
        initial = slot >= versions
        key = int(slot) - versions if initial else int(columns.version_key[slot])
        read = words.seen(words.reads(int(one), key)[-1])
        rows = (int(one), int(other))
        more = f" (one of {lost.count:,} such pairs)" if lost.count > 1 else ""
        yield Finding(
            kind="lost-update",
            txns=rows,
            sentence=f"T1 and T2 both read {words.key(key)} -> {read}, and both wrote it{more}",
            details=tuple(words.named(rows)),
        )
