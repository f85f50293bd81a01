"""What a node recorded, in words."""

from __future__ import annotations

from typing import assert_never

from histories.trace import (
    Answered,
    Appended,
    Applied,
    Booted,
    Committed,
    MembershipChanged,
    NodeEvent,
    Persisted,
    PositionTold,
    RoleChanged,
    SnapshotInstalled,
    SnapshotTaken,
    SourceChosen,
    Stopped,
    TermAdopted,
    Truncated,
    Voted,
    VoteTold,
)


def describe_event(event: NodeEvent) -> str:
    """One line: "appended entry 7 of term 2"."""
    match event:
        case Booted():
            how = ", its disk lost" if event.recovering else ""
            return (
                f"started as incarnation {event.incarnation} in term {event.term}, log up to"
                f" {event.last_index} of term {event.last_term}{how}"
            )
        case TermAdopted(term=term):
            return f"adopted term {term}"
        case RoleChanged(role=role, term=term):
            return f"became {role.replace('_', '-')} in term {term}"
        case Voted(candidate=candidate, term=term):
            return f"decided to vote for {candidate} in term {term}"
        case VoteTold(candidate=candidate, term=term):
            return f"told {candidate} its vote in term {term}"
        case Appended(index=index, term=term):
            return f"appended entry {index} of term {term}"
        case Truncated(from_index=index):
            return f"dropped entries from {index} on"
        case Persisted():
            vote = f", vote {event.vote}" if event.vote else ""
            return (
                f"made durable: log up to {event.last_index} of term {event.last_term},"
                f" term {event.term}{vote}"
            )
        case PositionTold():
            return f"told its position: {event.last_index} of term {event.last_term}"
        case Committed(index=index, term=term, leader_term=None):
            return f"learnt that entries up to {index} of term {term} are committed"
        case Committed(index=index, term=term):
            return f"decided by counting that entries up to {index} of term {term} are committed"
        case Applied(index=index, term=term):
            return f"applied entry {index} of term {term}"
        case Answered():
            return (
                f"acknowledged write {event.sequence} of {event.client}:"
                f" entry {event.index} of term {event.term}"
            )
        case Stopped(reason=reason):
            return f"stopped: {reason}"
        case SnapshotTaken(index=index, term=term):
            return f"took a snapshot up to entry {index} of term {term}"
        case SnapshotInstalled(index=index, term=term):
            return f"installed a snapshot up to entry {index} of term {term}"
        case SourceChosen(source=source):
            return f"pulls from {source}" if source else "pulls from nobody"
        case MembershipChanged(voters=voters):
            return f"counts the voters {', '.join(voters)}"
        case _:
            assert_never(event)
