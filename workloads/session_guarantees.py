"""Lists that every process reads and appends to: what a session may rely on (Terry et al. 1994).

A session is a process.  Monotonic reads: what it has seen stays seen.  Read your writes: what
it appended is there.  Monotonic writes and writes follow reads: what it appends stands behind
what it had appended and seen before.

Finds: a broken guarantee by its name, of a client that moves to a node that is behind
(``clients=roaming`` and ``--reads local`` break the first two without any bug), or of a cluster
that lost or repeats what it had acknowledged.
Misses: what a process could not know, such as writes of others that it never saw (see list);
guarantees between keys (see causal).
"""

from __future__ import annotations

from typing import Final

from checker.workloads.session_guarantees import SessionChecker
from histories.call import Append
from workloads.keyed import KeyedWorkload, MixOptions, reads_and

WORKLOAD: Final = KeyedWorkload(
    name="session-guarantees",
    options=MixOptions(keys_active=3, ops_per_key=100, reads_percent=50),
    call=reads_and(lambda key, _: Append(key.name, key.unique)),
    judges=(SessionChecker(),),
)
