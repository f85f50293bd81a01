"""An administrator of a simulated cluster: finds the leader and asks it for one change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from system_under_test.gossip_raft.core.messages import (
    Administration,
    Body,
    Lost,
    Message,
    NotLeader,
    Results,
    Unavailable,
)
from system_under_test.gossip_raft.core.types import NodeId, RequestId, Term
from system_under_test.gossip_raft.simulation.scheduler import Goal, Scheduler

NAME: Final = "administrator"
MS: Final = 1_000_000
TIMEOUT_NS: Final = 5_000 * MS
LOOK_AGAIN_NS: Final = 50 * MS


class Administrator:
    """Lets time pass until it is answered: the world goes on inside of ``ask``.

    It reaches nodes past all faults of links, as the live one does, and ``deliver`` says how.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        leader: Callable[[], NodeId | None],
        deliver: Callable[[NodeId, Message], None],
    ) -> None:
        self._scheduler = scheduler
        self._leader = leader
        self._deliver = deliver
        self._asked = 0
        self._answers: dict[int, Message] = {}
        self._awaited: dict[int, Goal] = {}

    def receive(self, message: Message) -> None:
        self._answers[message.request] = message
        if message.request in self._awaited:
            self._awaited[message.request].is_reached = True

    def ask(self, request: Administration) -> Results | Unavailable | Lost:
        """The leader's answer; ``Lost`` too if none came in time."""
        scheduler = self._scheduler
        deadline = scheduler.now + TIMEOUT_NS
        while scheduler.now < deadline:
            leader = self._leader()
            if leader is None:
                scheduler.run_for(LOOK_AGAIN_NS)
                continue
            match self._ask(leader, request, deadline):
                case (Results() | Unavailable() | Lost()) as definite:
                    return definite
                case NotLeader():
                    scheduler.run_for(LOOK_AGAIN_NS)
                case _:
                    return Lost(f"{leader} did not answer in time")
        return Lost("nobody leads, as far as can be seen; nothing was asked")

    def _ask(self, leader: NodeId, request: Administration, deadline: int) -> Body | None:
        self._asked += 1
        number = RequestId(self._asked)
        answered = self._awaited[number] = Goal()
        self._deliver(leader, Message(NAME, leader, number, Term(0), (), request))
        self._scheduler.run(answered, deadline)
        del self._awaited[number]
        answer = self._answers.pop(number, None)
        return None if answer is None else answer.body
