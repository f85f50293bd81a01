from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protos.generated import gossip_raft_pb2 as wire
from system_under_test.gossip_raft.core.log import bytes_of_commands
from system_under_test.gossip_raft.core.messages import (
    Body,
    Consistency,
    GossipRecord,
    Heartbeat,
    Message,
    PutEntries,
    ReadKeys,
)
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    ClientId,
    Command,
    Incarnation,
    NodeId,
    Put,
    RequestId,
    Session,
    Term,
)
from system_under_test.gossip_raft.runtime.codec import Codec, WireMessage
from system_under_test.gossip_raft.runtime.errors import CodecError
from tests.system_under_test.runtime.messages import BODIES, commands, messages

CODEC = Codec("test")
RECORD = GossipRecord(
    node=NodeId("n0"),
    incarnation=Incarnation(1),
    counter=1,
    term=Term(1),
    leader=None,
    last=ORIGIN,
    commit=ORIGIN,
    source=None,
    unreachable=(),
)
HEARTBEAT = Message("n0", "n1", RequestId(1), Term(2), (), Heartbeat())


def envelope(cluster: str = "test") -> wire.Envelope:
    return wire.Envelope(cluster=cluster, source="n0", target="n1", gossip=wire.GossipMap())


def test_strategies_cover_every_body() -> None:
    assert set(BODIES) == set(get_args(Body))


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
@settings(deadline=None)  # Other tests may have the processor.
@given(data=st.data())
def test_every_body_survives_the_wire(body: type[Body], data: st.DataObject) -> None:
    message = data.draw(messages(BODIES[body]))
    encoded = CODEC.encode(message)
    arrived = type(encoded).FromString(encoded.SerializeToString())
    assert CODEC.decode(arrived) == message


def test_the_gossip_of_the_last_message_is_not_given_to_the_next() -> None:
    for gossip in ((RECORD,), (RECORD._replace(counter=2),), (), (RECORD, RECORD)):
        message = HEARTBEAT._replace(gossip=gossip)
        assert CODEC.decode(CODEC.encode(message)) == message
        assert CODEC.decode(CODEC.encode(message)) == message


def test_a_remembered_record_is_not_taken_for_one_that_differs_anywhere() -> None:
    codec = Codec("test")
    first = codec.encode(HEARTBEAT._replace(gossip=(RECORD,)))
    assert codec.decode(first).gossip == (RECORD,)
    for other in (RECORD._replace(term=Term(3)), RECORD._replace(leader=None), RECORD):
        message = HEARTBEAT._replace(gossip=(other,))
        assert codec.decode(codec.encode(message)) == message


def test_records_of_any_number_of_strangers_are_read_and_few_are_remembered() -> None:
    codec = Codec("test")
    strangers = tuple(RECORD._replace(node=NodeId(f"s{number}")) for number in range(1000))
    message = HEARTBEAT._replace(gossip=strangers)
    encoded = codec.encode(message)
    assert codec.decode(encoded) == codec.decode(encoded) == message
    assert len(codec._records._decoded) < len(strangers)


def test_another_clusters_message_is_refused() -> None:
    with pytest.raises(CodecError, match="cluster 'other', not 'test'"):
        CODEC.decode(Codec("other").encode(HEARTBEAT))


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (wire.HeartbeatRequest(), "envelope is missing"),
        (
            wire.HeartbeatRequest(envelope=wire.Envelope(cluster="test")),
            "gossip is missing",
        ),
        (wire.VoteRequest(envelope=envelope()), "last is missing"),
        (wire.PullEntriesReply(envelope=envelope()), "none of its alternatives"),
        (wire.ClientReply(envelope=envelope()), "none of its alternatives"),
        (
            wire.AckEntriesRequest(envelope=envelope(), session=wire.Session()),
            "none of its alternatives",
        ),
        (wire.AdministerRequest(envelope=envelope()), "none of its alternatives"),
        (
            wire.PullEntriesReply(
                envelope=envelope(),
                pulled=wire.PulledEntries(
                    previous=wire.Position(),
                    entries=[wire.Entry(session=wire.Session(), membership=wire.Membership())],
                    last=wire.Position(),
                    commit=wire.Position(),
                ),
            ),
            "beside commands or a session",
        ),
        (wire.ReadRequest(envelope=envelope()), "consistency 0"),
        (
            wire.ReadRequest.FromString(
                wire.ReadRequest(envelope=envelope()).SerializeToString() + b"\x18\x09"
            ),
            "consistency 9",
        ),
        (
            wire.PutEntriesRequest(
                envelope=envelope(), session=wire.Session(), commands=[wire.Command()]
            ),
            "Command says none of its alternatives",
        ),
        (
            wire.PutEntriesRequest(
                envelope=envelope(),
                session=wire.Session(),
                commands=[wire.Command(put=wire.Put(key="x", value=wire.Scalar()))],
            ),
            "Scalar says none of its alternatives",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_no_correct_sender_sends_is_refused(message: WireMessage, problem: str) -> None:
    with pytest.raises(CodecError, match=problem):
        CODEC.decode(message)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, "\ud800"])
def test_what_protobuf_cannot_hold_is_refused_before_it_is_sent(value: int | str) -> None:
    body = PutEntries(Session(ClientId("c"), 1), (Put("x", value),))
    with pytest.raises(CodecError, match="PutEntries to n1"):
        CODEC.encode(HEARTBEAT._replace(body=body))


def test_reads_keep_their_consistency() -> None:
    for consistency in Consistency:
        message = HEARTBEAT._replace(body=ReadKeys(("x", "y"), consistency))
        assert CODEC.decode(CODEC.encode(message)) == message


@settings(deadline=None)
@given(st.lists(commands, max_size=20).map(tuple))
def test_a_request_takes_hardly_more_on_the_wire_than_nodes_count_it_for(
    request: tuple[Command, ...],
) -> None:
    # Give or take a quarter: what is admitted (8 MiB) must fit into a message (16 MiB).
    body = PutEntries(Session(ClientId(""), 0), request)
    size = CODEC.encode(HEARTBEAT._replace(body=body)).ByteSize()
    empty = CODEC.encode(HEARTBEAT._replace(body=replace(body, commands=()))).ByteSize()
    assert 4 * (size - empty) <= 5 * bytes_of_commands(request)
