"""The page about the bug zoo, docs/zoo.md, from the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE, ELSEWHERE, MISSED
from system_under_test.gossip_raft.mutants.mutant import Mutant

_INTRODUCTION = """\
# The bug zoo

Written by `mutants/page.py` from the catalogue; `pytest tests/system_under_test/mutants --rewrite`
writes it anew.

Every bug is a small override of one rule of the correct core (`core/rules.py`), or storage that
stands between a node and its disk. The correct core has no switches. Each runs in both worlds
(`hearsay run --bug NAME`; `--bug list` names them all), and each has a directed schedule, a
transcript in `tests/golden/zoo/` that a person can follow: with the bug a judge reports what the
table says, and the same steps on correct nodes leave it silent.

What the judge reports is an invariant of the traces (`checker/raft`), `linearizability` of what
the clients were told, an `in-node assertion` with which a node stops itself, or a broken `claim`
that the transcript makes of its world, for bugs that only keep a cluster from going on.

*Random*: what random runs took to find it in {hunts}, with at most
60 s of one core for each (`hearsay zoo`, 2026-11-28): {random} of {all} bugs. Every fourth run is
drawn blindly; the others have what the column *needs* names, as somebody would choose it who
suspects something (`harness/suspicion.py`). A run counts only if the same run of correct nodes is
valid. Two hunts that miss a bug settle the median of three.
The directed schedules find all {all}. *By*: which checker saw it first in random runs.
*Live*: whether `hearsay zoo --live` hunts it in a cluster of processes; why not is told below.
One campaign of 10 s each (`--hunts 1`, 2026-11-28) caught 22 of these 37, and accused no correct
nodes; the others need races or lost writes that few campaigns have.
*Steps*: faults and operations in the shrunk run of the simulator that shows it, stored in
`tests/golden/shrunk/` (`hearsay zoo --golden`).
"""

_HEAD = (
    "| bug | catalogue | what the wrong node does | seen | needs | nodes | revealed by | random"
    " | by | live | steps |\n|---|---|---|---|---|---|---|---|---|---|---|"
)

_MISSED = """\
## Missed by random runs

| bug | why, and what would show it but for its directed schedule |
|---|---|"""

_SIMULATED = """\
## Simulated only

| why | bugs |
|---|---|"""

_ELSEWHERE = """\
## Not bugs of a node

| catalogue | why not, and what catches it instead |
|---|---|"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunted:
    """What random runs made of one bug: medians over ``hunts``, of which ``caught`` caught it."""

    hunts: int
    caught: int
    runs: float
    cpu_s: float
    found: tuple[str, ...]

    def __str__(self) -> str:
        if 2 * self.caught < self.hunts:
            return "no"
        runs = "run" if self.runs == 1 else "runs"
        return f"{self.runs:g} {runs}, {max(1, round(self.cpu_s))} s"


def zoo_page(
    steps: Mapping[str, int], hunted: Mapping[str, Hunted], not_live: Mapping[str, str]
) -> str:
    """Markdown, with one table of the bugs and one of what is caught elsewhere.

    Args:
        steps: Of the shrunk run of each bug that has one.
        hunted: What random runs made of each bug.
        not_live: Why a bug is not hunted in live clusters, of those that are not.
    """
    most = max((one.hunts for one in hunted.values()), default=0)
    counts = {
        "random": sum(mutant.random for mutant in CATALOGUE.values()),
        "all": len(CATALOGUE),
        "hunts": "one hunt" if most == 1 else f"the median of {most} hunts",
    }
    return "\n".join(
        [
            _INTRODUCTION.format_map(counts),
            _HEAD,
            *(_row(mutant, steps, hunted, not_live) for mutant in CATALOGUE.values()),
            "",
            _MISSED,
            *(f"| {name} | {why} |" for name, why in MISSED.items()),
            "",
            _SIMULATED,
            *_simulated(not_live),
            "",
            _ELSEWHERE,
            *(f"| {number} | {reason} |" for number, reason in ELSEWHERE.items()),
            "",
        ]
    )


def _row(
    mutant: Mutant,
    steps: Mapping[str, int],
    hunted: Mapping[str, Hunted],
    not_live: Mapping[str, str],
) -> str:
    name, hunt = mutant.name, hunted.get(mutant.name)
    shrunk = f"[{steps[name]}](../tests/golden/shrunk/{name}.json)" if name in steps else ""
    cells = (
        f"[{name}](../tests/golden/zoo/{name}.txt)",
        ", ".join(mutant.ids),
        mutant.summary,
        mutant.told("Seen"),
        ", ".join(need.value for need in mutant.needs) or "nothing",
        f"{mutant.nodes_min}",
        ", ".join(mutant.revealed_by),
        "not hunted" if hunt is None else f"{hunt}",
        "" if hunt is None else "; ".join(hunt.found[:1]),
        "no" if name in not_live else "yes",
        shrunk,
    )
    return f"| {' | '.join(cells)} |"


def _simulated(not_live: Mapping[str, str]) -> Iterator[str]:
    for why in dict.fromkeys(not_live.values()):
        yield f"| {why} | {', '.join(name for name, reason in not_live.items() if reason == why)} |"
