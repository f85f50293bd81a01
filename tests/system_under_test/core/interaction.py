"""Nodes driven by hand: nothing moves unless a command of the transcript says so.

Commands (nodes are n0, n1 ...; times in milliseconds; every node has its own clock)::

    rules NODE MUTANT             NODE will run with the rules of a bug of the zoo
    disk NODE term=2 vote=n1 log=1,1,2    what NODE finds at its start: terms of entries
    option FIELD VALUE            of every node's configuration, before ``nodes``
    nodes N                       start n0 ... n(N-1)
    join NODE                     start one more, which belongs to the cluster once it is added
    add AT NODE / remove AT NODE / transfer AT [NODE]    ask node AT for it
    wait [NODES] MS               their clocks move on, but they do not look at them
    tick [NODES] MS               their clocks move on and they act on it
    run MS                        everybody ticks at every heartbeat, all is delivered
    campaign NODE                 its election time-out passes
    elect NODE                    all compare notes and forget the last leader; NODE
                                  campaigns; stabilize
    put NODE CLIENT#SEQ COMMAND [to ADDRESS] [within MS]
    read NODE KEYS... [local | lease] [within MS]     so long the client still waits
    deliver [A->B | B] [TYPE]     what is in flight on that link, or to that node
    drop [A->B | B] [TYPE]        loses it
    repeat A->B [TYPE]            delivers it, and leaves it in flight too
    cut A B / cut A->B            from now on nothing passes; ``heal`` ends all cuts
    isolate NODE                  cuts all its links
    stabilize [NODES]             deliver all there is (among NODES) until nothing is in flight
    hold TYPE / release           ``stabilize`` leaves messages of that type in flight
    crash NODE [before persist|send|apply]    at once, or just before such an effect
    restart NODE
    wipe NODE                     its disk is lost; restarted, it knows
    image NODE                    what its newest snapshot says
    log / status / members / suspects / gossip NODE / flight       look
    anew                          forget everything: another story
    quietly COMMAND               show only the status after it
    verbose / terse               show every event and every heartbeat, or not
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import fields, replace

from system_under_test.gossip_raft.core import describe, trace
from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.messages import (
    AddServer,
    ClientRequest,
    Consistency,
    Heartbeat,
    HeartbeatReply,
    Message,
    PutEntries,
    ReadKeys,
    RemoveServer,
    TransferLeadership,
    UpdatePositionReply,
)
from system_under_test.gossip_raft.core.node import Node
from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import (
    AddToSet,
    Append,
    Cas,
    ClientId,
    Command,
    Delete,
    Dequeue,
    DurableState,
    Enqueue,
    Entry,
    HardState,
    Incarnation,
    Increment,
    InvariantViolation,
    LogIndex,
    Nanos,
    NodeId,
    Put,
    Raw,
    RequestId,
    Scalar,
    Session,
    Term,
)
from system_under_test.gossip_raft.host import Host
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE
from system_under_test.gossip_raft.ports import Storage
from tests.system_under_test.core.datadriven import Stanza, TranscriptError

MS = 1_000_000
CHATTER = (Heartbeat, HeartbeatReply, UpdatePositionReply)
SELF_EVIDENT = (trace.Persisted, trace.PositionTold, trace.VoteTold, trace.Appended, trace.Applied)


DELIVERIES_MAX = 2_000
"""More in one go is a conversation that does not end by itself."""


class Actor:
    """One node with its disk, its clock and its ports; it writes down what it does."""

    def __init__(self, env: InteractionEnv, node: NodeId, disk: DurableState) -> None:
        self.env = env
        self.node = node
        self.disk = disk
        self.time = Nanos(0)
        self.mutant: str | None = None
        self.trap: str | None = None
        self.host: Host | None = None
        self._wake: Callable[[], None] = lambda: None
        self._life = 0

    # --- what transcripts do ---------------------------------------------------

    @property
    def alive(self) -> bool:
        return self.host is not None

    def start(self) -> None:
        self._life += 1
        life = self._life
        mutant = None if self.mutant is None else CATALOGUE[self.mutant]
        rules = self.env.rules() if mutant is None else mutant.rules()
        config = replace(self.env.config, id=self.node)
        rng = random.Random(f"{self.node} {life}")
        storage: Storage = self if mutant is None else mutant.storage(self)
        self.host = Host(
            lambda durable, now: Node(config, durable, rng, now, rules),
            clock=self,
            network=self,
            storage=storage,
            recorder=self,
            on_stopped=self._on_stopped,
        )
        self.host.start()

    def crash(self) -> None:
        self.host = None
        self.trap = None
        self.env.say("  crashes")

    def receive(self, message: Message) -> None:
        if self.host is not None:
            self.host.receive(message)

    def tick(self) -> None:
        self._wake()

    # --- ports -----------------------------------------------------------------

    def now(self) -> Nanos:
        return self.time

    def wake_at(self, time: Nanos, wake: Callable[[], None]) -> None:
        del time
        self._wake = wake

    def send(self, message: Message) -> None:
        if self._reaches("send"):
            chatter = isinstance(message.body, CHATTER)
            text = describe.message(message).removeprefix(f"{self.node}->")
            self.env.say(f"  -> {text}", chatter=chatter)
            if message.target in self.env.actors:
                self.env.in_flight.append(message)

    def record(self, events: tuple[trace.TraceEvent, ...]) -> None:
        if self.host is None:
            return
        shown = [e for e in events if self.env.verbose or not isinstance(e, SELF_EVIDENT)]
        if shown:
            self.env.say("  " + "; ".join(map(describe.event, shown)))
        for event in events:
            if isinstance(event, trace.Applied) and self._reaches("apply"):
                held = [entry for entry in self.host.node.log if entry.index == event.index]
                what = describe.entry(held[0]) if held else f"{event.term}/{event.index}"
                self.env.say(f"  applied {what}")

    def load(self) -> DurableState:
        return self.disk

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        if self._reaches("persist"):
            self.env.say(f"  {describe.effect(persist)}")
            self.disk = persist.applied_to(self.disk)
            durable()

    def _reaches(self, effect: str) -> bool:
        if self.host is not None and self.trap == effect:
            self.crash()
        return self.host is not None

    def _on_stopped(self, violation: InvariantViolation) -> None:
        del violation
        self.host = None


class InteractionEnv:
    """``rules`` are those of every node that a transcript does not give others."""

    def __init__(self, rules: Callable[[], Rules] = Rules) -> None:
        self.rules = rules
        self._do_anew([])

    def _do_anew(self, words: list[str]) -> None:
        del words
        # Every message leaves when its reason arises, unless the option says otherwise.
        self.config = NodeConfig(
            id=NodeId("n0"), members=(NodeId("n0"),), commit_news_delay_ns=Nanos(0)
        )
        self.actors: dict[str, Actor] = {}
        self.in_flight: list[Message] = []
        self.cuts: set[tuple[str, str]] = set()
        self.verbose = False
        self._disks: dict[str, DurableState] = {}
        self._mutants: dict[str, str] = {}
        self._options: dict[str, int] = {}
        self._lines: list[str] = []
        self._heading = ""
        self._held = ""
        self._requests = 0

    def handle(self, stanza: Stanza) -> str:
        self._lines, self._heading = [], ""
        command, *words = stanza.words
        handler = getattr(self, f"_do_{command}", None)
        if handler is None:
            raise TranscriptError(f"unknown command: {stanza.command}")
        handler(words)
        return "\n".join(self._lines)

    def say(self, line: str, *, chatter: bool = False) -> None:
        """Print what happened; chatter alone is not worth its heading."""
        if chatter and not self.verbose:
            return
        if self._heading:
            self._lines.append(self._heading)
            self._heading = ""
        self._lines.append(line)

    # --- building --------------------------------------------------------------

    def _do_rules(self, words: list[str]) -> None:
        node, mutant = words
        if mutant not in CATALOGUE:
            raise TranscriptError(f"no such bug: {mutant}")
        self._mutants[node] = mutant
        self._lines.append(CATALOGUE[mutant].summary)

    def _do_option(self, words: list[str]) -> None:
        name, number = words
        if name not in {field.name for field in fields(NodeConfig)}:
            raise TranscriptError(f"no such option: {name}")
        self._options[name] = int(number)

    def _do_disk(self, words: list[str]) -> None:
        node, *facts = words
        known = dict(fact.split("=", 1) for fact in facts)
        terms = [Term(int(term)) for term in known.get("log", "").split(",") if term]
        log = tuple(
            Entry(
                term,
                LogIndex(index),
                Session(ClientId(f"old{term}"), index),
                (Put(f"k{index}", int(term)),),
            )
            for index, term in enumerate(terms, 1)
        )
        vote = NodeId(known["vote"]) if "vote" in known else None
        commit = LogIndex(int(known.get("commit", "0")))
        hard = HardState(term=Term(int(known.get("term", "0"))), vote=vote, commit=commit)
        self._disks[node] = DurableState(hard, log)

    def _do_nodes(self, words: list[str]) -> None:
        members = tuple(NodeId(f"n{i}") for i in range(int(words[0])))
        self.config = replace(
            self.config,
            members=members,
            **self._options,  # type: ignore[arg-type]
        )
        for node in members:
            actor = Actor(self, node, self._disks.get(node, DurableState()))
            actor.mutant = self._mutants.get(node)
            self.actors[node] = actor
        for node in members:
            self._heading = node
            self.actors[node].start()

    def _do_join(self, words: list[str]) -> None:
        node = NodeId(words[0])
        actor = Actor(self, node, self._disks.get(node, DurableState()))
        actor.mutant = self._mutants.get(node)
        actor.time = max(other.time for other in self.actors.values())
        self.actors[node] = actor
        self._heading = node
        actor.start()

    # --- time ------------------------------------------------------------------

    def _do_wait(self, words: list[str]) -> None:
        for actor in self._named(words[:-1]):
            actor.time = Nanos(actor.time + int(words[-1]) * MS)

    def _do_tick(self, words: list[str]) -> None:
        for actor in self._named(words[:-1]):
            actor.time = Nanos(actor.time + int(words[-1]) * MS)
            self._heading = actor.node
            if actor.alive:
                actor.tick()

    def _do_run(self, words: list[str]) -> None:
        interval = self.config.heartbeat_interval_ns // MS
        for _ in range(int(words[0]) // interval):
            self._do_tick([str(interval)])
            self._do_stabilize([])

    def _do_campaign(self, words: list[str]) -> None:
        timeout = self.config.election_timeout_max_ns // MS
        self._do_tick([*words, str(timeout)])

    def _do_elect(self, words: list[str]) -> None:
        forgets = self.config.election_timeout_min_ns // MS
        self._do_tick([str(self.config.heartbeat_interval_ns // MS)])
        self._do_stabilize([])
        self._do_wait([str(forgets)])
        self._do_campaign(words)
        self._do_stabilize([])

    # --- clients ---------------------------------------------------------------

    def _do_put(self, words: list[str]) -> None:
        node, session, *rest = words
        rest, expires_in = _within(rest)
        address = None
        if "to" in rest:
            address = rest[-1]
            rest = rest[:-2]
        client, sequence = session.split("#")
        command = _command(rest)
        self._request(
            node,
            PutEntries(Session(ClientId(client), int(sequence)), (command,), address, expires_in),
        )

    def _do_read(self, words: list[str]) -> None:
        node, *rest = words
        keys, expires_in = _within(rest)
        consistency = Consistency.LINEARIZABLE
        if keys[-1] in {Consistency.LOCAL.value, Consistency.LEASE.value}:
            consistency = Consistency(keys.pop())
        self._request(node, ReadKeys(tuple(keys), consistency, expires_in))

    def _do_add(self, words: list[str]) -> None:
        self._request(words[0], AddServer(NodeId(words[1]), f"host-of-{words[1]}"), "admin")

    def _do_remove(self, words: list[str]) -> None:
        self._request(words[0], RemoveServer(NodeId(words[1])), "admin")

    def _do_transfer(self, words: list[str]) -> None:
        target = NodeId(words[1]) if len(words) > 1 else None
        self._request(words[0], TransferLeadership(target), "admin")

    def _request(self, node: str, body: ClientRequest, client: str = "reader") -> None:
        self._requests += 1
        if isinstance(body, PutEntries):
            client = body.session.client
        request = RequestId(self._requests)
        self._heading = node
        self.actors[node].receive(Message(client, node, request, Term(0), (), body))

    # --- messages --------------------------------------------------------------

    def _do_deliver(self, words: list[str]) -> None:
        for message in self._take(words):
            self._deliver(message)

    def _do_drop(self, words: list[str]) -> None:
        for message in self._take(words):
            chatter = isinstance(message.body, CHATTER)
            self.say(f"lost: {describe.message(message)}", chatter=chatter)

    def _do_repeat(self, words: list[str]) -> None:
        messages = self._take(words)
        for message in messages:
            self._deliver(message)
        self.in_flight.extend(messages)

    def _do_stabilize(self, words: list[str]) -> None:
        """Link by link in the order of sending; ends since nothing happens without time."""
        among = set(words) or set(self.actors)
        for _ in range(DELIVERIES_MAX):
            message = next(
                (
                    m
                    for m in self.in_flight
                    if {m.source, m.target} <= among and type(m.body).__name__ != self._held
                ),
                None,
            )
            if message is None:
                return
            self.in_flight.remove(message)
            self._deliver(message)
        raise TranscriptError(f"messages without end: {DELIVERIES_MAX} and still more")

    def _do_hold(self, words: list[str]) -> None:
        (self._held,) = words

    def _do_release(self, words: list[str]) -> None:
        del words
        self._held = ""

    def _deliver(self, message: Message) -> None:
        actor = self.actors[message.target]
        chatter = isinstance(message.body, CHATTER)
        text = describe.message(message).removeprefix(f"{message.source}->{message.target} ")
        if (message.source, message.target) in self.cuts or not actor.alive:
            self._heading = ""
            self.say(f"{message.target} x- {message.source} {text}", chatter=chatter)
            return
        self._heading = f"{message.target} <- {message.source} {text}"
        if not chatter:
            self.say_heading()
        actor.receive(message)

    def say_heading(self) -> None:
        self._lines.append(self._heading)
        self._heading = ""

    def _take(self, words: Sequence[str]) -> list[Message]:
        where, kind = [*words, "", ""][:2]
        taken = [
            message
            for message in self.in_flight
            if where in {"", message.target, f"{message.source}->{message.target}"}
            if kind in {"", type(message.body).__name__}
        ]
        self.in_flight = [m for m in self.in_flight if m not in taken]
        return taken

    # --- faults ----------------------------------------------------------------

    def _do_cut(self, words: list[str]) -> None:
        if len(words) == 1:
            source, target = words[0].split("->")
            self.cuts.add((source, target))
        else:
            first, second = words
            self.cuts |= {(first, second), (second, first)}

    def _do_isolate(self, words: list[str]) -> None:
        for other in self.actors:
            self.cuts |= {(words[0], other), (other, words[0])}

    def _do_heal(self, words: list[str]) -> None:
        del words
        self.cuts.clear()

    def _do_crash(self, words: list[str]) -> None:
        actor = self.actors[words[0]]
        if len(words) == 3 and words[1] == "before":
            actor.trap = words[2]
        else:
            self._heading = actor.node
            actor.crash()

    def _do_restart(self, words: list[str]) -> None:
        self._heading = words[0]
        self.actors[words[0]].start()

    def _do_wipe(self, words: list[str]) -> None:
        actor = self.actors[words[0]]
        actor.disk = DurableState(HardState(Incarnation(1000), recovering=True))

    def _do_image(self, words: list[str]) -> None:
        for actor in self._named(words):
            snapshot = None if actor.host is None else actor.host.node.snapshot
            what = "no snapshot" if snapshot is None else describe.snapshot(snapshot)
            self._lines.append(f"{actor.node} {what}")

    def _do_quietly(self, words: list[str]) -> None:
        command, *rest = words
        getattr(self, f"_do_{command}")(rest)
        self._lines.clear()
        self._do_status([])

    # --- looking ---------------------------------------------------------------

    def _do_log(self, words: list[str]) -> None:
        for actor in self._named(words):
            if actor.host is None:
                self._lines.append(f"{actor.node} is down")
                continue
            node = actor.host.node
            commit = node.status.commit.index
            held = [describe.entry(entry) for entry in node.log if entry.index <= commit]
            rest = [describe.entry(entry) for entry in node.log if entry.index > commit]
            self._lines.append(f"{actor.node} {', '.join(held)} | {', '.join(rest)}".rstrip())

    def _do_status(self, words: list[str]) -> None:
        for actor in self._named(words):
            status = "down" if actor.host is None else describe.status(actor.host.node.status)
            self._lines.append(f"{actor.node} {status}")

    def _do_suspects(self, words: list[str]) -> None:
        for actor in self._named(words):
            if actor.host is not None:
                suspected = actor.host.node.status.suspected
                self._lines.append(f"{actor.node} suspects {', '.join(suspected) or '-'}")

    def _do_members(self, words: list[str]) -> None:
        for actor in self._named(words):
            if actor.host is not None:
                members = describe.membership(actor.host.node.membership)
                self._lines.append(f"{actor.node} {members}")

    def _do_gossip(self, words: list[str]) -> None:
        for actor in self._named(words):
            if actor.host is not None:
                self._lines.extend(map(describe.record, actor.host.node.status.records))

    def _do_flight(self, words: list[str]) -> None:
        del words
        self._lines.extend(map(describe.message, self.in_flight))

    def _do_verbose(self, words: list[str]) -> None:
        del words
        self.verbose = True

    def _do_terse(self, words: list[str]) -> None:
        del words
        self.verbose = False

    def _named(self, words: Sequence[str]) -> list[Actor]:
        return [self.actors[word] for word in words] or list(self.actors.values())


def _within(words: list[str]) -> tuple[list[str], Nanos | None]:
    match words:
        case [*rest, "within", milliseconds]:
            return rest, Nanos(int(milliseconds) * MS)
        case _:
            return words, None


def _command(words: Sequence[str]) -> Command:
    match words:
        case ["put", assignment]:
            key, written = assignment.split("=")
            return Put(key, _scalar(written))
        case ["append", key, element]:
            return Append(key, _scalar(element))
        case ["cas", key, expected, replacement]:
            return Cas(key, _scalar(expected), _scalar(replacement))
        case ["delete", key]:
            return Delete(key)
        case ["raw", json]:
            return Raw(json)
        case ["enqueue", key, element]:
            return Enqueue(key, _scalar(element))
        case ["dequeue", key]:
            return Dequeue(key)
        case ["add", key, element]:
            return AddToSet(key, _scalar(element))
        case ["increment", key, "by", number]:
            return Increment(key, int(number))
        case _:
            raise TranscriptError(f"unknown write: {' '.join(words)}")


def _scalar(word: str) -> Scalar:
    if word == "nil":
        return None
    return int(word) if word.isdigit() else word
