"""Stable one-line renderings, for logs and golden transcripts.

Positions read ``term/index``; gossip records ``node:counter``.
"""

from __future__ import annotations

from typing import assert_never

from system_under_test.gossip_raft.core import trace
from system_under_test.gossip_raft.core.messages import (
    AckEntries,
    AddServer,
    Body,
    Forwarded,
    GetStatus,
    GossipRecord,
    Heartbeat,
    HeartbeatReply,
    LogEntries,
    Lost,
    Message,
    NotLeader,
    PulledEntries,
    PullEntries,
    PullMismatch,
    PullSnapshot,
    PullTooOld,
    PutEntries,
    ReadKeys,
    ReadLog,
    RemoveServer,
    RequestVote,
    Results,
    SnapshotChunk,
    Status,
    TimeoutNow,
    TimeoutNowReply,
    TransferLeadership,
    Unavailable,
    UpdatePosition,
    UpdatePositionReply,
    Values,
    Vote,
)
from system_under_test.gossip_raft.core.ready import Effect, Persist, Record
from system_under_test.gossip_raft.core.types import (
    AddToSet,
    Append,
    Applied,
    Cas,
    Delete,
    Dequeue,
    Enqueue,
    Entry,
    Get,
    HardState,
    Increment,
    LogCommand,
    Membership,
    Position,
    Put,
    Raw,
    Refused,
    Result,
    SetMembership,
    Snapshot,
    Txn,
    Value,
)


def position(p: Position) -> str:
    return f"{p.term}/{p.index}"


def value(v: Value) -> str:
    match v:
        case None:
            return "nil"
        case tuple():
            return f"[{' '.join(map(value, v))}]"
        case _:
            return str(v)


def command(c: LogCommand | Get) -> str:
    match c:
        case Get(key=key):
            return f"get {key}"
        case Put(key=key, value=written):
            return f"put {key}={value(written)}"
        case Cas(key=key, expected=expected, replacement=replacement):
            return f"cas {key} {value(expected)}->{value(replacement)}"
        case Delete(key=key):
            return f"delete {key}"
        case Append(key=key, element=element):
            return f"append {key} {value(element)}"
        case Enqueue(key=key, element=element):
            return f"enqueue {key} {value(element)}"
        case Dequeue(key=key):
            return f"dequeue {key}"
        case AddToSet(key=key, element=element):
            return f"add {key} {value(element)}"
        case Increment(key=key, by=by):
            return f"increment {key} by {by}"
        case Txn(micro=micro):
            return f"txn ({', '.join(map(command, micro))})"
        case Raw(json=json):
            return f"raw {json}"
        case SetMembership(membership=m):
            return f"members {membership(m)}"
        case _:
            assert_never(c)


def membership(m: Membership) -> str:
    """Voters, then learners in brackets."""
    return ",".join((*m.voters, *(f"[{learner}]" for learner in m.learners)))


def commands(of: tuple[LogCommand, ...]) -> str:
    return " + ".join(map(command, of))


def result(r: Result) -> str:
    match r:
        case Applied(values=()):
            return "ok"
        case Applied(values=values):
            return f"ok {' '.join(map(value, values))}"
        case Refused(reason=reason):
            return f"refused ({reason})"
        case _:
            assert_never(r)


def entry(e: Entry) -> str:
    what = "no-op" if e.session is None and not e.commands else commands(e.commands)
    return f"{e.term}/{e.index} {what}"


def entries(of: tuple[Entry, ...]) -> str:
    return f"[{', '.join(map(entry, of))}]"


def record(r: GossipRecord) -> str:
    """One gossip record, all of it."""
    unreachable = f" unreachable={','.join(r.unreachable)}" if r.unreachable else ""
    return (
        f"{r.node}:{r.incarnation}.{r.counter} term={r.term} leader={r.leader or '-'}"
        f" last={position(r.last)} commit={position(r.commit)} source={r.source or '-'}"
        f"{unreachable}{' recovering' if r.recovering else ''}"
    )


