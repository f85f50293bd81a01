"""A simulated cluster under observation: what arrives is kept, and anybody may ask anything."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar

from harness.seeds import derive
from system_under_test.conditions import Cut
from system_under_test.control import Link
from system_under_test.gossip_raft.core.messages import Body, Message, PutEntries
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import (
    Append,
    ClientId,
    NodeId,
    RequestId,
    Session,
    Term,
)
from system_under_test.gossip_raft.simulation.cluster import MS, SimulatedCluster, WorldOptions

Result = TypeVar("Result")

ELECTION_MAX_MS: Final = 400
HEARTBEAT_MS: Final = 40
QUICK: Final[Mapping[str, int | str | None]] = {
    "election_timeout_min_ns": 200 * MS,
    "election_timeout_max_ns": ELECTION_MAX_MS * MS,
    "heartbeat_interval_ns": HEARTBEAT_MS * MS,
    "pull_wait_ns": 100 * MS,
    "request_timeout_ns": 100 * MS,
}


def done(work: Coroutine[Any, Any, Result]) -> Result:
    """Coroutines of a simulated system never suspend."""
    try:
        work.send(None)
    except StopIteration as stopped:
        result: Result = stopped.value
        return result
    raise AssertionError("it suspended")


class WatchedCluster(SimulatedCluster):
    """``heard`` is what arrived at nodes, ``answers`` what arrived at clients, in this order."""

    def __init__(
        self,
        nodes: int,
        seed: int = 1,
        node: Mapping[str, int | str | None] | None = None,
        *,
        rules: Callable[[], Rules] = Rules,
    ) -> None:
        """``node``: as in ``WorldOptions``, beyond ``QUICK``."""
        options = WorldOptions(nodes=nodes, node={**QUICK, **(node or {})})
        super().__init__(options, lambda name: derive(seed, name), rules=rules)
        self.heard: list[Message] = []
        self.answers: list[Body] = []
        self._asked = 0

    def run(self, milliseconds: int) -> None:
        self.scheduler.run_for(milliseconds * MS)

    def heard_within(self, milliseconds: int) -> list[Message]:
        self.heard = []
        self.run(milliseconds)
        return self.heard

    def leading(self) -> NodeId:
        leader = self._leader()
        assert leader is not None
        return leader

    def cut_off(self, node: NodeId) -> None:
        """From all others, in both directions."""
        for other in self.nodes:
            if other != node:
                self.cut_between(node, other)

    def cut_between(self, source: NodeId, target: NodeId, *, one_way: bool = False) -> None:
        links = [Link(source, target)] + ([] if one_way else [Link(target, source)])
        done(self.impose(links, Cut()))

    def ask(self, node: NodeId, body: Body, client: str = "c") -> None:
        self._asked += 1
        self.network.send(Message(client, node, RequestId(self._asked), Term(0), (), body))

    def append(self, count: int, *, every_ms: int) -> None:
        """Ask who leads now to append 1 to ``count`` to the list x."""
        leader = self.leading()
        for number in range(1, count + 1):
            self.ask(leader, PutEntries(Session(ClientId("c"), number), (Append("x", number),)))
            self.run(every_ms)

    def everybody_applied_the_same(self) -> bool:
        return len({(s.last, s.commit, s.applied) for s in self.statuses().values()}) == 1

    def _reach(self, node: NodeId, message: Message) -> None:
        self.heard.append(message)
        super()._reach(node, message)

    def _to_client(self, message: Message) -> None:
        self.answers.append(message.body)
        super()._to_client(message)
