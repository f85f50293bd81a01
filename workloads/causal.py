"""Registers that every process reads and writes by turns, judged for causal consistency.

Every value is written once to its key.  What counts is only what a process did and saw before:
having read a value, or written one, nobody may ever see what that value had replaced, on any
key, however the news of it travelled.

Finds: reads that go back behind what their process, or whoever it heard of, has seen: state
that was lost, nodes that serve what they had applied long ago to clients that know better.
Misses: reads that are old but consistent with all that their process knows (stale to the clock
alone: see register); two processes that see unrelated writes in different orders.
"""

from __future__ import annotations

from typing import Final

from checker.workloads.causal import CausalChecker
from histories.call import Write
from workloads.keyed import KeyedWorkload, MixOptions, reads_and

WORKLOAD: Final = KeyedWorkload(
    name="causal",
    options=MixOptions(keys_active=3, ops_per_key=100, reads_percent=60),
    call=reads_and(lambda key, _: Write(key.name, key.unique)),
    judges=(CausalChecker(),),
)
