"""``hearsay check``: a verdict for a history file, or for a stored run once more."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from checker.base import Budget, Checker
from checker.linearizability.check import LinearizabilityChecker
from checker.models.catalogue import MODELS
from checker.stats import VacuityChecker
from checker.verdict import Unknown, UnknownCause, Verdict, combine
from harness.analysis import analyze, judge
from harness.cli.conclusion import COLOURS, conclude
from harness.cli.words import explanation_lines
from harness.errors import BadInput
from harness.exit_codes import ExitCode, of_verdict
from harness.store import RunStore
from harness.verdict_file import encode_verdicts, sentence, word
from harness.wall_clock import deadline_after
from histories.call import Scalar
from histories.formats.read import read_history
from histories.history import History

DEFAULT_MODEL: Final = "cas-register"


def check_target(
    target: str,
    model: str | None,
    initial: str | None,
    seconds: float,
    store: Path,
    *,
    as_json: bool,
) -> ExitCode:
    """Judge ``target``: an existing file by itself, anything else as the name of a run."""
    budget = Budget(deadline=deadline_after(seconds))
    if Path(target).is_file():
        return _check_file(Path(target), _checker(model, initial), budget, as_json=as_json)
    if model is not None or initial is not None:
        raise BadInput(f"--model and --initial go with a history file, and {target} is none")
    runs = RunStore(store)
    run = runs.find(target)
    analysis = analyze(run, budget)
    if as_json:
        _print_json(analysis.verdicts)
        return of_verdict(analysis.verdict)
    return conclude(runs, run, analysis, Console(highlight=False, soft_wrap=True))


def _checker(model: str | None, initial: str | None) -> Checker:
    name = model or DEFAULT_MODEL
    if name not in MODELS:
        raise BadInput(f"--model: no model is named {name!r}; there are: {', '.join(MODELS)}")
    try:
        return LinearizabilityChecker(MODELS[name](_initial(initial)))
    except ValueError as error:
        raise BadInput(f"--initial: {error}") from error


def _check_file(path: Path, checker: Checker, budget: Budget, *, as_json: bool) -> ExitCode:
    reading = read_history(path)
    if reading.torn is not None:
        print(f"warning: {path}: {reading.torn}", file=sys.stderr)
    history = reading.history
    checkers = [checker]
    if reading.format == "journal":
        # Foreign collections hold valid histories in which nothing succeeds; ours must not.
        checkers.append(VacuityChecker(reads_min=0))
    verdicts: dict[str, Verdict] = {each.name: judge(each, history, budget) for each in checkers}
    if not history.ops:
        nothing = Unknown(UnknownCause.NOTHING_TO_CHECK, f"{path} holds no operations")
        verdicts = {checker.name: nothing}
    if as_json:
        _print_json(verdicts)
    else:
        _say(verdicts, history)
    return of_verdict(combine(verdicts.values()))


def _say(verdicts: Mapping[str, Verdict], history: History) -> None:
    verdict = combine(verdicts.values())
    console = Console(highlight=False, soft_wrap=True)
    console.print(sentence(verdict), style=f"bold {COLOURS[word(verdict)]}", markup=False)
    for line in explanation_lines(verdicts, history):
        console.print(line, markup=False)


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
