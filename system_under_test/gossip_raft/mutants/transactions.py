"""Bugs in what the state machine does with an entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import Append, Entry, LogCommand, Nanos, Txn, Value
from system_under_test.gossip_raft.mutants.mutant import Mutant, Need

MS = 1_000_000


class AppliesByClock(Rules):
    """Lets its clock decide the order in which it executes the operations of a request.

    Mechanism: something that is not in the log enters the state machine (Schneider 1990);
    the order of a hash table would do as well.  Seen: R28.  Needs: requests of several
    commands, or transactions.  Revealed by: the same entry with different results; states
    that differ.
    """

    def entry_applied(self, entry: Entry, now: Nanos) -> Entry:
        if now // MS % 2 == 0:
            return entry
        return replace(entry, commands=tuple(map(_backwards, reversed(entry.commands))))


class LosesAppendsInBatch(Rules):
    """Executes only the last of several appends to one list in one request.

    Mechanism: all of them read the list as it was before, and the last one to write wins.
    Seen: R31.  Needs: requests of several commands, or transactions.  Revealed by: lost
    elements.
    """

    def entry_applied(self, entry: Entry, now: Nanos) -> Entry:
        del now
        later: set[str] = set()
        kept = [_without_lost(command, later) for command in reversed(entry.commands)]
        return replace(entry, commands=tuple(reversed(kept)))


class ExecutesFirstOnly(Rules):
    """Executes the first command of a request and answers for all of them.

    Mechanism: the rest of the batch is dropped with no word to anybody, on all nodes alike.
    Seen: as what Jepsen's test of banks is there for, a transfer of which one half is missing.
    Needs: requests of several commands.  Revealed by: sums that change; batches in pieces.
    """

    def entry_applied(self, entry: Entry, now: Nanos) -> Entry:
        del now
        first, rest = entry.commands[:1], entry.commands[1:]
        return replace(entry, commands=(*first, *(Txn(()) for _ in rest))) if rest else entry


class ReadsSkewed(Rules):
    """Lets the later reads of a transaction see an older state than the first.

    Mechanism: each read takes a snapshot of its own; here, the list without its newest
    element.  Seen: R29 (TiDB 2.1.7: Jepsen 2019).  Needs: transactions that read two lists
    which another one changes together.  Revealed by: read skew (G-single).
    """

    def observed_in_txn(self, value: Value, reads_before: int, *, writes: bool) -> Value:
        del writes
        return _without_newest(value) if reads_before else value


class ReadsBeforeConcurrent(Rules):
    """Executes transactions that write as if each had read before the one before it wrote.

    Mechanism: a read-committed executor: nothing that a transaction read is locked or
    validated when it writes.  Seen: R32 (TiDB 2.1.7: Jepsen 2019, lost updates).  Needs:
    transactions that read and write one list.  Revealed by: lost update; G2-item.
    """

    def observed_in_txn(self, value: Value, reads_before: int, *, writes: bool) -> Value:
        del reads_before
        return _without_newest(value) if writes else value


class KeepsPartOfRefused(Rules):
    """Keeps what a transaction wrote before it was refused.

    Mechanism: its writes go to the state at once, and nothing takes them back.  Seen: R30.
    Needs: a transaction of which one operation is refused.  Revealed by: dirty updates: the
    writes of a transaction that says it did nothing.
    """

    def changes_of_refused(self, changes: Mapping[str, Value]) -> Mapping[str, Value]:
        return changes


def _backwards(command: LogCommand) -> LogCommand:
    return Txn(command.micro[::-1]) if isinstance(command, Txn) else command


def _without_lost(command: LogCommand, later: set[str]) -> LogCommand:
    """``command`` without appends to lists in ``later``, to which it adds its own."""
    if isinstance(command, Append):
        is_lost = command.key in later
        later.add(command.key)
        return Txn(()) if is_lost else command
    if not isinstance(command, Txn):
        return command
    kept = []
    for operation in reversed(command.micro):
        if isinstance(operation, Append):
            if operation.key in later:
                continue
            later.add(operation.key)
        kept.append(operation)
    return Txn(tuple(reversed(kept)))


def _without_newest(value: Value) -> Value:
    return value[:-1] or None if isinstance(value, tuple) else value


MUTANTS = (
    Mutant(
        name="applies-by-clock",
        ids=("R28",),
        summary="The order of the commands of an entry depends on a node's clock.",
        breaks=("state-machine safety",),
        needs=(Need.TRANSACTIONS,),
        revealed_by=("state-machine determinism",),
        rules=AppliesByClock,
    ),
    Mutant(
        name="append-lost-in-batch",
        ids=("R31",),
        summary="Of several appends to one list in one request only the last is executed.",
        breaks=("linearizability",),
        needs=(Need.TRANSACTIONS,),
        revealed_by=("linearizability",),
        rules=LosesAppendsInBatch,
    ),
    Mutant(
        name="first-command-only",
        summary="Of several commands in one request only the first is executed.",
        breaks=("atomicity", "linearizability"),
        needs=(Need.BATCHES,),
        revealed_by=("linearizability",),
        rules=ExecutesFirstOnly,
    ),
    Mutant(
        name="read-skew",
        ids=("R29",),
        summary="The later reads of a transaction see an older state than its first.",
        breaks=("serializability",),
        needs=(Need.TRANSACTIONS,),
        revealed_by=("linearizability",),
        rules=ReadsSkewed,
    ),
    Mutant(
        name="read-committed",
        ids=("R32",),
        summary="A transaction that writes does not see what was written just before it.",
        breaks=("serializability",),
        needs=(Need.TRANSACTIONS,),
        revealed_by=("linearizability",),
        rules=ReadsBeforeConcurrent,
    ),
    Mutant(
        name="partial-transaction",
        ids=("R30",),
        summary="What a refused transaction wrote before it was refused stays.",
        breaks=("atomicity",),
        needs=(
            Need.TRANSACTIONS,
            Need.REFUSALS,
        ),
        revealed_by=("linearizability",),
        rules=KeepsPartOfRefused,
    ),
)
