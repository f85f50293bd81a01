"""Whether a history of transactions satisfies consistency models (Elle's question)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from checker.base import Budget
from checker.consistency_models import (
    RULES_OUT,
    UNTESTED,
    implied_by,
    model_named,
    ruled_out_by,
    strongest_without,
    weakest_of,
)
from checker.transactions.anomalies import Finding, of_cycle, vanishing, without_cycles
from checker.transactions.append import infer_from_lists
from checker.transactions.cycles import find_cycles
from checker.transactions.graph import on_cycles
from checker.transactions.inference import Inferred
from checker.transactions.kernels import GARBAGE
from checker.transactions.order import with_client_orders
from checker.transactions.register import RegisterOptions, infer_from_registers
from checker.transactions.sessions import broken_guarantees
from checker.transactions.words import Words
from checker.verdict import Invalid, Unknown, UnknownCause, Valid, Verdict
from histories.columns import UInt8s
from histories.history import History
from histories.txn_columns import OK, WRITE, TxnColumns, to_txn_columns


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of transactions.

    Attributes:
        lists: Whether reads answer lists, each write appending one element.
        closed: Whether every write is in the history; else a value of which no write is
            known comes from elsewhere, instead of from nowhere.
    """

    lists: bool
    closed: bool


WORKLOADS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "append": Kind(lists=True, closed=True),
        "list-append": Kind(lists=True, closed=True),
        "wr": Kind(lists=False, closed=True),
        "rw-register": Kind(lists=False, closed=False),
    }
)
"""By name; "rw-register" is judged as Elle does it."""

DEFAULT_MODELS: Final = ("strict-serializable",)


