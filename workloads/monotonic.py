"""Counters that only grow, read all the time: none is ever seen to shrink (Jepsen's monotonic).

Reads outnumber increments, and the answers of the increments are not looked at: what is asked
is only that of two reads, one after the other by the clock or by one process, the later one
does not answer less.

Finds: stale reads and state that goes back: a node that serves what it had applied some time
ago, or lost what it had answered.
Misses: an increment that is lost before anybody read it, and one that is executed twice (see
counter); it is the least that anybody may expect, also of reads by lease.
"""

from __future__ import annotations

from typing import Final

from checker.workloads.orders import MonotonicChecker
from histories.call import Increment
from workloads.keyed import KeyedWorkload, MixOptions, reads_and

WORKLOAD: Final = KeyedWorkload(
    name="monotonic",
    options=MixOptions(reads_percent=60),
    call=reads_and(lambda key, _: Increment(key.name, 1)),
    judges=(MonotonicChecker(),),
)
