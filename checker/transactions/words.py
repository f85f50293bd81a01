"""Transactions and dependencies as a person would write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from checker.transactions.cycle_classes import Step
from checker.transactions.inference import Inferred
from checker.transactions.kernels import PROCESS, RW, WR, WW, WW_INFERRED
from histories.notation import clock_for_times, describe_key, describe_value
from histories.op import Nanos
from histories.txn_columns import FAILED, OK, READ, TxnColumns

_LIST_SHOWN: Final = 12
"""Of longer lists the end is shown."""


class Words:
    """Describes the transactions of one history.

    Args:
        inferred: The history and what it says.
        lists: Whether reads answer lists.
    """

    def __init__(self, inferred: Inferred, *, lists: bool) -> None:
        self._inferred = inferred
        self._columns: TxnColumns = inferred.columns
        self._lists = lists

    def txn(self, row: int) -> str:
        """``append x 3; r y -> [1 2]``, and how it ended if it was not answered."""
        columns = self._columns
        steps = "; ".join(self._micro(m, row) for m in self.micro_of(row))
        if columns.outcome[row] == OK:
            return steps
        return f"{steps} ({'failed' if columns.outcome[row] == FAILED else 'unknown'})"

    def labelled(self, row: int) -> str:
        """``op 17, process 3: append x 3``."""
        op, process = self._columns.index[row], self._columns.process[row]
        return f"op {op}, process {process}: {self.txn(row)}"

    def micro_of(self, row: int) -> range:
        return range(int(self._columns.offset[row]), int(self._columns.offset[row + 1]))

    def _micro(self, m: int, row: int) -> str:
        columns = self._columns
        key = self.key(int(columns.key[m]))
        if columns.f[m] != READ:
            verb = "append" if self._lists else "w"
            return f"{verb} {key} {self.value(int(columns.argument[m]))}"
        return f"r {key} -> {self.seen(m)}" if columns.outcome[row] == OK else f"r {key}"

    def key(self, key: int) -> str:
        return describe_key(self._columns.keys[key])

    def value(self, version: int) -> str:
        return describe_value(self._columns.values[version])

    def seen(self, m: int, up_to: int | None = None) -> str:
        """What a read saw: ``[1 2]``, ``3``, ``nil``; of a long list the end, or the place of
        the version ``up_to`` and a little more."""
        columns = self._columns
        versions = columns.seen[columns.seen_offset[m] : columns.seen_offset[m + 1]].tolist()
        if not self._lists:
            return self.value(versions[0]) if versions else "nil"
        end = len(versions)
        if up_to in versions:
            end = min(end, versions.index(up_to) + 3)
        begin = max(0, end - _LIST_SHOWN)
        shown = [self.value(version) for version in versions[begin:end]]
        before, after = ["..."] * (begin > 0), ["..."] * (end < len(versions))
        return f"[{' '.join(before + shown + after)}]"

    def length(self, m: int) -> int:
        """How many versions a read saw."""
        return int(self._columns.seen_offset[m + 1] - self._columns.seen_offset[m])

    def last_seen(self, m: int) -> int:
        """The last version that a read saw, or -1."""
        start, end = self._columns.seen_offset[m], self._columns.seen_offset[m + 1]
        return int(self._columns.seen[end - 1]) if end > start else -1

    def writes(self, row: int, key: int) -> list[int]:
        """The versions of ``key`` that a transaction made, in order."""
        columns = self._columns
        return [
            int(columns.argument[m])
            for m in self.micro_of(row)
            if columns.f[m] != READ and columns.key[m] == key
        ]

    def own_before(self, m: int) -> str:
        """What its transaction last did to the key of ``m`` before: ``read x -> [1] and then
        appended 2``."""
        columns, said = self._columns, list[str]()
        key = int(columns.key[m])
        row = int(self._inferred.writes.txn_of[m])
        for before in range(m - 1, int(columns.offset[row]) - 1, -1):
            if columns.key[before] != key:
                continue
            if columns.f[before] == READ:
                said.insert(0, f"read {self.key(key)} -> {self.seen(before)}")
                break
            verb = "appended" if self._lists else "written"
            said.insert(0, f"{verb} {self.value(int(columns.argument[before]))}")
            if not self._lists:
                break
        return " and then ".join(said)

    def reads(self, row: int, key: int) -> list[int]:
        """The external reads of ``key``, as micro-operations."""
        columns, external = self._columns, self._inferred.external
        return [m for m in self.micro_of(row) if external[m] and columns.key[m] == key]

    def dependency(self, step: Step, names: Sequence[str]) -> str:
        """One sentence on why the first of ``names`` comes before the second."""
        one, other = names
        if step.kind in (WW, WW_INFERRED):
            return f"{one} < {other} (ww): {self._overwrote(step, one, other)}"
        if step.kind == WR:
            return f"{one} < {other} (wr): {self._read_from(step, one, other)}"
        if step.kind == RW:
            return f"{one} < {other} (rw): {self._missed(step, one, other)}"
        if step.kind == PROCESS:
            process = self._columns.process[step.src]
            return f"{one} < {other} (process): process {process} executed {one}, then {other}"
        ended, began = self._columns.completed[step.src], self._columns.invoked[step.dst]
        clock = clock_for_times((Nanos(int(ended)), Nanos(int(began))))
        return (
            f"{one} < {other} (realtime): {one} ended at {clock(Nanos(int(ended)))}, "
            f"before {other} began at {clock(Nanos(int(began)))}"
        )

    def _overwrote(self, step: Step, one: str, other: str) -> str:
        key = self.key(step.key)
        later = self.writes(step.dst, step.key)
        earlier = self.writes(step.src, step.key)
        if self._lists:
            seen = [v for v in later if self._inferred.position[v] >= 0]
            if not seen:
                return (
                    f"{one} appended {self.value(earlier[-1])} to {key}, and {other} appended "
                    f"{self.value(later[-1])}, which comes behind all that was ever read of {key}"
                )
            before = max(
                (v for v in earlier if self._inferred.position[v] >= 0),
                key=lambda v: int(self._inferred.position[v]),
            )
            return (
                f"{other} appended {self.value(seen[0])} to {key} behind the "
                f"{self.value(before)} of {one}, as {self._witness(step.key, seen[0])} shows"
            )
        return (
            f"{other} wrote {key} = {self.value(later[-1])} over {self.value(earlier[-1])}, "
            f"which {one} wrote{self._register_reason(step.dst, step.key, earlier[-1])}"
        )

    def _read_from(self, step: Step, one: str, other: str) -> str:
        written = self.writes(step.src, step.key)
        for m in self.reads(step.dst, step.key):
            version = self.last_seen(m)
            if version in written:
                whose = (
                    f"whose last element {one} appended" if self._lists else f"which {one} wrote"
                )
                return f"{other} read {self.key(step.key)} -> {self.seen(m)}, {whose}"
        raise AssertionError(f"no read shows {step}")

    def _missed(self, step: Step, one: str, other: str) -> str:
        later = self.writes(step.dst, step.key)
        key = self.key(step.key)
        for m in self.reads(step.src, step.key):
            version = self.last_seen(m)
            if self._lists:
                at = int(self._inferred.position[version]) if version >= 0 else -1
                missed = [v for v in later if self._inferred.position[v] > at]
                unseen = [v for v in later if self._inferred.position[v] < 0]
                if missed:
                    return (
                        f"{one} read {key} -> {self.seen(m)} and missed the "
                        f"{self.value(missed[0])} that {other} appended next, as "
                        f"{self._witness(step.key, missed[0])} shows"
                    )
                if unseen:
                    return (
                        f"{one} read {key} -> {self.seen(m)} and missed the "
                        f"{self.value(unseen[-1])} that {other} appended (no read ever saw it)"
                    )
            elif version not in later:
                return (
                    f"{one} read {key} -> {self.seen(m)}, and {other} wrote "
                    f"{self.value(later[-1])} over it"
                    f"{self._register_reason(step.dst, step.key, version)}"
                )
        raise AssertionError(f"no read misses {step}")

    def _witness(self, key: int, version: int) -> str:
        m = int(self._inferred.longest[key])
        op = self._columns.index[self._inferred.writes.txn_of[m]]
        return f"the read of {self.key(key)} -> {self.seen(m, version)} in op {op}"

    def _register_reason(self, row: int, key: int, version: int) -> str:
        if any(self.last_seen(m) == version for m in self.reads(row, key)):
            return " (having read it itself)" if version >= 0 else " (having read nil itself)"
        if version < 0:
            return " (nil comes before every write)"
        return " (by the order assumed for each key)"

    def named(self, rows: Iterable[int]) -> Iterator[str]:
        """``T1 = op 17, process 3: append x 3``, one by one."""
        for number, row in enumerate(rows, start=1):
            yield f"T{number} = {self.labelled(row)}"

    def cycle(self, steps: Sequence[Step]) -> Iterator[str]:
        """The transactions of a cycle, then each of its dependencies."""
        yield from self.named(step.src for step in steps)
        name = {step.src: f"T{number}" for number, step in enumerate(steps, start=1)}
        for step in steps:
            yield self.dependency(step, (name[step.src], name[step.dst]))
