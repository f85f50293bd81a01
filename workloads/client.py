"""Between the calls of histories and the requests of the protocol, for every workload.

``outcome_of`` is the one place where the ending of a session becomes an outcome.
No workload has a mapping of its own: a time-out recorded as a failure makes a
checker report anomalies of a correct system.
"""

from __future__ import annotations

from typing import assert_never

from histories.call import (
    Call,
    CompareAndSet,
    Failed,
    Indeterminate,
    Ok,
    Outcome,
    Read,
    Scalar,
    Write,
)
from system_under_test.gossip_raft.core import types as core
from system_under_test.gossip_raft.core.client_session import (
    Answered,
    Ending,
    Execute,
    Refused,
    Request,
    TimedOut,
)
from system_under_test.gossip_raft.core.messages import Consistency, ReadKeys, Results, Values


def request_of(call: Call, consistency: Consistency) -> Request:
    """What to ask the cluster for; ``consistency`` is that of reads."""
    match call:
        case Read(key=key):
            return ReadKeys((key,), consistency)
        case Write(key=key, value=value):
            return Execute((core.Put(key, _stored(value)),))
        case CompareAndSet(key=key, expected=expected, replacement=replacement):
            return Execute((core.Cas(key, _stored(expected), _stored(replacement)),))
        case _:
            assert_never(call)


def outcome_of(call: Call, ending: Ending) -> Outcome:
    """What became of ``call``, whose session ended so.  Total.

    An answer of the wrong shape comes from a broken system: it says that the call
    was executed but not what it saw, so it is indeterminate.
    """
    match ending:
        case Answered(reply=Results(results=(core.Applied(values=values),))):
            return _ok(call, values)
        case Answered(reply=Results(results=(core.Refused(reason=reason),))):
            return Failed(reason)
        case Answered(reply=Values(values=values)) if isinstance(call, Read):
            return _ok(call, values)
        case Answered(reply=reply):
            return Indeterminate(f"malformed answer: {reply}")
        case Refused(reason=reason):
            return Failed(reason)
        case TimedOut(reason=reason):
            return Indeterminate(reason)
        case _:
            assert_never(ending)


def _ok(call: Call, values: tuple[core.Value, ...]) -> Outcome:
    match call:
        case Read() | CompareAndSet():
            observations = 1
        case Write():
            observations = 0
        case _:
            assert_never(call)
    if len(values) != observations:
        return Indeterminate(f"malformed answer: {len(values)} values, not {observations}")
    return Ok(values)


def _stored(value: Scalar) -> core.Scalar:
    # True == 1 and 1.0 == 1 would make two writes look alike to a checker.
    assert not isinstance(value, bool | float), f"the store holds no {value!r}"
    return value
