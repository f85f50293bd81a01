"""Why a history of a lock is wrong, where two held it at once."""

from __future__ import annotations

from collections.abc import Sequence

from histories.call import Acquire, Ok, Release
from histories.notation import Clock
from histories.op import Op


def tell_of_holders(evidence: Sequence[Op], clock: Clock) -> str | None:
    """The sentence, if the evidence is two acquisitions and no release can lie between.

    Args:
        evidence: What is bad by itself.
        clock: How moments are printed.
    """
    granted = [op for op in evidence if isinstance(op.call, Acquire) and isinstance(op.outcome, Ok)]
    releases = [op for op in evidence if isinstance(op.call, Release)]
    if len(granted) != 2 or len(granted) + len(releases) != len(evidence):
        return None
    one, other = sorted(granted, key=lambda op: (op.completed, op.index))
    if any(release.invoked <= other.completed for release in releases):
        return None
    return (
        f"process {one.process} acquired the lock (answered at {clock(one.completed)}) and so "
        f"did process {other.process} (answered at {clock(other.completed)}), and neither had "
        f"begun to release it by then: both held it at once"
    )
