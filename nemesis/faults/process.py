"""What can go wrong with processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from nemesis.faults.base import NodeFault
from nemesis.target import describe_target
from system_under_test.control import Crashable, Killable, Moment, Pausable, Terminable
from system_under_test.gossip_raft.core.types import NodeId


class Kill(NodeFault, frozen=True, tag="kill"):
    """End the target's processes at once (SIGKILL).  Undone by starting them again."""

    needs = (Killable,)
    silences = True

    def describe(self) -> str:
        return f"kill {describe_target(self.target)}"

    async def do(self, node: NodeId, system: Killable) -> str:
        await system.kill(node)
        return ""

    async def undo(self, nodes: Sequence[NodeId], system: Killable) -> str:
        await system.start(*nodes)
        return f"restarted {', '.join(nodes)}"


class _TerminableKillable(Terminable, Killable, Protocol): ...


class Terminate(NodeFault, frozen=True, tag="terminate"):
    """Ask the target's processes to end (SIGTERM), which they do in order: a leader hands its
    leadership over.  Undone by starting them again."""

    needs = (Terminable, Killable)
    silences = True

    def describe(self) -> str:
        return f"terminate {describe_target(self.target)}"

    async def do(self, node: NodeId, system: Terminable) -> str:
        await system.terminate(node)
        return ""

    async def undo(self, nodes: Sequence[NodeId], system: _TerminableKillable) -> str:
        await system.start(*nodes)
        return f"restarted {', '.join(nodes)}"


class Pause(NodeFault, frozen=True, tag="pause"):
    """Stop the target's processes from running (SIGSTOP).  Undone by resuming them."""

    needs = (Pausable,)
    silences = True

    def describe(self) -> str:
        return f"pause {describe_target(self.target)}"

    async def do(self, node: NodeId, system: Pausable) -> str:
        await system.pause(node)
        return ""

    async def undo(self, nodes: Sequence[NodeId], system: Pausable) -> str:
        for node in nodes:
            await system.resume(node)
        return f"resumed {', '.join(nodes)}"


class _CrashableKillable(Crashable, Killable, Protocol): ...


class CrashAt(NodeFault, frozen=True, tag="crash-at"):
    """The target ends right before the ``count``-th such effect.  Undone by a new start."""

    moment: Moment = Moment.ANY
    count: int = 1

    needs = (Crashable, Killable)
    silences = True

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count: {self.count} is not at least 1")

    def describe(self) -> str:
        return f"crash {describe_target(self.target)} {self._when()}"

    async def do(self, node: NodeId, system: Crashable) -> str:
        await system.crash_at(node, self.moment, self.count)
        return self._when()

    async def undo(self, nodes: Sequence[NodeId], system: _CrashableKillable) -> str:
        for node in nodes:
            await system.let_live(node)
        await system.start(*nodes)
        return f"started {', '.join(nodes)} again"

    def _when(self) -> str:
        return f"before effect {self.count} ({self.moment.value})"


ProcessFault: TypeAlias = Kill | Terminate | Pause | CrashAt
