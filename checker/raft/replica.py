"""The log of one node: appended, durable, committed, applied, recovered."""

from __future__ import annotations

from collections import deque

from checker.raft.cluster import Cluster
from checker.raft.findings import Findings, Invariant, Sighting, is_wiped
from checker.raft.membership import Electorate
from checker.raft.prefix import Prefix, common, cut, holds
from histories.trace import (
    Answered,
    Appended,
    Applied,
    Booted,
    Committed,
    MembershipChanged,
    Persisted,
    PositionTold,
    SnapshotInstalled,
    SnapshotTaken,
    Truncated,
)


class Replica:
    """Only this node's own order of events is used; the rest is ``Cluster``'s.

    ``_written`` holds every log the node had in memory since its disk was last
    known, that one first.  A node that dies may come back with any of them: a
    write may have completed although nobody lived to say so.
    """

    def __init__(self, node: str, cluster: Cluster, findings: Findings) -> None:
        self.tracked = True
        self._node = node
        self._cluster = cluster
        self._findings = findings
        self._log = [cluster.root]
        self._written = deque([cluster.root])
        self._durable_term = 0
        self._durable_seen: Sighting | None = None
        self._commit = 0
        self._commit_seen: Sighting | None = None
        self._commit_max = 0
        self._applied = 0
        self._leads: int | None = None
        self._electorate = Electorate(node, cluster.memberships, findings)

    @property
    def last(self) -> Prefix:
        return self._log[-1]

    @property
    def voters(self) -> tuple[str, ...]:
        """In force at this node."""
        return self._electorate.voters

    # --- life ----------------------------------------------------------------------

    def booted(self, event: Booted, here: Sighting, *, first: bool) -> None:
        self._leads = None
        self._applied = event.snapshot_index
        if is_wiped(event):
            self._written = deque([self._cluster.root])
            self._commit = 0
        if first and event.last_index:
            self.tracked = False  # Its log is older than its trace.
        self._electorate.booted(event.members, [], here)
        if not self.tracked:
            return
        recovered = self._find_written(event)
        if recovered is None:
            recovered = self._find_part(event)
            self._report(Invariant.RECOVERY, self._bad_log(event), self._durable_seen, here)
        if recovered is None:
            self.tracked = False
            return
        self._rebuild(recovered)
        self._electorate.booted(event.members, self._log, here)
        self._make_durable(event.term, here)
        self._commit_seen = here
        if event.commit_index > self._commit_max:
            self._report(
                Invariant.RECOVERY,
                f"{self._node} restarted with commit point {event.commit_index}, beyond"
                f" {self._commit_max}, the furthest it had reached",
                here,
            )
        self._commit = min(event.commit_index, self.last.index)
        if 0 < event.snapshot_index <= self.last.index:
            self._cluster.snapshot(self._log[event.snapshot_index], event.image_digest, here)
        if self._commit > 0:
            self._cluster.learnt(self._log[self._commit], here)

    def leads(self, term: int) -> None:
        self._leads = term

    def follows(self) -> None:
        self._leads = None

    def adopted(self, term: int) -> None:
        if term != self._leads:
            self._leads = None

    # --- log -----------------------------------------------------------------------

    def appended(self, event: Appended, here: Sighting) -> None:
        if not self.tracked:
            return
        if not 1 <= event.index <= self.last.index + 1:
            self._report(
                Invariant.NO_GAPS,
                f"{self._node} appended entry {event.index} of term {event.term} to a log that"
                f" ends at index {self.last.index}",
                self.last.seen,
                here,
            )
            self.tracked = False
            return
        if event.index <= self.last.index:
            self._drop(event.index, "overwrote", here)
        prefix = self._cluster.appended(self.last, event.term, event.digest, here)
        self._log.append(prefix)
        self._written.append(prefix)

    def changed_membership(self, event: MembershipChanged, here: Sighting) -> None:
        if self.tracked and self._leads is not None:
            committed = cut(self.last, min(self._commit, self.last.index))
            self._electorate.began(event, self._leads, committed, here)
        self._electorate.changed(event, self._log if self.tracked else [], here)

    def truncated(self, event: Truncated, here: Sighting) -> None:
        if self.tracked and event.from_index <= self.last.index:
            self._drop(max(event.from_index, 1), "truncated", here)

    def _drop(self, index: int, verb: str, here: Sighting) -> None:
        dropped = self._log[index]
        if self._leads is not None:
            self._report(
                Invariant.LEADER_APPEND_ONLY,
                f"{self._node} {verb} its entry {index} of term {dropped.term} while it was"
                f" leader of term {self._leads}",
                self._cluster.leaders.get(self._leads),
                here,
            )
        if index <= self._commit:
            self._report(
                Invariant.COMMITTED_KEPT,
                f"{self._node} {verb} its entry {index} of term {dropped.term}, which it knew"
                f" to be committed up to index {self._commit}",
                self._commit_seen,
                here,
            )
        self._cluster.truncated(dropped, self.last.term, here)
        del self._log[index:]
        self._written.append(self.last)

    # --- snapshots -----------------------------------------------------------------

    def snapshot_taken(self, event: SnapshotTaken, here: Sighting) -> None:
        if not self.tracked:
            return
        prefix = self._entry(event.index, event.term)
        if event.index != self._applied:
            self._report(
                Invariant.SNAPSHOT,
                f"{self._node} took a snapshot at index {event.index} of term {event.term} of a"
                f" state that held all up to index {self._applied}",
                here,
            )
        elif prefix is None or prefix.chain != event.log_digest:
            self._report(
                Invariant.SNAPSHOT,
                f"{self._node} took a snapshot at index {event.index} of term {event.term} of"
                " another log than it had",
                self.last.seen,
                here,
            )
        else:
            self._cluster.snapshot(prefix, event.image_digest, here)

    def snapshot_installed(self, event: SnapshotInstalled, log: Prefix, here: Sighting) -> None:
        """``log`` is what the snapshot stands for."""
        self._applied = event.index
        if not self.tracked:
            return
        if self._leads is not None:
            self._report(
                Invariant.LEADER_APPEND_ONLY,
                f"{self._node} installed a snapshot at index {event.index} while it was leader"
                f" of term {self._leads}",
                self._cluster.leaders.get(self._leads),
                here,
            )
        if event.index < self._commit:
            self._report(
                Invariant.COMMIT_POINTS,
                f"{self._node} moved its commit point back from index {self._commit} to index"
                f" {event.index} of term {event.term} by a snapshot",
                self._commit_seen,
                here,
            )
        if not holds(self.last, log):
            self._check_replaced(log, here)
            self._replace_log(log)
            self._written.append(self.last)
            self._electorate.installed(event.index, here)
        self._commit, self._commit_seen = event.index, here
        self._commit_max = max(self._commit_max, event.index)
        self._cluster.snapshot(log, event.image_digest, here)
        self._cluster.learnt(log, here)

    def _check_replaced(self, log: Prefix, here: Sighting) -> None:
        shared = common(self.last, log)
        if shared.index < min(self._commit, self.last.index, log.index):
            dropped = self._log[shared.index + 1]
            self._report(
                Invariant.COMMITTED_KEPT,
                f"{self._node} replaced its entry {dropped.index} of term {dropped.term}, which"
                f" it knew to be committed up to index {self._commit}, by a snapshot",
                self._commit_seen,
                here,
            )

    # --- disk ----------------------------------------------------------------------

    def persisted(self, event: Persisted, here: Sighting) -> None:
        if not self.tracked:
            return
        position = (event.last_index, event.last_term)
        matches = (
            skipped
            for skipped, prefix in enumerate(self._written)
            if (prefix.index, prefix.term) == position
        )
        skipped = next(matches, None)
        if skipped is None:
            self._report(
                Invariant.DURABLE_FIRST,
                f"{self._node} persisted a log that ends at index {event.last_index} of term"
                f" {event.last_term}, which its log in memory has not been since its last write",
                self._durable_seen,
                here,
            )
            self.tracked = False
            return
        for _ in range(skipped):
            self._written.popleft()
        self._make_durable(event.term, here)

    def told_position(self, event: PositionTold, here: Sighting) -> None:
        if not self.tracked or self._is_durable(event):
            return
        self._report(
            Invariant.DURABLE_FIRST,
            f"{self._node} told others in term {event.term} that it held entry"
            f" {event.last_index} of term {event.last_term} before that was durable",
            self._durable_seen,
            here,
        )

    def _is_durable(self, event: PositionTold) -> bool:
        durable = self._written[0]
        if (
            event.term <= self._durable_term
            and 0 <= event.last_index <= durable.index
            and cut(durable, event.last_index).term == event.last_term
        ):
            return True
        # A message may have waited while the log moved on: true once is true enough.
        return self._cluster.was_durable(self._node, event.term, event.last_index, event.last_term)

    def _make_durable(self, term: int, here: Sighting) -> None:
        self._durable_term, self._durable_seen = term, here
        self._cluster.durable(self._node, term, self._written[0], here)

    # --- recovery ------------------------------------------------------------------

    def _find_written(self, event: Booted) -> Prefix | None:
        for prefix in self._written:
            if _is_log_of(prefix, event):
                return prefix
        return None

    def _find_part(self, event: Booted) -> Prefix | None:
        """The log of ``event`` if it is only the beginning of one that was written."""
        for prefix in self._written:
            if 0 <= event.last_index < prefix.index:
                part = cut(prefix, event.last_index)
                if _is_log_of(part, event):
                    return part
        return None

    def _bad_log(self, event: Booted) -> str:
        durable = self._written[0]
        ends = f"at index {event.last_index} of term {event.last_term}"
        should = f"index {durable.index} of term {durable.term}"
        if event.last_index < durable.index:
            return (
                f"{self._node} restarted with a log that ends {ends} although {should} was durable"
            )
        return (
            f"{self._node} restarted with a log that ends {ends} and is none of those it"
            f" wrote since {should} was durable"
        )

    def _rebuild(self, recovered: Prefix) -> None:
        self._replace_log(recovered)
        self._written = deque([recovered])

    def _replace_log(self, last: Prefix) -> None:
        log, missing, prefix = self._log, [], last
        while prefix.index >= len(log) or log[prefix.index] is not prefix:
            missing.append(prefix)
            prefix = prefix.parent
        del log[prefix.index + 1 :]
        log.extend(reversed(missing))

    # --- commit, apply, answer -------------------------------------------------------

    def committed(self, event: Committed, here: Sighting) -> None:
        if not self.tracked:
            return
        if event.index < self._commit:
            self._report(
                Invariant.COMMIT_POINTS,
                f"{self._node} moved its commit point back from index {self._commit} to index"
                f" {event.index} of term {event.term}",
                self._commit_seen,
                here,
            )
        prefix = self._entry(event.index, event.term)
        if prefix is None:
            self._report(
                Invariant.COMMIT_IN_LOG,
                f"{self._node} moved its commit point to index {event.index} of term"
                f" {event.term}, which is not in its log (it ends at index {self.last.index} of"
                f" term {self.last.term})",
                self.last.seen,
                here,
            )
            return
        if event.index >= self._commit:
            self._commit, self._commit_seen = event.index, here
            self._commit_max = max(self._commit_max, event.index)
        if event.leader_term is None:
            self._cluster.learnt(prefix, here)
        else:
            self._decided(prefix, event.leader_term, here)

    def _decided(self, prefix: Prefix, term: int, here: Sighting) -> None:
        if self._leads != term:
            self._report(
                Invariant.COMMIT_RULE,
                f"{self._node} committed entry {prefix.index} of term {prefix.term} as leader of"
                f" term {term}, which it was not",
                self._cluster.leaders.get(term),
                here,
            )
        if prefix.term != term:
            self._report(
                Invariant.COMMIT_RULE,
                f"{self._node}, leader of term {term}, committed entry {prefix.index} of the"
                f" earlier term {prefix.term} by counting",
                prefix.seen,
                here,
            )
        own_disk = self._durable_term == term and holds(self._written[0], prefix)
        self._cluster.decided(term, prefix, here, voters=self.voters, own_disk=own_disk)

    def applied(self, event: Applied, here: Sighting) -> None:
        self._cluster.applied(event, here)
        if event.index != self._applied + 1:
            self._report(
                Invariant.STATE_MACHINE_SAFETY,
                f"{self._node} applied entry {event.index} of term {event.term} right after entry"
                f" {self._applied}",
                here,
            )
        self._applied = event.index
        if not self.tracked:
            return
        if event.index > self._commit:
            self._report(
                Invariant.APPLIED_COMMITTED,
                f"{self._node} applied entry {event.index} of term {event.term} while its commit"
                f" point was index {self._commit}",
                self._commit_seen,
                here,
            )
        prefix = self._entry(event.index, event.term)
        if prefix is None or prefix.digest != event.digest:
            own = self._log[event.index] if 0 < event.index <= self.last.index else self.last
            self._report(
                Invariant.APPLIED_COMMITTED,
                f"{self._node} applied an entry {event.index} of term {event.term} that is not"
                " the one in its log",
                own.seen,
                here,
            )

    def answered(self, event: Answered, term: int, here: Sighting) -> None:
        if not self.tracked:
            return
        prefix = self._entry(event.index, event.term)
        if prefix is None or event.index > self._commit:
            where = "is not in its log" if prefix is None else "it did not know to be committed"
            self._report(
                Invariant.ACKNOWLEDGED_KEPT,
                f"{self._node} acknowledged to client {event.client} entry {event.index} of term"
                f" {event.term}, which {where} (its commit point was index {self._commit})",
                self._commit_seen,
                here,
            )
        if prefix is not None:
            self._cluster.acknowledged(term, prefix, here)

    def _entry(self, index: int, term: int) -> Prefix | None:
        if 0 <= index <= self.last.index and self._log[index].term == term:
            return self._log[index]
        return None

    def _report(self, invariant: Invariant, explanation: str, *sightings: Sighting | None) -> None:
        self._findings.report(invariant, explanation, *sightings)


def _is_log_of(prefix: Prefix, event: Booted) -> bool:
    return (prefix.index, prefix.term, prefix.chain) == (
        event.last_index,
        event.last_term,
        event.log_digest,
    )
