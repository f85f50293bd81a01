"""What the near-linear algorithms share: what they answer, and the rows they work on.

An algorithm sees intervals and nothing else: ``a`` precedes ``b`` exactly when
``a`` ended strictly before ``b`` began.  A history knows one thing more: a
process's own ops keep their order even where they touch in time.  ``judge``
bridges the gap.  Where ops of one process touch, it asks twice: with the times
as they are, which asks too little, so that a violation is certain; and with the
instants spread out so that the process's order shows, which asks too much, so
that a linearization is certain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, assert_never

import numpy as np

from histories.call import Scalar, Value
from histories.columns import FUNCTIONS, Columns, Int64s
from histories.values import identity

OK, FAILED, UNKNOWN = range(3)
"""The numbers of ``histories.columns.OUTCOMES``."""

START: Final = -(2**63)
"""Earlier than everything."""


@dataclass(frozen=True, slots=True)
class Linearizable:
    """There is a linearization."""

    witness: Callable[[], Int64s]

    def order(self) -> Int64s:
        """One linearization, as rows: every answered op, and what else it takes.

        Computed when asked for.  Cost: O(n log n).
        """
        return self.witness()


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """There is no linearization.

    Attributes:
        evidence: Rows, ascending, that are not linearizable by themselves, and
            prove that the whole is not: whoever made what they saw is among them.
        core: The few of them that clash, in the order in which ``hint`` names them.
        hint: Why, in a sentence without values or times, for whoever explains.
    """

    evidence: tuple[int, ...]
    core: tuple[int, ...]
    hint: str


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The algorithm does not cover such a history, and why.  Nothing is known."""

    reason: str


Decision: TypeAlias = Linearizable | Violation
Answer: TypeAlias = Decision | NotApplicable


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Columns made ready for kernels: key after key, each key's rows by invocation.

    All arrays are int64, contiguous and writable, so that every kernel is
    compiled for one signature only.

    Attributes:
        row: shape (n,), where each row stands in the columns it came from.
        starts: shape (k + 1,); the rows of key ``k`` are ``starts[k]:starts[k + 1]``.
        values: What the numbers in ``argument``, ``expected`` and ``result`` mean.

    The others are as in ``Columns``.
    """

    row: Int64s
    starts: Int64s
    invoked: Int64s
    completed: Int64s
    process: Int64s
    f: Int64s
    outcome: Int64s
    argument: Int64s
    expected: Int64s
    result: Int64s
    values: Sequence[Value]

    @classmethod
    def of(cls, columns: Columns) -> Rows:
        """Cost: O(n) if the columns are by invocation and of one key, else O(n log n)."""
        count = max(len(columns.keys), 1)
        row = np.arange(columns.invoked.size, dtype=np.int64)
        sorted_already = not np.any(columns.invoked[1:] < columns.invoked[:-1])
        if not sorted_already:
            row = np.argsort(columns.invoked, kind="stable")
        if count > 1:
            # Numpy sorts 16-bit numbers by radix.
            narrow = np.uint16 if count <= 2**16 else np.int32
            row = row[np.argsort(columns.key[row].astype(narrow), kind="stable")]
        sizes = np.bincount(columns.key, minlength=count)
        rows = cls(
            row=row,
            starts=np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
            values=columns.values,
            **{name: getattr(columns, name).astype(np.int64) for name in _PER_ROW},
        )
        return rows if count == 1 and sorted_already else rows._taken(row)

    @property
    def keys(self) -> int:
        return self.starts.size - 1

    def span(self, key: int) -> tuple[int, int]:
        return int(self.starts[key]), int(self.starts[key + 1])

    def only(self, positions: Int64s, starts: Int64s) -> Rows:
        """The rows at these positions, as keys of their own."""
        return replace(self._taken(positions), row=self.row[positions], starts=starts)

    def part(self, key: int) -> Rows:
        """The rows of one key."""
        low, high = self.span(key)
        return self.only(np.arange(low, high), np.array([0, high - low]))

    def kinds(self, *names: str) -> Int64s:
        """For each row the position of its function in ``names``; -1 if not there."""
        table = np.full(len(FUNCTIONS), -1, dtype=np.int64)
        for kind, name in enumerate(names):
            table[FUNCTIONS.index(name)] = kind
        return table[self.f]

    def number_of(self, value: Scalar) -> int:
        """The number of a value, -2 if no op names it.  Cost: O(values)."""
        wanted, start = identity(value), 0
        values = self.values
        while True:
            try:
                found = values.index(value, start)
            except ValueError:
                return -2
            if identity(values[found]) == wanted:
                return found
            start = found + 1

    def _taken(self, positions: Int64s) -> Rows:
        return replace(self, **{name: getattr(self, name)[positions] for name in _PER_ROW})


_PER_ROW: Final = (
    *("invoked", "completed", "process", "f", "outcome"),
    *("argument", "expected", "result"),
)

Algorithm: TypeAlias = Callable[[Rows], Sequence[Answer]]
"""One answer per key, in terms of positions in the rows given."""


def judge(columns: Columns, algorithm: Algorithm) -> tuple[Answer, ...]:
    """What ``algorithm`` says of each key, in terms of the rows of ``columns``."""
    from checker.linearizability.fast.ties import spread, touching

    rows = Rows.of(columns)
    answers = [_mapped(answer, rows.row) for answer in algorithm(rows)]
    proven = [isinstance(answer, Linearizable) for answer in answers]
    unsure = [key for key in touching(rows).tolist() if proven[key]] if any(proven) else []
    if unsure:
        stricter = spread(rows, unsure)
        for key, answer in zip(unsure, algorithm(stricter), strict=True):
            if isinstance(answer, Linearizable):
                answers[key] = _mapped(answer, stricter.row)
            else:
                answers[key] = NotApplicable("it matters in what order ops that touch in time are")
    return tuple(answers)


def closed_evidence(evidence: set[int], core: Sequence[int], hint: str) -> Violation:
    """A violation whose evidence is the core and all the rest."""
    return Violation(evidence=tuple(sorted({*evidence, *core})), core=tuple(core), hint=hint)


def each_once(numbers: Int64s) -> Int64s:
    """Numbers of values, ascending; sorting them takes longer than counting."""
    return np.flatnonzero(np.bincount(numbers))


def shrunk(parts: list[int], fails: Callable[[list[int]], bool]) -> list[int]:
    """Fewer of the parts that still fail, in order; without any one of them they do not.

    ``fails`` must hold of the parts, and of all that contain some of which it holds.
    """
    size = len(parts) // 2
    while size:
        at = 0
        while at < len(parts):
            rest = parts[:at] + parts[at + size :]
            if rest and fails(rest):
                parts = rest
            else:
                at += size
        size //= 2
    return parts


def _mapped(answer: Answer, row: Int64s) -> Answer:
    match answer:
        case Linearizable(witness=witness):
            return Linearizable(lambda: row[witness()])
        case Violation(evidence=evidence, core=core, hint=hint):
            return Violation(
                evidence=tuple(sorted(row[list(evidence)].tolist())),
                core=tuple(row[list(core)].tolist()),
                hint=hint,
            )
        case NotApplicable():
            return answer
        case _:
            assert_never(answer)
