"""Entries, values and positions between the core and protobuf.

Decoding is strict: an unset oneof or a missing part is the sender's mistake and
raises ``CodecError``; nothing turns into a default.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias, assert_never

from google.protobuf.message import Message as Wire

from protos.generated import gossip_raft_pb2 as wire
from system_under_test.gossip_raft.core.messages import GossipRecord, SnapshotChunk
from system_under_test.gossip_raft.core.types import (
    AddToSet,
    Append,
    Applied,
    Cas,
    ClientId,
    Command,
    Delete,
    Dequeue,
    Enqueue,
    Entry,
    Get,
    Incarnation,
    Increment,
    LogCommand,
    LogIndex,
    Membership,
    NodeId,
    Position,
    Put,
    Raw,
    Refused,
    Result,
    Scalar,
    Session,
    SetMembership,
    Term,
    Txn,
    Value,
)
from system_under_test.gossip_raft.runtime.errors import CodecError

MicroOperation: TypeAlias = Get | Put | Append


def require(holder: Wire, *fields: str) -> None:
    """Raise ``CodecError`` unless ``holder`` has each of the submessages ``fields``."""
    for field in fields:
        if not holder.HasField(field):
            raise CodecError(f"{holder.DESCRIPTOR.name}.{field} is missing")


def unset(holder: Wire) -> CodecError:
    return CodecError(f"{holder.DESCRIPTOR.name} says none of its alternatives")


# --- encoding --------------------------------------------------------------------


# What is frequent fills messages in place: protobuf serializes and parses each part that a
# constructor is given.


def fill_scalar(into: wire.Scalar, scalar: Scalar) -> None:
    match scalar:
        case None:
            into.null = wire.NULL
        case int():
            into.integer = scalar
        case str():
            into.text = scalar
        case _:
            assert_never(scalar)


def encode_value(value: Value) -> wire.Value:
    encoded = wire.Value()
    fill_value(encoded, value)
    return encoded


def fill_value(into: wire.Value, value: Value) -> None:
    if isinstance(value, tuple):
        into.list.SetInParent()
        for scalar in value:
            fill_scalar(into.list.items.add(), scalar)
    else:
        fill_scalar(into.scalar, value)


def fill_micro(into: wire.MicroOperation, operation: MicroOperation) -> None:
    match operation:
        case Get(key=key):
            into.get.key = key
        case Put(key=key, value=value):
            into.put.key = key
            fill_scalar(into.put.value, value)
        case Append(key=key, element=element):
            into.append.key = key
            fill_scalar(into.append.element, element)
        case _:
            assert_never(operation)


def fill_command(into: wire.Command, command: Command) -> None:
    match command:
        case Put(key=key, value=value):
            put = into.put
            put.key = key
            fill_scalar(put.value, value)
        case Cas(key=key, expected=expected, replacement=replacement):
            cas = into.cas
            cas.key = key
            fill_scalar(cas.expected, expected)
            fill_scalar(cas.replacement, replacement)
        case Delete(key=key):
            into.delete.key = key
        case Append(key=key, element=element):
            into.append.key = key
            fill_scalar(into.append.element, element)
        case Txn(micro=micro):
            into.txn.SetInParent()
            for operation in micro:
                fill_micro(into.txn.micro.add(), operation)
        case Raw(json=json):
            into.raw.json = json
        case Enqueue(key=key, element=element):
            into.enqueue.key = key
            fill_scalar(into.enqueue.element, element)
        case Dequeue(key=key):
            into.dequeue.key = key
        case AddToSet(key=key, element=element):
            into.add_to_set.key = key
            fill_scalar(into.add_to_set.element, element)
        case Increment(key=key, by=by):
            into.increment.key = key
            into.increment.by = by
        case _:
            assert_never(command)


def fill_result(into: wire.Result, result: Result) -> None:
    match result:
        case Applied(values=values):
            into.applied.SetInParent()
            for value in values:
                fill_value(into.applied.values.add(), value)
        case Refused(reason=reason):
            into.refused.reason = reason
        case _:
            assert_never(result)


def encode_position(position: Position) -> wire.Position:
    return wire.Position(term=position.term, index=position.index)


def fill_position(into: wire.Position, position: Position) -> None:
    into.term = position.term
    into.index = position.index


def fill_session(into: wire.Session, session: Session) -> None:
    into.client = session.client
    into.sequence = session.sequence


def encode_entry(entry: Entry) -> wire.Entry:
    encoded = wire.Entry()
    fill_entry(encoded, entry)
    return encoded


def fill_entry(into: wire.Entry, entry: Entry) -> None:
    into.term = entry.term
    into.index = entry.index
    if entry.session is not None:
        fill_session(into.session, entry.session)
    for command in entry.commands:
        if isinstance(command, SetMembership):
            into.membership.CopyFrom(encode_membership(command.membership))
        else:
            fill_command(into.commands.add(), command)


def encode_membership(membership: Membership) -> wire.Membership:
    return wire.Membership(
        voters=membership.voters,
        learners=membership.learners,
        addresses=[
            wire.NodeAddress(node=node, address=address) for node, address in membership.addresses
        ],
    )


def encode_gossip(records: Iterable[GossipRecord]) -> wire.GossipMap:
    return wire.GossipMap(records=map(encode_record, records))


def encode_record(record: GossipRecord) -> wire.GossipRecord:
    encoded = wire.GossipRecord(
        node=record.node,
        incarnation=record.incarnation,
        counter=record.counter,
        term=record.term,
        leader=record.leader,
        source=record.source,
        unreachable=record.unreachable,
        recovering=record.recovering,
    )
    fill_position(encoded.last, record.last)
    fill_position(encoded.commit, record.commit)
    return encoded


def encode_chunk(chunk: SnapshotChunk) -> wire.PullSnapshotReply:
    return wire.PullSnapshotReply(
        position=encode_position(chunk.position),
        log_digest=chunk.log_digest,
        membership=encode_membership(chunk.membership),
        total=chunk.total,
        digest=chunk.digest,
        offset=chunk.offset,
        chunk=chunk.chunk,
    )


# --- decoding --------------------------------------------------------------------


def decode_scalar(scalar: wire.Scalar) -> Scalar:
    match scalar.WhichOneof("kind"):
        case "null":
            if scalar.null != wire.NULL:
                raise CodecError(f"Scalar.null is {scalar.null}, which no version defines")
            return None
        case "integer":
            return scalar.integer
        case "text":
            return scalar.text
        case None:
            raise unset(scalar)


def decode_value(value: wire.Value) -> Value:
    match value.WhichOneof("kind"):
        case "scalar":
            return decode_scalar(value.scalar)
        case "list":
            return tuple(map(decode_scalar, value.list.items))
        case None:
            raise unset(value)


def decode_micro(operation: wire.MicroOperation) -> MicroOperation:
    match operation.WhichOneof("kind"):
        case "get":
            return Get(operation.get.key)
        case "put":
            return _decode_put(operation.put)
        case "append":
            return _decode_append(operation.append)
        case None:
            raise unset(operation)


def decode_command(command: wire.Command) -> Command:
    match command.WhichOneof("kind"):
        case "put":
            return _decode_put(command.put)
        case "cas":
            cas = command.cas
            require(cas, "expected", "replacement")
            return Cas(cas.key, decode_scalar(cas.expected), decode_scalar(cas.replacement))
        case "delete":
            return Delete(command.delete.key)
        case "append":
            return _decode_append(command.append)
        case "txn":
            return Txn(tuple(map(decode_micro, command.txn.micro)))
        case "raw":
            return Raw(command.raw.json)
        case "enqueue":
            require(command.enqueue, "element")
            return Enqueue(command.enqueue.key, decode_scalar(command.enqueue.element))
        case "dequeue":
            return Dequeue(command.dequeue.key)
        case "add_to_set":
            require(command.add_to_set, "element")
            return AddToSet(command.add_to_set.key, decode_scalar(command.add_to_set.element))
        case "increment":
            return Increment(command.increment.key, command.increment.by)
        case None:
            raise unset(command)


def decode_result(result: wire.Result) -> Result:
    match result.WhichOneof("kind"):
        case "applied":
            return Applied(tuple(map(decode_value, result.applied.values)))
        case "refused":
            return Refused(result.refused.reason)
        case None:
            raise unset(result)


def decode_position(position: wire.Position) -> Position:
    return Position(Term(position.term), LogIndex(position.index))


def decode_session(session: wire.Session) -> Session:
    return Session(ClientId(session.client), session.sequence)


def decode_entry(entry: wire.Entry) -> Entry:
    commands: tuple[LogCommand, ...] = tuple(map(decode_command, entry.commands))
    if entry.HasField("membership"):
        if commands or entry.HasField("session"):
            raise CodecError("Entry.membership stands beside commands or a session")
        commands = (SetMembership(decode_membership(entry.membership)),)
    return Entry(
        Term(entry.term),
        LogIndex(entry.index),
        decode_session(entry.session) if entry.HasField("session") else None,
        commands,
    )


def decode_membership(membership: wire.Membership) -> Membership:
    return Membership(
        tuple(map(NodeId, membership.voters)),
        tuple(map(NodeId, membership.learners)),
        tuple((NodeId(known.node), known.address) for known in membership.addresses),
    )


def decode_gossip(gossip: wire.GossipMap) -> tuple[GossipRecord, ...]:
    return tuple(map(decode_record, gossip.records))


def decode_chunk(chunk: wire.PullSnapshotReply) -> SnapshotChunk:
    require(chunk, "position", "membership")
    return SnapshotChunk(
        position=decode_position(chunk.position),
        log_digest=chunk.log_digest,
        membership=decode_membership(chunk.membership),
        total=chunk.total,
        digest=chunk.digest,
        offset=chunk.offset,
        chunk=chunk.chunk,
    )


def decode_record(record: wire.GossipRecord) -> GossipRecord:
    require(record, "last", "commit")
    return GossipRecord(
        node=NodeId(record.node),
        incarnation=Incarnation(record.incarnation),
        counter=record.counter,
        term=Term(record.term),
        leader=NodeId(record.leader) if record.HasField("leader") else None,
        last=decode_position(record.last),
        commit=decode_position(record.commit),
        source=NodeId(record.source) if record.HasField("source") else None,
        unreachable=tuple(map(NodeId, record.unreachable)),
        recovering=record.recovering,
    )


def _decode_put(put: wire.Put) -> Put:
    require(put, "value")
    return Put(put.key, decode_scalar(put.value))


def _decode_append(append: wire.Append) -> Append:
    require(append, "element")
    return Append(append.key, decode_scalar(append.element))
