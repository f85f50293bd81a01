"""Which requests a node takes in: none that is too large, too late, or one too many.

A refusal is definite (``Unavailable``): nothing was appended, and nothing will be.
"""

from __future__ import annotations

from dataclasses import replace

from system_under_test.gossip_raft.core.log import bytes_of_commands
from system_under_test.gossip_raft.core.messages import (
    Message,
    PutEntries,
    ReadKeys,
    Unavailable,
)
from system_under_test.gossip_raft.core.state import NodeState
from system_under_test.gossip_raft.core.types import Nanos


def after_waiting(message: Message, waited: int) -> Message:
    """``message``, ``waited`` after it arrived: so much less time is left to it."""
    body = message.body
    if waited > 0 and isinstance(body, PutEntries | ReadKeys) and body.expires_in is not None:
        left = replace(body, expires_in=Nanos(body.expires_in - waited))
        return message._replace(body=left)
    return message


def bytes_held(message: Message) -> int:
    """About how much memory a client's ``message`` takes while it waits."""
    return bytes_of_commands(message.body.commands) if isinstance(message.body, PutEntries) else 0


def deadline_of(request: PutEntries | ReadKeys, now: Nanos) -> Nanos | None:
    """On the clock that says ``now``; ``None`` if the client waits for ever."""
    return None if request.expires_in is None else Nanos(now + request.expires_in)


def is_over(deadline: Nanos | None, now: Nanos) -> bool:
    return deadline is not None and now >= deadline


class Admission:
    def __init__(self, state: NodeState) -> None:
        self._state = state

    def refuses(self, request: PutEntries | ReadKeys) -> Unavailable | None:
        """Why no node, whatever its role, should do anything about ``request``."""
        rules, config = self._state.rules, self._state.config
        if isinstance(request, PutEntries):
            size = bytes_of_commands(request.commands)
            if rules.is_too_large(size, config.request_bytes_max):
                return Unavailable(
                    f"request of {size} bytes, at most {config.request_bytes_max}, not executed",
                    permanent=True,
                )
        if rules.has_expired(request.expires_in):
            return Unavailable("deadline passed, not executed")
        return None

    def refuses_write(self, put: PutEntries, waiting: int) -> Unavailable | None:
        """Why a leader with ``waiting`` writes under way may not append another."""
        state, config = self._state, self._state.config
        if state.disk_is_full:
            return Unavailable("the disk is full, not executed")
        if state.hands_over:
            return Unavailable("leadership is being transferred, not executed")
        if not state.rules.has_room(waiting, config.writes_waiting_max):
            return _overloaded(f"{waiting} writes wait")
        pending = state.log.bytes_after(state.commit)
        size = bytes_of_commands(put.commands)
        if not state.rules.has_room_for_bytes(pending, size, config.uncommitted_bytes_max):
            return _overloaded(f"{pending} bytes are not committed")
        return None

    def refuses_read(self, waiting: int) -> Unavailable | None:
        """Why a leader with ``waiting`` reads to confirm may not take another."""
        if self._state.rules.has_room(waiting, self._state.config.reads_waiting_max):
            return None
        return _overloaded(f"{waiting} reads wait")


def _overloaded(why: str) -> Unavailable:
    return Unavailable(f"overloaded: {why}, not executed")
