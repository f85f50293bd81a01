"""No identifier is given twice (Jepsen's unique ids)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from checker.base import Budget
from checker.verdict import Verdict
from checker.workloads.answers import anomaly, verdict
from histories.call import GenerateId, Ok
from histories.history import History
from histories.notation import describe_op, describe_value
from histories.op import Op
from histories.values import identity


@dataclass(frozen=True, slots=True)
class UniqueIdsChecker:
    """Over all keys, whatever real time says."""

    name: str = "unique-ids"

    def check(self, history: History, budget: Budget) -> Verdict:  # noqa: ARG002  It is linear.
        given: dict[Hashable, list[Op]] = {}
        for op in history.ops:
            if isinstance(op.call, GenerateId) and isinstance(op.outcome, Ok):
                given.setdefault(identity(op.outcome.values[0]), []).append(op)
        found = []
        for ops in given.values():
            if len(ops) > 1:
                outcome = ops[0].outcome
                assert isinstance(outcome, Ok), "only such were collected"
                value = describe_value(outcome.values[0])
                found.append(
                    anomaly(
                        "duplicate-id",
                        "Jepsen, unique-ids",
                        ops,
                        f"{value} was given {len(ops)} times",
                        map(describe_op, ops[:3]),
                    )
                )
        return verdict(history, found, f"{len(given):,} identifiers")
