"""A shrunk run as a regression test: a small file that a person can read and a test can run.

One line a step.  It holds all that decides the run, so that neither a new workload nor another
way to draw plans changes what it does.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from checker.base import Budget
from checker.verdict import Invalid
from harness.config import SCHEMA_VERSION, RunConfig, Script, as_of
from harness.errors import BadInput, EnvironmentFailure
from harness.shrink import Failure, Shrinking, Spent, failures_in, story_of
from harness.simplification import calls_of, faults_of, script_of, with_faults
from harness.simulated import CORRECT, Plan, simulate
from nemesis.schedule import Schedule, Timed, heal_at
from system_under_test.gossip_raft.simulation.cluster import WorldOptions
from workloads.scripted import ScriptedCall


class Regression(Struct, frozen=True, kw_only=True):
    """A plan and how it fails.

    Attributes:
        checker, kind: What reports it, and as what kind of anomaly.
        story: The steps in words; they decide nothing.
    """

    schema_version: int = SCHEMA_VERSION
    checker: str
    kind: str
    story: tuple[str, ...]
    config: RunConfig
    world: WorldOptions
    final_reads: bool
    settle_max_ns: int
    faults: tuple[Timed, ...]
    calls: tuple[ScriptedCall, ...]

    @property
    def failure(self) -> Failure:
        return Failure(self.checker, self.kind)

    @property
    def steps(self) -> int:
        """Faults and operations."""
        return len(self.faults) + len(self.calls)

    @property
    def plan(self) -> Plan:
        script = Script(
            calls=self.calls, final_reads=self.final_reads, settle_max_ns=self.settle_max_ns
        )
        nothing = Schedule(steps=(heal_at(0),))
        plan = Plan(config=self.config, schedule=nothing, world=self.world, script=script)
        return with_faults(plan, self.faults)

    def fails(self) -> bool:
        """Whether its failure is seen on the nodes that it names."""
        return self.failure.is_in(simulate(self.plan).verdict_by(self.checker, Budget()))

    def accuses_correct_nodes(self) -> bool:
        """Whether anything is seen on correct nodes that do the same."""
        return isinstance(simulate(self.plan, CORRECT).verdict(Budget()), Invalid)


def regression_of(plan: Plan, failure: Failure) -> Regression:
    """``plan`` is one that was shrunk."""
    script = script_of(plan)
    return Regression(
        checker=failure.checker,
        kind=failure.kind,
        story=story_of(plan),
        config=plan.config,
        world=plan.world,
        final_reads=script.final_reads,
        settle_max_ns=script.settle_max_ns,
        faults=faults_of(plan),
        calls=calls_of(plan),
    )


def shrunk(
    plan: Plan, judging: Callable[[], Budget], spent: Callable[[], bool]
) -> Regression | None:
    """``plan``, which fails, as small as it becomes until ``spent``; ``None`` if written down
    it does not fail any more."""
    failures = failures_in(simulate(plan).verdicts(judging()))
    shrinking = Shrinking(plan, failures, judging=judging, may_go_on=lambda _: not spent())
    with suppress(Spent, BadInput):
        shrinking.search()
    if shrinking.best.script is None:
        return None
    return regression_of(shrinking.best, shrinking.failure)


def encode(regression: Regression) -> bytes:
    """As JSON: a line for each field, and for each step."""
    fields = [
        f' "{name}": {_listed(value) if isinstance(value, tuple) else _plain(value)}'
        for name, value in ((name, getattr(regression, name)) for name in _FIELDS)
    ]
    return ("{\n" + ",\n".join(fields) + "\n}\n").encode()


def write_regression(path: Path, regression: Regression) -> None:
    """Raises: EnvironmentFailure."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(regression))
    except OSError as error:
        raise EnvironmentFailure(f"{path}: {error.strerror}") from error


def read_regression(path: Path) -> Regression:
    """Raises: BadInput: It cannot be read, or is none of a version known here."""
    try:
        read = msgspec.json.decode(path.read_bytes(), type=Regression)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise BadInput(f"{path}: {error}") from error
    if not 1 <= read.schema_version <= SCHEMA_VERSION:
        raise BadInput(f"{path}: schema_version {read.schema_version} is not known")
    config = as_of(read.schema_version, read.config)
    return msgspec.structs.replace(read, schema_version=SCHEMA_VERSION, config=config)


def read_steps(directory: Path) -> dict[str, int]:
    """How many steps each regression test in ``directory`` has, by its name."""
    return {path.stem: read_regression(path).steps for path in sorted(directory.glob("*.json"))}


def pytest_file(regression: Regression, data: str) -> str:
    """A file for pytest that runs what stands beside it in the file ``data``."""
    steps = "\n".join(f"    {line}" for line in regression.story)
    name = regression.config.bug or f"seed_{regression.config.seed}"
    expected = "" if regression.config.bug is None else "    assert REGRESSION.fails()\n"
    return f'''"""Written by ``hearsay shrink``.

{steps}

{regression.failure}
"""

from pathlib import Path

from harness.regression import read_regression

REGRESSION = read_regression(Path(__file__).with_name("{data}"))


def test_{name.replace("-", "_")}() -> None:
{expected}    assert not REGRESSION.accuses_correct_nodes()
'''


_FIELDS: Final = Regression.__struct_fields__


def _listed(values: tuple[Any, ...]) -> str:
    if not values:
        return "[]"
    return "[\n" + ",\n".join(f"  {_plain(value)}" for value in values) + "\n ]"


def _plain(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
