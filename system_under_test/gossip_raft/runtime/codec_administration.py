"""What administrators ask of nodes, and what nodes say of themselves, as wire messages."""

from __future__ import annotations

from typing import assert_never

from protos.generated import gossip_raft_pb2 as wire
from system_under_test.gossip_raft.core.messages import (
    AddServer,
    Administration,
    RemoveServer,
    Status,
    TransferLeadership,
)
from system_under_test.gossip_raft.core.types import LogIndex, NodeId, Term
from system_under_test.gossip_raft.runtime.codec_data import (
    decode_gossip,
    decode_membership,
    decode_position,
    encode_gossip,
    encode_membership,
    encode_position,
    require,
    unset,
)


def encode_administration(body: Administration) -> wire.AdministerRequest:
    match body:
        case AddServer(node=node, address=address):
            added = wire.AddServer(node=node, address=address)
            return wire.AdministerRequest(add=added)
        case RemoveServer(node=node):
            return wire.AdministerRequest(remove=wire.RemoveServer(node=node))
        case TransferLeadership(target=target):
            transfer = wire.TransferLeadership(target=target)
            return wire.AdministerRequest(transfer=transfer)
        case _:
            assert_never(body)


def encode_status(body: Status) -> wire.Status:
    return wire.Status(
        role=body.role,
        term=body.term,
        leader=body.leader,
        last=encode_position(body.last),
        commit=encode_position(body.commit),
        applied=body.applied,
        source=body.source,
        records=encode_gossip(body.records),
        suspected=body.suspected,
        reachable=body.reachable,
        membership=encode_membership(body.membership),
    )


def decode_administration(message: wire.AdministerRequest) -> Administration:
    match message.WhichOneof("request"):
        case "add":
            return AddServer(NodeId(message.add.node), message.add.address)
        case "remove":
            return RemoveServer(NodeId(message.remove.node))
        case "transfer":
            transfer = message.transfer
            return TransferLeadership(
                NodeId(transfer.target) if transfer.HasField("target") else None
            )
        case None:
            raise unset(message)


def decode_status(status: wire.Status) -> Status:
    require(status, "last", "commit", "records", "membership")
    return Status(
        role=status.role,
        term=Term(status.term),
        leader=NodeId(status.leader) if status.HasField("leader") else None,
        last=decode_position(status.last),
        commit=decode_position(status.commit),
        applied=LogIndex(status.applied),
        source=NodeId(status.source) if status.HasField("source") else None,
        records=decode_gossip(status.records),
        suspected=tuple(map(NodeId, status.suspected)),
        reachable=tuple(map(NodeId, status.reachable)),
        membership=decode_membership(status.membership),
    )
