"""What a node knew before its disk was lost it may not decide again (PROTOCOL rule 12)."""

from __future__ import annotations

import pytest

from checker.base import Budget
from checker.raft.invariants import check_traces
from checker.verdict import Invalid, Valid, Verdict
from harness.traces import node_events
from system_under_test.gossip_raft.core.messages import Results
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import Term
from tests.system_under_test.watched import WatchedCluster, done


class VotesAnyway(Rules):
    """Votes although what it promised before is lost."""

    def may_vote(self, term: Term, abstains: Term, *, recovering: bool) -> bool:
        del term, abstains, recovering
        return True


def acknowledged_then_lost(rules: type[Rules], *, unnoticed: bool) -> WatchedCluster:
    """Of three nodes one misses a write, one holds it and loses its disk, and the leader, the
    third, goes away for a while: the other two are a majority that knows nothing of it."""
    cluster = WatchedCluster(3, rules=rules)
    cluster.run(2_000)
    leader = cluster.leading()
    holder, lonely = (node for node in cluster.nodes if node != leader)
    cluster.cut_off(lonely)
    cluster.append(1, every_ms=500)
    assert [type(answer) for answer in cluster.answers] == [Results]

    done(cluster.kill(leader))
    done(cluster.kill(holder))
    cluster.disks[holder].lose(unnoticed=unnoticed)
    done(cluster.start(holder))
    done(cluster.heal())
    cluster.run(5_000)
    done(cluster.start(leader))
    cluster.run(5_000)
    return cluster


def judged(cluster: WatchedCluster) -> Verdict:
    traces = {str(node): node_events(trace) for node, trace in cluster.traces.items()}
    return check_traces(traces, budget=Budget())


def test_a_majority_that_lost_a_disk_waits_for_whoever_holds_what_was_acknowledged() -> None:
    cluster = acknowledged_then_lost(Rules, unnoticed=False)
    assert isinstance(judged(cluster), Valid)
    assert cluster.everybody_applied_the_same()
    assert not any(life.host.node.recovering for life in cluster.lives.values())


@pytest.mark.parametrize(("rules", "unnoticed"), [(VotesAnyway, False), (Rules, True)])
def test_a_node_that_votes_in_spite_of_a_lost_disk_does_harm(
    rules: type[Rules], unnoticed: bool
) -> None:
    verdict = judged(acknowledged_then_lost(rules, unnoticed=unnoticed))
    assert isinstance(verdict, Invalid)
    kinds = {anomaly.kind for anomaly in verdict.anomalies}
    assert kinds >= {"leader completeness", "acknowledged entries are kept"}, kinds
