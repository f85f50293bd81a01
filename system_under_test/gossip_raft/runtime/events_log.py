"""What a node's operator reads of its trace in ``server.log``: who leads, and why it ended."""

from __future__ import annotations

import logging

from system_under_test.gossip_raft.core.trace import RoleChanged, Stopped, TraceEvent
from system_under_test.gossip_raft.ports import Recorder

log = logging.getLogger(__name__)


class LoggedRecorder:
    """The port ``Recorder``; changes of role and the end of a life are logged as well."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def record(self, events: tuple[TraceEvent, ...]) -> None:
        self._recorder.record(events)
        for event in events:
            match event:
                case RoleChanged(role=role, term=term):
                    log.info("role changed", extra={"fields": {"role": role, "term": term}})
                case Stopped(reason=reason):
                    log.info("life ended", extra={"fields": {"reason": reason}})
                case _:
                    pass
