"""What the checkers of workloads have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from checker.verdict import Anomaly, Invalid, Unknown, UnknownCause, Valid, Verdict
from histories.call import Ok, Read, Txn, Value
from histories.history import History
from histories.op import Op

SHOWN_MAX: Final = 10
"""Anomalies of one kind shown; the number of all is in the note."""


def verdict(history: History, found: Sequence[Anomaly], looked_at: str) -> Verdict:
    """Invalid if anything was found; valid only if something was answered.

    ``looked_at`` says what was, for the note.
    """
    if found:
        kinds = dict.fromkeys(anomaly.kind for anomaly in found)
        counts = [f"{sum(a.kind == kind for a in found):,} {kind}" for kind in kinds]
        return Invalid(tuple(_first_of_each(found)), f"{', '.join(counts)}; {looked_at}")
    if not any(isinstance(op.outcome, Ok) for op in history.ops):
        return Unknown(
            UnknownCause.NOTHING_TO_CHECK,
            f"none of {len(history.ops):,} operations was answered",
        )
    return Valid(looked_at)


def _first_of_each(found: Sequence[Anomaly]) -> Iterator[Anomaly]:
    shown: dict[str, int] = {}
    for anomaly in found:
        shown[anomaly.kind] = shown.get(anomaly.kind, 0) + 1
        if shown[anomaly.kind] <= SHOWN_MAX:
            yield anomaly


def anomaly(
    kind: str, source: str, ops: Iterable[Op], explanation: str, details: Iterable[str] = ()
) -> Anomaly:
    """With these ops as evidence."""
    return Anomaly(
        kind=kind,
        source=source,
        evidence=tuple(sorted({op.index for op in ops})),
        explanation=explanation,
        details=tuple(details),
    )


def snapshots(history: History) -> Iterator[tuple[Op, dict[str, Value]]]:
    """The answered transactions that only read, with what they saw of each key."""
    for op in history.ops:
        if isinstance(op.outcome, Ok) and isinstance(op.call, Txn) and op.call.micro:
            keys = [micro.key for micro in op.call.micro if isinstance(micro, Read)]
            if len(keys) == len(op.call.micro):
                yield op, dict(zip(keys, op.outcome.values, strict=True))
