"""Runs and checks inside a user's own tests: what the fixtures of ``harness.pytest_plugin`` give.

Nothing here needs pytest: what must be valid and is not raises ``NotValid``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from msgspec import structs

from checker.base import Budget, Checker
from checker.linearizability.check import LinearizabilityChecker
from checker.models.catalogue import MODELS
from checker.verdict import Unknown, UnknownCause, Valid, Verdict, combine
from harness.campaign.task import Task
from harness.cli.words import explanation_lines, headline
from harness.cli.workload_check import WorkloadOptions
from harness.config import settings_of
from harness.errors import BadInput
from harness.judged_run import JudgedRun, judged_live, judged_simulated
from harness.judging import judge
from harness.own_system import System
from harness.planning import plan_faults
from harness.simulated import simulate
from harness.store import RunStore
from harness.swarm import Given
from harness.wall_clock import deadline_after
from histories.formats.read import read_history
from histories.history import History
from histories.op import Op

CHECK_SECONDS: Final = 120.0
SEED: Final = 0
"""A test should do the same every time; for more plans give it more seeds."""

TIME_S: Final = 10.0

_TYPED: Final = {"time_s": "time", "rate_hz": "rate", "operation_timeout_ms": "timeout"}


class NotValid(AssertionError):
    """A verdict is invalid or unknown where it must be valid."""


@dataclass(frozen=True, slots=True)
class LiveRuns:
    """Makes live runs with options as of ``hearsay run``, where these have not said otherwise.

    Attributes:
        defaults: Options that hold unless a call gives others.
        store: Where runs that are not valid are kept; the others stay in ``scratch``.
        told: Gets the explanation of each run that is not valid.
        module: In which a system of the user's has a name, so that a command can say it.
    """

    defaults: Mapping[str, Any]
    store: Path
    scratch: Path
    told: list[str] = field(repr=False)
    module: ModuleType

    def __call__(self, **options: Any) -> JudgedRun:
        """Raises: NotValid, and what ``judge`` does."""
        __tracebackhide__ = True
        return _must_be_valid(self.judge(**options))

    def judge(self, **options: Any) -> JudgedRun:
        """A run and what the checkers say of it, whatever that is.

        Raises:
            BadInput: An option makes no sense; names it.
            EnvironmentFailure: A process or port could not be had.
        """
        chosen = _known({**self.defaults, **options}, ("system", "at_once", *_GIVEN))
        system, at_once = chosen.pop("system", None), chosen.pop("at_once", 1)
        place = None if system is None else _place_of(system, self.module)
        task = _task({"time_s": TIME_S, **chosen}, live=True, system=place)
        task = structs.replace(task, at_once=at_once)
        config = task.config()
        config.check()
        plan_faults(config, task.suffers)
        judged = judged_live(
            RunStore(self.scratch),
            config,
            check_seconds=CHECK_SECONDS,
            system=system if isinstance(system, System) else None,
        )
        if not isinstance(judged.verdict, Valid) and judged.run is not None:
            judged = replace(judged, run=RunStore(self.store).adopt(judged.run))
        return _told_of(judged, self.told)


@dataclass(frozen=True, slots=True)
class SimulatedRuns:
    """Makes runs in virtual time with options as of ``hearsay simulate``; see ``LiveRuns``."""

    defaults: Mapping[str, Any]
    store: Path
    told: list[str] = field(repr=False)

    def __call__(self, **options: Any) -> JudgedRun:
        """Raises: NotValid, and what ``judge`` does."""
        __tracebackhide__ = True
        return _must_be_valid(self.judge(**options))

    def judge(self, **options: Any) -> JudgedRun:
        """A run and what the checkers say of it.  Raises: BadInput."""
        task = _task(_known({**self.defaults, **options}, _GIVEN), live=False)
        judged = judged_simulated(
            RunStore(self.store),
            simulate(task.plan()),
            task.command(),
            check_seconds=CHECK_SECONDS,
        )
        return _told_of(judged, self.told)


@dataclass(frozen=True, slots=True)
class CheckedHistory:
    """Judges histories.  ``told`` gets the explanation of each that is not valid."""

    told: list[str] = field(repr=False)

    def __call__(
        self,
        history: Path | str | History | Iterable[Op],
        *,
        model: str | None = None,
        workload: str | None = None,
        consistency_model: str | None = None,
    ) -> Verdict:
        """It must be linearizable as ``model`` (a register with compare-and-set unless given),
        or pass the checker of ``workload``.

        Raises:
            NotValid: It does not.
            BadInput: There is no such model or workload, or the calls do not fit it.
            HistoryError: The file cannot be read, or is no history.
        """
        __tracebackhide__ = True
        read = _history(history)
        checker = _checker(model, workload, consistency_model)
        if read.ops:
            verdict = judge(checker, read, Budget(deadline=deadline_after(CHECK_SECONDS)))
        else:
            verdict = Unknown(UnknownCause.NOTHING_TO_CHECK, "it holds no operations")
        if not isinstance(verdict, Valid):
            self.told.append("\n".join(_explanation({checker.name: verdict}, read)))
            raise NotValid(headline(verdict))
        return verdict


_GIVEN: Final = ("seed", *(one.name for one in fields(Given)))


def _known(options: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Options under the names of ``RunConfig``.  Raises: BadInput: There is no such option."""
    typed = {_TYPED.get(name, name): name for name in names}
    for name in options:
        if name not in typed:
            raise BadInput(f"{name}: no such option; there are: {', '.join(sorted(typed))}")
    known = {typed[name]: value for name, value in options.items() if value is not None}
    if "faults" in known:
        known["faults"] = _kinds(known["faults"])
    if "options" in known:
        texts = [f"{name}={value}" for name, value in dict(known["options"]).items()]
        known["options"] = settings_of(known.get("workload"), texts)
    return known


