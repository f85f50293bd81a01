"""Did the system stay alive, and did it come back to rest after everything was healed?"""

from __future__ import annotations

from collections.abc import Iterable

from checker.verdict import Anomaly, Invalid, Unknown, UnknownCause, Valid, Verdict
from histories.event import Event, NodeDied, Settled

SOURCE = "Ongaro 2014, section 3.9 (availability); Jepsen: a system must survive its faults"


def check_liveness(events: Iterable[Event]) -> Verdict:
    """Judge what the harness saw of the nodes themselves.

    Invalid if a node died that nobody killed, or if the healed cluster did not
    settle; unknown if the run ended before that could be seen.
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
        )
        for death in deaths
    ]
    anomalies += [
        Anomaly(
            kind="never settles",
            source=SOURCE,
            evidence=(),
            explanation=f"after every fault was healed the cluster did not settle: {event.detail}",
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
