"""Did the system stay alive, and did it come back to rest after everything was healed?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from checker.verdict import Anomaly, Invalid, Unknown, UnknownCause, Valid, Verdict
from histories.event import Event, FaultBegan, FaultEnded, NodeDied, Settled
from histories.trace import Booted, NodeEvent, RoleChanged, Voted

SOURCE = "Ongaro 2014, section 3.9 (availability); Jepsen: a system must survive its faults"

SPARES_DISKS: Final = frozenset(
    {
        *("isolate", "halves", "majorities-ring", "bridge", "one-way", "shun", "sieve"),
        *("non-transitive", "flapping-primary", "refuse", "throttle", "half-open", "crowd"),
        *("drop-request", "drop-reply", "duplicate", "delay", "reorder", "fail", "slow-close"),
        *("slow", "reset", "weather"),
        *("bump-clock", "skew-clock", "drift-clock", "strobe-clock"),
        *("kill", "terminate", "pause", "crash-at", "lose-power", "tear-log"),
        *("remove-node", "transfer-leadership"),
        *("fill-disk", "slow-disk", "read-only-disk", "fail-sync"),
    }
)
"""Faults after which all is there that a node was told to be durable."""

ELECTIONS_TOLD: Final = 3
"""The latest ones say why there is no leader; those before were as vain."""


def check_liveness(events: Iterable[Event], traces: Mapping[str, Sequence[NodeEvent]]) -> Verdict:
    """Judge what the harness saw of the nodes themselves.

    Invalid if a node died that nobody killed, or if the healed cluster did not
    settle, with who waited for whom and how the last elections went, or if a node forgot what
    it had written though its disk was spared; unknown if the run
    ended before that could be seen.
    """
    seen = tuple(events)
    deaths = [event for event in seen if isinstance(event, NodeDied)]
    settled = [event for event in seen if isinstance(event, Settled)]
    anomalies = [
        Anomaly(
            kind="unexpected death",
            source=SOURCE,
            evidence=(),
            explanation=f"{death.node} died by itself at {death.time / 1e9:.3f} s: {death.status}",
            details=death.last_lines,
            at=death.time,
            nodes=(death.node,),
        )
        for death in deaths
    ]
    anomalies += _forgotten(seen, traces)
    anomalies += [
        Anomaly(
            kind="never settles",
            source=SOURCE,
            evidence=(),
            explanation=f"after every fault was healed the cluster did not settle: {event.detail}",
            details=(*_waits(event), *_elections(traces)),
            at=event.time,
            since=max((end.time for end in seen if isinstance(end, FaultEnded)), default=None),
            nodes=tuple(dict.fromkeys(wait.node for wait in event.waits)),
        )
        for event in settled
        if not event.settled
    ]
    if anomalies:
        return Invalid(tuple(anomalies))
    if not settled:
        return Unknown(
            UnknownCause.INCOMPLETE_EVIDENCE, "the run ended before the cluster could settle"
        )
    return Valid(f"settled: {settled[-1].detail}")


def _forgotten(
    events: Iterable[Event], traces: Mapping[str, Sequence[NodeEvent]]
) -> Iterator[Anomaly]:
    """Of nodes that start with nothing, or with what they cannot believe, for no reason."""
    excused = {
        node
        for event in events
        if isinstance(event, FaultBegan) and event.kind not in SPARES_DISKS
        for node in event.nodes
    }
    for node in sorted(traces.keys() - excused):
        for event in traces[node]:
            if isinstance(event, Booted) and event.recovering:
                yield Anomaly(
                    kind="forgets",
                    source=SOURCE,
                    evidence=(),
                    explanation=f"{node} started without what it had written, at"
                    f" {event.at / 1e9:.3f} s, although nothing had happened to its disk but, at"
                    " most, that writing failed",
                )
                break


def _waits(event: Settled) -> Iterator[str]:
    for wait in event.waits:
        whom = f" waits for {', '.join(wait.awaits)}" if wait.awaits else ""
        yield f"{wait.node}{whom}: {wait.reason}"


def _elections(traces: Mapping[str, Sequence[NodeEvent]]) -> Iterator[str]:
    """Of the last terms: who campaigned, who voted for whom, who won; and the pre-votes since."""
    candidates: dict[int, list[str]] = {}
    votes: dict[int, list[str]] = {}
    winners: dict[int, str] = {}
    asked: dict[int, list[str]] = {}
    for node in sorted(traces):
        for event in traces[node]:
            match event:
                case RoleChanged(role="candidate", term=term):
                    candidates.setdefault(term, []).append(node)
                case RoleChanged(role="leader", term=term):
                    winners[term] = node
                case RoleChanged(role="pre_candidate", term=term):
                    asked.setdefault(term, []).append(node)
                case Voted(term=term, candidate=candidate):
                    votes.setdefault(term, []).append(f"{node} for {candidate}")
                case _:
                    pass
    for term in sorted(candidates.keys() | winners.keys())[-ELECTIONS_TOLD:]:
        names = ", ".join(candidates.get(term, ["nobody"]))
        voted = ", ".join(votes.get(term, ["nobody"]))
        won = f"{winners[term]} won" if term in winners else "nobody won"
        yield f"term {term}: {names} campaigned; votes: {voted}; {won}"
    last = max([*candidates, *winners, *asked], default=0)
    if last in asked:
        names = ", ".join(dict.fromkeys(asked[last]))
        yield f"in term {last} asked whether they would be elected: {names}"
