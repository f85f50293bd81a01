"""Sets that live long, of which every element's fate is told (Jepsen's set-full).

Elements are added to few sets, each of which is read again and again: once an element is
known to be in, by its own answer or by somebody's read, every read that begins later must
have it.

Finds: elements lost for good, stale reads (an element that is missing, and comes back),
elements that nobody added or that are there twice; and it counts those never read.
Misses: dirty reads of additions that were refused later, and all that needs the order of two
additions; a checker of each element by itself needs no search, whatever the concurrency.
"""

from __future__ import annotations

from typing import Final

from checker.workloads.sets import SetFullChecker
from histories.call import Add
from workloads.keyed import KeyedWorkload, MixOptions, reads_and

WORKLOAD: Final = KeyedWorkload(
    name="set-full",
    options=MixOptions(keys_active=2, ops_per_key=400, concurrency_per_key_max=1000),
    call=reads_and(lambda key, _: Add(key.name, key.unique)),
    judges=(SetFullChecker(),),
)
