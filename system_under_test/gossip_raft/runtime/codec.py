"""The messages of the core as RPC messages, total in both directions.

``decode(encode(message)) == message`` for every message whose numbers and texts
protobuf can hold; for the others ``encode`` raises ``CodecError``, and ``decode``
does for whatever a correct sender of this cluster would not have sent.
"""

from __future__ import annotations

from typing import Final, TypeAlias, assert_never

from protos.generated import gossip_raft_pb2 as wire
from system_under_test.gossip_raft.core.messages import (
    HEARTBEAT,
    AckEntries,
    AddServer,
    Body,
    ClientReply,
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
    Compacted,
    Incarnation,
    LogIndex,
    Nanos,
    NodeId,
    RequestId,
    Term,
)
from system_under_test.gossip_raft.runtime.codec_administration import (
    decode_administration,
    decode_status,
    encode_administration,
    encode_status,
)
from system_under_test.gossip_raft.runtime.codec_data import (
    decode_chunk,
    decode_command,
    decode_entry,
    decode_position,
    decode_record,
    decode_result,
    decode_session,
    decode_value,
    encode_chunk,
    encode_entry,
    encode_position,
    encode_record,
    encode_value,
    fill_command,
    fill_entry,
    fill_position,
    fill_result,
    fill_session,
    require,
    unset,
)
from system_under_test.gossip_raft.runtime.errors import CodecError

WireRequest: TypeAlias = (
    wire.HeartbeatRequest
    | wire.VoteRequest
    | wire.PullEntriesRequest
    | wire.UpdatePositionRequest
    | wire.PullSnapshotRequest
    | wire.PutEntriesRequest
    | wire.ReadRequest
    | wire.StatusRequest
    | wire.ReadLogRequest
    | wire.AckEntriesRequest
    | wire.TimeoutNowRequest
    | wire.AdministerRequest
)
WireReply: TypeAlias = (
    wire.HeartbeatReply
    | wire.VoteReply
    | wire.PullEntriesReply
    | wire.UpdatePositionReply
    | wire.PullSnapshotReply
    | wire.ClientReply
    | wire.TimeoutNowReply
)
WireMessage: TypeAlias = WireRequest | WireReply

_CONSISTENCY_TO_WIRE: Final = {
    Consistency.LINEARIZABLE: wire.CONSISTENCY_LINEARIZABLE,
    Consistency.LOCAL: wire.CONSISTENCY_LOCAL,
    Consistency.LEASE: wire.CONSISTENCY_LEASE,
}
_CONSISTENCY_FROM_WIRE: Final[dict[int, Consistency]] = {
    number: name for name, number in _CONSISTENCY_TO_WIRE.items()
}

_RECORDS_MAX: Final = 256
"""Of as many names decoded records are remembered: strangers may send any number."""


class GossipRecords:
    """Both directions of the map, which most messages bring as it was: only what changed
    is encoded or decoded.  The newest of each node is remembered, and compared whole.
    """

    def __init__(self) -> None:
        self._encoded: dict[NodeId, tuple[GossipRecord, wire.GossipRecord]] = {}
        self._decoded: dict[str, tuple[wire.GossipRecord, GossipRecord]] = {}

    def encode(self, records: tuple[GossipRecord, ...]) -> wire.GossipMap:
        return wire.GossipMap(records=map(self._encode_record, records))

    def decode(self, gossip: wire.GossipMap) -> tuple[GossipRecord, ...]:
        """
        Raises:
            CodecError: A record lacks a part.
        """
        return tuple(map(self._decode_record, gossip.records))

    def _encode_record(self, record: GossipRecord) -> wire.GossipRecord:
        known = self._encoded.get(record.node)
        if known is not None and known[0] is record:
            return known[1]
        encoded = encode_record(record)
        self._encoded[record.node] = (record, encoded)
        return encoded

    def _decode_record(self, encoded: wire.GossipRecord) -> GossipRecord:
        known = self._decoded.get(encoded.node)
        if known is not None and known[0] == encoded:
            return known[1]
        record = decode_record(encoded)
        if known is not None or len(self._decoded) < _RECORDS_MAX:
            kept = wire.GossipRecord()
            kept.CopyFrom(encoded)  # A part keeps the whole message in memory.
            self._decoded[encoded.node] = (kept, record)
        return record


