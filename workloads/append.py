"""Transactions that append to lists and read them (Elle's list-append).

A transaction has a few steps on a few lists; every element is appended once.  A read answers
the whole list and so shows the order of all appends before it, from which the checker infers
what each transaction must come after.

Finds: every anomaly of Adya's in its list variants, from dirty reads to write skew, and broken
guarantees of sessions: the strongest test of isolation here.
Misses: what only predicates see (phantoms), and whatever single reads without a transaction
are answered, as all reads here go through the log.
"""

from __future__ import annotations

from typing import Final

from histories.call import Append
from workloads.transactional import TxnWorkload

WORKLOAD: Final = TxnWorkload("append", Append)
