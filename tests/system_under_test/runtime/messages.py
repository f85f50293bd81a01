"""Hypothesis strategies for every message of the core."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import strategies as st

from system_under_test.gossip_raft.core.messages import (
    AckEntries,
    AddServer,
    Body,
    Consistency,
    Digest,
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
from system_under_test.gossip_raft.core.types import (
    AddToSet,
    Append,
    Applied,
    Cas,
    Compacted,
    Delete,
    Dequeue,
    Enqueue,
    Entry,
    Get,
    Increment,
    Membership,
    Position,
    Put,
    Raw,
    Refused,
    Scalar,
    Session,
    SetMembership,
    Txn,
    Value,
)

texts = st.text(max_size=8)
naturals = st.integers(0, 2**64 - 1)
scalars: st.SearchStrategy[Scalar] = st.none() | st.integers(-(2**63), 2**63 - 1) | texts


T = TypeVar("T")


def some(of: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(of, max_size=3).map(tuple)


values: st.SearchStrategy[Value] = scalars | some(scalars)
positions = st.builds(Position, naturals, naturals)
sessions = st.builds(Session, texts, naturals)
puts = st.builds(Put, texts, scalars)
appends = st.builds(Append, texts, scalars)
commands = (
    puts
    | st.builds(Cas, texts, scalars, scalars)
    | st.builds(Delete, texts)
    | appends
    | st.builds(Txn, some(st.builds(Get, texts) | puts | appends))
    | st.builds(Raw, texts)
    | st.builds(Enqueue, texts, scalars)
    | st.builds(Dequeue, texts)
    | st.builds(AddToSet, texts, scalars)
    | st.builds(Increment, texts, st.integers(-(2**63), 2**63 - 1))
)
memberships = st.builds(Membership, some(texts), some(texts), some(st.tuples(texts, texts)))
changes = st.builds(SetMembership, memberships).map(lambda change: (change,))
entries = st.builds(Entry, naturals, naturals, st.none() | sessions, some(commands)) | st.builds(
    Entry, naturals, naturals, st.none(), changes
)
results = st.builds(Applied, some(values)) | st.builds(Refused, texts)
records = st.builds(
    GossipRecord,
    node=texts,
    incarnation=naturals,
    counter=naturals,
    term=naturals,
    leader=st.none() | texts,
    last=positions,
    commit=positions,
    source=st.none() | texts,
    unreachable=some(texts),
    recovering=st.booleans(),
)
digests = st.builds(Digest, texts, naturals, naturals, naturals)
consistencies = st.sampled_from(Consistency)
put_results = st.builds(Results, positions, some(results))
not_leaders = st.builds(NotLeader, st.none() | texts)
lost = st.builds(Lost, texts)
unavailable = st.builds(Unavailable, texts, st.booleans())
left = st.none() | naturals

BODIES: dict[type[Body], st.SearchStrategy[Body]] = {
    Heartbeat: st.builds(Heartbeat, st.none() | texts),
    HeartbeatReply: st.just(HeartbeatReply()),
    RequestVote: st.builds(RequestVote, naturals, positions, st.booleans(), st.booleans()),
    Vote: st.builds(Vote, naturals, st.booleans(), st.booleans()),
    PullEntries: st.builds(PullEntries, positions, positions, naturals, naturals),
    PulledEntries: st.builds(PulledEntries, positions, some(entries), positions, positions),
    PullMismatch: st.builds(PullMismatch, positions, some(positions), positions),
    PullTooOld: st.builds(PullTooOld, positions, positions),
    PullSnapshot: st.builds(PullSnapshot, positions, naturals, naturals),
    SnapshotChunk: st.builds(
        SnapshotChunk,
        position=positions,
        log_digest=naturals,
        membership=memberships,
        total=naturals,
        digest=naturals,
        offset=naturals,
        chunk=st.binary(max_size=8),
    ),
    UpdatePosition: st.just(UpdatePosition()),
    UpdatePositionReply: st.just(UpdatePositionReply()),
    PutEntries: st.builds(PutEntries, sessions, some(commands), st.none() | texts, left),
    ReadKeys: st.builds(ReadKeys, some(texts), consistencies, left),
    ReadLog: st.builds(ReadLog, naturals, naturals),
    GetStatus: st.just(GetStatus()),
    Results: put_results,
    Values: st.builds(Values, naturals, consistencies, some(values)),
    LogEntries: st.builds(
        LogEntries, some(entries), naturals, st.builds(Compacted, naturals, naturals)
    ),
    NotLeader: not_leaders,
    Unavailable: unavailable,
    Lost: lost,
    Forwarded: st.builds(Forwarded, texts),
    Status: st.builds(
        Status,
        role=texts,
        term=naturals,
        leader=st.none() | texts,
        last=positions,
        commit=positions,
        applied=naturals,
        source=st.none() | texts,
        records=some(records),
        suspected=some(texts),
        reachable=some(texts),
        membership=memberships,
    ),
    TimeoutNow: st.builds(TimeoutNow, naturals),
    TimeoutNowReply: st.just(TimeoutNowReply()),
    AddServer: st.builds(AddServer, texts, texts),
    RemoveServer: st.builds(RemoveServer, texts),
    TransferLeadership: st.builds(TransferLeadership, st.none() | texts),
    AckEntries: st.builds(AckEntries, sessions, put_results | lost | unavailable | not_leaders),
}


def messages(body: st.SearchStrategy[Body]) -> st.SearchStrategy[Message]:
    return st.builds(
        Message,
        source=texts,
        target=texts,
        request=naturals,
        term=naturals,
        gossip=some(records),
        body=body,
        digest=some(digests),
        hears=st.booleans(),
    )
