"""Which abstract states a cluster visited: a measure of how much of its behaviour a search saw.

An abstract state says of every node how it stands to the others, never who it is or what it
holds.  Two runs that visit the same states have tried the same situations, more or less; one that
visits a new state has tried something else (coverage as in greybox fuzzing; for models of
replicated systems: Gulcan et al., "Model-guided fuzzing of distributed systems", 2024).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, assert_never

from histories.event import Event, FaultBegan, FaultEnded, NodeDied
from histories.trace import (
    Appended,
    Booted,
    Committed,
    NodeEvent,
    RoleChanged,
    SnapshotInstalled,
    Stopped,
    TermAdopted,
    Truncated,
)

_Told = (
    Appended
    | Booted
    | Committed
    | RoleChanged
    | SnapshotInstalled
    | Stopped
    | TermAdopted
    | Truncated
)
_TOLD: Final = frozenset(_Told.__args__)

_ROLES: Final = {"follower": 0, "pre_candidate": 1, "candidate": 2, "leader": 3}
_LEADER: Final = 3
_DOWN: Final = 4
_FAULTS: Final = (
    frozenset({"isolate", "halves", "majorities-ring", "bridge", "one-way"}),
    frozenset({"slow", "weather", "reset"}),
    frozenset(
        {"kill", "terminate", "lose-power", "tear-log", "flip-bit", "lose-disk", "replace-node"}
    ),
    frozenset({"pause"}),
    frozenset({"bump-clock", "skew-clock", "drift-clock", "strobe-clock"}),
    frozenset({"fill-disk", "slow-disk", "read-only-disk", "fail-sync"}),
)
"""What is told apart of the faults on a node; all others, such as a crash to come, are one more."""
_ENDS_LIFE: Final = _FAULTS[2]
_BITS: Final = 12
"""A node's share of a state: 5 roles, 3 relations of terms, 4 of logs, 2 x 2 of commit points,
8 faults and none, recovering or not: 5 * 3 * 4 * 4 * 8 * 2 = 3,840."""


def visited(traces: Mapping[str, Sequence[NodeEvent]], events: Sequence[Event]) -> frozenset[int]:
    """The abstract states that a run visits; equal numbers are equal states, in all runs.

    A state is the multiset, over the nodes, of

    1. role: follower, pre-candidate, candidate, leader, or down;
    2. term: the highest of all nodes', the one before, or an older one;
    3. log, beside that of the leader of the highest term (or, while nobody leads, the one that
       is most up to date): equal, behind, ahead, diverged;
    4. commit point: whether it is the highest, and whether it is the end of the own log;
    5. the kind of fault that holds on it, if any, and whether it has begun without its disk and
       has not learnt of anything committed since.

    Logs are compared by their last entries, which is enough where log matching holds.

    Args:
        traces: by node, all its events; their times are taken to be on one clock, as those of
            simulated nodes are.
        events: the journal, which tells of the faults.

    Cost: O(n) in the number of events, each change O(number of nodes).
    """
    cluster = _Cluster(sorted(traces))
    states: set[int] = set()
    now: int | None = None
    for time, node, event in _merged(traces, events):
        if time != now:
            # What one instant holds is one step: nobody saw the cluster in between.
            states.add(cluster.state())
            now = time
        cluster.take(node, event)
    states.add(cluster.state())
    return frozenset(states)


def _merged(
    traces: Mapping[str, Sequence[NodeEvent]], events: Sequence[Event]
) -> list[tuple[int, str, Any]]:
    """All that may change a state, in the order of time."""
    told = _TOLD
    merged: list[tuple[int, str, Any]] = [
        (event.time, "", event)
        for event in events
        if isinstance(event, FaultBegan | FaultEnded | NodeDied)
    ]
    for node in sorted(traces):
        merged += [(event.at, node, event) for event in traces[node] if type(event) in told]
    merged.sort(key=itemgetter(0))
    return merged


class _Node:
    __slots__ = ("commit", "fault", "recovering", "role", "term", "terms")

    def __init__(self) -> None:
        self.role = _DOWN
        self.term = 0
        # Of the entries of its log by index, after the empty log's.
        self.terms = [0]
        self.commit = 0
        self.fault = 0
        self.recovering = 0


class _Cluster:
    def __init__(self, names: Sequence[str]) -> None:
        self._nodes = {name: _Node() for name in names}
        self._all = list(self._nodes.values())
        # The term of the entry before one, by that one's index and term.
        self._before: dict[tuple[int, int], int] = {}
        self._faults: dict[int, tuple[str, ...]] = {}

    def take(self, name: str, event: _Told | FaultBegan | FaultEnded | NodeDied) -> None:
        match event:
            case FaultBegan() | FaultEnded() | NodeDied():
                self._take_fault(event)
            case _:
                self._take_told(self._nodes[name], event)

    def _take_told(self, node: _Node, event: _Told) -> None:
        match event:
            case Appended(index=index, term=term):
                terms = node.terms
                if index != len(terms):  # Only wrong nodes leave gaps, or write twice.
                    del terms[index:]
                    terms.extend([0] * (index - len(terms)))
                self._before.setdefault((index, term), terms[-1])
                terms.append(term)
            case Committed(index=index):
                node.commit, node.recovering = index, 0
            case Truncated(from_index=index):
                del node.terms[max(1, index) :]
            case RoleChanged(role=role, term=term):
                node.role, node.term = _ROLES[role], term
            case TermAdopted(term=term):
                node.term = term
            case Booted():
                node.role, node.term = _ROLES["follower"], event.term
                node.commit, node.recovering = event.commit_index, int(event.recovering)
                self._hold(node, event.last_index, event.last_term)
            case SnapshotInstalled(index=index, term=term):
                if not (index < len(node.terms) and node.terms[index] == term):
                    self._hold(node, index, term)
                node.commit = max(node.commit, index)
            case Stopped():
                node.role = _DOWN
            case _:
                assert_never(event)

    def _take_fault(self, event: FaultBegan | FaultEnded | NodeDied) -> None:
        match event:
            case FaultBegan(kind=kind, nodes=names):
                number = next((n for n, k in enumerate(_FAULTS, 1) if kind in k), len(_FAULTS) + 1)
                self._faults[event.fault] = names
                for node in self._named(names):
                    node.fault = number
                    if kind in _ENDS_LIFE:
                        node.role = _DOWN
            case FaultEnded():
                for node in self._named(self._faults.pop(event.fault, ())):
                    node.fault = 0
            case NodeDied():
                for node in self._named((event.node,)):
                    node.role = _DOWN
            case _:
                assert_never(event)

    def _named(self, names: Sequence[str]) -> Iterator[_Node]:
        return (self._nodes[name] for name in names if name in self._nodes)

    def _hold(self, node: _Node, index: int, term: int) -> None:
        """Its log ends with this entry, which says what came before it."""
        if index < len(node.terms) and node.terms[index] == term:
            del node.terms[index + 1 :]
            return
        node.terms = terms = [0] * (index + 1)
        while index > 0:
            terms[index] = term
            term = self._before.get((index, term), 0)
            index -= 1

    def state(self) -> int:
        nodes = self._all
        highest = max([node.term for node in nodes])
        commit_max = max([node.commit for node in nodes])
        leading = [node for node in nodes if node.role == _LEADER and node.term == highest]
        log = leading[0].terms if leading else max([n.terms for n in nodes], key=_up_to_date)
        end = len(log)
        codes = []
        for node in nodes:
            terms = node.terms
            length = len(terms)
            if length == end:
                relation = 0 if terms[-1] == log[-1] else 3
            elif length < end:
                relation = 1 if log[length - 1] == terms[-1] else 3
            else:
                relation = 2 if terms[end - 1] == log[-1] else 3
            behind = highest - node.term
            code = node.role * 3 + (min(behind, 2))
            code = code * 4 + relation
            code = code * 4 + 2 * (node.commit < commit_max) + (node.commit < length - 1)
            codes.append((code * 8 + node.fault) * 2 + node.recovering)
        codes.sort()
        state = 1
        for code in codes:
            state = state << _BITS | code
        return state


def _up_to_date(terms: Sequence[int]) -> tuple[int, int]:
    return terms[-1], len(terms)
