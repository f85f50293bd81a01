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
    if len(names) == 1:
        name, get = names[0], attrgetter(names[0])
        return lambda at, event: made(at=at, **{name: get(event)})
    values = attrgetter(*names)
    return lambda at, event: made(at=at, **dict(zip(names, values(event), strict=True)))


_CONVERTERS: Final = {kind: _converter(kind) for kind in get_args(TraceEvent)}


def node_events(recorded: Sequence[tuple[int, TraceEvent]]) -> list[NodeEvent]:
    """The same events, in the same order."""
    converters = _CONVERTERS
    return [converters[type(event)](at, event) for at, event in recorded]
