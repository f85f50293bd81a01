"""Money is neither made nor lost (``jepsen.tests.bank``): a test of snapshot isolation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from checker.base import Budget
from checker.verdict import Anomaly, Verdict
from checker.workloads.answers import anomaly, snapshots, verdict
from histories.call import Value
from histories.history import History
from histories.notation import clock_for, describe_key, describe_value
from histories.op import Op

_SOURCE = "Jepsen, bank"


@dataclass(frozen=True, slots=True)
class BankChecker:
    """Every snapshot of all accounts has the same sum, and no account owes anything.

    Attributes:
        total: The sum of all balances; that of the first snapshot if not given.
        may_owe: Whether balances may be negative.
    """

    total: int | None = None
    may_owe: bool = False
    name: str = "bank"

    def check(self, history: History, budget: Budget) -> Verdict:  # noqa: ARG002  It is linear.
        seen = [(op, read) for op, read in snapshots(history) if read]
        accounts = max((frozenset(read) for _, read in seen), key=len, default=frozenset())
        whole = [(op, read) for op, read in seen if frozenset(read) == accounts]
        found = list(self._wrong(whole))
        return verdict(history, found, f"{len(whole):,} snapshots of {len(accounts)} accounts")

    def _wrong(self, snapshots_: list[tuple[Op, dict[str, Value]]]) -> Iterator[Anomaly]:
        total, before = self.total, None
        for op, read in snapshots_:
            numbers = {key: value for key, value in read.items() if type(value) is int}
            clock = clock_for((op,))
            who = f"process {op.process} at {clock(op.completed)}"
            if len(numbers) < len(read):
                missing = ", ".join(describe_key(key) for key in read if key not in numbers)
                yield anomaly(
                    "missing-balance",
                    _SOURCE,
                    (op,),
                    f"{who} saw no balance of {missing}",
                    _lines(read),
                )
                continue
            found = sum(numbers.values())
            total = found if total is None else total
            if found != total:
                details = _lines(read, before)
                yield anomaly(
                    "wrong-total",
                    _SOURCE,
                    (op,),
                    f"{who} saw balances that sum to {found}, not {total}",
                    details,
                )
            else:
                before = read
            owing = [key for key, value in numbers.items() if value < 0]
            if owing and not self.may_owe:
                yield anomaly(
                    "negative-balance",
                    _SOURCE,
                    (op,),
                    f"{who} saw {describe_key(owing[0])} owe {-numbers[owing[0]]}",
                    _lines(read),
                )


def _lines(read: Mapping[str, Value], before: Mapping[str, Value] | None = None) -> Iterator[str]:
    """The snapshot, and what is different from the last one that was right."""
    yield "snapshot: " + _in_words(read)
    if before is not None:
        yield "the last right one: " + _in_words(before)
        changed = {key: read[key] for key in read if read[key] != before.get(key)}
        yield "different: " + _in_words(changed)


def _in_words(read: Mapping[str, Value]) -> str:
    return ", ".join(f"{describe_key(key)} {describe_value(value)}" for key, value in read.items())
