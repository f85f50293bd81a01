"""What can happen to membership and leadership."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from nemesis.faults.base import NodeFault
from nemesis.target import describe_target
from system_under_test.control import DiskFaulty, Killable, Reconfigurable
from system_under_test.gossip_raft.core.types import NodeId


class RemoveNode(NodeFault, frozen=True, tag="remove-node"):
    """The target's nodes belong to the cluster no more, one after the other; their processes
    go on.  Undone by readmitting them."""

    needs = (Reconfigurable,)
    hits_stopped = True
    removes = True

    def describe(self) -> str:
        return f"remove {describe_target(self.target)} from the cluster"

    async def do(self, node: NodeId, system: Reconfigurable) -> str:
        return await system.remove(node)

    async def undo(self, nodes: Sequence[NodeId], system: Reconfigurable) -> str:
        return await system.readmit(nodes) or "all are members"


class _Replaceable(Reconfigurable, DiskFaulty, Killable, Protocol): ...


class ReplaceNode(NodeFault, frozen=True, tag="replace-node"):
    """The target's machines are replaced, one after the other: each is removed from the cluster,
    ends, and loses all that it had on disk.  Undone by starting it, empty, and adding it."""

    needs = (Reconfigurable, DiskFaulty, Killable)
    silences = True
    removes = True

    def describe(self) -> str:
        return f"replace {describe_target(self.target)}"

    async def do(self, node: NodeId, system: _Replaceable) -> str:
        return f"{await system.remove(node)}; {await system.lose_disk(node)}"

    async def undo(self, nodes: Sequence[NodeId], system: _Replaceable) -> str:
        await system.start(*nodes)
        return await system.readmit(nodes) or "all are members"


class TransferLeadership(NodeFault, frozen=True, tag="transfer-leadership"):
    """Leadership is handed to the target.  Nothing to undo."""

    needs = (Reconfigurable,)
    hits_stopped = True

    def describe(self) -> str:
        return f"hand leadership to {describe_target(self.target)}"

    async def do(self, node: NodeId, system: Reconfigurable) -> str:
        return await system.transfer(node)

    async def undo(self, nodes: Sequence[NodeId], system: Reconfigurable) -> str:
        del nodes, system
        return ""


MembershipFault: TypeAlias = RemoveNode | ReplaceNode | TransferLeadership
