"""The checker beside the definitions, on many random histories.

The tests run a thousand or so; ``python -m tests.checker.transactions.differential 30000``
runs as many as you like.
"""

from __future__ import annotations

import random
import sys
from collections import Counter

from checker.base import Budget
from checker.consistency_models import RULES_OUT, ruled_out_by
from checker.transactions.check import Judgement, judge
from histories.call import Append, Ok, Read, Txn
from histories.history import History
from histories.notation import describe_op
from histories.txn_columns import to_txn_columns
from tests.checker.transactions.definitions import broken_levels, relations
from tests.checker.transactions.oracle import is_serializable, is_snapshot_isolated
from tests.checker.transactions.random_histories import small_history, with_fewer_values

CYCLES = frozenset(
    kind for kind in RULES_OUT if kind.startswith("G") and kind not in {"G1a", "G1b"}
)


def judged(history: History, *, lists: bool) -> Judgement:
    workload = "append" if lists else "wr"
    return judge(to_txn_columns(history.ops, lists=lists), workload, Budget())


def against_brute_force(seeds: range, *, lists: bool) -> Counter[str]:
    """Counts agreements, misses where the order of versions was not known; nothing else occurs.

    Raises AssertionError where the checker sees what is not there, or misses what it can know.
    """
    counts: Counter[str] = Counter()
    for seed in seeds:
        rng = random.Random(seed)
        history = small_history(rng, lists=lists, read_back=rng.random() < 0.7)
        judgement = judged(history, lists=lists)
        for model, holds in _truth(history).items():
            possible = model not in judgement.ruled_out
            if possible == holds:
                counts[f"{model}: {'holds' if holds else 'broken'}"] += 1
                continue
            assert possible, in_words(seed, model, "false alarm", history)
            assert is_ambiguous(history, lists=lists), in_words(seed, model, "missed", history)
            counts[f"{model}: missed"] += 1
    return counts


def false_alarms(seeds: range, *, lists: bool) -> Counter[str]:
    """Counts how often a level was broken, and how often that was seen, although what was read
    does not tell which write it was.

    Raises AssertionError where the checker sees what is not there.
    """
    counts: Counter[str] = Counter()
    for seed in seeds:
        rng = random.Random(seed)
        history = with_fewer_values(small_history(rng, lists=lists, read_back=True), rng)
        judgement = judged(history, lists=lists)
        for model, holds in _truth(history).items():
            counts[f"{model}: broken"] += not holds
            if model in judgement.ruled_out:
                assert not holds, in_words(seed, model, "false alarm", history)
                counts[f"{model}: seen"] += 1
    return counts


def _truth(history: History) -> dict[str, bool]:
    return {
        "serializable": is_serializable(history),
        "strong-session-serializable": is_serializable(history, sessions=True),
        "strict-serializable": is_serializable(history, strict=True),
        "snapshot-isolation": is_snapshot_isolated(history),
    }


def against_definitions(seeds: range) -> Counter[str]:
    """Counts per level how often it was broken; the checker says the same of every one."""
    counts: Counter[str] = Counter()
    for seed in seeds:
        history = small_history(random.Random(seed), lists=True, read_back=True, unknown=0.0)
        judgement = judged(history, lists=True)
        if any(
            not finding.steps and finding.kind != "lost-update" for finding in judgement.findings
        ):
            continue
        found = relations(history)
        if found is None:
            continue
        counts["histories"] += 1
        # A lost update says nothing that the cycles do not say at these levels.
        out = frozenset(ruled_out_by(f.kind for f in judgement.findings if f.steps))
        for model, broken in broken_levels(found).items():
            assert (model in out) == broken, in_words(seed, model, f"{broken=}", history)
            counts[model] += broken
    return counts


def is_ambiguous(history: History, *, lists: bool) -> bool:
    """Whether some key has two certain writes whose order no read tells."""
    seen: set[tuple[str, object]] = set()
    written: Counter[str] = Counter()
    for op in history.ops:
        assert isinstance(op.call, Txn)
        if not isinstance(op.outcome, Ok):
            continue
        answers = iter(op.outcome.values)
        for micro in op.call.micro:
            if isinstance(micro, Read):
                answer = next(answers)
                if isinstance(answer, tuple):
                    seen |= {(micro.key, element) for element in answer}
    for op in history.ops:
        assert isinstance(op.call, Txn)
        if isinstance(op.outcome, Ok) or not lists:
            for micro in op.call.micro:
                if isinstance(micro, Read):
                    continue
                shown = isinstance(micro, Append) and (micro.key, micro.element) in seen
                written[micro.key] += not shown
    return any(count > 1 for count in written.values())


def in_words(seed: int, model: str, what: str, history: History) -> str:
    return "\n".join([f"seed {seed}, {model}: {what}", *map(describe_op, history.ops)])


def main() -> None:
    count = int(sys.argv[1])
    print("lists", sorted(against_brute_force(range(count), lists=True).items()))
    print("registers", sorted(against_brute_force(range(count), lists=False).items()))
    print("lists, values twice", sorted(false_alarms(range(count), lists=True).items()))
    print("registers, values twice", sorted(false_alarms(range(count), lists=False).items()))
    print("levels", sorted(against_definitions(range(count)).items()))


if __name__ == "__main__":
    main()
