"""What must be true of every run in the small world, from its trace and its clients."""

from __future__ import annotations

from collections.abc import Sequence

from system_under_test.gossip_raft.core import trace
from system_under_test.gossip_raft.core.digest import chain
from system_under_test.gossip_raft.core.types import NodeId


class Judge:
    """Raft's Figure 3 and PROTOCOL section 5, online, as sentences about what broke."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._leaders: dict[int, NodeId] = {}
        self._votes: dict[tuple[NodeId, int], NodeId] = {}
        self._persisted: dict[NodeId, trace.Persisted] = {}
        self._chains: dict[NodeId, list[int]] = {}
        self._durable_chains: dict[NodeId, list[int]] = {}
        self._terms: dict[tuple[int, int], int] = {}
        self._applied: dict[int, tuple[int, int, int]] = {}
        self._committed: dict[int, int] = {}
        self._applied_to: dict[NodeId, int] = {}
        self._commits: dict[NodeId, int] = {}
        self._images: dict[int, int] = {}

    def feed(self, events: Sequence[tuple[NodeId, trace.TraceEvent]]) -> None:
        for node, event in events:
            self._feed(node, event)

    def _feed(self, node: NodeId, event: trace.TraceEvent) -> None:
        chains = self._chains.setdefault(node, [0])
        match event:
            case trace.Booted():
                self._booted(node, event, chains)
            case trace.RoleChanged(role="leader", term=term):
                first = self._leaders.setdefault(term, node)
                self._require(first == node, f"two leaders in term {term}: {first}, {node}")
            case trace.VoteTold(term=term, candidate=candidate):
                known = self._persisted.get(node)
                self._require(
                    known is not None and (known.term, known.vote) == (term, candidate),
                    f"{node} told a vote in {term} that is not durable",
                )
                voted = self._votes.setdefault((node, term), candidate)
                self._require(voted == candidate, f"{node} voted twice in term {term}")
            case trace.Appended(index=index, term=term, digest=digest):
                self._require(index == len(chains), f"{node} appended {index} after a gap")
                chains.append(chain(chains[-1], term, digest))
                known_chain = self._terms.setdefault((index, term), chains[-1])
                self._require(known_chain == chains[-1], f"log mismatch at ({term}, {index})")
            case trace.Truncated(from_index=start):
                for i in range(start, len(chains)):
                    self._require(
                        self._committed.get(i) != chains[i],
                        f"{node} truncated the committed entry {i}",
                    )
                del chains[start:]
            case trace.Persisted():
                self._persisted[node] = event
                self._durable_chains[node] = list(chains)
            case trace.PositionTold(last_term=last_term, last_index=last_index):
                known = self._persisted.get(node)
                self._require(
                    known is not None
                    and (known.last_term, known.last_index) == (last_term, last_index),
                    f"{node} told a position that is not durable",
                )
            case trace.SnapshotTaken() | trace.SnapshotInstalled():
                self._snapshot(node, event, chains)
            case trace.Committed(index=index):
                self._commits[node] = index
                for i in range(index, 0, -1):
                    if i in self._committed and self._committed[i] == chains[i]:
                        break
                    first_chain = self._committed.setdefault(i, chains[i])
                    self._require(first_chain == chains[i], f"{i} committed twice, differently")
            case trace.Applied(index=index, term=term):
                self._require(index == self._applied_to[node] + 1, f"{node} skipped to {index}")
                self._applied_to[node] = index
                what = (term, event.digest, event.result_digest)
                first_what = self._applied.setdefault(index, what)
                self._require(first_what == what, f"nodes applied {index} differently")
            case trace.Answered(index=index, term=term):
                self._require(
                    self._applied.get(index, (0,))[0] == term,
                    f"{node} acknowledged ({term}, {index}), which is not applied",
                )
            case _:
                pass

    def _booted(self, node: NodeId, event: trace.Booted, chains: list[int]) -> None:
        if event.last_index == 0 and event.incarnation > 1000:
            self._durable_chains.pop(node, None)
        chains[:] = self._durable_chains.get(node, [0])
        self._require(
            len(chains) == event.last_index + 1 and chains[-1] == event.log_digest,
            f"{node} recovered another log than it had",
        )
        self._applied_to[node] = event.snapshot_index
        self._commits[node] = event.commit_index
        if event.snapshot_index:
            self._check_image(node, event.snapshot_index, event.image_digest)
        known = self._persisted.get(node)
        self._require(
            event.recovering
            or known is None
            or (event.term, event.vote) == (known.term, known.vote),
            f"{node} forgot its term or vote",
        )

    def _snapshot(
        self, node: NodeId, event: trace.SnapshotTaken | trace.SnapshotInstalled, chains: list[int]
    ) -> None:
        match event:
            case trace.SnapshotTaken(index=index):
                self._require(
                    index <= self._commits[node] and chains[index] == event.log_digest,
                    f"{node} took a snapshot of what is not committed",
                )
                self._check_image(node, index, event.image_digest)
            case trace.SnapshotInstalled(index=index):
                self._require(
                    index > self._commits[node], f"{node} moved its commit point back by a snapshot"
                )
                self._commits[node] = self._applied_to[node] = index
                self._require(
                    self._committed.get(index) == event.log_digest,
                    f"{node} installed a snapshot of what is not committed",
                )
                if chains[index : index + 1] != [event.log_digest]:
                    chains[:] = [self._committed.get(i, 0) for i in range(index + 1)]
                self._check_image(node, index, event.image_digest)

    def _check_image(self, node: NodeId, index: int, image: int) -> None:
        first = self._images.setdefault(index, image)
        self._require(first == image, f"{node} has another snapshot at {index} than others")

    def _require(self, holds: bool, problem: str) -> None:
        if not holds:
            self.problems.append(problem)