def snapshot(s: Snapshot) -> str:
    return f"snapshot {position(s.position)} {s.image.decode(errors='replace')}"


def body(b: Body) -> str:
    match b:
        case Heartbeat(probe=probe):
            return "Heartbeat" if probe is None else f"Heartbeat, probe {probe}"
        case HeartbeatReply() | UpdatePosition() | UpdatePositionReply():
            return type(b).__name__
        case GetStatus() | TimeoutNowReply():
            return type(b).__name__
        case TimeoutNow(term=term):
            return f"TimeoutNow of term {term}"
        case AddServer(node=node, address=address):
            return f"AddServer {node} at {address}"
        case RemoveServer(node=node):
            return f"RemoveServer {node}"
        case TransferLeadership(target=target):
            return f"TransferLeadership to {target or 'anybody'}"
        case RequestVote(term=term, last=last, pre_vote=pre_vote, transfer=transfer):
            kind = "RequestPreVote" if pre_vote else "RequestVote"
            why = ", asked by the leader" if transfer else ""
            return f"{kind} for term {term}, last={position(last)}{why}"
        case Vote(term=term, granted=granted, pre_vote=pre_vote):
            kind = "PreVote" if pre_vote else "Vote"
            return f"{kind} {'granted' if granted else 'refused'} for term {term}"
        case PullEntries(last=last, commit=commit):
            return f"PullEntries after {position(last)}, commit={position(commit)}"
        case PulledEntries(previous=previous, entries=pulled, last=last, commit=commit):
            return (
                f"PulledEntries after {position(previous)} {entries(pulled)}"
                f" last={position(last)} commit={position(commit)}"
            )
        case PullMismatch(last=last, runs=runs, base=base):
            above = f" base={position(base)}" if base.index else ""
            ends = " ".join(map(position, runs))
            return f"PullMismatch last={position(last)} runs=[{ends}]{above}"
        case PullTooOld(last=last, snapshot=at):
            return f"PullTooOld last={position(last)} snapshot={position(at)}"
        case PullSnapshot(position=at, offset=offset):
            which = position(at) if at.index else "newest"
            return f"PullSnapshot {which} from byte {offset}"
        case SnapshotChunk():
            end = b.offset + len(b.chunk)
            return f"SnapshotChunk {position(b.position)} bytes {b.offset} to {end} of {b.total}"
        case PutEntries(session=session, commands=wanted, acknowledge_to=address):
            to = "" if address is None else f" acknowledge to {address}"
            return f"PutEntries {session.client}#{session.sequence} {commands(wanted)}{to}"
        case ReadKeys(keys=keys, consistency=consistency):
            return f"ReadKeys {' '.join(keys)} ({consistency.value})"
        case ReadLog(first=first):
            return f"ReadLog from {first}"
        case AckEntries(session=session, answer=answer):
            return f"AckEntries {session.client}#{session.sequence}: {body(answer)}"
        case _:
            return _answer(b)


def _answer(
    b: Results | Values | LogEntries | NotLeader | Unavailable | Lost | Forwarded | Status,
) -> str:
    match b:
        case Results(position=at, results=results):
            return f"Results at {position(at)}: {', '.join(map(result, results))}"
        case Values(index=index, consistency=consistency, values=values):
            return f"Values at {index} ({consistency.value}): {' '.join(map(value, values))}"
        case LogEntries(entries=listed, applied=applied, compacted=compacted):
            gone = "" if compacted.commands == 0 else f" compacted={compacted.index}"
            return f"LogEntries {entries(listed)} applied={applied}{gone}"
        case NotLeader(leader=leader):
            return f"NotLeader, try {leader or '?'}"
        case Unavailable(reason=reason):
            return f"Unavailable ({reason})"
        case Lost(reason=reason):
            return f"Lost ({reason})"
        case Forwarded(leader=leader):
            return f"Forwarded to {leader}"
        case Status():
            return f"Status {status(b)}"
        case _:
            assert_never(b)


