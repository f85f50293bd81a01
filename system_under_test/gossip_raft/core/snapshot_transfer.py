"""A snapshot on its way from one node to another, in chunks (PROTOCOL rule 11)."""

from __future__ import annotations

from dataclasses import dataclass

from system_under_test.gossip_raft.core.digest import image_digest
from system_under_test.gossip_raft.core.messages import PullSnapshot, SnapshotChunk
from system_under_test.gossip_raft.core.state import NodeState
from system_under_test.gossip_raft.core.types import ORIGIN, Nanos, NodeId, Position, Snapshot


class Transfer:
    """The receiving end.

    1. Chunks are joined only where they meet; what came stays, so a transfer goes on
       after a loss, even with another source: equal positions, equal images.
    2. Chunks of another snapshot than the one begun start it anew.
    3. Only an image with the digest that was announced is handed out.
    """

    def __init__(self) -> None:
        self._source: NodeId | None = None
        self._first: SnapshotChunk | None = None
        self._image = bytearray()
        self.position = ORIGIN

    def want(self, source: NodeId, position: Position) -> None:
        """``source`` has a snapshot, at ``position`` or later."""
        self._source = source
        if self._first is None:
            self.position = position

    def is_wanted(self, source: NodeId) -> bool:
        """Whether ``source`` is to be asked for it; another might do without."""
        return self._source == source

    def next_pull(self, bytes_max: int) -> PullSnapshot:
        if self._first is None:
            return PullSnapshot(ORIGIN, 0, bytes_max)
        return PullSnapshot(self._first.position, len(self._image), bytes_max)

    def meets(self, chunk: SnapshotChunk) -> bool:
        """Whether it is just what comes next: then it does not matter who asked for it."""
        is_same = self._first is None or _is_same(self._first, chunk)
        return is_same and chunk.offset == len(self._image)

    def add(self, chunk: SnapshotChunk) -> bool:
        """Whether ``chunk`` makes sense; if not, all is forgotten."""
        first = self._first
        if first is None or not _is_same(first, chunk):
            self._first = first = chunk
            self._image.clear()
            self.position = chunk.position
        if chunk.offset != len(self._image) or not chunk.chunk:
            self.forget()
            return False
        self._image += chunk.chunk
        if len(self._image) < first.total:
            return True
        if len(self._image) == first.total and image_digest(bytes(self._image)) == first.digest:
            return True
        self.forget()
        return False

    def snapshot(self) -> Snapshot | None:
        """All of it, as soon as it is there."""
        first = self._first
        if first is None or len(self._image) < first.total:
            return None
        return Snapshot(first.position, first.log_digest, first.membership, bytes(self._image))

    def forget(self) -> None:
        if self._source is None and self._first is None:
            return
        self._source = self._first = None
        self._image = bytearray()
        self.position = ORIGIN


def _is_same(one: SnapshotChunk, other: SnapshotChunk) -> bool:
    return (one.position, one.log_digest, one.total, one.digest) == (
        other.position,
        other.log_digest,
        other.total,
        other.digest,
    )


@dataclass(frozen=True, slots=True)
class _Serving:
    snapshot: Snapshot
    digest: int
    until: Nanos


class SnapshotSource:
    """The giving end: a node gets the snapshot that it began with to its end, although a
    newer one was taken, unless it does not ask for so long that it must have given up.
    """

    def __init__(self, state: NodeState) -> None:
        self._state = state
        self.serving: dict[NodeId, _Serving] = {}

    def chunk_for(self, puller: NodeId, asked: PullSnapshot) -> SnapshotChunk | None:
        """``None`` if there is no snapshot."""
        serving = self.serving.get(puller)
        if serving is None or serving.snapshot.position != asked.position:
            snapshot = self._state.snapshot
            if snapshot is None:
                return None
            serving = _Serving(snapshot, image_digest(snapshot.image), self._state.now)
        snapshot = serving.snapshot
        until = Nanos(self._state.now + 2 * self._state.config.election_timeout_max_ns)
        self.serving[puller] = _Serving(snapshot, serving.digest, until)
        offset = asked.offset if asked.position == snapshot.position else 0
        return SnapshotChunk(
            position=snapshot.position,
            log_digest=snapshot.log_digest,
            membership=snapshot.membership,
            total=len(snapshot.image),
            digest=serving.digest,
            offset=offset,
            chunk=snapshot.image[offset : offset + max(1, asked.bytes_max)],
        )

    def tick(self) -> None:
        """Forget those who gave up."""
        for puller, serving in tuple(self.serving.items()):
            if self._state.now >= serving.until:
                del self.serving[puller]