class Codec:
    """Encodes for, and decodes from, the members and clients of one ``cluster``."""

    def __init__(self, cluster: str) -> None:
        self.cluster: Final = cluster
        self._records = GossipRecords()

    def encode(self, message: Message) -> WireMessage:
        """
        Raises:
            CodecError: A number or a text that protobuf cannot hold.
        """
        try:
            encoded = _encode_body(message.body)
            self._fill_envelope(encoded.envelope, message)
        except (ValueError, TypeError) as error:  # protobuf's ways to say "does not fit"
            kind = type(message.body).__name__
            raise CodecError(f"{kind} to {message.target}: {error}") from error
        return encoded

    def decode(self, message: WireMessage) -> Message:
        """
        Raises:
            CodecError: An unset oneof, a missing part, a number outside its
                enumeration, or another cluster's message.
        """
        require(message, "envelope")
        envelope = message.envelope
        if envelope.cluster != self.cluster:
            raise CodecError(
                f"{message.DESCRIPTOR.name} from {envelope.source!r} of cluster"
                f" {envelope.cluster!r}, not {self.cluster!r}"
            )
        require(envelope, "gossip")
        return Message(
            source=envelope.source,
            target=envelope.target,
            request=RequestId(envelope.request),
            term=Term(envelope.term),
            gossip=self._records.decode(envelope.gossip),
            body=_decode_body(message),
            digest=tuple(map(_decode_digest, envelope.digest)),
            hears=envelope.hears,
        )

    def acknowledgement(self, ack: Message) -> wire.AckEntriesReply:
        """What a gateway answers to ``ack``: the core has no message for it."""
        return wire.AckEntriesReply(
            envelope=wire.Envelope(
                cluster=self.cluster,
                source=ack.target,
                target=ack.source,
                request=ack.request,
                gossip=wire.GossipMap(),
            )
        )

    def _fill_envelope(self, envelope: wire.Envelope, message: Message) -> None:
        envelope.cluster = self.cluster
        envelope.source = message.source
        envelope.target = message.target
        envelope.request = message.request
        envelope.term = message.term
        envelope.hears = message.hears
        envelope.gossip.CopyFrom(self._records.encode(message.gossip))
        for known in message.digest:
            envelope.digest.add(
                node=known.node,
                incarnation=known.incarnation,
                counter=known.counter,
                beat=known.beat,
            )


def _decode_digest(known: wire.Digest) -> Digest:
    return Digest(NodeId(known.node), Incarnation(known.incarnation), known.counter, known.beat)


# --- encoding --------------------------------------------------------------------


def _encode_body(body: Body) -> WireMessage:
    match body:
        case Heartbeat(probe=probe):
            return wire.HeartbeatRequest(probe=probe)
        case HeartbeatReply():
            return wire.HeartbeatReply()
        case RequestVote(term=term, last=last, pre_vote=pre_vote, transfer=transfer):
            return wire.VoteRequest(
                term=term,
                last=encode_position(last),
                pre_vote=pre_vote,
                transfer=transfer,
            )
        case Vote(term=term, granted=granted, pre_vote=pre_vote):
            return wire.VoteReply(term=term, granted=granted, pre_vote=pre_vote)
        case (
            PullEntries()
            | PulledEntries()
            | PullMismatch()
            | PullTooOld()
            | PullSnapshot()
            | SnapshotChunk()
            | UpdatePosition()
            | UpdatePositionReply()
        ):
            return _encode_replication(body)
        case PutEntries(session=session, commands=commands, acknowledge_to=address):
            put = wire.PutEntriesRequest(
                acknowledge_to=address, expires_in_ns=_left(body.expires_in)
            )
            fill_session(put.session, session)
            for command in commands:
                fill_command(put.commands.add(), command)
            return put
        case ReadKeys(keys=keys, consistency=consistency):
            return wire.ReadRequest(
                keys=keys,
                consistency=_CONSISTENCY_TO_WIRE[consistency],
                expires_in_ns=_left(body.expires_in),
            )
        case ReadLog(first=first, entries_max=entries_max):
            return wire.ReadLogRequest(first=first, entries_max=entries_max)
        case GetStatus():
            return wire.StatusRequest()
        case AckEntries():
            return _encode_ack(body)
        case TimeoutNow(term=term):
            return wire.TimeoutNowRequest(term=term)
        case TimeoutNowReply():
            return wire.TimeoutNowReply()
        case AddServer() | RemoveServer() | TransferLeadership():
            return encode_administration(body)
        case _:
            return _encode_client_reply(body)


