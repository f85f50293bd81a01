"""Independent lists: elements are appended, and all read.

Every element is appended once to its list, and a read answers the whole list, so that it
tells which appends had taken effect, how often, and in which order.

Finds: what set finds, and also elements doubled or out of order: a request executed twice
shows in the next read.
Misses: nothing that one key can show; for what only several keys together show, there is
append.
"""

from __future__ import annotations

from typing import Final

from checker.linearizability.check import LinearizabilityChecker
from checker.models.lists import AppendList
from histories.call import Append
from workloads.keyed import KeyedWorkload, MixOptions, reads_and

WORKLOAD: Final = KeyedWorkload(
    name="list",
    options=MixOptions(ops_per_key=100),
    call=reads_and(lambda key, _: Append(key.name, key.unique)),
    judges=(LinearizabilityChecker(AppendList()),),
)
