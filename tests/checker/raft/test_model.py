from __future__ import annotations

import random

import pytest

from checker.verdict import Invalid, Valid
from tests.checker.raft.model import Flaw, Model
from tests.checker.raft.scripts import judge, kinds
from tests.checker.raft.test_against_definitions import feed_shuffled


def test_a_correct_protocol_is_never_accused() -> None:
    verdicts = []
    for seed in range(500):
        rng = random.Random(seed)
        nodes = Model(rng, rng.choice((1, 2, 3, 5))).run(400)
        verdict = judge(*nodes)
        assert not isinstance(verdict, Invalid), (seed, verdict)
        assert feed_shuffled(rng, nodes) == verdict
        verdicts.append(verdict)
    assert sum(isinstance(verdict, Valid) for verdict in verdicts) > 350


EXPOSED = {
    Flaw.REPORT_WITHOUT_TERM: "commit rule",
    Flaw.OLD_TERM_COMMIT: "commit rule",
    Flaw.MINORITY: "commit rule",
    Flaw.STALE_CANDIDATE: "leader completeness",
    Flaw.DOUBLE_VOTE: "one vote a term",
    Flaw.VOTE_NOT_DURABLE: "recovery",
    Flaw.LOG_NOT_DURABLE: "recovery",
    Flaw.TOLD_BEFORE_DURABLE: "durable before acknowledged",
    Flaw.BLIND_PULL: "log matching",
    Flaw.LEADER_ROLLS_BACK: "leader append-only",
    Flaw.ROLLBACK_TO_SHORTER: "committed entries are never truncated",
    Flaw.BLIND_COMMIT_POINT: "one committed log",
    Flaw.ANSWER_ON_APPEND: "acknowledged entries are kept",
}


@pytest.mark.parametrize("flaw", EXPOSED)
def test_every_flaw_is_found_within_fifty_runs(flaw: Flaw) -> None:
    found: set[str] = set()
    for seed in range(50):
        rng = random.Random(seed)
        found |= kinds(judge(*Model(rng, rng.choice((3, 5)), flaw).run(400)))
    assert EXPOSED[flaw] in found, found