def _encode_replication(
    body: PullEntries
    | PulledEntries
    | PullMismatch
    | PullTooOld
    | PullSnapshot
    | SnapshotChunk
    | UpdatePosition
    | UpdatePositionReply,
) -> WireMessage:
    match body:
        case PullEntries(last=last, commit=commit, entries_max=entries_max, wait=wait):
            return wire.PullEntriesRequest(
                last=encode_position(last),
                commit=encode_position(commit),
                entries_max=entries_max,
                wait_ns=wait,
            )
        case PulledEntries():
            return _encode_pulled(body)
        case PullMismatch(last=last, runs=runs, base=base):
            mismatch = wire.PullMismatch(
                last=encode_position(last),
                runs=map(encode_position, runs),
                base=encode_position(base),
            )
            return wire.PullEntriesReply(mismatch=mismatch)
        case PullTooOld(last=last, snapshot=snapshot):
            too_old = wire.PullTooOld(
                last=encode_position(last), snapshot=encode_position(snapshot)
            )
            return wire.PullEntriesReply(too_old=too_old)
        case PullSnapshot(position=position, offset=offset, bytes_max=bytes_max):
            return wire.PullSnapshotRequest(
                position=encode_position(position),
                offset=offset,
                bytes_max=bytes_max,
            )
        case SnapshotChunk():
            return encode_chunk(body)
        case UpdatePosition():
            return wire.UpdatePositionRequest()
        case UpdatePositionReply():
            return wire.UpdatePositionReply()
        case _:
            assert_never(body)


def _encode_client_reply(body: ClientReply) -> wire.ClientReply:
    match body:
        case Results():
            reply = wire.ClientReply()
            _fill_results(reply.results, body)
            return reply
        case Values(index=index, consistency=consistency, values=values):
            encoded = wire.Values(
                index=index,
                consistency=_CONSISTENCY_TO_WIRE[consistency],
                values=map(encode_value, values),
            )
            return wire.ClientReply(values=encoded)
        case LogEntries(entries=entries, applied=applied, compacted=compacted):
            log_entries = wire.LogEntries(
                entries=map(encode_entry, entries),
                applied=applied,
                compacted_index=compacted.index,
                compacted_commands=compacted.commands,
            )
            return wire.ClientReply(log_entries=log_entries)
        case NotLeader(leader=leader):
            return wire.ClientReply(not_leader=wire.NotLeader(leader=leader))
        case Unavailable():
            return wire.ClientReply(unavailable=_encode_unavailable(body))
        case Lost(reason=reason):
            return wire.ClientReply(lost=wire.Lost(reason=reason))
        case Forwarded(leader=leader):
            return wire.ClientReply(forwarded=wire.Forwarded(leader=leader))
        case Status():
            return wire.ClientReply(status=encode_status(body))
        case _:
            assert_never(body)


def _encode_unavailable(body: Unavailable) -> wire.Unavailable:
    return wire.Unavailable(reason=body.reason, permanent=body.permanent)


def _left(expires_in: Nanos | None) -> Nanos | None:
    """One that waited in an inbox, and is passed on, may have less than nothing left."""
    return None if expires_in is None else Nanos(max(0, expires_in))


def _encode_pulled(body: PulledEntries) -> wire.PullEntriesReply:
    reply = wire.PullEntriesReply()
    pulled = reply.pulled
    fill_position(pulled.previous, body.previous)
    for entry in body.entries:
        fill_entry(pulled.entries.add(), entry)
    fill_position(pulled.last, body.last)
    fill_position(pulled.commit, body.commit)
    return reply


def _fill_results(results: wire.Results, body: Results) -> None:
    fill_position(results.position, body.position)
    for result in body.results:
        fill_result(results.results.add(), result)


def _encode_ack(body: AckEntries) -> wire.AckEntriesRequest:
    ack = wire.AckEntriesRequest()
    fill_session(ack.session, body.session)
    match body.answer:
        case Results() as results:
            _fill_results(ack.results, results)
        case Lost(reason=reason):
            ack.lost.reason = reason
        case Unavailable() as refusal:
            ack.unavailable.CopyFrom(_encode_unavailable(refusal))
        case NotLeader(leader=leader):
            ack.not_leader.CopyFrom(wire.NotLeader(leader=leader))
        case _:
            assert_never(body.answer)
    return ack


# --- decoding --------------------------------------------------------------------


