"""Transactions that write registers and read them (Elle's rw-register).

A transaction has a few steps on a few registers; every value is written once to its key, so
a read names the write it saw, but not what was overwritten by it: the order of the writes is
inferred from who read what before writing.

Finds: lost updates, write skew, aborted and intermediate reads.
Misses: much of what append finds, since a read shows one write and not their order: two writes
that nobody read between stay unordered, and cycles through them are not seen.
"""

from __future__ import annotations

from typing import Final

from histories.call import Write
from workloads.transactional import TxnWorkload

WORKLOAD: Final = TxnWorkload("wr", Write)
