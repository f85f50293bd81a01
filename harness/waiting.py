"""Who waits for whom in a cluster that does not come to rest, as far as its nodes tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from histories.event import Wait
from system_under_test.gossip_raft.core.messages import GossipRecord, Status
from system_under_test.gossip_raft.core.types import NodeId, Position

Statuses = Mapping[NodeId, Status]


def waits(nodes: tuple[NodeId, ...], statuses: Statuses) -> tuple[Wait, ...]:
    """One for each reason that some node has not to be at rest, in the order of ``nodes``.

    ``statuses`` are of one moment; nodes that did not answer are missing from it.
    """
    found = [Wait(node, (), "it does not answer") for node in nodes if node not in statuses]
    found += [wait for node in statuses for wait in _deafness(node, nodes, statuses)]
    leaders = [node for node in nodes if node in statuses and statuses[node].role == "leader"]
    if not leaders:
        found += [_candidacy(node, statuses) for node in nodes if node in statuses]
        return tuple(found)
    leader = max(leaders, key=lambda node: statuses[node].term)
    for node in nodes:
        if node not in statuses:
            continue
        if node == leader:
            found += _of_leader(leader, nodes, statuses)
        else:
            found += _of_follower(node, leader, statuses)
    return tuple(found)


def _deafness(node: NodeId, nodes: tuple[NodeId, ...], statuses: Statuses) -> Iterator[Wait]:
    heard = statuses[node].reachable
    unheard = tuple(peer for peer in nodes if peer != node and peer not in heard)
    if unheard:
        yield Wait(node, unheard, "it has not lately heard them")


# --- nobody leads ----------------------------------------------------------------------


def _candidacy(node: NodeId, statuses: Statuses) -> Wait:
    """What keeps ``node`` from leading."""
    status = statuses[node]
    voters = status.membership.voters
    own = _record(status, node)
    others = tuple(voter for voter in voters if voter != node)
    if node not in voters:
        return Wait(node, voters, "it is no voter, and waits for one of them to lead")
    if own is not None and own.recovering:
        return Wait(node, others, "it has lost its disk, and waits for one of them to lead")
    refusals = [
        (voter, why) for voter in others if (why := _refusal(voter, status, statuses)) is not None
    ]
    needed = len(voters) // 2 + 1
    said = f"as {status.role} in term {status.term} it needs {needed} of {len(voters)} votes"
    if status.role == "follower":
        whom = "knows no leader" if status.leader is None else f"takes {status.leader} for one"
        said = f"it {whom} in term {status.term} and does not campaign"
    reasons = "".join(f"; {voter} {why}" for voter, why in refusals)
    awaited = tuple(voter for voter, _ in refusals)
    return Wait(node, awaited or others, said + reasons)


def _refusal(voter: NodeId, candidate: Status, statuses: Statuses) -> str | None:
    """Why ``voter`` would not vote for a ``candidate``, if that can be seen."""
    status = statuses.get(voter)
    if status is None:
        return "does not answer"
    own = _record(status, voter)
    if own is not None and own.recovering:
        return "has lost its disk and does not vote yet"
    if status.last > candidate.last:
        return f"has a newer log, up to {_position(status.last)}"
    if status.leader is not None:
        return f"takes {status.leader} for the leader of term {status.term}"
    if status.term > candidate.term:
        return f"is in term {status.term}"
    if status.role == "candidate" and status.term == candidate.term:
        return f"campaigns itself in term {status.term}"
    return None


# --- somebody leads --------------------------------------------------------------------


def _of_leader(leader: NodeId, nodes: tuple[NodeId, ...], statuses: Statuses) -> Iterator[Wait]:
    status = statuses[leader]
    membership = status.membership
    for node in nodes:
        if node not in membership.members:
            yield Wait(leader, (node,), "it is no member, and somebody must add it")
        elif node in membership.learners:
            yield Wait(leader, (node,), "it is a learner, which has to catch up")
    if status.commit == status.last:
        return
    behind = {
        voter: record
        for voter in membership.voters
        if voter != leader
        and not _counts(record := _record(status, voter), status.term, status.last)
    }
    reports = "".join(f"; {voter} {_report(record)}" for voter, record in behind.items())
    yield Wait(
        leader,
        tuple(behind),
        f"it leads term {status.term} with entries up to {_position(status.last)}, of which those"
        f" up to {status.commit.index} are committed{reports}",
    )


def _counts(record: GossipRecord | None, term: int, last: Position) -> bool:
    return record is not None and record.term == term and record.last >= last


def _report(record: GossipRecord | None) -> str:
    if record is None:
        return "has reported nothing"
    lost = ", with a lost disk" if record.recovering else ""
    return f"has reported {_position(record.last)} in term {record.term}{lost}"


def _of_follower(node: NodeId, leader: NodeId, statuses: Statuses) -> Iterator[Wait]:
    status, leading = statuses[node], statuses[leader]
    if status.leader != leader or status.term != leading.term:
        yield Wait(
            node,
            (leader,),
            f"it is {status.role} in term {status.term} and takes {status.leader or 'nobody'} for"
            f" the leader; {leader} leads term {leading.term}",
        )
    if status.last != leading.last:
        yield _for_entries(node, leader, statuses)
    elif status.commit != leading.commit or status.applied != status.commit.index:
        yield Wait(
            node,
            (leader if status.source is None else status.source,),
            f"it has all entries, knows those up to {status.commit.index} to be committed and has"
            f" applied those up to {status.applied}",
        )


def _for_entries(node: NodeId, leader: NodeId, statuses: Statuses) -> Wait:
    status = statuses[node]
    source = status.source
    reason = (
        f"it has entries up to {_position(status.last)}, {leader} up to"
        f" {_position(statuses[leader].last)}"
    )
    if source is None:
        return Wait(node, (leader,), f"{reason}; it pulls from nobody")
    circle = _circle(node, statuses)
    if circle:
        return Wait(node, (source,), f"{reason}; they pull in a circle: {' <- '.join(circle)}")
    other = statuses.get(source)
    if other is None:
        return Wait(node, (source,), f"{reason}; it pulls from {source}, which does not answer")
    held = f"{reason}; it pulls from {source}, which has entries up to {_position(other.last)}"
    return Wait(node, (source,), held if source != leader else f"{reason}; it pulls from {source}")


def _circle(node: NodeId, statuses: Statuses) -> tuple[NodeId, ...]:
    """From ``node`` by sources back to itself; empty if they lead elsewhere."""
    path = [node]
    while len(path) <= len(statuses):
        status = statuses.get(path[-1])
        if status is None or status.source is None:
            return ()
        path.append(status.source)
        if status.source == node:
            return tuple(path)
    return ()


def _record(status: Status, node: NodeId) -> GossipRecord | None:
    return next((record for record in status.records if record.node == node), None)


def _position(position: Position) -> str:
    return f"{position.term}/{position.index}"
