"""Snapshots on their way, chunk by chunk."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.messages import SnapshotChunk
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.snapshot_transfer import SnapshotSource, Transfer
from system_under_test.gossip_raft.core.state import NodeState
from system_under_test.gossip_raft.core.types import (
    DurableState,
    LogIndex,
    Membership,
    Nanos,
    NodeId,
    Position,
    Snapshot,
    Term,
)

N0, N1 = NodeId("n0"), NodeId("n1")


def snapshot(index: int, image: bytes) -> Snapshot:
    return Snapshot(Position(Term(1), LogIndex(index)), 7 * index, Membership((N0, N1)), image)


def source_with(held: Snapshot) -> tuple[NodeState, SnapshotSource]:
    config = NodeConfig(id=N0, members=(N0, N1))
    durable = DurableState(snapshot=held, base=held.position)
    state = NodeState(config, durable, random.Random(1), Nanos(0), Rules())
    return state, SnapshotSource(state)


def ask(source: SnapshotSource, transfer: Transfer, bytes_max: int) -> SnapshotChunk:
    chunk = source.chunk_for(N1, transfer.next_pull(bytes_max))
    assert chunk is not None
    return chunk


@given(st.binary(min_size=1, max_size=50), st.integers(1, 60), st.randoms())
def test_whatever_is_lost_or_repeated_the_image_comes_whole(
    image: bytes, bytes_max: int, rng: random.Random
) -> None:
    _, source = source_with(snapshot(5, image))
    transfer = Transfer()
    transfer.want(N0, Position(Term(1), LogIndex(5)))
    came: list[SnapshotChunk] = []
    while transfer.snapshot() is None:
        chunk = ask(source, transfer, bytes_max)
        if came and rng.random() < 0.3:
            late = rng.choice(came)
            assert not transfer.meets(late)
        if rng.random() < 0.5:
            assert transfer.meets(chunk)
            assert transfer.add(chunk)
            came.append(chunk)
    assert transfer.snapshot() == snapshot(5, image)


def test_a_source_goes_on_with_the_snapshot_it_began_to_serve() -> None:
    state, source = source_with(snapshot(5, b"old image"))
    transfer = Transfer()
    assert transfer.add(ask(source, transfer, 4))
    state.snapshot = snapshot(9, b"new image")
    source.tick()
    assert transfer.add(ask(source, transfer, 40))
    assert transfer.snapshot() == snapshot(5, b"old image")


def test_a_source_that_forgot_it_serves_the_newer_one_from_its_beginning() -> None:
    state, source = source_with(snapshot(5, b"old image"))
    transfer = Transfer()
    assert transfer.add(ask(source, transfer, 4))
    state.snapshot = snapshot(9, b"new image")
    state.now = Nanos(10**12)
    source.tick()
    chunk = ask(source, transfer, 4)
    assert (chunk.position.index, chunk.offset) == (9, 0)
    assert transfer.add(chunk)
    assert transfer.add(ask(source, transfer, 40))
    assert transfer.snapshot() == snapshot(9, b"new image")


def test_an_image_with_another_digest_is_never_handed_out() -> None:
    _, source = source_with(snapshot(5, b"image"))
    transfer = Transfer()
    chunk = ask(source, transfer, 40)
    assert not transfer.add(replace(chunk, chunk=b"imagE"))
    assert transfer.snapshot() is None
    assert transfer.add(ask(source, transfer, 40))
    assert transfer.snapshot() is not None


def test_chunks_that_make_no_sense_end_the_transfer() -> None:
    _, source = source_with(snapshot(5, b"image"))
    transfer = Transfer()
    chunk = ask(source, transfer, 2)
    assert not transfer.add(replace(chunk, offset=1))
    assert not transfer.add(replace(chunk, chunk=b""))
    assert not transfer.add(replace(chunk, chunk=b"imagery"))
    assert transfer.next_pull(2).offset == 0
