"""Every rule of the protocol, broken, changes what some transcript shows.

So no decision in ``core/rules.py`` is without a test that names and guards it: a rule
that answers yes or no is broken both ways, the others as ``WRONG`` says.  Where another
rule comes to its aid (``SECOND_LINES``), only ``test_rules`` can see it broken.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from system_under_test.gossip_raft.core.messages import GossipRecord, Message
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import NodeId, Position
from system_under_test.gossip_raft.simulation.directed.transcript import parse
from system_under_test.gossip_raft.simulation.directed.world import DirectedWorld
from tests.system_under_test.core.test_interaction import GOLDEN

Rule = Callable[..., Any]

CALLS_MAX = 20_000


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


WRONG: dict[str, tuple[Rule, ...]] = {
    "highest_term_seen": (nothing_seen,),
    "quorum_size": (one_less,),
    "merge_records": (the_older,),
    "chooses_sync_source": (nobody,),
    "commit_point_from_positions": (the_highest,),
    "lease_length": (twice_the_promise,),
    "compaction_point": (at_the_end,),
    "answers_in_snapshot": (no_answers,),
}


SECOND_LINES: dict[str, str] = {
    "highest_term_seen": "whoever stamps an envelope has adopted the terms of all its records",
    "keeps_sync_source": "a source that fell behind answers with a mismatch and is left alone",
    "accepts_pulled_entries": "only the pull under way is answered, and nothing else grows a log",
    "may_commit": "counts_toward_commit passes no position of an older term",
}


def broken_rules() -> Iterator[tuple[str, Rule]]:
    for name, rule in vars(Rules).items():
        if inspect.isfunction(rule) and not name.startswith("_"):
            ways = (yes, no) if rule.__annotations__["return"] == "bool" else WRONG[name]
            for way in ways:
                if name not in SECOND_LINES or way is not yes:
                    yield name, way


def counted(rule: Rule) -> Rule:
    """``rule``, but with an end: a broken one may be asked for ever."""
    calls = itertools.count()

    def ask(*arguments: object, **named: object) -> Any:
        assert next(calls) < CALLS_MAX
        return rule(*arguments, **named)

    return ask


def tells(rules: type[Rules]) -> bool:
    """Whether some transcript comes out differently under ``rules``."""
    for path in GOLDEN:
        world = DirectedWorld(rules)
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
