"""Independent sets: elements are added, and all read.

Every element is added once to its set, and a read answers the whole set, so that it names
every addition that it saw.  Judged for linearizability; set-full asks less of the same calls
and tells more of each element.

Finds: an element lost or come back, and stale or dirty reads, of more writes at once than a
register shows.
Misses: an addition that is made twice, which a set does not show (see list, counter), and the
order of additions.
"""

from __future__ import annotations

from typing import Final

from checker.linearizability.check import LinearizabilityChecker
from checker.models.sets import SetModel
from histories.call import Add
from workloads.keyed import KeyedWorkload, MixOptions, reads_and

WORKLOAD: Final = KeyedWorkload(
    name="set",
    options=MixOptions(ops_per_key=100),
    call=reads_and(lambda key, _: Add(key.name, key.unique)),
    judges=(LinearizabilityChecker(SetModel()),),
)
