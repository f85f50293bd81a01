"""``hearsay check FILE --workload append --consistency-model serializable``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from checker.base import Checker
from checker.consistency_models import ALIASES, IMPLIES, model_named
from checker.models.catalogue import MODELS
from checker.workloads.catalogue import WORKLOADS, Workload
from harness.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadOptions:
    """By what a history is judged that no sequential model fits, as the user typed it."""

    workload: str | None = None
    consistency_models: tuple[str, ...] = ()

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
            if self.consistency_models:
                raise BadInput("--consistency-model needs --workload")
            return None
        if name not in WORKLOADS:
            known = ", ".join(WORKLOADS)
            raise BadInput(f"--workload: none is named {name!r}; there are: {known}")
        workload = WORKLOADS[name]
        models = tuple(map(_model, self.consistency_models))
        if models and not workload.isolation:
            raise BadInput(f"--consistency-model does not go with --workload {name}")
        return workload, workload.checker(models)


NO_WORKLOAD: Final = WorkloadOptions()


def _model(name: str) -> str:
    try:
        return model_named(name)
    except KeyError:
        known = ", ".join((*IMPLIES, *ALIASES))
        raise BadInput(f"--consistency-model: none is named {name!r}; there are: {known}") from None
