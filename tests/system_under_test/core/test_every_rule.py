"""Every rule of the protocol, broken, changes what some transcript shows.

So no decision in ``core/rules.py`` is without a test that names and guards it: a rule
that answers yes or no is broken both ways, the others as ``WRONG`` says, except where
another rule comes to its aid (``UNSEEN``).
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from harness.directed import JudgedWorld
from system_under_test.gossip_raft.core.messages import (
    GossipRecord,
    Message,
    PutEntries,
    Unavailable,
)
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import ClientId, Entry, NodeId, Position, Term
from system_under_test.gossip_raft.simulation.directed.transcript import parse
from tests.system_under_test.core.test_interaction import GOLDEN

Rule = Callable[..., Any]

CALLS_MAX = 20_000
ZOO = sorted((GOLDEN[0].parent / "zoo").glob("*.txt"))


def nothing_seen(_rules: Rules, _message: Message) -> int:
    return 0


def one_less(_rules: Rules, members: int) -> int:
    return members // 2


def the_older(_rules: Rules, old: GossipRecord, _new: GossipRecord) -> GossipRecord:
    return old


def twice_the_promise(_rules: Rules, promise: int, _drift: int) -> int:
    return 2 * promise


def at_the_end(_rules: Rules, _applied: int, last: int) -> int:
    return last


def no_answers(*_: object) -> dict[str, object]:
    return {}


def nobody(*_: object) -> NodeId | None:
    return None


def the_highest(_rules: Rules, positions: list[Position], _members: int) -> Position:
    return max(positions)


def yes(*_: object, **__: object) -> bool:
    return True


def no(*_: object, **__: object) -> bool:
    return False


def everything(*_: object) -> tuple[int, int]:
    return 2**40, 2**60


def shortest(_rules: Rules, shortest: int, _longest: int, _rng: object) -> int:
    return shortest


def none_taken(*_: object) -> tuple[object, ...]:
    return ()


def all_of_it(_rules: Rules, commit: int, _last: int) -> int:
    return commit


def the_first(_rules: Rules, _there: object, initial: object) -> object:
    return initial


def the_index(_rules: Rules, position: Position) -> Position:
    return Position(Term(0), position.index)


def refused(_rules: Rules, _position: Position) -> Unavailable:
    return Unavailable("not executed")


def another(_rules: Rules, put: PutEntries) -> PutEntries:
    return replace(put, session=replace(put.session, client=ClientId("another")))


def nothing_done(_rules: Rules, entry: Entry, _now: int) -> Entry:
    return replace(entry, commands=())


def nothing_there(*_: object, **__: object) -> None:
    return None


def all_kept(_rules: Rules, changes: object) -> object:
    return changes


def long_ago(_rules: Rules, _now: int, ticked: int) -> int:
    return ticked


def for_ever(_rules: Rules, _usual: int | None, least: int, most: int) -> int:
    del least
    return most


WRONG: dict[str, tuple[Rule, ...]] = {
    "election_timeout": (shortest,),
    "batch_limits": (everything,),
    "pull_patience": (for_ever,),
    "entries_taken": (none_taken,),
    "commit_from_source": (all_of_it,),
    "membership_in_snapshot": (the_first,),
    "awaited": (the_index,),
    "answer_when_deposed": (refused,),
    "leader_hint": (nobody,),
    "forwarded": (another,),
    "entry_applied": (nothing_done,),
    "observed_in_txn": (nothing_there,),
    "changes_of_refused": (all_kept,),
    "lease_is_judged_at": (long_ago,),
    "highest_term_seen": (nothing_seen,),
    "quorum_size": (one_less,),
    "merge_records": (the_older,),
    "chooses_sync_source": (nobody,),
    "commit_point_from_positions": (the_highest,),
    "lease_length": (twice_the_promise,),
    "compaction_point": (at_the_end,),
    "answers_in_snapshot": (no_answers,),
}


UNSEEN: dict[tuple[str, Rule], str] = {
    ("keeps_sync_source", yes): "a source that fell behind answers with a mismatch",
    ("accepts_pulled_entries", yes): "only the pull under way is answered",
    ("may_commit", yes): "counts_toward_commit passes no position of an older term",
    ("is_of_election", yes): "counts_vote compares the term",
    ("is_confirmation", yes): "an answer of a later term deposes the leader first",
    ("awaited", the_index): "answer_when_deposed leaves nobody waiting",
    ("minds_silence", yes): "it is the rule itself, which has no exception",
    ("retelling_is_news", no): "it is the rule itself, which has no exception",
    ("steps_down", yes): "it is the rule itself, which has no exception",
}
"""Ways of breaking a rule that another one makes good, so that only ``test_rules`` sees them;
the zoo breaks both."""


def broken_rules() -> Iterator[tuple[str, Rule]]:
    for name, rule in vars(Rules).items():
        if inspect.isfunction(rule) and not name.startswith("_"):
            ways = (yes, no) if rule.__annotations__["return"] == "bool" else WRONG[name]
            yield from ((name, way) for way in ways if (name, way) not in UNSEEN)


def counted(rule: Rule) -> Rule:
    """``rule``, but with an end: a broken one may be asked for ever."""
    calls = itertools.count()

    def ask(*arguments: object, **named: object) -> Any:
        assert next(calls) < CALLS_MAX
        return rule(*arguments, **named)

    return ask


def tells(rules: type[Rules]) -> bool:
    """Whether some transcript comes out differently under ``rules``."""
    for path in (*GOLDEN, *ZOO):
        world = JudgedWorld(rules)
        for stanza in parse(path.read_text()):
            try:
                output = world.handle(stanza).rstrip("\n") or "ok"
            # A broken rule may break anything; that shows, too.
            except Exception:  # noqa: BLE001
                return True
            if output != stanza.expected:
                return True
    return False


def test_the_correct_rules_change_nothing() -> None:
    assert not tells(Rules)


@pytest.mark.parametrize(
    ("name", "way"),
    tuple(broken_rules()),
    ids=lambda of: of if isinstance(of, str) else of.__name__,
)
def test_a_broken_rule_shows_in_a_transcript(name: str, way: Rule) -> None:
    assert tells(type("Broken", (Rules,), {name: counted(way)})), (
        f"{name} = {way.__name__} goes unseen"
    )
