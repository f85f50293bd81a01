"""Hunting the bugs of the zoo: how many simulated runs until each is caught, and by whom.

Every fourth run of a hunt is drawn blindly; the others have at least the faults that the
catalogue says a bug needs, as somebody would choose them who has a suspicion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Final

from checker.base import Budget
from checker.verdict import Invalid, Verdict
from harness.exploration import Explorer, RandomSearch, Trial, explore
from harness.simulated import CORRECT as NO_MUTANT
from harness.simulated import Plan, Simulated, simulate
from harness.swarm import Given, draw_plan
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE
from system_under_test.gossip_raft.mutants.mutant import Mutant

CORRECT: Final = "correct"
"""The name under which correct nodes stand in the table: the control."""

SEEDS_PER_HUNT: Final = 100_000
"""Hunts do not share seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HuntBudget:
    """``runs_max`` simulated runs, and no further one after ``seconds_max`` of computing."""

    runs_max: int = 300
    seconds_max: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunt:
    """One hunt for one bug.

    Attributes:
        bug: Its name, or ``CORRECT``.
        seed: Of the run that caught it; ``None`` if none did.
        found: "checker: kind of anomaly" of everything that it was caught by.
        runs: Tried, that one included.
        virtual_ns: Simulated time in all of them together.
        seconds: Of computing.
        false_alarms: Runs before that which were invalid, and are so with correct nodes, too.
        plan: Of the run that caught it.
    """

    bug: str
    seed: int | None
    found: tuple[str, ...]
    runs: int
    virtual_ns: int
    seconds: float
    false_alarms: int = 0
    plan: Plan | None = None

    @property
    def caught(self) -> bool:
        return self.seed is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """All hunts for one bug.  Medians over the hunts, missed ones with what they spent."""

    bug: str
    hunts: tuple[Hunt, ...]

    @property
    def caught(self) -> int:
        return sum(hunt.caught for hunt in self.hunts)

    @property
    def found(self) -> tuple[str, ...]:
        """By what it was caught, the most frequent first."""
        counts: dict[str, int] = {}
        for hunt in self.hunts:
            for name in hunt.found:
                counts[name] = counts.get(name, 0) + 1
        return tuple(sorted(counts, key=lambda name: -counts[name]))

    @property
    def runs(self) -> float:
        return median(hunt.runs for hunt in self.hunts)

    @property
    def virtual_s(self) -> float:
        return median(hunt.virtual_ns for hunt in self.hunts) / 1e9

    @property
    def seconds(self) -> float:
        return median(hunt.seconds for hunt in self.hunts)

    @property
    def disappoints(self) -> bool:
        """Whether it was missed although it is known to be found, or the control was not quiet."""
        if self.bug == CORRECT:
            return self.caught > 0
        return CATALOGUE[self.bug].random and self.caught * 2 < len(self.hunts)


def hunt(
    bug: str,
    number: int,
    budget: HuntBudget,
    spent: Callable[[], float],
    judging: Callable[[], Budget],
    *,
    explorer: type[Explorer] = RandomSearch,
) -> Hunt:
    """Hunt ``bug`` for the ``number``-th time.

    ``spent`` is how many seconds we have computed so far; ``judging`` what checkers may spend
    on one run; ``explorer`` chooses the runs.
    """
    mutant = None if bug == CORRECT else CATALOGUE[bug]
    first, began, virtual_ns, runs = number * SEEDS_PER_HUNT, spent(), 0, 0
    found: tuple[str, ...] = ()
    false_alarms = 0
    plan: Plan | None = None
    search = explorer(lambda seed: plan_of(seed, mutant, guided=seed % 4 != 1))
    seeds = range(first, first + budget.runs_max)
    for _, simulated in explore(search, seeds, _in_turn, Simulated.states):
        found = anomalies(simulated.verdicts(judging()))
        virtual_ns += simulated.time
        runs += 1
        if found and mutant is not None and _accuses_correct(simulated.plan, judging()):
            found, false_alarms = (), false_alarms + 1
        plan = simulated.plan if found else None
        if found or spent() - began >= budget.seconds_max:
            break
    return Hunt(
        bug=bug,
        seed=first + runs - 1 if found else None,
        found=found,
        runs=runs,
        virtual_ns=virtual_ns,
        seconds=spent() - began,
        false_alarms=false_alarms,
        plan=plan,
    )


def _accuses_correct(plan: Plan, judging: Budget) -> bool:
    return bool(anomalies(simulate(plan, NO_MUTANT).verdicts(judging)))


def _in_turn(trials: Iterable[Trial]) -> Iterator[tuple[Trial, Simulated]]:
    return ((trial, simulate(trial.plan)) for trial in trials)


def plan_of(seed: int, mutant: Mutant | None, *, guided: bool) -> Plan:
    """The run of ``seed`` on nodes with that bug; ``guided`` by what the bug needs.

    Correct nodes, without ``mutant``, have by turns what every bug needs.
    """
    suspected = list(CATALOGUE.values())[seed % len(CATALOGUE)] if mutant is None else mutant
    bug = None if mutant is None else mutant.name
    if guided and suspected.needs:
        nodes = None if suspected.nodes_min <= 3 else suspected.nodes_min
        return draw_plan(seed, Given(bug=bug, nodes=nodes), suspected.needs)
    return draw_plan(seed, Given(bug=bug, nodes=_nodes(suspected, seed)))


def anomalies(verdicts: dict[str, Verdict]) -> tuple[str, ...]:
    """ "checker: kind" of each kind of anomaly found, in the order of the checkers."""
    return tuple(
        dict.fromkeys(
            f"{name}: {anomaly.kind}"
            for name, verdict in verdicts.items()
            if isinstance(verdict, Invalid)
            for anomaly in verdict.anomalies
        )
    )


def rows_of(hunts: Iterable[Hunt]) -> list[Row]:
    """The table, in the order of the catalogue, the control last."""
    by_bug: dict[str, list[Hunt]] = {}
    for one in hunts:
        by_bug.setdefault(one.bug, []).append(one)
    order = [bug for bug in (*CATALOGUE, CORRECT) if bug in by_bug]
    return [Row(bug=bug, hunts=tuple(by_bug[bug])) for bug in order]


def _nodes(mutant: Mutant, seed: int) -> int | None:
    """Drawn, unless in a small cluster the bug does no harm."""
    return None if mutant.nodes_min <= 3 else mutant.nodes_min + seed % 3
