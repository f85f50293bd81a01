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


def encode_scalar(scalar: Scalar) -> wire.Scalar:
    match scalar:
        case None:
            return wire.Scalar(null=wire.NULL)
        case int():
            return wire.Scalar(integer=scalar)
        case str():
            return wire.Scalar(text=scalar)
        case _:
            assert_never(scalar)


def encode_value(value: Value) -> wire.Value:
    if isinstance(value, tuple):
        return wire.Value(list=wire.ScalarList(items=map(encode_scalar, value)))
    return wire.Value(scalar=encode_scalar(value))


def encode_micro(operation: MicroOperation) -> wire.MicroOperation:
    match operation:
        case Get(key=key):
            return wire.MicroOperation(get=wire.Get(key=key))
        case Put(key=key, value=value):
            return wire.MicroOperation(put=wire.Put(key=key, value=encode_scalar(value)))
        case Append(key=key, element=element):
            return wire.MicroOperation(append=wire.Append(key=key, element=encode_scalar(element)))
        case _:
            assert_never(operation)


def encode_command(command: Command) -> wire.Command:
    match command:
        case Put(key=key, value=value):
            return wire.Command(put=wire.Put(key=key, value=encode_scalar(value)))
        case Cas(key=key, expected=expected, replacement=replacement):
            return wire.Command(
                cas=wire.Cas(
                    key=key,
                    expected=encode_scalar(expected),
                    replacement=encode_scalar(replacement),
                )
            )
        case Delete(key=key):
            return wire.Command(delete=wire.Delete(key=key))
        case Append(key=key, element=element):
            return wire.Command(append=wire.Append(key=key, element=encode_scalar(element)))
        case Txn(micro=micro):
            return wire.Command(txn=wire.Txn(micro=map(encode_micro, micro)))
        case Raw(json=json):
            return wire.Command(raw=wire.Raw(json=json))
        case Enqueue(key=key, element=element):
            return wire.Command(enqueue=wire.Enqueue(key=key, element=encode_scalar(element)))
        case Dequeue(key=key):
            return wire.Command(dequeue=wire.Dequeue(key=key))
        case AddToSet(key=key, element=element):
            added = wire.AddToSet(key=key, element=encode_scalar(element))
            return wire.Command(add_to_set=added)
        case Increment(key=key, by=by):
            return wire.Command(increment=wire.Increment(key=key, by=by))
        case _:
            assert_never(command)


def encode_result(result: Result) -> wire.Result:
    match result:
        case Applied(values=values):
            return wire.Result(applied=wire.Applied(values=map(encode_value, values)))
        case Refused(reason=reason):
            return wire.Result(refused=wire.Refused(reason=reason))
        case _:
            assert_never(result)


def encode_position(position: Position) -> wire.Position:
    return wire.Position(term=position.term, index=position.index)


def encode_session(session: Session) -> wire.Session:
    return wire.Session(client=session.client, sequence=session.sequence)


def encode_entry(entry: Entry) -> wire.Entry:
    encoded = wire.Entry(
        term=entry.term,
        index=entry.index,
        session=None if entry.session is None else encode_session(entry.session),
    )
    for command in entry.commands:
        if isinstance(command, SetMembership):
            encoded.membership.CopyFrom(encode_membership(command.membership))
        else:
            encoded.commands.append(encode_command(command))
    return encoded


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
    return wire.GossipRecord(
        node=record.node,
        incarnation=record.incarnation,
        counter=record.counter,
        term=record.term,
        leader=record.leader,
        last=encode_position(record.last),
        commit=encode_position(record.commit),
        source=record.source,
        reachable=record.reachable,
        recovering=record.recovering,
    )


def encode_chunk(chunk: SnapshotChunk, envelope: wire.Envelope) -> wire.PullSnapshotReply:
    return wire.PullSnapshotReply(
        envelope=envelope,
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
        reachable=tuple(map(NodeId, record.reachable)),
        recovering=record.recovering,
    )


def _decode_put(put: wire.Put) -> Put:
    require(put, "value")
    return Put(put.key, decode_scalar(put.value))


def _decode_append(append: wire.Append) -> Append:
    require(append, "element")
    return Append(append.key, decode_scalar(append.element))
