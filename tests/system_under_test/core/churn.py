"""One seed: as ``campaign``, while an administrator adds, removes and appoints at random."""

from __future__ import annotations

from dataclasses import fields

import histories.trace
from checker.base import Budget
from checker.raft.invariants import check_traces
from checker.verdict import Verdict
from histories.trace import NodeEvent
from system_under_test.gossip_raft.core.messages import (
    AddServer,
    Administration,
    Message,
    RemoveServer,
    Results,
    TransferLeadership,
)
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import NodeId, RequestId, Term
from tests.system_under_test.core.campaign import Campaign

ADMIN = "admin"


class ChurnCampaign(Campaign):
    """Five nodes, of which the first three are the cluster in the beginning."""

    def __init__(self, seed: int, rules: Rules | None = None, *, compacting: bool = False) -> None:
        super().__init__(seed, nodes=5, rules=rules, members=3, compacting=compacting)
        self.changes = 0
        self.transfers = 0
        self._asked: dict[int, Administration] = {}

    def expected_to_agree(self) -> list[NodeId]:
        """The voters, as whoever leads the highest term has them; a learner may lag."""
        alive = [life.host.node for life in self.world.lives.values() if life.alive]
        leaders = [node for node in alive if node.status.role == "leader"]
        if not leaders:
            return super().expected_to_agree()
        return list(max(leaders, key=lambda node: node.status.term).membership.voters)

    def verdict(self) -> Verdict:
        """What the checker of traces says of the same run."""
        traces: dict[str, list[NodeEvent]] = {node: [] for node in self.world.nodes}
        for node, event in self.world.events:
            kind = getattr(histories.trace, type(event).__name__)
            known = {field.name: getattr(event, field.name) for field in fields(event)}
            traces[node].append(kind(at=len(traces[node]), **known))
        return check_traces(traces, budget=Budget())

    def _ask(self) -> None:
        super()._ask()
        if self.rng.random() < 0.4:
            self._administer()

    def _administer(self) -> None:
        rng, node = self.rng, self.rng.choice(self.world.nodes)
        requests: list[Administration] = [
            AddServer(node, "there"),
            RemoveServer(node),
            TransferLeadership(node),
        ]
        request = rng.choice(requests)
        for target in self.world.nodes:  # One of them leads, perhaps.
            number = RequestId(len(self._asked) + 1)
            self._asked[number] = request
            self.world.transmit(Message(ADMIN, target, number, Term(0), (), request))

    def _on_answer(self, message: Message) -> None:
        if message.target != ADMIN:
            super()._on_answer(message)
        elif isinstance(message.body, Results):
            if isinstance(self._asked[message.request], TransferLeadership):
                self.transfers += 1
            else:
                self.changes += 1
