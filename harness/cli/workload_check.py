"""``hearsay check FILE --workload append --consistency-model serializable``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from checker.base import Budget, Checker
from checker.consistency_models import ALIASES, IMPLIES, model_named
from checker.models.catalogue import MODELS
from checker.transactions.check import TransactionChecker
from checker.transactions.register import RegisterOptions
from checker.workloads.catalogue import WORKLOADS, Workload
from harness.errors import BadInput
from histories.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadOptions:
    """By what a history is judged that no sequential model fits, as the user typed it."""

    workload: str | None = None
    consistency_models: tuple[str, ...] = ()
    sequential_keys: bool = False
    linearizable_keys: bool = False
    draw: Path | None = None

    def chosen(self, model: str | None) -> tuple[Workload, Checker] | None:
        """The workload named, also by ``model``, and its checker; None if none is.

        Raises:
            BadInput: There is no such workload or consistency model, or they do not fit.
        """
        name = self.workload
        of_both = model in MODELS and not self.consistency_models
        if name is None and model in WORKLOADS and not of_both:
            name = model
        elif name is not None and model is not None:
            raise BadInput("--workload and --model: one of them is enough")
        if name is None:
            if self != NO_WORKLOAD:
                raise BadInput(
                    "--consistency-model, --sequential-keys, --linearizable-keys and --draw "
                    "need --workload"
                )
            return None
        if name not in WORKLOADS:
            known = ", ".join(WORKLOADS)
            raise BadInput(f"--workload: none is named {name!r}; there are: {known}")
        return WORKLOADS[name], self._checker(name)

    def _checker(self, name: str) -> Checker:
        checker = WORKLOADS[name].checker(tuple(map(_model, self.consistency_models)))
        if isinstance(checker, TransactionChecker):
            assumed = RegisterOptions(
                sequential_keys=self.sequential_keys, linearizable_keys=self.linearizable_keys
            )
            return replace(checker, assumed=assumed)
        if self != WorkloadOptions(workload=self.workload):
            raise BadInput(
                f"--consistency-model, --sequential-keys, --linearizable-keys and --draw do not go "
                f"with --workload {name}, which is no test of transactions in general"
            )
        return checker


NO_WORKLOAD: Final = WorkloadOptions()


def _model(name: str) -> str:
    try:
        return model_named(name)
    except KeyError:
        known = ", ".join((*IMPLIES, *ALIASES))
        raise BadInput(f"--consistency-model: none is named {name!r}; there are: {known}") from None


def draw_cycles(checker: Checker, history: History, budget: Budget, folder: Path) -> None:
    """Write one SVG file for each cycle that was found.

    Raises:
        BadInput: The folder cannot be written.
    """
    from checker.transactions.drawing import draw  # noqa: PLC0415  networkx takes long to load

    assert isinstance(checker, TransactionChecker), "only such take --draw"
    judgement = checker.judgement(history, budget)
    cycles = [finding for finding in judgement.findings if finding.steps]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, finding in enumerate(cycles, start=1):
            path = folder / f"{number:02}-{finding.kind}.svg"
            path.write_text(draw(finding, judgement.words), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"--draw {folder}: {error.strerror}") from error
