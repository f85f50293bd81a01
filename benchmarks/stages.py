"""Where the time of a write goes, read off the traces that our nodes write anyway.

All processes of one machine share its monotonic clock, so the instants of client,
leader and followers can be subtracted.  Of the followers the one counts that was
durable first: with three nodes it makes the majority.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.measure import percentile

STAGES: Final = (
    ("client encodes, sends; leader decodes, steps, records", "sent", "appended"),
    ("leader writes its log, fdatasync", "appended", "persisted"),
    ("held pull is answered, follower decodes and appends", "persisted", "pulled"),
    ("follower writes its log, fdatasync", "pulled", "pulled_durable"),
    ("position is reported, leader counts and commits", "pulled_durable", "committed"),
    ("leader applies", "committed", "applied"),
    ("leader records the answer", "applied", "answered"),
    ("reply reaches the client", "answered", "received"),
    ("all", "sent", "received"),
)


def stage_percentiles(
    sent: Mapping[int, tuple[int, int]], leader: Path, followers: Iterable[Path]
) -> dict[str, tuple[float, float]]:
    """By stage, p50 and p99 in ms.

    Args:
        sent: by log index, when the client sent a write and when its answer came.
        leader: its trace; it led when all of them were written.
        followers: their traces.

    A stage may be negative: the leader need not be durable before a follower is.
    """
    instants: dict[int, dict[str, int]] = {
        index: {"sent": before, "received": after} for index, (before, after) in sent.items()
    }
    for name, by_index in _read(leader).items():
        _note(instants, name, by_index)
    names = {"appended": "pulled", "persisted": "pulled_durable"}
    for trace in followers:
        read = _read(trace)
        for index, durable in read["persisted"].items():
            known = instants.get(index)
            if known is not None and durable < known.get("pulled_durable", durable + 1):
                known.update({names[n]: read[n][index] for n in names if index in read[n]})
    return {
        stage: (percentile(taken, 0.5) / 1e6, percentile(taken, 0.99) / 1e6)
        for stage, begin, end in STAGES
        if (
            taken := sorted(i[end] - i[begin] for i in instants.values() if begin in i and end in i)
        )
    }


def _note(instants: dict[int, dict[str, int]], name: str, by_index: Mapping[int, int]) -> None:
    for index, at in by_index.items():
        if index in instants:
            instants[index][name] = at


def _read(trace: Path) -> dict[str, dict[int, int]]:
    """By kind of event and log index, the instant."""
    found: dict[str, dict[int, int]] = {
        name: {} for name in ("appended", "persisted", "committed", "applied", "answered")
    }
    reached = {"persisted": 0, "committed": 0}
    for line in trace.read_bytes().splitlines():
        event: dict[str, Any] = msgspec.json.decode(line)
        kind = event["type"]
        if kind in reached:  # They speak of all indices up to theirs.
            index = event["last_index" if kind == "persisted" else "index"]
            for earlier in range(reached[kind] + 1, index + 1):
                found[kind][earlier] = event["at"]
            reached[kind] = max(reached[kind], index)
        elif kind in found:
            found[kind][event["index"]] = event["at"]
    return found
