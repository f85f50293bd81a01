"""A small pull-based Raft that is correct unless told otherwise, and its traces.

Elections are atomic; pulls, reports, disks and crashes are not: whatever was not
yet persisted may be lost, or kept although nobody lived to say so.  Reports may
arrive late.  Each ``Flaw`` breaks one rule of it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum

from tests.checker.raft.scripts import Log, Script, cluster


class Flaw(Enum):
    NONE = "none"
    REPORT_WITHOUT_TERM = "a position counts whatever term its node was in"
    OLD_TERM_COMMIT = "an entry of an older term is committed by counting"
    MINORITY = "one node less than a majority is enough"
    STALE_CANDIDATE = "votes ignore how far the candidate's log goes"
    DOUBLE_VOTE = "a vote in the current term is given again"
    VOTE_NOT_DURABLE = "the disk forgets term and vote"
    LOG_NOT_DURABLE = "the disk forgets the end of the log"
    TOLD_BEFORE_DURABLE = "a position is told before it is persisted"
    BLIND_PULL = "entries are appended whatever precedes them"
    LEADER_ROLLS_BACK = "a leader truncates its log"
    ROLLBACK_TO_SHORTER = "a log is cut because the source's is shorter"
    BLIND_COMMIT_POINT = "a commit point is believed on any branch"
    ANSWER_ON_APPEND = "a client is answered before its entry is committed"


DEAF = (Flaw.REPORT_WITHOUT_TERM, Flaw.LEADER_ROLLS_BACK)
"""These show only while an old leader does not learn of the newer term."""


@dataclass(frozen=True, slots=True)
class _Report:
    node: str
    term: int
    last_term: int
    last_index: int


class Model:
    def __init__(self, rng: random.Random, size: int, flaw: Flaw = Flaw.NONE) -> None:
        self.nodes = cluster(size)
        self._rng = rng
        self._flaw = flaw
        self._majority = size // 2 + 1
        self._leads: dict[str, int] = {}
        self._reports: dict[str, list[_Report]] = {node.name: [] for node in self.nodes}
        self._hint = dict.fromkeys(self._reports, 0)
        self._written: dict[str, list[tuple[int, str | None, Log]]]
        self._written = {node.name: [] for node in self.nodes}

    def run(self, steps: int) -> tuple[Script, ...]:
        weights = {
            self._elect: 1,
            self._propose: 2,
            self._pull: 3,
            self._report: 3,
            self._count: 2,
            self._learn: 2,
            self._apply: 2,
        }
        actions = [action for action, weight in weights.items() for _ in range(weight)]
        for _ in range(steps):
            node = self._rng.choice(self.nodes)
            if self._rng.random() < 0.03:
                self._crash(node)
            else:
                self._rng.choice(actions)(node)
            self._written[node.name].append((node.term, node.vote, node.log))
        return self.nodes

    def _other(self, node: Script) -> Script:
        return self._rng.choice([other for other in self.nodes if other is not node] or [node])

    def _persist(self, node: Script) -> None:
        node.persist()
        self._hint[node.name] = node.commit
        self._written[node.name].clear()

    def _adopt(self, node: Script, term: int) -> None:
        if term > node.term:
            led = self._leads.pop(node.name, None)
            node.adopt(term)
            if led is not None:
                node.become("follower")

    def _elect(self, node: Script) -> None:
        if node.name in self._leads or self._rng.random() < 0.75:
            return
        self._adopt(node, node.term + 1)
        node.become("candidate")
        node.vote_for(node.name)
        self._persist(node)
        votes = 1
        for voter in self.nodes:
            if voter is node or self._rng.random() < 0.3:
                continue
            self._adopt(voter, node.term)
            fresh = (node.last_term, len(node.log)) >= (voter.last_term, len(voter.log))
            free = voter.vote in (None, node.name) or self._flaw is Flaw.DOUBLE_VOTE
            fresh = fresh or self._flaw is Flaw.STALE_CANDIDATE
            if voter.term == node.term and free and fresh:
                voter.vote_for(node.name)
                self._persist(voter)
                voter.tell_vote()
                votes += 1
        if votes >= self._majority:
            self._leads[node.name] = node.term
            node.become("leader")
            node.append(node.term)
            self._persist(node)
        else:
            node.become("follower")

    def _propose(self, node: Script) -> None:
        if node.name in self._leads and len(node.log) < 20:
            node.append(node.term, self._rng.randrange(2**64))
            if self._flaw is Flaw.ANSWER_ON_APPEND:
                node.answer(len(node.log))
            if self._rng.random() < 0.8:
                self._persist(node)

    def _pull(self, node: Script) -> None:
        source = self._other(node)
        if self._flaw not in DEAF:
            self._adopt(source, node.term)
            self._adopt(node, source.term)
        if node.name in self._leads and self._flaw is not Flaw.LEADER_ROLLS_BACK:
            return
        ours, theirs = node.log, source.log
        if theirs[: len(ours)] == ours or (
            self._flaw is Flaw.BLIND_PULL and len(theirs) > len(ours)
        ):
            for term, digest in theirs[len(ours) :][: self._rng.randint(1, 3)]:
                node.append(term, digest)
        elif source.last_term > node.last_term or (
            self._flaw is Flaw.ROLLBACK_TO_SHORTER and len(theirs) < len(ours)
        ):
            same = 0
            while same < min(len(ours), len(theirs)) and ours[same] == theirs[same]:
                same += 1
            if self._flaw is Flaw.NONE:
                assert same >= node.commit, "a correct node never truncates what is committed"
            node.truncate(same + 1)

    def _report(self, node: Script) -> None:
        if self._flaw is not Flaw.TOLD_BEFORE_DURABLE:
            self._persist(node)
        node.tell_position()
        report = _Report(node.name, node.term, node.last_term, len(node.log))
        for leader in self.nodes:
            if leader is not node and self._rng.random() < 0.7:
                self._reports[leader.name].append(report)

    def _count(self, node: Script) -> None:
        reports = self._reports[node.name]
        if reports and self._flaw not in DEAF:
            self._adopt(node, max(report.term for report in reports))
        term = self._leads.get(node.name)
        if term is None:
            return
        self._persist(node)
        newest: dict[str, int] = {node.name: len(node.log)}
        for report in reports:
            stamped = report.term == term or self._flaw is Flaw.REPORT_WITHOUT_TERM
            if stamped and report.last_term == term:
                newest[report.node] = max(newest.get(report.node, 0), report.last_index)
            elif self._flaw is Flaw.OLD_TERM_COMMIT:
                same = node.log[: report.last_index][-1:]
                if same and same[0][0] == report.last_term:
                    newest[report.node] = max(newest.get(report.node, 0), report.last_index)
        needed = self._majority - (self._flaw is Flaw.MINORITY)
        reached = sorted(newest.values(), reverse=True)[needed - 1 : needed]
        for index in reached:
            own = index > 0 and node.log[index - 1][0] == term
            if index > node.commit and (own or self._flaw is Flaw.OLD_TERM_COMMIT):
                node.commit_to(index, leads=True)

    def _learn(self, node: Script) -> None:
        source = self._other(node)
        self._adopt(node, source.term)
        index = min(source.commit, len(node.log))
        same = node.log[:index][-1:] == source.log[:index][-1:]
        if index > node.commit and (same or self._flaw is Flaw.BLIND_COMMIT_POINT):
            node.commit_to(index)

    def _apply(self, node: Script) -> None:
        while node.applied < min(node.commit, len(node.log)):
            node.apply()
            if node.name in self._leads and self._flaw is not Flaw.ANSWER_ON_APPEND:
                node.answer(node.applied)

    def _crash(self, node: Script) -> None:
        """Come back with what was durable, or with any later write that was under way."""
        self._leads.pop(node.name, None)
        self._reports[node.name].clear()
        term, vote, log = self._rng.choice([node.durable, *self._written[node.name]])
        if self._flaw is Flaw.VOTE_NOT_DURABLE:
            term, vote = (term, None) if self._rng.random() < 0.5 else (max(term - 1, 0), None)
        if self._flaw is Flaw.LOG_NOT_DURABLE:
            log = log[: self._rng.randint(0, len(log))]
        self._written[node.name].clear()
        node.boot_with(term, vote, log, commit=min(self._hint[node.name], len(log)))
