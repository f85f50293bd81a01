"""Independent counters: increments by 1 to 5 that answer the sum, and reads.

As every increment answers the sum after it, the answers of one counter are a chain: whatever
is missing from it or is there twice shows at once.

Finds: increments lost or repeated, and stale reads, each at the next answer.
Misses: which of several increments was lost; and increments of unknown outcome, which may
have been executed or not, excuse some of both.
"""

from __future__ import annotations

from typing import Final

from checker.linearizability.check import LinearizabilityChecker
from checker.models.counter import Counter
from histories.call import Increment
from workloads.keyed import KeyedWorkload, MixOptions, reads_and

WORKLOAD: Final = KeyedWorkload(
    name="counter",
    options=MixOptions(ops_per_key=100),
    call=reads_and(lambda key, number: Increment(key.name, 1 + number % 5)),
    judges=(LinearizabilityChecker(Counter()),),
)
