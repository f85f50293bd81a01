"""``python -m harness.compile_kernels``: compile all kernels now, so that nobody waits later."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from checker.base import Budget
from checker.linearizability.fast.base import Linearizable
from checker.linearizability.fast.choose import dispatch
from checker.models.catalogue import MODELS
from checker.transactions.check import WORKLOADS, TransactionChecker
from checker.verdict import Invalid
from harness.cli.check import taken_by
from harness.kernel_cache import use_kernel_cache
from histories.call import Append, Call, Ok, Read, Txn, Write
from histories.event import Completed, Invoked
from histories.formats.read import read_history
from histories.history import History
from histories.journal import JournalWriter
from histories.op import Nanos, Op, ProcessId

CORPUS: Final = Path(__file__).resolve().parents[1] / "histories" / "corpus"
INITIAL: Final = {"semaphore": 2}
"""What objects of the corpus begin with."""

SKEWED: Final = 20_000
"""Transactions; their kernels are compiled for no fewer."""


def compile_kernels() -> int:
    """Ask every algorithm about the corpus; answers how many histories that were."""
    use_kernel_cache()
    from checker.linearizability.window.search import Refuter, search_window  # noqa: PLC0415
    from histories.formats.journal_columns import scan_journal  # noqa: PLC0415

    files = sorted(CORPUS.glob("*linearizable/*/*.*"))
    for path in files:
        name = path.parent.name
        initial = INITIAL.get(name)
        model = MODELS[name](initial)
        history = read_history(path, takes=taken_by(model)).history
        for part in history.by_key().values():
            answer = dispatch(part.columns(), name, initial)
            if isinstance(answer, Linearizable):
                answer.order()
            for traced in (False, True):
                search_window(part.ops, model, Budget(), traced=traced)
            Refuter(part.ops, model).refutes(range(len(part.ops)), Budget())
    with TemporaryDirectory() as directory:
        scan_journal(_journal(Path(directory) / "journal.jsonl"), lambda _: None)
    for workload in WORKLOADS:
        checker = TransactionChecker(workload)
        verdict = checker.check(_write_skews(lists=WORKLOADS[workload].lists), Budget())
        assert isinstance(verdict, Invalid), "only what is on cycles is searched"
    return len(files) + len(WORKLOADS)


def _journal(path: Path) -> Path:
    calls: tuple[Call, ...] = (Write("x", 1), Read("x"))
    with JournalWriter(path) as writer:
        for op, call in enumerate(calls):
            at, process = 2 * op, ProcessId(0)
            writer.write(Invoked(time=Nanos(at), op=op, process=process, call=call))
            outcome = Ok() if isinstance(call, Write) else Ok((1,))
            writer.write(Completed(time=Nanos(at + 1), op=op, process=process, outcome=outcome))
    return path


def _write_skews(*, lists: bool) -> History:
    """Too many transactions for kernels that are not compiled, all of them on cycles."""
    return History.of(
        Op(
            index=index,
            process=ProcessId(index % 2),
            call=Txn("", (Read(f"x{index}"), (Append if lists else Write)(f"x{index ^ 1}", 1))),
            outcome=Ok((None,)),
            invoked=Nanos(index // 2 * 10),
            completed=Nanos(index // 2 * 10 + 5),
        )
        for index in range(SKEWED)
    )


if __name__ == "__main__":
    print(f"compiled what {compile_kernels()} histories need", file=sys.stderr)
