"""Which run to try next: drawn blindly, near one that reached something new, or by priorities.

An explorer decides alone by the seeds it is given and by what runs taught it in the order of
their seeds: how many processes share the work, and which of them is quicker, changes nothing.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final, TypeAlias, TypeVar

from msgspec import structs

from harness.config import RunConfig
from harness.errors import BadInput
from harness.seeds import derive
from harness.simulated import Plan
from harness.swarm import refitted
from nemesis.fault import BumpClock, DriftClock, Fault, SkewClock, StrobeClock
from nemesis.mutation import mutate
from nemesis.packages import DRIFT_PPM
from nemesis.schedule import Schedule
from system_under_test.gossip_raft.core.messages import Consistency
from system_under_test.gossip_raft.core.types import NodeId
from system_under_test.gossip_raft.simulation.priorities import PriorityOptions

Fresh: TypeAlias = Callable[[int], Plan]
"""The run that a seed stands for if nothing was learnt."""
Result = TypeVar("Result")

MS: Final = 1_000_000
STREAMS: Final = (
    "workload",
    "pace",
    "injection",
    "world/nodes",
    "world/network",
    "world/disks",
    "world/clocks",
)
"""All streams of chance of a simulated run."""
MACHINERY: Final = ("node", "network", "disk")
"""Drawn for each other: time-outs for links and disks, links for the size of batches."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The run that an explorer chose for a seed."""

    seed: int
    plan: Plan


class Explorer(ABC):
    """Chooses runs.  ``generation``: it is taught after so many, ``None``: never.

    Within a generation it does not matter in which order plans are asked for.
    """

    generation: ClassVar[int | None] = None

    def __init__(self, fresh: Fresh) -> None:
        self._fresh = fresh

    @abstractmethod
    def plan(self, seed: int) -> Plan:
        """The run to try for ``seed``."""

    def learn(self, trial: Trial, states: frozenset[int]) -> None:
        """What ``trial`` visited.  Called in the order of seeds, if at all."""
        raise NotImplementedError


def explore(
    explorer: Explorer,
    seeds: Sequence[int],
    run: Callable[[Iterable[Trial]], Iterable[tuple[Trial, Result]]],
    states: Callable[[Result], frozenset[int]],
) -> Iterator[tuple[Trial, Result]]:
    """Let ``run`` try every seed; its results as they come.

    ``states`` says what abstract states were visited, for the explorer to learn from.
    """
    size = explorer.generation or len(seeds)
    for begin in range(0, len(seeds), size):
        lessons: list[tuple[Trial, frozenset[int]]] = []
        generation = (Trial(seed, explorer.plan(seed)) for seed in seeds[begin : begin + size])
        for trial, result in run(generation):
            if explorer.generation is not None:
                lessons.append((trial, states(result)))
            yield trial, result
        for trial, visited in sorted(lessons, key=lambda lesson: lesson[0].seed):
            explorer.learn(trial, visited)


class RandomSearch(Explorer):
    """Every seed for itself."""

    def plan(self, seed: int) -> Plan:
        return self._fresh(seed)


class PrioritySearch(Explorer):
    """Every seed for itself, and messages have random priorities until the faults are healed."""

    def plan(self, seed: int) -> Plan:
        plan, rng = self._fresh(seed), derive(seed, "priorities")
        healed_ns = plan.schedule.steps[-1].at_ns
        if not healed_ns:
            return plan
        priorities = PriorityOptions(
            by_node=rng.random() < 0.5,
            changes=rng.choice((0, 1, 2, 4, 8, 16)),
            delay_max_ns=rng.choice((50, 200, 800, 3000)) * MS,
            until_ns=healed_ns,
        )
        network = replace(plan.world.network, priorities=priorities)
        return replace(plan, world=replace(plan.world, network=network))


@dataclass(frozen=True, slots=True)
class _Member:
    """A plan of the corpus, and which states it was the first to visit (some of them)."""

    plan: Plan
    found: tuple[int, ...]


