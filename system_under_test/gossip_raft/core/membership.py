"""Who belongs to the cluster, as the log says it (Ongaro 2014, chapter 4)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from system_under_test.gossip_raft.core.messages import Status
from system_under_test.gossip_raft.core.types import (
    Entry,
    LogIndex,
    Membership,
    NodeId,
    SetMembership,
)

BEGINNING: Final = LogIndex(0)


class Memberships:
    """The memberships that one log goes through; nothing but its entries decides them.

    1. The latest in the log is in force, committed or not (Ongaro 2014, 4.1).
    2. Truncation brings back the one before.
    3. What a snapshot stands for is committed: of it only the last one is kept.
    """

    def __init__(
        self, initial: Membership, entries: Iterable[Entry], base: LogIndex = BEGINNING
    ) -> None:
        """``initial`` is in force at ``base``, before the first of ``entries``."""
        self._history = [(base, initial)]
        for entry in entries:
            self.append(entry)

    @property
    def in_force(self) -> Membership:
        return self._history[-1][1]

    @property
    def since(self) -> LogIndex:
        """Where in the log the one in force stands, or the snapshot that says it; 0 for
        the one that the cluster began with."""
        return self._history[-1][0]

    def at(self, index: LogIndex) -> Membership:
        """In force at ``index``, which is not compacted."""
        return next(named for since, named in reversed(self._history) if since <= index)

    def append(self, entry: Entry) -> bool:
        """Whether ``entry``, now the last of the log, changed the membership."""
        for command in entry.commands:
            if isinstance(command, SetMembership):
                self._history.append((entry.index, command.membership))
                return True
        return False

    def truncate(self, keep: LogIndex) -> bool:
        """Whether dropping what follows ``keep`` changed the membership."""
        before = len(self._history)
        while self._history[-1][0] > keep:
            self._history.pop()
        return len(self._history) != before

    def compact(self, base: LogIndex) -> None:
        """Forget all that was in force only before ``base``."""
        while len(self._history) > 1 and self._history[1][0] <= base:
            del self._history[0]

    def restart(self, membership: Membership, base: LogIndex) -> bool:
        """Forget all; ``membership`` is in force at ``base``.  Whether that is another one."""
        before = self.in_force
        self._history = [(base, membership)]
        return membership != before


def with_learner(membership: Membership, node: NodeId, address: str) -> Membership:
    return Membership(
        membership.voters,
        (*membership.learners, node),
        (*membership.addresses, (node, address)),
    )


def with_promoted(membership: Membership, learner: NodeId) -> Membership:
    return Membership(
        (*membership.voters, learner),
        tuple(node for node in membership.learners if node != learner),
        membership.addresses,
    )


def without(membership: Membership, removed: NodeId) -> Membership:
    return Membership(
        tuple(node for node in membership.voters if node != removed),
        tuple(node for node in membership.learners if node != removed),
        tuple((node, address) for node, address in membership.addresses if node != removed),
    )


def outsiders(nodes: Iterable[NodeId], statuses: Collection[Status]) -> tuple[NodeId, ...] | None:
    """Who of ``nodes`` is not a member, as far as ``statuses`` say; ``None``: it is open.

    It is open while some log names a membership without one of them and nobody leads who
    has committed all of its own log, in its own term: that log might yet win, or lose.
    """
    expected = tuple(nodes)
    if statuses and all(set(expected) <= set(s.membership.members) for s in statuses):
        return ()
    newest = max((status.term for status in statuses), default=None)
    for status in statuses:
        leads = status.role == "leader" and status.term == newest
        if leads and status.last == status.commit and status.commit.term == status.term:
            return tuple(node for node in expected if node not in status.membership.members)
    return None


def obstacle_to_loss(
    node: NodeId, memberships: Iterable[Membership], sound: Collection[NodeId], *, stays: bool
) -> str | None:
    """Why ``node`` must not lose its disk (``stays``) or its membership: no cluster survives the
    loss of a majority, in whatever membership some running node has; ``None`` if it may.

    ``sound``: the nodes that run and have all that they ever had on disk.
    """
    for membership in memberships:
        voters = membership.voters
        left = [voter for voter in voters if voter != node and voter in sound]
        counted = [voter for voter in voters if stays or voter != node]
        if 2 * len(left) <= len(counted):
            others = ", ".join(left) or "nobody"
            return f"nothing: of the other voters only {others} has a sound disk"
    return None
