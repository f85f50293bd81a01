"""Which cycles are which anomaly: as automata over the kinds of their edges.

Adya (1999), section 3 and 4; G-nonadjacent, process and realtime variants after Elle;
the patterns of causal and prefix consistency, read and update atomicity after Cerone,
Bernardi & Gotsman (2015) and Cerone, Gotsman & Yang (2017).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from checker.transactions.graph_kernels import SAME_KEY
from checker.transactions.kernels import ON, PROCESS, REALTIME, RW, WR, WW, WW_INFERRED
from histories.columns import Int64s, UInt8s

SUFFIXES: Final = ("", "-process", "-realtime")
EXTRAS: Final[Mapping[str, tuple[int, ...]]] = {
    "": (),
    "-process": (PROCESS,),
    "-realtime": (PROCESS, REALTIME),
}
"""The edges of client orders that a variant may use as well."""

EDGE_NAMES: Final[Mapping[int, str]] = {
    WW: "ww",
    WW_INFERRED: "ww",
    WR: "wr",
    RW: "rw",
    PROCESS: "process",
    REALTIME: "realtime",
}
"""As papers and drawings have them."""

_WRITES: Final = (WW, WW_INFERRED)
_DEPENDS: Final = (WW, WW_INFERRED, WR)


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleClass:
    """A set of cycles, each told by walking along it from a certain kind of edge.

    Attributes:
        name: Of the anomaly.
        first: The kind of edge to begin with.
        steps: Per state, kind to next state; what is missing is not allowed.
        extra: Per state, where edges of client orders lead; -1 where they may not be.
        accepts: States in which the walk may come home.
        per_key: Whether ``SAME_KEY`` is told apart from other ww edges.
    """

    name: str
    first: int
    steps: tuple[Mapping[int, int], ...]
    extra: tuple[int, ...]
    accepts: tuple[int, ...]
    per_key: bool = False

    def table(self, extras: Sequence[int]) -> Int64s:
        """As ``graph_kernels.walk_home`` needs it."""
        table = np.full((len(self.steps), SAME_KEY + self.per_key), -1, dtype=np.int64)
        for state, steps in enumerate(self.steps):
            for kind, after in steps.items():
                table[state, kind] = after
            for kind in extras:
                table[state, kind] = self.extra[state]
            table[state, ON] = state
        return table

    def accepting(self) -> UInt8s:
        flags = np.zeros(len(self.steps), dtype=np.uint8)
        flags[list(self.accepts)] = 1
        return flags


def _all(kinds: Sequence[int], state: int) -> dict[int, int]:
    return dict.fromkeys(kinds, state)


G0: Final = CycleClass(name="G0", first=WW, steps=({WW: 0},), extra=(0,), accepts=(0,))
G1C: Final = CycleClass(name="G1c", first=WR, steps=(_all(_DEPENDS, 0),), extra=(0,), accepts=(0,))
G_SINGLE: Final = CycleClass(
    name="G-single", first=RW, steps=(_all(_DEPENDS, 0),), extra=(0,), accepts=(0,)
)
G_NONADJACENT: Final = CycleClass(
    # States: one rw so far and it was last, one and not last, several and last, and not last.
    name="G-nonadjacent",
    first=RW,
    steps=(
        _all(_DEPENDS, 1),
        {**_all(_DEPENDS, 1), RW: 2},
        _all(_DEPENDS, 3),
        {**_all(_DEPENDS, 3), RW: 2},
    ),
    extra=(1, 1, 3, 3),
    accepts=(3,),
)
G2_ITEM: Final = CycleClass(
    # States: the first rw was last, none was last, another was last, two were adjacent.
    name="G2-item",
    first=RW,
    steps=(
        {**_all(_DEPENDS, 1), RW: 3},
        {**_all(_DEPENDS, 1), RW: 2},
        {**_all(_DEPENDS, 1), RW: 3},
        {**_all(_DEPENDS, 3), RW: 3},
    ),
    extra=(1, 1, 1, 3),
    accepts=(2, 3),
)
FRACTURED_READ: Final = CycleClass(
    # The writer of any later version than was read was itself read from.
    name="fractured-read",
    first=RW,
    steps=({SAME_KEY: 0, WR: 1}, {}),
    extra=(-1, -1),
    accepts=(1,),
    per_key=True,
)
WRITE_CONFLICT: Final = CycleClass(
    # The writer of any later version than was read was overwritten.
    name="write-conflict",
    first=RW,
    steps=({SAME_KEY: 0, **_all(_WRITES, 1)}, {}),
    extra=(-1, -1),
    accepts=(0, 1),
    per_key=True,
)
CAUSAL_VIOLATION: Final = CycleClass(
    # The writer of any later version than was read is in the causal past.
    name="causal-violation",
    first=RW,
    steps=({SAME_KEY: 0, WR: 1}, {WR: 1}),
    extra=(1, 1),
    accepts=(1,),
    per_key=True,
)
PREFIX_VIOLATION: Final = CycleClass(
    # Every rw comes right behind a wr.  States: the last edge was none, was one.
    name="prefix-violation",
    first=RW,
    steps=({**_all(_WRITES, 0), WR: 1}, {**_all(_WRITES, 0), WR: 1, RW: 0}),
    extra=(1, 1),
    accepts=(1,),
)
G_UPDATE: Final = CycleClass(
    # Any cycle, of transactions that write and at most one that does not.
    name="G-update",
    first=RW,
    steps=({**_all(_DEPENDS, 0), RW: 0},),
    extra=(0,),
    accepts=(0,),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One dependency of a cycle between two transactions (rows of the columns)."""

    src: int
    dst: int
    kind: int
    key: int


def name_of(steps: Sequence[Step]) -> str:
    """The name of a cycle by its edges alone (Adya's phenomena, as Elle names them)."""
    kinds = [step.kind for step in steps]
    suffix = "-realtime" if REALTIME in kinds else "-process" if PROCESS in kinds else ""
    anti = [kind == RW for kind in kinds]
    if not any(anti):
        written = all(kind in (WW, PROCESS, REALTIME) for kind in kinds)
        return ("G0" if written else "G1c") + suffix
    if sum(anti) == 1:
        return "G-single" + suffix
    adjacent = any(one and other for one, other in zip(anti, anti[1:] + anti[:1], strict=True))
    return ("G2-item" if adjacent else "G-nonadjacent") + suffix
