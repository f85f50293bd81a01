"""Runs that never happened but look as if: for judging how a report looks and what it may cost."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from checker.raft.life import Boot, ClusterLife, End, Leadership, Point
from checker.verdict import (
    Anomaly,
    Dependency,
    Invalid,
    Unknown,
    UnknownCause,
    Valid,
    Verdict,
    combine,
)
from harness.report.data import CheckResult, ReportData
from harness.report.messages import NO_MESSAGES, Arrow, Messages
from histories.call import (
    Append,
    Call,
    CompareAndSet,
    Failed,
    Indeterminate,
    Ok,
    Outcome,
    Read,
    Scalar,
    Txn,
    Write,
)
from histories.event import Note
from histories.history import FaultWindow, History
from histories.op import FOREVER, Nanos, Op, ProcessId

MS: Final = 1_000_000
SECOND: Final = 1_000 * MS
NODES: Final = ("n0", "n1", "n2")
TIMEOUT: Final = 1_500 * MS

FAULTS: Final = (
    (
        "isolate-leader",
        ("n0",),
        "leader; n0 <-x-> n1, n0 <-x-> n2",
        4.0,
        7.2,
        "dropped 8,112 bytes on 4 links",
    ),
    ("kill", ("n2",), "SIGKILL, restarted", 9.5, 11.0, "process 8120 gone, back after 1.5 s"),
    ("pause", ("n1",), "SIGSTOP", 13.0, 15.5, "stopped for 2.5 s"),
    ("halves", ("n0", "n1"), "n0 <-x-> n2, n1 <-x-> n2", 18.0, 21.0, "dropped 812 bytes"),
    ("one-way", ("n1", "n2"), "n1 -x-> n2", 20.2, 23.5, "dropped 20,480 bytes on 1 link"),
)
STALLS: Final = ((4.0, 5.3), (13.0, 14.1), (18.0, 18.9))
"""Seconds in which nobody is served, as after the loss of a leader."""


@dataclass(frozen=True, slots=True)
class Shape:
    ops: int = 3000
    seconds: float = 30.0
    clients: int = 10


def synthetic_history(seed: int = 7, shape: Shape | None = None) -> History:
    """``shape.clients`` clients in closed loops; stalls and time-outs under faults."""
    shape = shape or Shape()
    rng = Random(seed)
    scale = shape.seconds / 30.0
    gap = shape.clients * shape.seconds * SECOND / shape.ops
    ready = [(int(rng.random() * 20 * MS), client) for client in range(shape.clients)]
    process = list(range(shape.clients))
    drafts: list[tuple[int, int, Call, Outcome, int]] = []
    state: dict[str, int] = {}
    while len(drafts) < shape.ops and ready:
        ready.sort()
        now, client = ready.pop(0)
        call = _call(rng, state)
        latency = int(rng.lognormvariate(1.4, 0.45) * MS)
        stall = next(
            (end for begin, end in STALLS if begin * scale <= now / SECOND < end * scale), None
        )
        outcome = _answer(call, state)
        if stall is not None:
            latency += int(stall * scale * SECOND) - now
            if rng.random() < 0.45:
                outcome = Indeterminate("timed out after 1.5 s")
            elif rng.random() < 0.4:
                outcome, latency = Failed("not leader, nobody to redirect to"), int(3 * MS)
        completed = FOREVER if isinstance(outcome, Indeterminate) else now + latency
        drafts.append((now, process[client], call, outcome, completed))
        if completed == FOREVER:
            process[client] += shape.clients
            latency = TIMEOUT
        pause = int(rng.expovariate(1.0) * max(gap - 5 * MS, 0.2 * MS))
        ready.append((now + latency + pause, client))
    drafts.sort(key=lambda draft: draft[0])
    ops = tuple(
        Op(
            index=index,
            process=ProcessId(owner),
            call=call,
            outcome=outcome,
            invoked=Nanos(invoked),
            completed=Nanos(completed),
        )
        for index, (invoked, owner, call, outcome, completed) in enumerate(drafts)
    )
    return History.of(ops, _faults(scale))


def _call(rng: Random, state: dict[str, int]) -> Call:
    key = f"k{rng.randrange(6)}"
    kind = rng.random()
    if kind < 0.5:
        return Read(key)
    value = rng.randrange(1000)
    if kind < 0.8:
        return Write(key, value)
    expected: Scalar = state.get(key) if rng.random() < 0.6 else rng.randrange(1000)
    return CompareAndSet(key, expected, value)


def _answer(call: Call, state: dict[str, int]) -> Outcome:
    held = state.get(call.key)
    match call:
        case Read():
            return Ok((held,))
        case Write(value=int() as value):
            state[call.key] = value
            return Ok()
        case CompareAndSet(expected=expected, replacement=int() as replacement):
            if held == expected:
                state[call.key] = replacement
            return Ok((held,))
        case _:
            raise AssertionError(f"synthetic calls write integers only: {call}")


def _faults(scale: float) -> tuple[FaultWindow, ...]:
    return tuple(
        FaultWindow(
            kind=kind,
            nodes=nodes,
            detail=detail,
            began=Nanos(int(began * scale * SECOND)),
            ended=Nanos(int(ended * scale * SECOND)),
            evidence=evidence,
        )
        for kind, nodes, detail, began, ended, evidence in FAULTS
    )


def _at(second: float) -> int:
    return int(second * SECOND)


def synthetic_cluster() -> ClusterLife:
    led = (("n0", 1, 0.4, 7.3), ("n1", 2, 5.2, 13.9), ("n0", 3, 14.0, 18.7), ("n2", 5, 18.9, 34.0))
    boots = (("n0", 1, 0, -1.2), ("n1", 1, 0, -1.1), ("n2", 1, 0, -1.0), ("n2", 2, 2, 11.0))
    terms = {
        "n0": ((-1.2, 0), (0.3, 1), (7.3, 2), (13.9, 3), (18.8, 4), (19.0, 5)),
        "n1": ((-1.1, 0), (0.35, 1), (5.1, 2), (15.6, 3), (19.1, 5)),
        "n2": ((-1.0, 0), (0.36, 1), (5.15, 2), (13.95, 3), (18.75, 5)),
    }
    roles = {node: [Point(_at(-1.2), "follower")] for node in NODES}
    for node, _, a, b in led:
        roles[node] += [
            Point(_at(a - 0.1), "candidate"),
            Point(_at(a), "leader"),
            Point(_at(b), "follower"),
        ]
    sources = {
        "n0": ((5.3, "n1"), (19.0, "n2")),
        "n1": ((0.5, "n0"), (14.1, "n0"), (19.2, "n2")),
        "n2": ((0.5, "n0"), (5.3, "n1"), (14.1, "n1"), (15.0, "n0")),
    }
    commits = {node: _commits(node, lag) for lag, node in enumerate(NODES)}
    return ClusterLife(
        ends=(End(node="n2", at=_at(9.4), reason=""),),
        roles={node: tuple(points) for node, points in roles.items()},
        logs={
            node: tuple(Point(point.at, (point.value + 2, 1)) for point in points)
            for node, points in commits.items()
        },
        sources={
            node: tuple(Point(_at(at), source) for at, source in steps)
            for node, steps in sources.items()
        },
        leaderships=tuple(
            Leadership(node=node, term=term, from_at=_at(a), until_at=_at(b))
            for node, term, a, b in led
        ),
        boots=tuple(
            Boot(node=node, at=_at(at), incarnation=incarnation, term=term)
            for node, incarnation, term, at in boots
        ),
        terms={
            node: tuple(Point(_at(at), term) for at, term in steps) for node, steps in terms.items()
        },
        commit_points=commits,
    )


def _commits(node: str, lag: int) -> tuple[Point[int], ...]:
    points: list[Point[int]] = []
    index = 0
    down = {"n0": (4.0, 7.2), "n1": (13.0, 15.5), "n2": (9.5, 11.0)}[node]
    for tick in range(1, 600):
        second = 0.4 + tick * 0.049 + lag * 0.006
        if not any(a <= second < b for a, b in STALLS):
            index += 3
        if not down[0] <= second < down[1]:
            points.append(Point(_at(second), index))
    return tuple(points)


EMPTY_CLUSTER: Final = ClusterLife(
    leaderships=(),
    boots=(),
    ends=(),
    roles={},
    terms={},
    commit_points={},
    logs={},
    sources={},
)


def synthetic_messages() -> Messages:
    """Around the falsified read: questions, answers, entries, and one message that is lost."""
    arrows: list[Arrow] = []
    for tick in range(400):
        at = 16 * SECOND + tick * 5 * MS
        arrows += [
            Arrow(
                departed=at,
                arrived=at + MS,
                source="clients",
                target="n0",
                kind="client",
                text=f"p{tick % 10}: put k{tick % 6}={tick}",
            ),
            Arrow(
                departed=at + MS,
                arrived=None if tick % 50 == 0 else at + 2 * MS,
                source="n0",
                target=f"n{1 + tick % 2}",
                kind="entries",
                text=f"entry {tick} of term 3",
            ),
        ]
    return Messages(arrows=tuple(arrows), remark="Every message of a run that never was.")


def stale_read(history: History) -> tuple[History, Anomaly]:
    """The history with one answer falsified, and what a checker would say of it."""
    ops = list(history.ops)
    key = "k3"
    mine = [op for op in ops if op.call.key == key and isinstance(op.outcome, Ok)]
    read = next(op for op in mine if isinstance(op.call, Read) and op.invoked > 16 * SECOND)
    before = [op for op in mine if op.completed < read.invoked and isinstance(op.call, Write)]
    old, new = before[-2], before[-1]
    pending = next(
        (
            op
            for op in ops
            if op.completed == FOREVER and isinstance(op.call, Write) and op.call.key == key
        ),
        None,
    )
    assert isinstance(old.call, Write)
    assert isinstance(new.call, Write)
    ops[read.index] = Op(
        index=read.index,
        process=read.process,
        call=read.call,
        outcome=Ok((old.call.value,)),
        invoked=read.invoked,
        completed=read.completed,
    )
    shown = {old.index, new.index, read.index, *([pending.index] if pending else [])}
    anomaly = Anomaly(
        kind="nonlinearizable",
        source="Herlihy & Wing 1990",
        evidence=tuple(sorted(shown)),
        explanation=(
            f"Process {read.process} read {old.call.value} from {key}, but that value had been "
            f"overwritten by {new.call.value} before the read was invoked (a stale read)."
        ),
        details=(
            f"possible before operation {read.index}: {key} = {new.call.value}",
            f"operation {read.index} answered {old.call.value}: register held {new.call.value}",
            f"possible state {new.call.value}: the read answered {old.call.value}",
        ),
        culprit=read.index,
        order=tuple(op.index for op in before),
    )
    return History.of(ops, history.faults), anomaly


def two_leaders() -> Anomaly:
    return Anomaly(
        kind="election safety",
        source="Raft, Figure 3",
        evidence=(),
        explanation="n0 and n2 were both leader of term 5.",
        details=(
            "n0 role_changed role=leader term=5 at 18.812345 s",
            "n2 role_changed role=leader term=5 at 18.901002 s",
            "n1 vote_told term=5 candidate=n0 at 18.790011 s",
            "n1 vote_told term=5 candidate=n2 at 18.899871 s",
        ),
        at=_at(18.901002),
        nodes=("n0", "n2", "n1"),
    )


def report_of(
    history: History,
    verdicts: dict[str, Verdict],
    *,
    cluster: ClusterLife | None = None,
    notes: tuple[Note, ...] = (),
    messages: Messages = NO_MESSAGES,
) -> ReportData:
    return ReportData(
        run_name="register/20261123T131922Z-7",
        configuration={
            "workload": "register",
            "nodes": 3,
            "faults": "partition, kill, pause",
            "time": "30 s",
            "concurrency": 10,
            "version": "0.1.0",
        },
        seed=7,
        replay_command="hearsay run --workload register --nodes 3 --faults partition,kill,pause"
        " --time 30 --concurrency 10 --seed 7",
        verdict=combine(verdicts.values()),
        checks=tuple(CheckResult(name, verdict) for name, verdict in verdicts.items()),
        history=history,
        cluster=cluster or EMPTY_CLUSTER,
        notes=notes,
        messages=messages,
        trails={op.index: f"asks n{op.process % 3} first" for op in history.ops[::2]},
    )


def valid_report() -> ReportData:
    return report_of(
        synthetic_history(),
        {
            "linearizability": Valid("6 keys, 3,000 operations"),
            "raft invariants": Valid("3 nodes, 14,022 events"),
            "liveness": Valid("settled 0.8 s after the last fault"),
        },
        cluster=synthetic_cluster(),
        notes=(Note(time=Nanos(int(23.5 * SECOND)), text="all faults healed, links probed"),),
    )


def invalid_report() -> ReportData:
    history, anomaly = stale_read(synthetic_history())
    return report_of(
        history,
        {
            "linearizability": Invalid((anomaly,)),
            "raft invariants": Invalid((two_leaders(),)),
            "liveness": Valid("settled 0.8 s after the last fault"),
        },
        cluster=synthetic_cluster(),
        messages=synthetic_messages(),
    )


def unknown_report() -> ReportData:
    return report_of(
        synthetic_history(shape=Shape(ops=40, seconds=0.4, clients=3)),
        {
            "linearizability": Unknown(
                UnknownCause.MEMORY_LIMIT, "2,000,000 states on key k1 were not enough"
            ),
            "raft invariants": Valid("3 nodes, 20 events"),
        },
    )


def skewed_report() -> ReportData:
    """Two transactions that missed each other's writes."""
    ops = [
        Op(
            index=index,
            process=ProcessId(index),
            call=Txn("", (Read(missed), Append(written, index + 1))),
            outcome=Ok(((),)),
            invoked=Nanos(index * MS),
            completed=Nanos((index + 5) * MS),
        )
        for index, (missed, written) in enumerate((("x", "y"), ("y", "x")))
    ]
    edges = [
        Dependency(earlier=a, later=b, kind="rw", key=key, why=f"T{a + 1} missed {key} of T{b + 1}")
        for a, b, key in ((0, 1, "x"), (1, 0, "y"))
    ]
    anomaly = Anomaly(
        kind="G2-item",
        source="Adya 1999",
        evidence=(0, 1),
        explanation="a cycle of missed writes: T1 < T2 < T1",
        details=tuple(edge.why for edge in edges),
        cycle=tuple(edges),
    )
    return report_of(History.of(ops), {"transactions": Invalid((anomaly,))})
