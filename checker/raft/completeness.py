"""Whether later leaders hold what an earlier term promised."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from checker.raft.findings import Sighting
from checker.raft.prefix import Prefix, common, holds


@dataclass(frozen=True, slots=True)
class Record:
    """A log prefix in a term: promised by it, or the log of its leader."""

    term: int
    prefix: Prefix
    sighting: Sighting


@dataclass(frozen=True, slots=True)
class Gap:
    """The leader of ``election`` lacks what ``promise`` promised in an earlier term."""

    promise: Record
    election: Record

    @property
    def index(self) -> int:
        """The first index at which the leader's log is not the promised one."""
        return common(self.promise.prefix, self.election.prefix).index + 1


class Completeness:
    """Pairs every promise with every election of a later term, in any order of arrival.

    1. ``joins[k]`` is the longest promise of the first k + 1 promising terms:
       whoever holds it holds them all, unless promises branched.
    2. ``meets[k]`` is what all elections from the k-th election term on have in
       common: what it holds, they all hold.

    Cost: O(log n) per promise and per election on a run that keeps the rule.
    """

    def __init__(self, root: Prefix) -> None:
        self._root = root
        self._promises: dict[int, list[Record]] = {}
        self._promise_terms: list[int] = []
        self._joins: list[Prefix] = []
        self._branched = False
        self._elections: dict[int, list[Record]] = {}
        self._election_terms: list[int] = []
        self._meets: list[Prefix] = []

    def promised(self, term: int, prefix: Prefix, sighting: Sighting) -> Gap | None:
        """``prefix`` is to be in the log of every leader of a term above ``term``."""
        records = self._promises.setdefault(term, [])
        record = Record(term, prefix, sighting)
        if not add_longest(records, record):
            return None
        self._join(term, prefix)
        later = bisect_right(self._election_terms, term)
        if later == len(self._meets) or holds(self._meets[later], prefix):
            return None
        for election_term in self._election_terms[later:]:
            for election in self._elections[election_term]:
                if not holds(election.prefix, prefix):
                    return Gap(record, election)
        raise AssertionError("the common part of logs that all hold a prefix holds it")

    def elected(self, term: int, prefix: Prefix, sighting: Sighting) -> Gap | None:
        """A leader of ``term`` began with the log ``prefix``."""
        election = Record(term, prefix, sighting)
        self._elections.setdefault(term, []).append(election)
        self._meet(term, prefix)
        earlier = bisect_left(self._promise_terms, term)
        if not earlier or (not self._branched and holds(prefix, self._joins[earlier - 1])):
            return None
        for promise_term in self._promise_terms[:earlier]:
            for promise in self._promises[promise_term]:
                if not holds(prefix, promise.prefix):
                    return Gap(promise, election)
        return None

    def longest(self) -> Iterator[Record]:
        """The promises that no other promise of their term extends, by term."""
        for term in self._promise_terms:
            yield from self._promises[term]

    def _join(self, term: int, prefix: Prefix) -> None:
        place = bisect_left(self._promise_terms, term)
        if place == len(self._promise_terms) or self._promise_terms[place] != term:
            self._promise_terms.insert(place, term)
            self._joins.insert(place, self._joins[place - 1] if place else self._root)
        for k in range(place, len(self._joins)):
            if holds(self._joins[k], prefix):
                return
            if not holds(prefix, self._joins[k]):
                self._branched = True
                return
            self._joins[k] = prefix

    def _meet(self, term: int, prefix: Prefix) -> None:
        place = bisect_left(self._election_terms, term)
        if place == len(self._election_terms):
            self._election_terms.append(term)
            self._meets.append(prefix)
            place -= 1
        elif self._election_terms[place] != term:
            self._election_terms.insert(place, term)
            self._meets.insert(place, self._meets[place])
        for k in range(place, -1, -1):
            if holds(prefix, self._meets[k]):
                return
            self._meets[k] = common(self._meets[k], prefix)


def add_longest(records: list[Record], record: Record) -> bool:
    """Add unless one of ``records`` extends it; drop those that it extends."""
    for known in records:
        if holds(known.prefix, record.prefix):
            return False
    records[:] = [known for known in records if not holds(record.prefix, known.prefix)]
    records.append(record)
    return True
