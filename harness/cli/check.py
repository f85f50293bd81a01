"""``hearsay check``: a verdict for a history file, or for a stored run once more."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any, Final

import msgspec
from rich.console import Console

from checker.base import Budget, Checker, Model, ValueModel
from checker.errors import ForeignCall
from checker.linearizability.check import Each, Judged, LinearizabilityChecker
from checker.linearizability.weaker.conditions import Condition, NoSuchCondition, WeakerChecker
from checker.models.catalogue import MODELS
from checker.stats import VacuityChecker
from checker.verdict import Unknown, UnknownCause, Valid, Verdict, combine
from harness.cli.waiting import waiting
from harness.cli.words import COLOURS, NO_TIMES, explanation_lines, headline
from harness.cli.workload_check import NO_WORKLOAD, WorkloadOptions, draw_cycles
from harness.collecting import uncollected
from harness.errors import BadInput
from harness.exit_codes import ExitCode, of_verdict
from harness.judging import judge
from harness.verdict_file import encode_verdicts, word
from harness.wall_clock import deadline_after
from histories.call import Call, Scalar
from histories.columns import FUNCTIONS, SAMPLES
from histories.formats.read import FORMATS, Reading, read_history
from histories.notation import describe_call
from histories.op import Op

DEFAULT_MODEL: Final = "cas-register"
LINEARIZABLE: Final = "linearizable"
CONDITIONS: Final = (LINEARIZABLE, *(condition.value for condition in Condition))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """How a history file is to be read and judged, as the user typed it."""

    model: str | None = None
    initial: str | None = None
    format: str | None = None
    condition: str = LINEARIZABLE
    staleness_max_seconds: float = 0.0
    jobs: int = 1
    workload: WorkloadOptions = NO_WORKLOAD

    def require_none(self, target: str) -> None:
        """Raises: BadInput: One was given, although ``target`` is no file."""
        if self != FileOptions():
            raise BadInput(
                f"--model, --initial, --format, --condition, --workload and --consistency-model go "
                f"with a history file, and {target} is none"
            )


def check_target(
    target: str, options: FileOptions, seconds: float, store: Path, *, as_json: bool
) -> ExitCode:
    """Judge ``target``: an existing file by itself, anything else as the name of a run."""
    budget = Budget(deadline=deadline_after(seconds))
    if Path(target).is_file():
        budget = replace(budget, bytes_max=budget.bytes_max // max(options.jobs, 1))
        return check_file(Path(target), options, budget, as_json=as_json)
    options.require_none(target)
    from harness.cli.check_run import check_run

    return check_run(target, store, budget, as_json=as_json)


def check_file(path: Path, options: FileOptions, budget: Budget, *, as_json: bool) -> ExitCode:
    """Judge a history file.

    Raises:
        BadInput: An option is wrong, or the model knows no such calls as the file's.
        HistoryError: The file cannot be read, or is no history.
    """
    chosen = options.workload.chosen(options.model)
    if chosen is not None and (options.initial is not None or options.condition != LINEARIZABLE):
        raise BadInput("--initial and --condition go with a sequential model")
    checker: Checker
    knows: Callable[[Call], bool]
    if chosen is None:
        model = _model(options)
        takes, checker = taken_by(model), _condition(options, model)
        known, knows = ", ".join(f for f in FUNCTIONS if f in takes), partial(_knows, model)
    else:
        workload, checker = chosen
        takes, known, knows = workload.takes, workload.known, workload.knows
    if options.format is not None and options.format not in FORMATS:
        raise BadInput(f"--format: {options.format!r} is none of {', '.join(FORMATS)}")
    with uncollected(), waiting(path) as wait:
        reading = read_history(path, format=options.format, takes=takes, progress=wait.read)
        if reading.torn is not None:
            print(f"warning: {path}: {reading.torn}", file=sys.stderr)
        for op in reading.history.first_of_each_function():
            if not knows(op.call):
                raise _misfit(path, op, options, known)
        wait.judging(len(reading.history.ops))
        verdicts = _verdicts(path, reading, checker, budget)
        if options.workload.draw is not None:
            draw_cycles(checker, reading.history, budget, options.workload.draw)
    if as_json:
        _print_json(verdicts)
    else:
        _say(verdicts, reading)
    return of_verdict(combine(verdicts.values()))


def _model(options: FileOptions) -> Model[Any]:
    name = options.model or DEFAULT_MODEL
    if name not in MODELS:
        raise BadInput(f"--model: no model is named {name!r}; there are: {', '.join(MODELS)}")
    try:
        return MODELS[name](_initial(options.initial))
    except ValueError as error:
        raise BadInput(f"--initial: {error}") from error


def _condition(options: FileOptions, model: Model[Any]) -> Checker:
    """What is asked of the history, of the objects that ``model`` describes."""
    if options.condition not in CONDITIONS:
        raise BadInput(f"--condition: {options.condition!r} is none of {', '.join(CONDITIONS)}")
    is_bound = options.condition == Condition.BOUNDED_STALENESS.value
    if options.staleness_max_seconds and not is_bound:
        raise BadInput(f"--staleness-max goes with --condition {Condition.BOUNDED_STALENESS.value}")
    if options.condition == LINEARIZABLE:
        return LinearizabilityChecker(model, each=_each(options.jobs))
    condition = Condition(options.condition)
    if condition is not Condition.SEQUENTIAL and not isinstance(model, ValueModel):
        raise BadInput(f"--condition: {NoSuchCondition(condition, model.name)}")
    staleness_max_ns = round(options.staleness_max_seconds * 1e9)
    return WeakerChecker(model, condition, staleness_max_ns=staleness_max_ns)


def _each(jobs: int) -> Each:
    """Hard keys one after the other, or so many at a time."""
    if jobs < 1:
        raise BadInput(f"--jobs: {jobs} is less than one")
    if jobs == 1:
        return map

    def in_threads(judge: Callable[[str], Judged], keys: Iterable[str]) -> Iterable[Judged]:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(judge, keys))

    return in_threads


def taken_by(model: Model[Any]) -> frozenset[str]:
    """The functions that the model knows."""
    return frozenset(f for f, call in zip(FUNCTIONS, SAMPLES, strict=True) if _knows(model, call))


def _knows(model: Model[Any], call: Call) -> bool:
    try:
        model.step(model.initial, call, None)
    except ForeignCall:
        return False
    return True


def _misfit(path: Path, op: Op, options: FileOptions, known: str) -> BadInput:
    name = options.workload.workload
    chosen = f"--model {options.model or DEFAULT_MODEL}" if name is None else f"--workload {name}"
    call = shorten(describe_call(op.call), 100, placeholder=" ...")
    return BadInput(
        f"{path}: op {op.index}: {chosen} does not fit: it knows {known}, and this is {call!r}"
    )


def _verdicts(path: Path, reading: Reading, checker: Checker, budget: Budget) -> dict[str, Verdict]:
    checkers = [checker]
    if not reading.history.ops:
        nothing = Unknown(UnknownCause.NOTHING_TO_CHECK, f"{path} holds no operations")
        return {checkers[0].name: nothing}
    if reading.format == "journal":
        # Foreign collections hold valid histories in which nothing succeeds; ours must not.
        checkers.append(VacuityChecker(reads_min=0))
    return {each.name: judge(each, reading.history, budget) for each in checkers}


def _say(verdicts: Mapping[str, Verdict], reading: Reading) -> None:
    verdict = combine(verdicts.values())
    console = Console(highlight=False, soft_wrap=True)
    console.print(headline(verdict), style=f"bold {COLOURS[word(verdict)]}", markup=False)
    for line in explanation_lines(verdicts, reading.history):
        console.print(line, markup=False)
    if not isinstance(verdict, Valid) and not reading.timed:
        console.print(NO_TIMES, markup=False)


def _initial(text: str | None) -> Scalar:
    if text is None:
        return None
    decoder: msgspec.json.Decoder[Scalar] = msgspec.json.Decoder(Scalar)
    try:
        return decoder.decode(text)
    except msgspec.DecodeError as error:
        raise BadInput(f"--initial: {text!r} is no JSON scalar: {error}") from error


def _print_json(verdicts: Mapping[str, Verdict]) -> None:
    print(encode_verdicts(verdicts).decode())
