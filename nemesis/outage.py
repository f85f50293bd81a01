"""Faults that overlap: who is out already, and how many more may be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nemesis.errors import NobodyToHit
from nemesis.faults.base import LinkFault, NodeFault, Scene
from nemesis.target import All, Named, Resolved, minority_size
from system_under_test.gossip_raft.core.types import NodeId


@dataclass(frozen=True, slots=True)
class Outage:
    """What faults that hold have done to nodes.

    Attributes:
        stopped: Their processes have ended, are paused or will end.
        silent: Those, and those that nobody hears.
        removed: They do not belong to the cluster.
    """

    stopped: frozenset[NodeId] = frozenset()
    silent: frozenset[NodeId] = frozenset()
    removed: frozenset[NodeId] = frozenset()

    @classmethod
    def of(cls, held: Iterable[tuple[object, Iterable[NodeId]]]) -> Outage:
        """``held``: faults and the nodes that they hit."""
        stopped: set[NodeId] = set()
        silent: set[NodeId] = set()
        removed: set[NodeId] = set()
        for fault, nodes in held:
            match fault:
                case NodeFault():
                    stopped.update(nodes if fault.silences else ())
                    removed.update(nodes if fault.removes else ())
                case LinkFault():
                    silent.update(nodes if fault.silences else ())
                case _:
                    pass
        return cls(frozenset(stopped), frozenset(silent | stopped), frozenset(removed))

    def choose(self, fault: NodeFault, scene: Scene) -> Resolved:
        """Whom ``fault`` hits: nodes that run, if it is one of processes, clocks or disks.

        1. A target by role never silences more than a minority of the members together with
           what holds already (of one or two: one node); rather it hits fewer, or nobody.
        2. Nodes that are named, or all, are hit nevertheless, and the note says what that means.

        Raises:
            NobodyToHit: None of them runs, or a majority would not be left.
            UnknownNode: The target names a node that there is not.
        """
        asked = isinstance(fault.target, Named | All)
        runs = [node for node in scene.nodes if fault.hits_stopped or node not in self.stopped]
        if not runs:
            raise NobodyToHit("no node runs")
        hit = scene.resolve(fault.target, () if asked else runs)
        nodes = tuple(node for node in hit.nodes if node in runs)
        left_out = [node for node in hit.nodes if node not in runs]
        note = "; ".join(filter(None, (hit.note, _said(left_out, "out already"))))
        if not nodes:
            raise NobodyToHit(_said(left_out, "out already"))
        if fault.silences and asked:
            note = "; ".join(filter(None, (note, self.lost_majority(nodes, scene))))
        chosen = Resolved(nodes, note)
        return self._within_minority(chosen, scene) if fault.silences and not asked else chosen

    def lost_majority(self, nodes: Iterable[NodeId], scene: Scene) -> str:
        """In words that no majority is left if ``nodes`` are silent, too; "" if one is."""
        before = self.silent - self.removed
        after = before.union(nodes) - self.removed
        if not before or len(after) <= self._may_lose(scene):
            return ""
        return f"no majority is left, as {_said(sorted(before), 'out')}"

    def _within_minority(self, hit: Resolved, scene: Scene) -> Resolved:
        members = [node for node in hit.nodes if node not in self.removed]
        others = sorted(self.silent.difference(hit.nodes, self.removed))
        spare = self._may_lose(scene) - len(others)
        if len(members) <= spare or not others:
            return hit
        if spare <= 0:
            raise NobodyToHit(f"{_said(others, 'out')}, and a majority needs all others")
        chosen = scene.rng.sample(members, spare)
        nodes = tuple(node for node in hit.nodes if node in chosen or node not in members)
        note = f"no more, as {_said(others, 'out')}"
        return Resolved(nodes, "; ".join(filter(None, (hit.note, note))))

    def _may_lose(self, scene: Scene) -> int:
        members = [node for node in scene.nodes if node not in self.removed]
        return max(1, minority_size(len(members)))


def _said(nodes: Sequence[NodeId], what: str) -> str:
    """ "n0 and n2 are out"; "" of nobody."""
    return f"{' and '.join(nodes)} {'is' if len(nodes) == 1 else 'are'} {what}" if nodes else ""
