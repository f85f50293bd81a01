"""The page about the bug zoo, docs/zoo.md, from the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE, ELSEWHERE
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

`believes-failed-sync` needs a storage that tells of a failed sync through the port (`SyncFailed`),
as the directed world's does; below it, the simulated and the live disk end the node themselves.

What the judge reports is an invariant of the traces (`checker/raft`), `linearizability` of what
the clients were told, an `in-node assertion` with which a node stops itself, or a broken `claim`
that the transcript makes of its world, for bugs that only keep a cluster from going on. *Random*:
whether random runs find it (`hearsay zoo`: within 10 s of one core, as measured on 2026-11-28:
{random} of {all}); the others are what directed schedules are for, which find all {all}. *Steps*:
faults and operations in the shrunk run of the simulator that shows it, stored in
`tests/golden/shrunk/` (`hearsay zoo --golden`).
"""

_HEAD = (
    "| bug | catalogue | what the wrong node does | seen | needs | nodes | revealed by | random"
    " | steps |\n|---|---|---|---|---|---|---|---|---|"
)

_ELSEWHERE = """\
## Not bugs of a node

| catalogue | why not, and what catches it instead |
|---|---|"""


def zoo_page(steps: Mapping[str, int]) -> str:
    """Markdown, with one table of the bugs and one of what is caught elsewhere.

    ``steps``: of the shrunk run of each bug that has one.
    """
    counts = {"random": sum(mutant.random for mutant in CATALOGUE.values()), "all": len(CATALOGUE)}
    introduction = _INTRODUCTION.format_map(counts)
    return "\n".join([introduction, *_rows(steps), "", _ELSEWHERE, *_reasons(), ""])


def _rows(steps: Mapping[str, int]) -> Iterator[str]:
    yield _HEAD
    for mutant in CATALOGUE.values():
        yield f"| {' | '.join(_cells(mutant, steps.get(mutant.name)))} |"


def _cells(mutant: Mutant, steps: int | None) -> Iterator[str]:
    yield f"[{mutant.name}](../tests/golden/zoo/{mutant.name}.txt)"
    yield ", ".join(mutant.ids)
    yield mutant.summary
    yield mutant.told("Seen")
    yield ", ".join(need.value for need in mutant.needs) or "nothing"
    yield f"{mutant.nodes_min}"
    yield ", ".join(mutant.revealed_by)
    yield "yes" if mutant.random else "no"
    yield "" if steps is None else f"[{steps}](../tests/golden/shrunk/{mutant.name}.json)"


def _reasons() -> Iterator[str]:
    for number, reason in ELSEWHERE.items():
        yield f"| {number} | {reason} |"
