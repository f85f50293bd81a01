"""A simulated run once more, to write down what was said in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from harness.attempts import Attempt, answer_of
from harness.report.messages import CLIENTS, Arrow
from harness.simulated import Plan, Simulated, simulate
from system_under_test.gossip_raft.core.describe import body
from system_under_test.gossip_raft.core.messages import (
    BETWEEN_NODES,
    FROM_CLIENTS,
    Message,
    PulledEntries,
    PullEntries,
    PullMismatch,
    PullSnapshot,
    PullTooOld,
    PutEntries,
    ReadKeys,
    RequestVote,
    SnapshotChunk,
    TimeoutNow,
    TimeoutNowReply,
    Vote,
)
from system_under_test.gossip_raft.simulation.network import SimulatedNetwork
from system_under_test.gossip_raft.simulation.route import Deliver

AROUND_NS: Final = 2_000_000_000
"""Messages are kept that left within this of a moment of interest."""

_KIND_OF: Final[dict[type, str]] = {
    **dict.fromkeys((PullEntries, PulledEntries, PullMismatch, PullTooOld), "entries"),
    **dict.fromkeys((PullSnapshot, SnapshotChunk), "snapshot"),
    **dict.fromkeys((RequestVote, Vote, TimeoutNow, TimeoutNowReply), "vote"),
}


@dataclass(slots=True)
class _Letter:
    message: Message
    departed: int
    arrived: int | None = None


@dataclass(slots=True)
class Overheard:
    """What was said near ``moments``, and every request of a client in the whole run."""

    moments: Sequence[int]
    attempts: list[Attempt] = field(default_factory=list)
    _letters: list[_Letter] = field(default_factory=list)
    _under_way: dict[int, _Letter] = field(default_factory=dict)
    _asked: dict[tuple[str, int], Attempt] = field(default_factory=dict)

    def sent(self, message: Message, now: int) -> None:
        if type(message.body) in {PutEntries, ReadKeys}:
            attempt = Attempt(client=message.source, node=message.target, departed=now)
            self.attempts.append(attempt)
            self._asked[message.source, message.request] = attempt
        if any(abs(now - moment) <= AROUND_NS for moment in self.moments):
            letter = _Letter(message, now)
            self._letters.append(letter)
            self._under_way[id(message)] = letter  # The letter keeps the message, and so the id.

    def arrived(self, message: Message, now: int) -> None:
        attempt = self._asked.get((message.target, message.request))
        if attempt is not None and attempt.node == message.source and not attempt.answer:
            attempt.answer, attempt.returned = answer_of(message), now
        letter = self._under_way.get(id(message))
        if letter is not None and letter.arrived is None:
            letter.arrived = now

    def arrows(self) -> list[Arrow]:
        return [_arrow(letter) for letter in self._letters]


class _OverheardNetwork(SimulatedNetwork):
    """As its base, and tells ``overheard``."""

    def __init__(
        self,
        *args: Any,
        overheard: Overheard,
        to_node: Callable[[Any], Deliver],
        to_clients: Deliver,
        **options: Any,
    ) -> None:
        self._overheard = overheard
        super().__init__(
            *args,
            to_node=lambda node: self._listening(to_node(node)),
            to_clients=self._listening(to_clients),
            **options,
        )

    def send(self, message: Message) -> None:
        self._overheard.sent(message, self._scheduler.now)
        super().send(message)

    def _listening(self, deliver: Deliver) -> Deliver:
        def arrive(message: Message) -> None:
            self._overheard.arrived(message, self._scheduler.now)
            deliver(message)

        return arrive


def overhear(plan: Plan, moments: Sequence[int]) -> tuple[Simulated, Overheard]:
    """Simulate ``plan`` and listen.  Listening changes nothing: the run is the same."""
    overheard = Overheard(moments)
    network = partial(_OverheardNetwork, overheard=overheard)
    return simulate(plan, make_network=network), overheard


def _arrow(letter: _Letter) -> Arrow:
    message = letter.message
    kind = _KIND_OF.get(type(message.body))
    if kind is None:
        kind = "gossip" if type(message.body) in BETWEEN_NODES else "client"
    asks = type(message.body) in FROM_CLIENTS
    who = f"{message.source}: " if asks else f"to {message.target}: " if kind == "client" else ""
    term = f" (term {message.term})" if kind != "client" else ""
    return Arrow(
        departed=letter.departed,
        arrived=letter.arrived,
        source=CLIENTS if asks else message.source,
        target=message.target if asks or kind != "client" else CLIENTS,
        kind=kind,
        text=f"{who}{body(message.body)}{term}",
    )