def _task(chosen: Mapping[str, Any], *, live: bool, system: str | None = None) -> Task:
    """The run that is meant."""
    given = Given(**{name: value for name, value in chosen.items() if name != "seed"})
    seed = chosen.get("seed", SEED)
    return Task(number=0, live=live, seed=seed, given=given, system=system)


def _kinds(faults: str | Iterable[str]) -> tuple[str, ...]:
    if isinstance(faults, str):
        return () if faults == "none" else tuple(kind.strip() for kind in faults.split(","))
    return tuple(faults)


def _place_of(system: System | str, module: ModuleType) -> str:
    """Where ``hearsay run --system`` finds it, if it has a name."""
    if isinstance(system, str):
        return system
    if not isinstance(system, System):
        raise BadInput(f"system: {system!r} is no harness.own_system.System")
    named = (name for name, value in vars(module).items() if value is system)
    return f"{module.__file__}:{next(named, f'a nameless {type(system).__name__}')}"


def _told_of(judged: JudgedRun, told: list[str]) -> JudgedRun:
    """``judged``, explained if it is not valid."""
    if not isinstance(judged.verdict, Valid):
        lines = _explanation(judged.verdicts, judged.history)
        if judged.run is not None:
            lines += [f"report  {judged.run.report}", f"run     {judged.run.path}"]
        told.append("\n".join((*lines, f"again   {judged.command}")))
    return judged


def _must_be_valid(judged: JudgedRun) -> JudgedRun:
    __tracebackhide__ = True
    if not isinstance(judged.verdict, Valid):
        raise NotValid(headline(judged.verdict))
    return judged


def _explanation(verdicts: Mapping[str, Verdict], history: History) -> list[str]:
    return [headline(combine(verdicts.values())), *explanation_lines(verdicts, history)]


def _history(history: Path | str | History | Iterable[Op]) -> History:
    match history:
        case History():
            return history
        case Path() | str():
            return read_history(Path(history)).history
        case _:
            return History.of(history)


def _checker(model: str | None, workload: str | None, consistency_model: str | None) -> Checker:
    chosen = WorkloadOptions(
        workload=workload,
        consistency_models=() if consistency_model is None else (consistency_model,),
    ).chosen(model)
    if chosen is not None:
        return chosen[1]
    name = model or "cas-register"
    if name not in MODELS:
        raise BadInput(f"model: none is named {name!r}; there are: {', '.join(MODELS)}")
    return LinearizabilityChecker(MODELS[name](None))
