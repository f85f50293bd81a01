"""What a campaign file says: ``campaigns/*.toml``.

::

    canary = "stale-read"            # a bug that must be caught, or nothing here means anything
    keep = "failures"                # or "all" runs

    [budget]
    seconds = 3600                   # of the whole campaign

    [[matrix]]                       # every combination of the lists, with every seed
    world = "live"
    workloads = ["register", "append"]
    faults = ["partition,kill", "none"]
    nodes = [3, 5]
    time = [30]
    seeds = "1..4"

What a matrix of simulated runs does not give is drawn anew for each seed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from harness import foreign_system
from harness.campaign.task import Task
from harness.config import settings_of
from harness.errors import BadInput
from harness.swarm import Given
from harness.toml_file import TomlFile
from nemesis.plan import KINDS
from nemesis.toml_lines import Field
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE
from workloads.catalogue import WORKLOADS

NO_CANARY: Final = "none"
TASKS_MAX: Final = 1_000_000

_SEEDS: Final = re.compile(r"(\d+)(?:\.\.(\d+))?")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class Fresh(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many seeds that nobody chose: others in each campaign, the same when it is resumed."""

    fresh: int


class Matrix(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every combination of its lists, with every seed; the names are those of the options of
    ``hearsay run`` and ``hearsay simulate``, and so are the defaults."""

    world: Literal["live", "simulated"]
    seeds: str | Fresh
    workloads: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    nodes: tuple[int, ...] = ()
    time: tuple[float, ...] = ()
    bugs: tuple[str, ...] = ()
    concurrency: int | None = None
    rate: float | None = None
    timeout: int | None = None
    reads: str | None = None
    options: tuple[str, ...] = ()
    system: str | None = None
    schedule: str | None = None
    at_once: int = 1


class Budget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a campaign may spend.

    Attributes:
        seconds: Of the whole: no run begins that would not end by then, and some of it is
            kept back for looking into failures.  ``None``: as long as it takes.
        task_seconds: Of one run and its checks; one that takes longer is given up.
        check_seconds: Of judging one run.
        shrink_seconds: Of computing, to shrink one failure of each group.
        groups: So many are shrunk at most.
        reruns: How often a failing live run is run again, to see how often it fails.
    """

    seconds: float | None = None
    task_seconds: float = 600.0
    check_seconds: float = 120.0
    shrink_seconds: float = 60.0
    groups: int = 20
    reruns: int = 3


class Spec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A campaign file.

    Attributes:
        name: By default that of the file.
        canary: A bug of the zoo, or "none".
        keep: Which runs stay in the store: those that are not valid, or all.
    """

    matrix: tuple[Matrix, ...]
    name: str = ""
    canary: str = "stale-read"
    keep: Literal["failures", "all"] = "failures"
    budget: Budget = Budget()


def read_spec(path: Path) -> tuple[Spec, str]:
    """A campaign file, looked through to its last combination, and its text.

    Raises:
        BadInput: The file cannot be read, or something in it cannot be; names file, line
            and field.
    """
    file = TomlFile(path)
    spec = file.decoded(Spec)
    spec = spec if spec.name else _named(spec, path.stem)
    for field, problem in _problems(spec):
        raise file.wrong(field, problem)
    for number, matrix in enumerate(spec.matrix):
        try:
            for given in combinations(matrix):
                _task(0, matrix, 0, given).check()
        except BadInput as error:
            option, _, problem = str(error).removeprefix("--").partition(": ")
            name = _FIELDS.get(option, option)
            raise file.wrong(("matrix", number, name), problem) from error
    return spec, file.text


def tasks_of(spec: Spec, first_fresh: int) -> tuple[Task, ...]:
    """All runs in the order in which they are to be made.

    Each matrix gets as much time as any other, until it is done; and in each every combination
    meets its first seed before any meets its second.  So whenever time is up, all were looked at.

    Args:
        first_fresh: The first of the seeds where a file asks for fresh ones.
    """
    places: list[tuple[float, int, Task]] = []
    for number, matrix in enumerate(spec.matrix):
        seconds = 0.0
        for seed, given in _plans(matrix, first_fresh):
            task = _task(0, matrix, seed, given)
            places.append((seconds + task.expected_seconds / 2, number, task))
            seconds += task.expected_seconds
    places.sort(key=lambda place: place[:2])
    return tuple(replace(task, number=number) for number, (_, _, task) in enumerate(places))


def combinations(matrix: Matrix) -> list[Given]:
    """What is given in each, in the order of the lists."""
    return [
        Given(
            workload=workload,
            faults=None if faults is None else _kinds(faults, matrix),
            schedule=matrix.schedule,
            nodes=nodes,
            time_s=time,
            bug=None if bug == "none" else bug,
            concurrency=matrix.concurrency,
            rate_hz=matrix.rate,
            operation_timeout_ms=matrix.timeout,
            reads=matrix.reads,
            options=settings_of(workload, matrix.options),
        )
        for workload in matrix.workloads or (None,)
        for faults in matrix.faults or (None,)
        for nodes in matrix.nodes or (None,)
        for time in matrix.time or (None,)
        for bug in matrix.bugs or (None,)
    ]


_FIELDS: Final = {"workload": "workloads", "bug": "bugs", "option": "options", "at-once": "at_once"}


def _task(number: int, matrix: Matrix, seed: int, given: Given) -> Task:
    live = matrix.world == "live"
    return Task(
        number=number,
        live=live,
        seed=seed,
        given=given,
        system=matrix.system,
        at_once=matrix.at_once,
    )


def _plans(matrix: Matrix, first_fresh: int) -> list[tuple[int, Given]]:
    seeds = _seeds(matrix.seeds, first_fresh)
    return [(seed, given) for seed in seeds for given in combinations(matrix)]


def _seeds(seeds: str | Fresh, first_fresh: int) -> range:
    if isinstance(seeds, Fresh):
        return range(first_fresh, first_fresh + seeds.fresh)
    match = _SEEDS.fullmatch(seeds)
    assert match is not None, "seeds were looked at before"
    first = int(match[1])
    return range(first, int(match[2] or first) + 1)


def _kinds(text: str, matrix: Matrix) -> tuple[str, ...]:
    if text == "all":
        return KINDS if matrix.system is None else foreign_system.KINDS
    return () if text == "none" else tuple(kind.strip() for kind in text.split(","))


def _named(spec: Spec, name: str) -> Spec:
    return replace(spec, name=name)


def _problems(spec: Spec) -> Iterator[tuple[Field, str]]:
    """What is wrong with it, apart from what a single run can say of itself."""
    if not _NAME.fullmatch(spec.name):
        yield ("name",), f"{spec.name!r} is no name for a directory"
    if spec.canary != NO_CANARY and spec.canary not in CATALOGUE:
        yield ("canary",), f"no bug is named {spec.canary!r} (hearsay run --bug list names them)"
    if not spec.matrix:
        yield ("matrix",), "there is none, so there is nothing to run"
    for name in Budget.__struct_fields__:
        value = getattr(spec.budget, name)
        if value is not None and value < (name in {"seconds", "task_seconds", "check_seconds"}):
            yield ("budget", name), f"{value:g} is too little"
    total = 0
    for number, matrix in enumerate(spec.matrix):
        place: Field = ("matrix", number)
        for problem in _bad_seeds(matrix.seeds):
            yield (*place, "seeds"), problem
            return
        if matrix.system is not None and matrix.world != "live":
            yield (*place, "system"), "a user's own system runs live only"
        if matrix.at_once != 1 and matrix.world != "live":
            yield (*place, "at_once"), "simulated runs draw it"
        for name in matrix.workloads:
            if name not in WORKLOADS:
                known = ", ".join(WORKLOADS)
                yield (*place, "workloads"), f"none is named {name!r}; there are: {known}"
        for bug in matrix.bugs:
            if bug != "none" and bug not in CATALOGUE:
                yield (*place, "bugs"), f"no bug is named {bug!r} (hearsay run --bug list)"
        lists = (matrix.workloads, matrix.faults, matrix.nodes, matrix.time, matrix.bugs)
        total += len(_seeds(matrix.seeds, 0)) * math.prod(max(1, len(one)) for one in lists)
        if total > TASKS_MAX:
            yield (*place, "seeds"), f"{total:,} runs until here are more than {TASKS_MAX:,}"


def _bad_seeds(seeds: str | Fresh) -> Iterator[str]:
    if isinstance(seeds, Fresh):
        if seeds.fresh < 1:
            yield f"{seeds.fresh} fresh ones are not at least 1"
        return
    match = _SEEDS.fullmatch(seeds)
    if match is None:
        yield f"{seeds!r} is not A..B, one seed, or {{ fresh = N }}"
    elif int(match[2] or match[1]) < int(match[1]):
        yield f"{seeds!r} holds no seed"
