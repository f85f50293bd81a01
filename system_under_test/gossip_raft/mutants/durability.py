"""Bugs in what survives a crash: wrong storage around the real one.

Each acts between the host and its disk, so it works on real files and on simulated ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.types import DurableState, LogIndex, Term
from system_under_test.gossip_raft.mutants.mutant import Mutant, Need
from system_under_test.gossip_raft.ports import DamagedStorage, Storage, SyncFailed


class _Around:
    """Passes everything on."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def load(self) -> DurableState:
        return self._storage.load()

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        self._storage.persist(persist, durable)


class _InOrder(_Around):
    """Lets more than one write be under way; they reach the disk one after another."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self._queue: list[tuple[Persist, Callable[[], None]]] = []
        self._writing = False

    def _write(self, persist: Persist, durable: Callable[[], None] = lambda: None) -> None:
        self._queue.append((persist, durable))
        if not self._writing:
            self._next()

    def _next(self) -> None:
        if self._queue:
            self._writing = True
            persist, durable = self._queue.pop(0)
            self._storage.persist(persist, lambda: self._written(durable))

    def _written(self, durable: Callable[[], None]) -> None:
        self._writing = False
        durable()
        if not self._writing:
            self._next()


class ForgetsVote(_Around):
    """Loses term and vote at every start; the log survives.

    Mechanism: they are kept in memory only.  Seen: M11 (model checking; PySyncObj pull
    request 202).  Needs: a node killed and restarted around an election.  Revealed by: a
    term that goes back; two votes in a term, hence two leaders in a term.
    """

    def load(self) -> DurableState:
        durable = self._storage.load()
        return replace(durable, hard=replace(durable.hard, term=Term(0), vote=None))


class NothingOnDisk(_Around):
    """Keeps term, vote and log in memory only.

    Mechanism: nothing is ever written.  Seen: S02 (the original implementation).  Needs: a
    node killed and restarted.  Revealed by: a log shorter than was durable; lost writes.
    """

    def load(self) -> DurableState:
        return DurableState()

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        del persist
        durable()


class ReportsBeforeSync(_InOrder):
    """Reports entries that are not yet on disk.

    Mechanism: the write is begun and not waited for.  Seen: M12.  Needs: a crash within the
    time of a sync.  Revealed by: a log shorter than was durable; leader completeness.
    """

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        if persist.entries:
            durable()
            self._write(persist)
        else:
            self._write(persist, durable)


class VotesBeforeSync(_InOrder):
    """Tells its vote before that is on disk.

    Mechanism: a write without entries is begun and not waited for.  Seen: M13.  Needs: a
    crash within the time of a sync, and another candidate in the same term.  Revealed by:
    terms that go back; two votes in a term.
    """

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        if persist.entries:
            self._write(persist, durable)
        else:
            durable()
            self._write(persist)


class SkipsSync(_Around):
    """Acknowledges without a sync; the last few writes are in memory only.

    Mechanism: an operating system would usually save them later, so that no test but a loss
    of power shows it; here they wait until eight have come together.  Seen: R01 (RobustMQ
    pull request 2039).  Needs: a crash.  Revealed by: a log shorter than was durable; lost
    writes.
    """

    WAITING_MAX = 8

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self._waiting: list[Persist] = []

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        self._waiting.append(persist)
        if len(self._waiting) < self.WAITING_MAX:
            durable()
        else:
            self._flush(durable)

    def _flush(self, durable: Callable[[], None]) -> None:
        if self._waiting:
            self._storage.persist(self._waiting.pop(0), lambda: self._flush(durable))
        else:
            durable()


class BelievesFailedSync(_Around):
    """Goes on after a failed sync as if it had succeeded.

    Mechanism: the sync is repeated, and succeeds, as the kernel has forgotten the pages
    that it could not write (PostgreSQL, 2018; Rebello et al., ATC 2020).  Seen: R02.
    Needs: a disk error, then a crash.  Revealed by: a log shorter than was durable; lost
    writes.
    """

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        try:
            self._storage.persist(persist, durable)
        except SyncFailed:
            durable()


class TruncationNotSynced(_Around):
    """Drops its tail on disk only with the next entries that it writes.

    Mechanism: the truncation is noted in memory, and on disk the old tail stands meanwhile.
    Seen: M14.  Needs: a crash between a rollback and the next entry.  Revealed by: a tail
    that comes back after it was given up.
    """

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self._from: LogIndex | None = None

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        starts = [at for at in (self._from, persist.truncate_from) if at is not None]
        self._from = min(starts, default=None)
        start = self._from
        if persist.entries or persist.snapshot is not None:
            self._from = None
        else:
            start = None
        self._storage.persist(replace(persist, truncate_from=start), durable)


class TornTailAccepted(_Around):
    """Takes a record that was written in part for a whole one.

    Mechanism: a write is not atomic, and no checksum tells (Pillai et al., OSDI 2014): here
    the last entry is first on disk without its commands.  Seen: R03.  Needs: a crash in the
    middle of a write.  Revealed by: a log that the node never had; log matching.
    """

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        if not persist.entries or not persist.entries[-1].commands:
            self._storage.persist(persist, durable)
            return
        last = persist.entries[-1]
        torn = (*persist.entries[:-1], replace(last, commands=()))
        rest = Persist(persist.hard, last.index, (last,))
        self._storage.persist(
            replace(persist, entries=torn), lambda: self._storage.persist(rest, durable)
        )


class SnapshotInPlace(_Around):
    """Writes a snapshot over the one before.

    Mechanism: no second file and no rename, so for a while there is half of the new one and
    nothing of the old (Pillai et al., OSDI 2014).  Seen: R08.  Needs: a crash in the middle
    of a snapshot.  Revealed by: a node that cannot start.
    """

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        if persist.snapshot is None:
            self._storage.persist(persist, durable)
            return
        image = persist.snapshot.image
        half = replace(persist.snapshot, image=image[: len(image) // 2])
        rest = Persist(persist.hard, None, (), persist.snapshot)
        self._storage.persist(
            replace(persist, snapshot=half), lambda: self._storage.persist(rest, durable)
        )


class ForgetsTheWipe(_Around):
    """Takes itself for a sound node after its disk was lost.

    Mechanism: nothing tells a node that starts empty from one that never held anything, so
    it votes again in terms in which it had voted, and counts.  Seen: S32 (the original
    implementation).  Needs: a wiped disk.  Revealed by: leader completeness; lost writes.
    """

    def load(self) -> DurableState:
        durable = self._storage.load()
        return replace(durable, hard=replace(durable.hard, recovering=False))


class CutsAtDamage(ForgetsTheWipe):
    """Takes damage in the middle of its log for an unfinished write at its end.

    Mechanism: everything from the first bad checksum on is cut, acknowledged or not
    (Alagappan et al., FAST 2018); where the storage below begins anew instead, that is all.
    Seen: R04 (Camunda issue 6098).  Needs: a damaged record and a restart.  Revealed by: a
    log shorter than was durable; leader completeness.
    """

    def load(self) -> DurableState:
        try:
            return super().load()
        except DamagedStorage as damage:
            return damage.sound


MUTANTS = (
    Mutant(
        name="forgets-vote",
        ids=("M11",),
        summary="Term and vote are lost in a crash.",
        breaks=("election safety", "durability"),
        needs=(
            Need.CRASH,
            Need.ELECTION,
        ),
        revealed_by=(
            "election safety",
            "one vote a term",
            "terms never go back",
        ),
        storage=ForgetsVote,
    ),
    Mutant(
        name="nothing-on-disk",
        ids=("S02",),
        summary="Term, vote and log are kept in memory only.",
        breaks=("durability", "leader completeness"),
        needs=(Need.CRASH,),
        revealed_by=(
            "leader completeness",
            "state-machine safety",
            "terms never go back",
            "one committed log",
            "acknowledged entries are kept",
            "recovery",
        ),
        storage=NothingOnDisk,
    ),
    Mutant(
        name="reports-before-sync",
        ids=("M12",),
        summary="Entries are reported before they are on disk.",
        breaks=("durability", "leader completeness"),
        needs=(Need.CRASH,),
        revealed_by=(
            "leader completeness",
            "state-machine safety",
            "one committed log",
            "acknowledged entries are kept",
            "recovery",
        ),
        storage=ReportsBeforeSync,
    ),
    Mutant(
        name="votes-before-sync",
        ids=("M13",),
        summary="A vote is told before it is on disk.",
        breaks=("one vote a term", "election safety"),
        needs=(
            Need.CRASH,
            Need.ELECTION,
        ),
        revealed_by=(
            "election safety",
            "one vote a term",
            "terms never go back",
        ),
        storage=VotesBeforeSync,
    ),
    Mutant(
        name="skips-sync",
        ids=("R01",),
        summary="Writes are acknowledged without a sync.",
        breaks=("durability", "leader completeness"),
        needs=(Need.POWER_LOSS,),
        revealed_by=(
            "leader completeness",
            "state-machine safety",
            "terms never go back",
            "one committed log",
            "acknowledged entries are kept",
            "recovery",
        ),
        storage=SkipsSync,
    ),
    Mutant(
        name="believes-failed-sync",
        ids=("R02",),
        summary="A failed sync is taken for a successful one.",
        breaks=("durability", "leader completeness"),
        needs=(
            Need.DISK_ERROR,
            Need.CRASH,
        ),
        revealed_by=(
            "leader completeness",
            "state-machine safety",
            "one committed log",
            "acknowledged entries are kept",
            "recovery",
        ),
        storage=BelievesFailedSync,
    ),
    Mutant(
        name="truncation-not-synced",
        ids=("M14",),
        summary="A tail that was given up is on disk until the next entry is written.",
        breaks=("durability",),
        needs=(Need.CRASH, Need.FLAPPING, Need.DELAY),
        revealed_by=("recovery",),
        storage=TruncationNotSynced,
    ),
    Mutant(
        name="torn-tail-accepted",
        ids=("R03",),
        summary="A record that was written in part is taken for a whole one.",
        breaks=("log matching", "durability"),
        needs=(Need.CRASH,),
        revealed_by=("recovery",),
        storage=TornTailAccepted,
    ),
    Mutant(
        name="cuts-at-damage",
        ids=("R04",),
        summary="A damaged record in the middle of the log cuts off all that follows.",
        breaks=("durability", "leader completeness"),
        needs=(
            Need.BIT_FLIP,
            Need.CRASH,
        ),
        revealed_by=(
            "leader completeness",
            "state-machine safety",
            "one committed log",
            "acknowledged entries are kept",
            "recovery",
        ),
        storage=CutsAtDamage,
    ),
    Mutant(
        name="snapshot-in-place",
        ids=("R08",),
        summary="A snapshot is written over the one before.",
        breaks=("recovery",),
        needs=(
            Need.COMPACTION,
            Need.CRASH,
        ),
        revealed_by=("claim",),
        storage=SnapshotInPlace,
    ),
    Mutant(
        name="forgets-the-wipe",
        ids=("S32",),
        summary="A node that lost its disk votes and counts as if nothing had happened.",
        breaks=("leader completeness", "durability"),
        needs=(Need.WIPED_DISK,),
        revealed_by=(
            "leader completeness",
            "state-machine safety",
            "terms never go back",
            "one committed log",
            "acknowledged entries are kept",
            "recovery",
        ),
        storage=ForgetsTheWipe,
    ),
)
