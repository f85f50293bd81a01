"""The core's trace events and the file format of ``histories.trace`` are the same."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args

import msgspec

from histories.trace import NodeEvent
from system_under_test.gossip_raft.core.trace import TraceEvent


def test_every_event_has_the_same_name_and_fields_in_the_file_format() -> None:
    ours = {event.__name__: [f.name for f in fields(event)] for event in get_args(TraceEvent)}
    theirs = {
        event.__name__: [f.name for f in msgspec.structs.fields(event) if f.name != "at"]
        for event in get_args(NodeEvent)
    }
    assert ours == theirs
