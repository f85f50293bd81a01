"""Clients' writes, from arrival to answer; each takes effect once (Ongaro 2014, 6.3)."""

from __future__ import annotations

from dataclasses import dataclass

from system_under_test.gossip_raft.core.admission import Admission, deadline_of, is_over
from system_under_test.gossip_raft.core.image import Answer
from system_under_test.gossip_raft.core.messages import (
    AckEntries,
    Forwarded,
    Lost,
    Message,
    NotLeader,
    PutEntries,
    Results,
    Unavailable,
)
from system_under_test.gossip_raft.core.state import NodeState
from system_under_test.gossip_raft.core.state_machine import StateMachine
from system_under_test.gossip_raft.core.trace import Answered
from system_under_test.gossip_raft.core.types import (
    ClientId,
    Entry,
    Nanos,
    Position,
    RequestId,
    Session,
    Term,
)


@dataclass(frozen=True, slots=True)
class Waiter:
    """Somebody who is told what becomes of a request."""

    source: str
    request: RequestId
    session: Session
    acknowledge_to: str | None
    deadline: Nanos | None


class Writes:
    """1. Success is said only of the very entry, (term, index), once it is applied.
    2. Whoever waits when leadership ends hears ``Lost``: it may or may not take effect.
    3. What was refused was never appended; what was appended is never refused.
    """

    def __init__(self, state: NodeState, machine: StateMachine) -> None:
        self._state = state
        self._machine = machine
        self._admission = Admission(state)
        self._waiters: dict[Position, list[Waiter]] = {}
        self._waiting = 0
        self._pending: dict[ClientId, tuple[int, Position]] = {}
        self._leads_term = Term(0)
        state.when_leadership_ends.append(self._abandon)

    def on_put(self, message: Message, put: PutEntries) -> None:
        state, session = self._state, put.session
        if not state.leads:
            self._refer(message, put)
            return
        self._begin_term()
        known = self._known(session)
        if known is None:
            refusal = self._admission.refuses(put)
            refusal = refusal or self._admission.refuses_write(put, self._waiting)
            if refusal is not None:
                self._refuse(message, put, refusal)
                return
            entry = state.propose(session, put.commands)
            known = Position(entry.term, entry.index)
            self._pending[session.client] = (session.sequence, known)
        elif isinstance(known, Position) and not self._has_room():
            known = Lost("overloaded; the request is under way already")
        if put.acknowledge_to is not None:
            state.outbox.answer(message.source, message.request, Forwarded(state.id))
        deadline = deadline_of(put, state.now)
        waiter = Waiter(message.source, message.request, session, put.acknowledge_to, deadline)
        if isinstance(known, Position):
            self._waiters.setdefault(state.rules.awaited(known), []).append(waiter)
            self._waiting += 1
        else:
            self._tell(waiter, known)

    def applied(self, entry: Entry, answer: Answer) -> None:
        """``entry`` is committed and applied: whoever waits for it is told."""
        position = Position(entry.term, entry.index)
        if entry.session is not None:
            client = entry.session.client
            if self._pending.get(client, (0, None))[1] == position:
                del self._pending[client]
        waiters = self._waiters.pop(self._state.rules.awaited(position), ())
        self._waiting -= len(waiters)
        for waiter in waiters:
            self._tell(waiter, Results(answer.position, answer.results))

    def tick(self) -> None:
        """Whoever no longer listens is told that nobody knows, and forgotten."""
        now = self._state.now
        for position, waiters in tuple(self._waiters.items()):
            if not any(is_over(waiter.deadline, now) for waiter in waiters):
                continue
            self._waiters[position] = [w for w in waiters if not is_over(w.deadline, now)]
            for waiter in waiters:
                if is_over(waiter.deadline, now):
                    self._waiting -= 1
                    self._tell(waiter, Lost("deadline passed before the entry was committed"))

    def _known(self, session: Session) -> Results | Lost | Position | None:
        """What became of a request that came before, or where it stands; ``None`` if new."""
        rules = self._state.rules
        first = self._machine.answer_of(session.client)
        if first is not None and rules.is_repeat(session.sequence, first.sequence):
            if first.sequence == session.sequence:
                return Results(first.position, first.results)
            return _stale(session, first.sequence)
        newest, position = self._pending.get(session.client, (0, None))
        if position is None or not rules.is_repeat(session.sequence, newest):
            return None
        return position if newest == session.sequence else _stale(session, newest)

    def _has_room(self) -> bool:
        state = self._state
        return state.rules.has_room(self._waiting, state.config.writes_waiting_max)

    def _refuse(self, message: Message, put: PutEntries, refusal: Unavailable) -> None:
        """To whoever asked; to the address given only if a node has passed it on."""
        outbox = self._state.outbox
        if put.acknowledge_to is not None and message.source in self._state.peers:
            outbox.ask(put.acknowledge_to, AckEntries(put.session, refusal))
        else:
            outbox.answer(message.source, message.request, refusal)

    def _refer(self, message: Message, put: PutEntries) -> None:
        """Not the leader: pass the request on if it is to be acknowledged elsewhere."""
        outbox, rules, address = self._state.outbox, self._state.rules, put.acknowledge_to
        leader = rules.leader_hint(self._state.leader)
        refusal = self._admission.refuses(put)
        if refusal is not None:
            self._refuse(message, put, refusal)
        elif address is not None and message.source in self._state.peers:
            # Passed on once already, on a wrong hint; twice could go round in circles.
            outbox.ask(address, AckEntries(put.session, NotLeader(leader)))
        elif address is not None and leader is not None:
            outbox.ask(leader, rules.forwarded(put))
            outbox.answer(message.source, message.request, Forwarded(leader))
        else:
            outbox.answer(message.source, message.request, NotLeader(leader))

    def _begin_term(self) -> None:
        """A new leader finds in its log which requests are under way."""
        state = self._state
        if self._leads_term == state.term:
            return
        self._leads_term = state.term
        self._pending = {
            entry.session.client: (entry.session.sequence, Position(entry.term, entry.index))
            for entry in state.log.after(state.applied, len(state.log))
            if entry.session is not None
        }

    def _abandon(self) -> None:
        for position, waiters in tuple(self._waiters.items()):
            answer = self._state.rules.answer_when_deposed(position)
            if answer is None:
                continue
            del self._waiters[position]
            self._waiting -= len(waiters)
            for waiter in waiters:
                self._tell(waiter, answer)

    def _tell(self, waiter: Waiter, answer: Results | Lost | Unavailable) -> None:
        outbox = self._state.outbox
        if isinstance(answer, Results):
            outbox.told.append(
                Answered(
                    index=answer.position.index,
                    term=answer.position.term,
                    client=waiter.session.client,
                    sequence=waiter.session.sequence,
                )
            )
        if waiter.acknowledge_to is None:
            outbox.answer(waiter.source, waiter.request, answer)
        else:
            outbox.ask(waiter.acknowledge_to, AckEntries(waiter.session, answer))


def _stale(session: Session, newest: int) -> Lost:
    # Not "unavailable", which would claim that it never took effect: it may have, before
    # the client went on, and only the answer to the newest request is kept.
    return Lost(f"stale sequence {session.sequence}, newest of {session.client} is {newest}")
