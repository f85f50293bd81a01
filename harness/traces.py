"""From what simulated nodes record to the node events that checkers take, without any JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final, get_args

import histories.trace
from histories.trace import NodeEvent
from system_under_test.gossip_raft.core.trace import TraceEvent


def _converter(kind: type[Any]) -> Callable[[int, Any], NodeEvent]:
    made: Callable[..., NodeEvent] = getattr(histories.trace, kind.__name__)
    names = tuple(field.name for field in fields(kind))
    assert made.__struct_fields__ == ("at", *names), kind  # type: ignore[attr-defined]
    values = attrgetter(*names)
    if len(names) == 1:
        return lambda at, event: made(at, values(event))
    return lambda at, event: made(at, *values(event))


_CONVERTERS: Final = {kind: _converter(kind) for kind in get_args(TraceEvent)}


def node_events(recorded: Sequence[tuple[int, TraceEvent]]) -> list[NodeEvent]:
    """The same events, in the same order."""
    converters = _CONVERTERS
    return [converters[type(event)](at, event) for at, event in recorded]
