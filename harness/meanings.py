"""What each anomaly means, for people who have not read the sources: the rule it breaks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_REPLICATION: Final = {
    "election safety": "at most one leader can be elected in a term",
    "leader append-only": "a leader never overwrites or deletes entries of its own log",
    "log matching": "logs that hold an entry of the same index and term are the same up to it",
    "leader completeness": "what was committed is in the log of every later leader",
    "state-machine safety": "no two nodes ever apply different entries at the same index",
    "state-machine determinism": "the same entry, applied to the same state, gives the same result",
    "one vote a term": "a node votes for one candidate a term, whatever happens to it in between",
    "terms never go back": "a node never returns to a term before one it has been in",
    "commit points never go back": "what a node knows to be committed stays committed",
    "commit point within the log": "a node commits nothing that it does not hold",
    "commit rule": "a leader commits by counting only what a majority holds, of its own term",
    "one committed log": "all nodes commit the same entry at each index",
    "committed entries are never truncated": "no node gives up an entry that it knew committed",
    "applied is a prefix of committed": "a node applies entries in order, and committed ones only",
    "acknowledged entries are kept": "a write that a client was told of is never lost",
    "durable before acknowledged": "what a node promises to others is on its disk by then",
    "recovery": "a node starts with all that was on its disk, and with nothing else",
    "a snapshot equals the replayed log": "a snapshot is the state that its entries lead to",
    "log without gaps": "the entries of a log are numbered one by one",
    "elected by a majority": "who leads was voted for by a majority of the members",
    "one membership change at a time": "a change of the members begins when the last is committed",
    "unexpected death": "a node never ends by itself: only faults and operators end one",
    "never settles": "when every fault is healed, one node leads again and all nodes agree",
}

_OBJECTS: Final = {
    "nonlinearizable": "all operations on an object fit in one order that explains every answer, "
    "each at some moment between its call and its answer",
    "not sequentially consistent": "there is one order of all operations that keeps the order of "
    "each process and explains every answer",
    "missing-balance": "every account that was read has a balance",
    "wrong-total": "transfers move money: the sum of all accounts never changes",
    "negative-balance": "no account may owe money",
    "counter-out-of-bounds": "a counter lies between what was certainly and possibly added",
    "unexpected-element": "nothing is found that nobody put there",
    "lost-element": "what was acknowledged as added is found afterwards",
    "duplicated-element": "what was added once is found once",
    "non-monotonic": "values that only grow are never seen to shrink",
    "missing-predecessor": "who sees a write sees those that the same client made before",
    "causal-reverse": "who sees a write sees those that were finished before it began",
    "duplicate-id": "no identifier is given out twice",
}

_TRANSACTIONS: Final = {
    "G0": "transactions must not overwrite each other in a circle",
    "G1a": "nobody may read what an aborted transaction wrote",
    "G1b": "nobody may read what a transaction wrote and overwrote itself",
    "G1c": "information must not flow in a circle: no transaction reads from its own future",
    "G-single": "who sees one effect of a transaction misses none: all reads are of one moment",
    "G-cursor": "no update may be lost between reading a key and writing it",
    "G-nonadjacent": "transactions read from a snapshot, and snapshots form one sequence",
    "G-update": "transactions that write can be put in one order",
    "G2-item": "transactions behave as if executed one after another: none may miss, in a circle, "
    "what the others wrote",
    "write-skew": "two transactions must not each miss what the other wrote",
    "lost-update": "no update may be lost: who writes a key has seen the last value of it",
    "dirty-update": "what an aborted transaction wrote must not be built upon",
    "garbage-read": "every value that is read was written by somebody",
    "duplicate-elements": "what was appended once is in the list once",
    "cyclic-versions": "the versions of a key follow each other in one order",
    "incompatible-order": "all readers see the elements of a list in the same order",
    "future-read": "a transaction does not read what it writes only later",
    "internal": "a transaction reads what it has itself read and written before",
    "fractured-read": "all writes of a transaction become visible together",
    "observed-transaction-vanishes": "who has seen a transaction goes on seeing it",
    "write-conflict": "of two transactions that write one key, one has seen the other",
    "causal-violation": "who sees an effect sees its causes",
    "prefix-violation": "snapshots are prefixes of one order of transactions",
    "long-fork": "two readers do not see two writes in opposite orders",
    "monotonic-reads-violation": "within a session, reads never go back in time",
    "monotonic-writes-violation": "the writes of a session are seen in their order",
    "read-your-writes-violation": "a session sees its own writes",
    "writes-follow-reads-violation": "a session's writes come after what it has read",
}

_RULES: Final[Mapping[str, str]] = MappingProxyType({**_REPLICATION, **_OBJECTS, **_TRANSACTIONS})

_VARIANTS: Final = {
    "-process": ", the order of each process counted in",
    "-realtime": ", counting that what ended comes before what began later",
}


def rule_broken_by(kind: str) -> str:
    """The rule in one sentence without its capital and full stop; "" for an unknown kind."""
    for suffix, addition in _VARIANTS.items():
        if kind.endswith(suffix) and (base := kind.removesuffix(suffix)) in _RULES:
            return _RULES[base] + addition
    return _RULES.get(kind, "")
