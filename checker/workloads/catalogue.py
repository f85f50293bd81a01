"""The checkers of workloads by the names that users type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from checker.base import Checker
from checker.transactions.check import DEFAULT_MODELS, TransactionChecker
from checker.workloads.bank import BankChecker
from checker.workloads.causal import CausalChecker
from checker.workloads.counter import CounterChecker
from checker.workloads.log import LogChecker
from checker.workloads.orders import (
    CausalReverseChecker,
    LongForkChecker,
    MonotonicChecker,
    SequentialChecker,
)
from checker.workloads.session_guarantees import SessionChecker
from checker.workloads.sets import SetChecker, SetFullChecker
from checker.workloads.total_queue import TotalQueueChecker
from checker.workloads.unique_ids import UniqueIdsChecker
from histories.call import Call, functions_of


@dataclass(frozen=True, slots=True)
class Workload:
    """How the histories of a kind of test are judged.

    Attributes:
        takes: The calls they consist of, by the names of ``histories.columns.FUNCTIONS``.
        checker: Made for these consistency models, if it judges by any.
        steps: What transactions among them consist of.
    """

    takes: frozenset[str]
    checker: Callable[[tuple[str, ...]], Checker]
    steps: frozenset[str] = frozenset({"read", "write"})

    @property
    def known(self) -> str:
        """The calls in words: "read, transfer, txn of read and write"."""
        steps = f"txn of {' and '.join(sorted(self.steps))}"
        return ", ".join(steps if f == "txn" else f for f in sorted(self.takes))

    def knows(self, call: Call) -> bool:
        """Whether its histories hold such calls."""
        function, *steps = functions_of(call)
        return function in self.takes and self.steps.issuperset(steps)


def _transactions(workload: str, write: str) -> Workload:
    def checker(models: tuple[str, ...]) -> Checker:
        return TransactionChecker(workload, models or DEFAULT_MODELS)

    return Workload(frozenset({"txn"}), checker, frozenset({"read", write}))


def _plain(checker: Callable[[], Checker], *takes: str) -> Workload:
    return Workload(frozenset(takes), lambda _: checker())


WORKLOADS: Final[Mapping[str, Workload]] = MappingProxyType(
    {
        "append": _transactions("append", "append"),
        "list-append": _transactions("list-append", "append"),
        "wr": _transactions("wr", "write"),
        "rw-register": _transactions("rw-register", "write"),
        "bank": _plain(BankChecker, "read", "transfer", "txn"),
        "set": _plain(SetChecker, "add", "read"),
        "set-full": _plain(SetFullChecker, "add", "read"),
        "counter": _plain(CounterChecker, "increment", "read"),
        "unique-ids": _plain(UniqueIdsChecker, "generate-id"),
        "total-queue": _plain(TotalQueueChecker, "enqueue", "dequeue"),
        "long-fork": _plain(LongForkChecker, "txn", "read", "write"),
        "monotonic": _plain(MonotonicChecker, "read", "write", "increment"),
        "sequential": _plain(SequentialChecker, "txn", "read", "write"),
        "causal-reverse": _plain(CausalReverseChecker, "txn", "read", "write"),
        "causal": _plain(CausalChecker, "read", "write"),
        "session-guarantees": _plain(SessionChecker, "read", "append"),
        "log": Workload(frozenset({"txn", "read"}), lambda _: LogChecker(), frozenset({"append"})),
    }
)
"""Names after Jepsen's tests; some have two."""
