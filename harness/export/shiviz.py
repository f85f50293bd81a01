"""Messages with vector clocks, for ShiViz (Beschastnikh et al., "Visualizing Distributed System
Executions", TOSEM 2020), whose default parser reads two lines an event::

    n0 {"n0": 4, "n1": 2}
    n0 gets: votes for n0 in term 3
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from harness.report.messages import Arrow
from harness.trace_words import describe_event
from histories.trace import Booted, NodeEvent, RoleChanged, Stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """``arrow``: the number of the message that is sent or arrives with it."""

    at: int
    order: int
    host: str
    text: str
    arrow: int | None = None
    arrives: bool = False


def shiviz(arrows: Sequence[Arrow], traces: Mapping[str, Sequence[NodeEvent]]) -> Iterator[str]:
    """The lines: every message twice, if it arrived, and how nodes changed meanwhile.

    A clock (Fidge 1988, Mattern 1989) counts the events of each host that an event may know of.
    """
    clocks: dict[str, dict[str, int]] = {}
    sent: dict[int, dict[str, int]] = {}
    for step in _steps(arrows, traces):
        clock = clocks.setdefault(step.host, {})
        if step.arrives and step.arrow is not None:
            for host, count in sent[step.arrow].items():
                clock[host] = max(clock.get(host, 0), count)
        clock[step.host] = clock.get(step.host, 0) + 1
        if not step.arrives and step.arrow is not None:
            sent[step.arrow] = dict(clock)
        yield f"{step.host} {json.dumps(clock, sort_keys=True)}"
        yield f"{step.at / 1e9:.6f} s {step.text}"


def _steps(arrows: Sequence[Arrow], traces: Mapping[str, Sequence[NodeEvent]]) -> Iterator[_Step]:
    """In an order in which nothing arrives before it was sent."""
    steps: list[_Step] = []
    for number, arrow in enumerate(arrows):
        text = f"to {arrow.target}: {arrow.text}"
        steps.append(_Step(at=arrow.departed, order=1, host=arrow.source, text=text, arrow=number))
        if arrow.arrived is not None:
            text = f"from {arrow.source}: {arrow.text}"
            steps.append(
                _Step(
                    at=arrow.arrived,
                    order=2,
                    host=arrow.target,
                    text=text,
                    arrow=number,
                    arrives=True,
                )
            )
    times = [step.at for step in steps]
    begin, end = min(times, default=0), max(times, default=0)
    steps += [
        _Step(at=event.at, order=0, host=node, text=describe_event(event))
        for node in sorted(traces)
        for event in traces[node]
        if begin <= event.at <= end and isinstance(event, Booted | RoleChanged | Stopped)
    ]
    yield from sorted(steps, key=attrgetter("at", "order"))