def status(s: Status) -> str:
    return (
        f"{s.role} term={s.term} leader={s.leader or '-'} last={position(s.last)}"
        f" commit={position(s.commit)} applied={s.applied} source={s.source or '-'}"
    )


def message(m: Message) -> str:
    """Without the gossip of the envelope."""
    return f"{m.source}->{m.target} t{m.term} {body(m.body)}"


def hard_state(h: HardState) -> str:
    recovering = " recovering" if h.recovering else ""
    abstains = f" abstains={h.abstains}" if h.abstains else ""
    return (
        f"incarnation={h.incarnation} term={h.term} vote={h.vote or '-'} commit={h.commit}"
        f"{recovering}{abstains}"
    )


def persist(p: Persist) -> str:
    cut = "" if p.truncate_from is None else f" truncate from {p.truncate_from}"
    image = "" if p.snapshot is None else f" {snapshot(p.snapshot)}"
    base = "" if p.compact_to is None else f" compact to {position(p.compact_to)}"
    added = f" append {entries(p.entries)}" if p.entries else ""
    return f"persist {hard_state(p.hard)}{cut}{image}{base}{added}"


def effect(e: Effect) -> str:
    match e:
        case Record(events=events):
            return "; ".join(map(event, events))
        case Persist():
            return persist(e)
        case Message():
            return f"send {message(e)}"
        case Entry():
            return f"apply {entry(e)}"
        case _:
            assert_never(e)


def event(e: trace.TraceEvent) -> str:
    match e:
        case trace.Booted(incarnation=incarnation, term=term, last_index=last_index):
            vote, last = e.vote or "-", f"{e.last_term}/{last_index}"
            base = f" snapshot={e.snapshot_index}" if e.snapshot_index else ""
            return (
                f"booted incarnation={incarnation} term={term} vote={vote}"
                f" last={last} commit={e.commit_index}{base}{' recovering' * e.recovering}"
            )
        case trace.TermAdopted(term=term):
            return f"enters term {term}"
        case trace.RoleChanged(role=role, term=term):
            return f"becomes {role} of term {term}"
        case trace.Voted(term=term, candidate=candidate):
            return f"votes for {candidate} in term {term}"
        case trace.VoteTold(term=term, candidate=candidate):
            return f"tells its vote for {candidate} in term {term}"
        case trace.Appended(index=index, term=term):
            return f"appends {term}/{index}"
        case trace.Truncated(from_index=from_index):
            return f"truncates from {from_index}"
        case trace.Persisted(term=term, vote=voted):
            return f"persisted term={term} vote={voted or '-'} last={e.last_term}/{e.last_index}"
        case trace.PositionTold(last_term=last_term, last_index=last_index):
            return f"tells its position {last_term}/{last_index}"
        case trace.Committed(index=index, term=term, leader_term=leader_term):
            how = "learns" if leader_term is None else "decides"
            return f"{how} commit point {term}/{index}"
        case trace.Applied(index=index, term=term):
            return f"applied {term}/{index}"
        case trace.Answered(index=index, term=term, client=client, sequence=sequence):
            return f"acknowledges {client}#{sequence} at {term}/{index}"
        case trace.MembershipChanged(index=index, voters=voters):
            return f"voters {','.join(voters)} since {index}"
        case trace.SourceChosen(source=source):
            return f"pulls from {source}"
        case trace.Stopped(reason=reason):
            return f"STOPPED: {reason}"
        case trace.SnapshotTaken(index=index, term=term):
            return f"takes snapshot {term}/{index}"
        case trace.SnapshotInstalled(index=index, term=term):
            return f"installs snapshot {term}/{index}"
        case _:
            assert_never(e)
