"""Does a leader keep what it takes in within bounds, however little of it is committed?"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from checker.verdict import Anomaly, Invalid, Unknown, UnknownCause, Valid, Verdict
from histories.trace import Appended, Booted, Committed, NodeEvent, RoleChanged, TermAdopted

SOURCE: Final = "Welsh, Culler & Brewer 2001 (SEDA): admission control; Raft has no bound"


def check_backlog(traces: Mapping[str, Sequence[NodeEvent]], entries_max: int) -> Verdict:
    """Whether no leader ever had more than ``entries_max`` entries of its own term that were
    not committed.

    Cost: O(n) in the number of events.
    """
    most = 0
    for node in sorted(traces):
        own: deque[int] | None = None
        for event in traces[node]:
            match event:
                case RoleChanged(role=role):
                    own = deque() if role == "leader" else None
                case TermAdopted() | Booted():
                    own = None
                case Appended(index=index) if own is not None:
                    own.append(index)
                    most = max(most, len(own))
                    if len(own) > entries_max:
                        return Invalid((_anomaly(node, event, len(own), entries_max),))
                case Committed(index=index) if own is not None:
                    while own and own[0] <= index:
                        own.popleft()
                case _:
                    pass
    if not most:
        return Unknown(UnknownCause.NOTHING_TO_CHECK, "no leader ever appended anything")
    return Valid(f"never more than {most} entries of a leader waited, of {entries_max} allowed")


def _anomaly(node: str, event: Appended, held: int, entries_max: int) -> Anomaly:
    return Anomaly(
        kind="unbounded backlog",
        source=SOURCE,
        evidence=(),
        explanation=f"{node}, leader of term {event.term}, appended entry {event.index} at"
        f" {event.at / 1e9:.3f} s, when {held - 1} entries of its own were not committed; its"
        f" configuration has room for {entries_max}",
    )
