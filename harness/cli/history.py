"""``hearsay history``: the operations of a run or a file as a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec import to_builtins
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.cli.source import read_source
from harness.errors import BadInput
from harness.exit_codes import ExitCode
from histories.call import Failed, Indeterminate, Ok, Txn
from histories.notation import clock_for, describe_call, describe_outcome
from histories.op import FOREVER, Op

OUTCOMES: Final = {"ok": Ok, "fail": Failed, "info": Indeterminate}
COLOURS: Final = {Ok: "", Failed: "dim", Indeterminate: "yellow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The options of ``hearsay history`` as they were typed; what is empty stands for all."""

    keys: tuple[str, ...]
    processes: tuple[int, ...]
    functions: tuple[str, ...]
    outcomes: tuple[str, ...]
    begin_s: float | None
    end_s: float | None
    first: int | None

    def accepts(self) -> Callable[[Op], bool]:
        """Raises: BadInput: An outcome is none."""
        for outcome in self.outcomes:
            if outcome not in OUTCOMES:
                raise BadInput(f"--outcome: {outcome!r} is none of {', '.join(OUTCOMES)}")
        kinds = tuple(OUTCOMES[outcome] for outcome in self.outcomes)
        begin = None if self.begin_s is None else self.begin_s * 1e9
        end = None if self.end_s is None else self.end_s * 1e9
        return lambda op: (
            (not self.keys or not _keys(op).isdisjoint(self.keys))
            and (not self.processes or op.process in self.processes)
            and (not self.functions or op.call.__struct_config__.tag in self.functions)
            and (not kinds or isinstance(op.outcome, kinds))
            and (begin is None or op.completed >= begin)
            and (end is None or op.invoked <= end)
        )


def show_history(target: str, wanted: Wanted, store: Path, *, as_json: bool) -> ExitCode:
    """Print it.  Always 0: nothing is judged."""
    accepts = wanted.accepts()
    ops = [op for op in read_source(target, store).history.ops if accepts(op)]
    left_out = 0 if wanted.first is None else max(0, len(ops) - wanted.first)
    shown = ops[: wanted.first]
    if as_json:
        for op in shown:
            print(json.dumps(to_builtins(op)))
        return ExitCode.VALID
    console = Console(highlight=False, soft_wrap=True)
    console.print(_table(shown))
    console.print(f"{len(shown):,} operations" + (f", {left_out:,} more" if left_out else ""))
    return ExitCode.VALID


def _keys(op: Op) -> frozenset[str]:
    if isinstance(op.call, Txn):
        return frozenset(step.key for step in op.call.micro)
    return frozenset((op.call.key,))


def _table(ops: Sequence[Op]) -> Table:
    clock = clock_for(ops)
    table = Table("op", "process", "from", "to", "took ms", "call", "answer")
    for op in ops:
        is_open = op.completed == FOREVER
        table.add_row(
            str(op.index),
            str(op.process),
            clock(op.invoked),
            "?" if is_open else clock(op.completed),
            "" if is_open else f"{(op.completed - op.invoked) / 1e6:.2f}",
            Text(describe_call(op.call)),
            Text(describe_outcome(op.call, op.outcome), style=COLOURS[type(op.outcome)]),
        )
    return table
