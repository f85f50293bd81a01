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
    elect NODE [OTHERS]           all, or just those, compare notes and forget the last
                                  leader; NODE campaigns; stabilize (among them)
    put NODE CLIENT#SEQ COMMAND [+ COMMAND ...] [to ADDRESS] [within MS]
    read NODE KEYS... [local | lease] [within MS]     so long the client still waits
    deliver [A->B | B] [TYPE]     what is in flight on that link, or to that node
    drop [A->B | B] [TYPE]        loses it
    repeat A->B [TYPE]            delivers it, and leaves it in flight too
    cut A B / cut A->B            from now on nothing passes; ``heal`` ends all cuts
    isolate NODE                  cuts all its links
    stabilize [NODES]             deliver all there is (among NODES) until nothing is in flight
    hold TYPE / release           ``stabilize`` leaves messages of that type in flight
    crash NODE [before persist|send|apply [N]]    at once, or before the (Nth) such effect
    restart NODE
    wipe NODE                     its disk is lost; restarted, it knows
    damage NODE INDEX             its disk: that entry does not pass its checksum any more
    fail NODE                     from now on nothing it writes is synced, until it crashes
    slow NODE / sync NODE         its writes take until the next ``sync``, until it crashes
    limit BYTES                   of entries in one message; a larger one cannot be sent
    image NODE                    what its newest snapshot says
    log / status / members / suspects / gossip NODE / flight       look
    claim WORDS                   complain unless it is so; see ``claims``
    anew                          forget everything: another story
    quietly COMMAND               show only the status after it
    times N COMMAND; COMMAND ...  all of them N times; show only the status at the end
    verbose / terse               show every event and every heartbeat, or not
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

from system_under_test.gossip_raft.core import describe
from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.log import bytes_of_commands
from system_under_test.gossip_raft.core.messages import (
    AddServer,
    ClientRequest,
    Consistency,
    Message,
    PulledEntries,
    PutEntries,
    ReadKeys,
    RemoveServer,
    TransferLeadership,
)
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import (
    ClientId,
    DurableState,
    Entry,
    HardState,
    Incarnation,
    LogIndex,
    Nanos,
    NodeId,
    Put,
    RequestId,
    Session,
    Term,
)
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE
from system_under_test.gossip_raft.simulation.directed.actor import CHATTER, Actor
from system_under_test.gossip_raft.simulation.directed.claims import broken_claim
from system_under_test.gossip_raft.simulation.directed.commands import (
    MS,
    commands,
    split_deadline,
)
from system_under_test.gossip_raft.simulation.directed.transcript import (
    Stanza,
    TranscriptError,
)

DELIVERIES_MAX: Final = 2_000
"""More in one go is a conversation that does not end by itself."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A client asked a node, or a node told a client, at ``moment``."""

    moment: Nanos
    message: Message


class DirectedWorld:
    """``rules`` are those of every node that a transcript does not give a bug.

    With ``obeys_rules`` false no node gets the bug that the transcript asks for: the same
    story, told of correct nodes.

    Attributes:
        asked, answered: What went between clients and nodes, in order, since ``anew``.
        complaints: What broken claims said.
    """

    def __init__(self, rules: Callable[[], Rules] = Rules, *, obeys_rules: bool = True) -> None:
        self.rules = rules
        self._obeys_rules = obeys_rules
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
        self._moments = 0
        self._message_bytes_max: int | None = None
        self.asked: list[Heard] = []
        self.answered: list[Heard] = []
        self.complaints: list[str] = []

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

    def moment(self) -> Nanos:
        """A later one at each call: the order in which things happen in this world."""
        self._moments += 1
        return Nanos(self._moments)

    def sent(self, message: Message) -> None:
        """``message`` leaves a node, for another or for a client."""
        if message.target not in self.actors:
            self.answered.append(Heard(self.moment(), message))
        elif self._is_too_large(message):
            self.say("  (too large to be sent)")
        else:
            self.in_flight.append(message)

    def _is_too_large(self, message: Message) -> bool:
        if self._message_bytes_max is None or not isinstance(message.body, PulledEntries):
            return False
        size = sum(bytes_of_commands(entry.commands) for entry in message.body.entries)
        return size > self._message_bytes_max

    # --- building --------------------------------------------------------------

    def _do_rules(self, words: list[str]) -> None:
        node, mutant = words
        if mutant not in CATALOGUE:
            raise TranscriptError(f"no such bug: {mutant}")
        if self._obeys_rules:
            self._mutants[node] = mutant
        self._lines.append(CATALOGUE[mutant].summary)

    def _do_option(self, words: list[str]) -> None:
        name, number = words
        if name not in {field.name for field in fields(NodeConfig)}:
            raise TranscriptError(f"no such option: {name}")
        self._options[name] = int(number)

    def _do_limit(self, words: list[str]) -> None:
        self._message_bytes_max = int(words[0])

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
        node, *others = words
        among = words if others else []
        self._do_tick([*among, str(self.config.heartbeat_interval_ns // MS)])
        self._do_stabilize(among)
        self._do_wait([*among, str(forgets)])
        self._do_campaign([node])
        self._do_stabilize(among)

    # --- clients ---------------------------------------------------------------

    def _do_put(self, words: list[str]) -> None:
        node, name, *rest = words
        rest, expires_in = split_deadline(rest)
        address = None
        if "to" in rest:
            address = rest[-1]
            rest = rest[:-2]
        client, sequence = name.split("#")
        session = Session(ClientId(client), int(sequence))
        self._request(node, PutEntries(session, commands(rest), address, expires_in))

    def _do_read(self, words: list[str]) -> None:
        node, *rest = words
        keys, expires_in = split_deadline(rest)
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
        message = Message(client, node, request, Term(0), (), body)
        self.asked.append(Heard(self.moment(), message))
        self.actors[node].receive(message)

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
        if "before" in words:
            _, _, effect, *count = words
            actor.trap = (effect, int(count[0]) if count else 1)
        else:
            self._heading = actor.node
            actor.crash()

    def _do_restart(self, words: list[str]) -> None:
        self._heading = words[0]
        self.actors[words[0]].start()

    def _do_wipe(self, words: list[str]) -> None:
        actor = self.actors[words[0]]
        actor.disk = DurableState(HardState(Incarnation(1000), recovering=True))

    def _do_damage(self, words: list[str]) -> None:
        self.actors[words[0]].damaged = LogIndex(int(words[1]))

    def _do_fail(self, words: list[str]) -> None:
        self.actors[words[0]].sync_fails = True

    def _do_slow(self, words: list[str]) -> None:
        self.actors[words[0]].slow = True

    def _do_sync(self, words: list[str]) -> None:
        self._heading = words[0]
        self.actors[words[0]].sync()

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

    def _do_times(self, words: list[str]) -> None:
        number, *rest = words
        steps = [step.split() for step in " ".join(rest).split(";")]
        for _ in range(int(number)):
            for command, *of_it in steps:
                getattr(self, f"_do_{command}")(of_it)
        self._lines.clear()
        self._do_status([])

    # --- looking ---------------------------------------------------------------

    def _do_claim(self, words: list[str]) -> None:
        broken = broken_claim(words, self)
        if broken is not None:
            self.complaints.append(broken)
            self._lines.append(f"broken: {broken}")

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