def _decode_body(message: WireMessage) -> Body:
    match message:
        case wire.HeartbeatRequest():
            return Heartbeat(NodeId(message.probe)) if message.HasField("probe") else HEARTBEAT
        case wire.HeartbeatReply():
            return HeartbeatReply()
        case wire.VoteRequest():
            require(message, "last")
            last = decode_position(message.last)
            return RequestVote(Term(message.term), last, message.pre_vote, message.transfer)
        case wire.VoteReply():
            return Vote(Term(message.term), message.granted, message.pre_vote)
        case wire.PullEntriesRequest():
            require(message, "last", "commit")
            return PullEntries(
                decode_position(message.last),
                decode_position(message.commit),
                message.entries_max,
                Nanos(message.wait_ns),
            )
        case wire.PullEntriesReply():
            return _decode_pull_reply(message)
        case wire.UpdatePositionRequest():
            return UpdatePosition()
        case wire.UpdatePositionReply():
            return UpdatePositionReply()
        case wire.PullSnapshotRequest():
            require(message, "position")
            return PullSnapshot(
                decode_position(message.position), message.offset, message.bytes_max
            )
        case wire.PullSnapshotReply():
            return decode_chunk(message)
        case wire.PutEntriesRequest():
            require(message, "session")
            return PutEntries(
                decode_session(message.session),
                tuple(map(decode_command, message.commands)),
                message.acknowledge_to if message.HasField("acknowledge_to") else None,
                _decode_left(message),
            )
        case wire.ReadRequest():
            return ReadKeys(
                tuple(message.keys),
                _decode_consistency(message.consistency),
                _decode_left(message),
            )
        case wire.StatusRequest():
            return GetStatus()
        case wire.ReadLogRequest():
            return ReadLog(LogIndex(message.first), message.entries_max)
        case wire.ClientReply():
            return _decode_client_reply(message)
        case wire.AckEntriesRequest():
            return _decode_ack(message)
        case wire.TimeoutNowRequest():
            return TimeoutNow(Term(message.term))
        case wire.TimeoutNowReply():
            return TimeoutNowReply()
        case wire.AdministerRequest():
            return decode_administration(message)
        case _:
            assert_never(message)


def _decode_client_reply(message: wire.ClientReply) -> ClientReply:
    match message.WhichOneof("answer"):
        case "results":
            return _decode_results(message.results)
        case "values":
            values = message.values
            return Values(
                LogIndex(values.index),
                _decode_consistency(values.consistency),
                tuple(map(decode_value, values.values)),
            )
        case "log_entries":
            log_entries = message.log_entries
            return LogEntries(
                tuple(map(decode_entry, log_entries.entries)),
                LogIndex(log_entries.applied),
                Compacted(LogIndex(log_entries.compacted_index), log_entries.compacted_commands),
            )
        case "not_leader":
            return _decode_not_leader(message.not_leader)
        case "unavailable":
            return _decode_unavailable(message.unavailable)
        case "lost":
            return Lost(message.lost.reason)
        case "forwarded":
            return Forwarded(NodeId(message.forwarded.leader))
        case "status":
            return decode_status(message.status)
        case None:
            raise unset(message)


def _decode_pull_reply(
    message: wire.PullEntriesReply,
) -> PulledEntries | PullMismatch | PullTooOld:
    match message.WhichOneof("answer"):
        case "pulled":
            pulled = message.pulled
            require(pulled, "previous", "last", "commit")
            return PulledEntries(
                decode_position(pulled.previous),
                tuple(map(decode_entry, pulled.entries)),
                decode_position(pulled.last),
                decode_position(pulled.commit),
            )
        case "mismatch":
            mismatch = message.mismatch
            require(mismatch, "last", "base")
            return PullMismatch(
                decode_position(mismatch.last),
                tuple(map(decode_position, mismatch.runs)),
                decode_position(mismatch.base),
            )
        case "too_old":
            too_old = message.too_old
            require(too_old, "last", "snapshot")
            return PullTooOld(decode_position(too_old.last), decode_position(too_old.snapshot))
        case None:
            raise unset(message)


def _decode_ack(message: wire.AckEntriesRequest) -> AckEntries:
    require(message, "session")
    session = decode_session(message.session)
    match message.WhichOneof("answer"):
        case "results":
            return AckEntries(session, _decode_results(message.results))
        case "lost":
            return AckEntries(session, Lost(message.lost.reason))
        case "unavailable":
            return AckEntries(session, _decode_unavailable(message.unavailable))
        case "not_leader":
            return AckEntries(session, _decode_not_leader(message.not_leader))
        case None:
            raise unset(message)


def _decode_results(results: wire.Results) -> Results:
    require(results, "position")
    return Results(decode_position(results.position), tuple(map(decode_result, results.results)))


def _decode_unavailable(unavailable: wire.Unavailable) -> Unavailable:
    return Unavailable(unavailable.reason, unavailable.permanent)


def _decode_left(request: wire.PutEntriesRequest | wire.ReadRequest) -> Nanos | None:
    return Nanos(request.expires_in_ns) if request.HasField("expires_in_ns") else None


def _decode_not_leader(not_leader: wire.NotLeader) -> NotLeader:
    return NotLeader(NodeId(not_leader.leader) if not_leader.HasField("leader") else None)


def _decode_consistency(number: int) -> Consistency:
    consistency = _CONSISTENCY_FROM_WIRE.get(number)
    if consistency is None:
        raise CodecError(f"consistency {number}, which no version defines")
    return consistency