class CoverageSearch(Explorer):
    """Mutates plans that reached states that no run before them had visited.

    Greybox fuzzing (AFL), where a plan is the input and abstract states stand for branches.  A
    plan is the likelier to be chosen the rarer the states still are that it was first to visit;
    but how many nodes there are is left to the seed, since large clusters have so many more
    states that otherwise nothing else would be tried.
    """

    generation: ClassVar[int | None] = 16
    FRESH: Final = 0.3
    """So many runs are drawn anew."""
    CORPUS_MAX: Final = 64
    """Plans that are kept, for each number of nodes."""
    FOUND_MAX: Final = 64

    def __init__(self, fresh: Fresh) -> None:
        super().__init__(fresh)
        self._visits: Counter[int] = Counter()
        self._corpus: dict[int, list[_Member]] = {}

    def plan(self, seed: int) -> Plan:
        fresh, rng = self._fresh(seed), derive(seed, "exploration")
        corpus = self._corpus.get(fresh.config.nodes, [])
        if not corpus or rng.random() < self.FRESH:
            return fresh
        first, second = rng.choices(corpus, [self._rarity(member) for member in corpus], k=2)
        other = fresh if rng.random() < 0.5 else second.plan
        plan = parent = _descendant(first.plan, seed)
        for _ in range(rng.choice((1, 1, 2, 3, 5))):
            plan = _mutated(rng, plan, other, fresh)
        # There may have been no faults to change; the very same run would be a waste.
        return plan if plan != parent else _reseeded(rng, plan, fresh)

    def learn(self, trial: Trial, states: frozenset[int]) -> None:
        new = sorted(states - self._visits.keys())
        self._visits.update(states)
        if not new:
            return
        corpus = self._corpus.setdefault(trial.plan.config.nodes, [])
        corpus.append(_Member(trial.plan, tuple(new[: self.FOUND_MAX])))
        if len(corpus) > self.CORPUS_MAX:
            corpus.remove(min(corpus, key=self._rarity))

    def _rarity(self, member: _Member) -> float:
        return sum(1 / self._visits[state] for state in member.found)


def explorer_of(name: str) -> type[Explorer]:
    """The explorer of that name.

    Raises:
        BadInput: There is none.
    """
    try:
        return _EXPLORERS[name]
    except KeyError:
        raise BadInput(f"--explore: {name!r} is none of {', '.join(_EXPLORERS)}") from None


_EXPLORERS: Final[dict[str, type[Explorer]]] = {
    "random": RandomSearch,
    "coverage": CoverageSearch,
    "pct": PrioritySearch,
}


def _descendant(plan: Plan, seed: int) -> Plan:
    """The same run under another seed: all of its streams follow where they came from."""
    config = plan.config
    reseeded = {name: config.reseeded.get(name, config.seed) for name in STREAMS}
    return replace(plan, config=structs.replace(config, seed=seed, reseeded=reseeded))


def _mutated(rng: random.Random, plan: Plan, other: Plan, fresh: Plan) -> Plan:
    """One change: of the faults mostly, else of one stream, one part of the world or one number
    that clients follow, each as the seed of ``fresh`` would have it."""
    match rng.random():
        case chance if chance < 0.65:
            suitable = _suitable(other.schedule, plan.config)
            nodes = [NodeId(f"n{number}") for number in range(plan.config.nodes)]
            return replace(plan, schedule=mutate(rng, plan.schedule, suitable, nodes))
        case chance if chance < 0.8:
            return _reseeded(rng, plan, fresh)
        case chance if chance < 0.93:
            parts = rng.choice((MACHINERY, MACHINERY, ("clock",), ("rare",)))
            drawn = {part: getattr(fresh.world, part) for part in parts}
            return refitted(replace(plan, world=replace(plan.world, **drawn)))
        case _:
            field = rng.choice(("concurrency", "rate_hz", "operation_timeout_ms"))
            config = structs.replace(plan.config, **{field: getattr(fresh.config, field)})
            return refitted(replace(plan, config=config))


def _reseeded(rng: random.Random, plan: Plan, fresh: Plan) -> Plan:
    reseeded = {**plan.config.reseeded, rng.choice(STREAMS): fresh.config.seed}
    return replace(plan, config=structs.replace(plan.config, reseeded=reseeded))


def _suitable(schedule: Schedule, config: RunConfig) -> Schedule:
    """Without what a cluster of that configuration is not promised to bear."""
    kept = [step for step in schedule.steps if _suits(step.fault, config)]
    return structs.replace(schedule, steps=tuple(kept))


def _suits(fault: Fault, config: RunConfig) -> bool:
    leases = config.reads == Consistency.LEASE.value
    match fault:
        case BumpClock() | SkewClock() | StrobeClock():
            return not leases
        case DriftClock(ppm=ppm):
            return not leases or abs(ppm) <= DRIFT_PPM
        case _:
            return True