@dataclass(frozen=True, slots=True)
class TransactionChecker:
    """``check`` as a checker."""

    workload: str = "append"
    models: tuple[str, ...] = DEFAULT_MODELS
    assumed: RegisterOptions | None = None
    name: str = "transactions"

    def check(self, history: History, budget: Budget) -> Verdict:
        return check(
            history,
            workload=self.workload,
            models=self.models,
            budget=budget,
            assumed=self.assumed,
        )

    def judgement(self, history: History, budget: Budget) -> Judgement:
        """All that is known, for those who want more than the verdict."""
        columns = to_txn_columns(history.ops, lists=WORKLOADS[self.workload].lists)
        return judge(columns, self.workload, budget, self.assumed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """All that is known of a history, whatever model was asked for.

    Attributes:
        inferred: What was read off it.
        words: Describes its transactions.
        findings: The anomalies, each kind with a few examples.
        ruled_out: The models that do not allow them, weakest first.
        strongest: The strongest models still possible.
        undecided: Anomalies of which nothing is known.
        ambiguous: Why inference is incomplete, in words, or nothing.
    """

    inferred: Inferred
    words: Words
    findings: tuple[Finding, ...]
    ruled_out: tuple[str, ...]
    strongest: tuple[str, ...]
    undecided: tuple[str, ...]
    ambiguous: str


def check(
    history: History,
    *,
    workload: str = "append",
    models: Sequence[str] = DEFAULT_MODELS,
    budget: Budget | None = None,
    assumed: RegisterOptions | None = None,
) -> Verdict:
    """Whether the transactions of a history may have been executed under ``models``.

    Args:
        history: Transactions, or single reads, writes and appends.
        workload: A name of ``WORKLOADS``.
        models: Names of ``checker.consistency_models``, or aliases.
        budget: Only the deadline counts: a search given up is Unknown.
        assumed: What registers are known to keep, each by itself.

    Returns:
        ``Invalid`` with the anomalies that rule one of the models out, whose note says
        which models they rule out, weakest first, and the strongest still possible.
        ``Valid`` means that none was found; a note tells anomalies that only stronger
        models forbid.  ``Unknown`` if nothing was answered, or writes are not unique.

    Raises:
        KeyError: No workload or model has that name.
        MalformedHistory: An op is no transaction of that workload.
    """
    wanted = tuple(map(model_named, models))
    columns = to_txn_columns(history.ops, lists=WORKLOADS[workload].lists)
    return verdict_of(judge(columns, workload, budget or Budget(), assumed), wanted)


def judge(
    columns: TxnColumns, workload: str, budget: Budget, assumed: RegisterOptions | None = None
) -> Judgement:
    """Every anomaly of a history.  Cost: O(n), plus searches where there are cycles."""
    kind = WORKLOADS[workload]
    inferred = infer_from_lists(columns) if kind.lists else infer_from_registers(columns, assumed)
    if not kind.closed:
        inferred.problem[:] &= ~np.uint8(GARBAGE)
    graph = with_client_orders(inferred)
    words = Words(inferred, lists=kind.lists)
    cyclic = on_cycles(graph)
    simple = list(without_cycles(inferred, words))
    if kind.lists:
        ends = np.unique(graph.src[cyclic])
        simple += broken_guarantees(inferred, words, map(int, ends[ends < graph.txns]))
    cycles = find_cycles(
        graph,
        cyclic,
        _writing(columns),
        known=[finding.kind for finding in simple],
        deadline=budget.deadline,
    )
    findings = (*simple, *(of_cycle(cycle, words) for cycle in cycles.found))
    findings += tuple(vanishing(findings, words))
    ruled_out = ruled_out_by(finding.kind for finding in findings)
    return Judgement(
        inferred=inferred,
        words=words,
        findings=findings,
        ruled_out=ruled_out,
        strongest=strongest_without(ruled_out),
        undecided=cycles.undecided,
        ambiguous=_ambiguity(inferred, words, lists=kind.lists),
    )


def verdict_of(judgement: Judgement, models: Sequence[str]) -> Verdict:
    """The verdict about these models (full names)."""
    summary = _summary(judgement)
    broken = frozenset(judgement.ruled_out)
    if broken.isdisjoint(models):
        return _not_falsified(judgement, models, summary)
    needed = frozenset().union(*map(implied_by, models))
    relevant = [f for f in judgement.findings if not needed.isdisjoint(RULES_OUT[f.kind])]
    return Invalid(
        tuple(f.anomaly(judgement.inferred, RULES_OUT[f.kind]) for f in relevant), summary
    )


def _not_falsified(judgement: Judgement, models: Sequence[str], summary: str) -> Verdict:
    columns = judgement.inferred.columns
    answered = int(np.count_nonzero(columns.outcome == OK))
    if not len(columns.index):
        return Unknown(UnknownCause.NOTHING_TO_CHECK, "the history is empty")
    if not answered:
        return Unknown(
            UnknownCause.NOTHING_TO_CHECK,
            f"none of {len(columns.index):,} transactions was answered",
        )
    for model in models:
        if model in UNTESTED:
            return Unknown(
                UnknownCause.INCOMPLETE_EVIDENCE, f"no test of transactions tells {model}"
            )
    needed = frozenset().union(*map(implied_by, models))
    for name in judgement.undecided:
        if not needed.isdisjoint(RULES_OUT[name]):
            return Unknown(UnknownCause.TIME_LIMIT, f"the search for {name} was given up")
    if judgement.ambiguous:
        return Unknown(UnknownCause.INCOMPLETE_EVIDENCE, judgement.ambiguous)
    return Valid(f"{answered:,} answered transactions{summary and '; but '}{summary}")


def _summary(judgement: Judgement) -> str:
    if not judgement.ruled_out:
        return ""
    kinds = dict.fromkeys(finding.kind for finding in judgement.findings)
    return (
        f"{_listed(kinds)} rule{'s' if len(kinds) == 1 else ''} out "
        f"{_listed(weakest_of(judgement.ruled_out))} and all stronger models; "
        f"still possible: {_listed(judgement.strongest) or 'none'}"
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _writing(columns: TxnColumns) -> UInt8s:
    """One for every transaction that writes."""
    total = np.concatenate([[0], np.cumsum(columns.f == WRITE)])
    any_write: UInt8s = (total[columns.offset[1:]] > total[columns.offset[:-1]]).astype(np.uint8)
    return any_write


def _ambiguity(inferred: Inferred, words: Words, *, lists: bool) -> str:
    repeated = np.flatnonzero(inferred.writes.repeated)
    if not len(repeated):
        return ""
    version = int(repeated[0])
    key = words.key(int(inferred.columns.version_key[version]))
    if not lists and inferred.columns.values[version] is None:
        return f"nil was written to {key}, which reads cannot tell from no write at all"
    return (
        f"{words.value(version)} was written to {key} more than once, so that reads do not tell "
        f"which write they saw"
    )
