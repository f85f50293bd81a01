"""When is a cluster connected, and when is it at rest?  The same for live and simulated ones."""

from __future__ import annotations

from collections.abc import Mapping

from system_under_test.gossip_raft.core.messages import Status
from system_under_test.gossip_raft.core.types import NodeId


def disconnection(nodes: tuple[NodeId, ...], statuses: Mapping[NodeId, Status]) -> str | None:
    """Which node is silent or does not hear another one; ``None`` if all hear all."""
    for node in nodes:
        status = statuses.get(node)
        if status is None:
            return f"{node} does not answer"
        deaf = [peer for peer in nodes if peer != node and peer not in status.reachable]
        if deaf:
            return f"{node} does not hear {', '.join(deaf)}"
    return None


def disagreement(nodes: tuple[NodeId, ...], statuses: Mapping[NodeId, Status]) -> str | None:
    """What keeps the cluster from being at rest, ``None`` if nothing does."""
    silent = [node for node in nodes if node not in statuses]
    if silent:
        return f"{', '.join(silent)} does not answer"
    leaders = [node for node in nodes if statuses[node].role == "leader"]
    if len(leaders) != 1:
        return f"{', '.join(leaders) or 'nobody'} leads"
    last = statuses[leaders[0]].last
    voters = statuses[leaders[0]].membership.voters
    if strangers := [node for node in nodes if node not in voters]:
        return f"{', '.join(strangers)} is not a voter, says {leaders[0]}, which leads"
    for node in nodes:
        status = statuses[node]
        if status.leader != leaders[0]:
            return f"{node} takes {status.leader} for the leader, {leaders[0]} leads"
        if status.last != last or status.commit != last or status.applied != last.index:
            return (
                f"{node} has entries up to {status.last.term}/{status.last.index}, committed"
                f" {status.commit.index}, applied {status.applied}; {leaders[0]} has entries up to"
                f" {last.term}/{last.index}"
            )
    return None


def rest(status: Status) -> str:
    """How a cluster is that agrees, from the status of any of its nodes."""
    last = status.last
    return (
        f"{status.leader} leads term {status.term}, all nodes have"
        f" {last.index:,} entries up to term {last.term}, all applied"
    )
