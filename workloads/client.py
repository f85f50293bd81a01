"""Between the calls of histories and the requests of the protocol, for every workload.

``outcome_of`` is the one place where the ending of a session becomes an outcome.
No workload has a mapping of its own: a time-out recorded as a failure makes a
checker report anomalies of a correct system.
"""

from __future__ import annotations

import json
from typing import Any, Final, assert_never

from histories.call import (
    Acquire,
    Add,
    Append,
    Call,
    CompareAndSet,
    Contains,
    Dequeue,
    Enqueue,
    Failed,
    GenerateId,
    Increment,
    Indeterminate,
    Micro,
    Ok,
    Outcome,
    Read,
    Release,
    Remove,
    Scalar,
    Transfer,
    Txn,
    Write,
    answers_with,
)
from histories.notation import describe_call
from system_under_test.gossip_raft.core import types as core
from system_under_test.gossip_raft.core.client_session import (
    Answered,
    Ending,
    Execute,
    Refused,
    Request,
    TimedOut,
)
from system_under_test.gossip_raft.core.messages import (
    Consistency,
    LogEntries,
    ReadKeys,
    Results,
    Values,
)
from workloads.errors import UnsupportedCall


def request_of(call: Call, consistency: Consistency) -> Request:
    """What to ask the cluster for; ``consistency`` is that of reads.

    Raises:
        UnsupportedCall: The store has no such command; its workload must say how to ask.
    """
    match call:
        case Read(key=key):
            return ReadKeys((key,), consistency)
        case Write(key=key, value=value):
            return Execute((core.Put(key, _stored(value)),))
        case CompareAndSet(key=key, expected=expected, replacement=replacement):
            return Execute((core.Cas(key, _stored(expected), _stored(replacement)),))
        case Append(key=key, element=element):
            return Execute((core.Append(key, _stored(element)),))
        case Add(key=key, element=element):
            return Execute((core.AddToSet(key, _stored(element)),))
        case Enqueue(key=key, element=element):
            return Execute((core.Enqueue(key, _stored(element)),))
        case Dequeue(key=key):
            return Execute((core.Dequeue(key),))
        case Increment(key=key, by=by):
            return Execute((core.Increment(key, by),))
        case Txn(micro=micro):
            return Execute((core.Txn(tuple(map(_micro, micro))),))
        case Contains(key=key):
            return ReadKeys((key,), consistency)
        case Acquire(key=key, owner=owner, permits=1):
            return Execute((core.Cas(key, None, _stored(owner)),))
        case Release(key=key, owner=owner, permits=1):
            return Execute((core.Cas(key, _stored(owner), None),))
        case GenerateId(key=key):
            return Execute((core.Increment(key, 1),))
        case Transfer(source=source, target=target, amount=amount):
            return Execute((core.Increment(source, -amount), core.Increment(target, amount)))
        case Remove() | Acquire() | Release():
            raise UnsupportedCall(call)
        case _:
            assert_never(call)


def _micro(step: Micro) -> core.Get | core.Put | core.Append:
    match step:
        case Read(key=key):
            return core.Get(key)
        case Write(key=key, value=value):
            return core.Put(key, _stored(value))
        case Append(key=key, element=element):
            return core.Append(key, _stored(element))
        case _:
            assert_never(step)


def outcome_of(call: Call, ending: Ending) -> Outcome:
    """What became of ``call``, whose session ended so.  Total.

    An answer of the wrong shape comes from a broken system: it says that the call
    was executed but not what it saw, so it is indeterminate.
    """
    match ending:
        case Answered(reply=Results(position=position, results=results)):
            return _executed(call, position, results)
        case Answered(reply=Values(values=values)) if isinstance(call, Read):
            return _ok(call, values)
        case Answered(reply=Values(values=(held,))) if isinstance(call, Contains):
            elements = held if isinstance(held, tuple) else ()
            return Ok((_stored(call.element) in elements,))
        case Answered(reply=LogEntries() as page) if isinstance(call, Read):
            return _log_read(page)
        case Answered(reply=reply):
            return Indeterminate(f"malformed answer: {reply}")
        case Refused(reason=reason):
            return Failed(reason)
        case TimedOut(reason=reason):
            return Indeterminate(reason)
        case _:
            assert_never(ending)


def _executed(
    call: Call, position: core.Position, results: tuple[core.Applied | core.Refused, ...]
) -> Outcome:
    refused = [result.reason for result in results if isinstance(result, core.Refused)]
    match call, results:
        case _, (core.Refused(reason=reason),):
            return Failed(reason)
        case Acquire(), (core.Applied(values=(held,)),):
            # The place in the log only grows: a fencing token (Kleppmann 2016).
            return Ok((position.index,)) if held is None else Failed(f"held by {held}")
        case Release(owner=owner), (core.Applied(values=(held,)),):
            return Ok() if held == owner else Failed(f"held by {held}")
        case Transfer(), (core.Applied(), core.Applied()):
            return Ok()
        case _, (core.Applied(values=values),):
            return _ok(call, values)
        case Txn(micro=micro), _ if results == (core.APPLIED,) * len(micro):
            return _ok(call, ())  # Raw entries: one command for each step, which tells nothing.
        case _:
            return Indeterminate(f"malformed answer: {len(results)} results, refused: {refused}")


def json_of_entry(element: Scalar) -> str:
    """The raw entry that holds ``element``; one without content holds None."""
    return json.dumps({} if element is None else {_ELEMENT: _stored(element)})


def _log_read(page: LogEntries) -> Outcome:
    """How many raw entries are no longer kept, then the elements of those that are."""
    raw = [command for entry in page.entries for command in entry.commands]
    try:
        elements = [_element(json.loads(command.json)) for command in raw]  # type: ignore[union-attr]
    except (AttributeError, ValueError, TypeError, KeyError):
        return Indeterminate("malformed answer: a log with entries that nobody here appends")
    return Ok(((page.compacted.commands, *elements),))


def _element(entry: dict[str, Any]) -> Any:
    """Raises: KeyError: It has content, and no element."""
    return entry[_ELEMENT] if entry else None


_ELEMENT: Final = "element"


def _ok(call: Call, values: tuple[core.Value, ...]) -> Outcome:
    if not answers_with(call, len(values)):
        return Indeterminate(f"malformed answer: {len(values)} values to {describe_call(call)}")
    return Ok(values)


def _stored(value: Scalar) -> core.Scalar:
    # True == 1 and 1.0 == 1 would make two writes look alike to a checker.
    assert not isinstance(value, bool | float), f"the store holds no {value!r}"
    return value
