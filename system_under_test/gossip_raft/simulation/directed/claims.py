"""What a transcript may claim of its world: the complaints of those who only look at it.

claim leader NODE            NODE leads, and no other node that is up believes to
claim no leader NODE         NODE does not believe to lead
claim a leader               some node that is up leads
claim term TERM              no node that is up is in a higher one
claim up NODE                NODE has neither stopped nor failed to start
claim converged              all nodes that are up follow one leader, and have committed
                             and applied its whole log
claim waiting NODE N         at most N requests of clients wait at NODE for an answer
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from system_under_test.gossip_raft.core.messages import Status
from system_under_test.gossip_raft.simulation.directed.transcript import TranscriptError

if TYPE_CHECKING:
    from system_under_test.gossip_raft.simulation.directed.world import DirectedWorld


def broken_claim(words: list[str], world: DirectedWorld) -> str | None:
    """Why it is not as claimed; ``None`` if it is.

    Raises:
        TranscriptError: There is no such claim.
    """
    up = _those_up(world)
    leaders = [node for node, status in up.items() if status.role == "leader"]
    match words:
        case ["leader", node]:
            return None if leaders == [node] else f"{node} should lead, not {_names(leaders)}"
        case ["no", "leader", node]:
            return f"{node} still leads" if node in leaders else None
        case ["a", "leader"]:
            return None if leaders else "nobody leads"
        case ["a", "leader", "after", term]:
            later = [node for node in leaders if up[node].term > int(term)]
            return None if later else f"nobody leads after term {term}"
        case ["term", term]:
            highest = max((status.term for status in up.values()), default=0)
            return f"term {highest}, not {term}" if highest > int(term) else None
        case ["up", node]:
            return None if node in up else f"{node} is down"
        case ["converged"]:
            return _not_converged(up, leaders)
        case ["waiting", node, number]:
            waiting = _waiting(world, node)
            return f"{waiting} requests wait at {node}" if waiting > int(number) else None
        case _:
            raise TranscriptError(f"unknown claim: {' '.join(words)}")


def _those_up(world: DirectedWorld) -> dict[str, Status]:
    return {
        name: actor.host.node.status
        for name, actor in world.actors.items()
        if actor.host is not None
    }


def _not_converged(up: dict[str, Status], leaders: list[str]) -> str | None:
    if len(leaders) != 1:
        return f"led by {_names(leaders)}"
    leading = up[leaders[0]]
    for name, status in up.items():
        behind = (status.last, status.commit, status.applied) != (
            leading.last,
            leading.last,
            leading.last.index,
        )
        if behind or status.leader != leaders[0]:
            return f"{name} has not converged with {leaders[0]}"
    return None


def _waiting(world: DirectedWorld, node: str) -> int:
    answered = {(heard.message.target, heard.message.request) for heard in world.answered}
    asked = [heard.message for heard in world.asked if heard.message.target == node]
    return sum((message.source, message.request) not in answered for message in asked)


def _names(nodes: list[str]) -> str:
    return ", ".join(nodes) or "nobody"
