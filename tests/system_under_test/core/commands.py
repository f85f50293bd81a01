"""Commands drawn at random: few keys and elements, so that they meet."""

from __future__ import annotations

from hypothesis import strategies as st

from system_under_test.gossip_raft.core.types import (
    AddToSet,
    Append,
    Cas,
    Command,
    Delete,
    Dequeue,
    Enqueue,
    Get,
    Increment,
    Put,
    Raw,
    Scalar,
    Txn,
)

keys = st.sampled_from(["a", "b", "c"])
scalars: st.SearchStrategy[Scalar] = st.sampled_from([None, 0, 1, 2**63 - 1, "", "x"])
puts = st.builds(Put, keys, scalars)
appends = st.builds(Append, keys, scalars)
micro = st.lists(st.builds(Get, keys) | puts | appends, max_size=5).map(tuple)
txns = st.builds(Txn, micro)

KINDS: dict[type[Command], st.SearchStrategy[Command]] = {
    Put: puts,
    Cas: st.builds(Cas, keys, scalars, scalars),
    Delete: st.builds(Delete, keys),
    Append: appends,
    Txn: txns,
    Raw: st.builds(Raw, st.sampled_from(["{}", "[1]"])),
    Enqueue: st.builds(Enqueue, keys, scalars),
    Dequeue: st.builds(Dequeue, keys),
    AddToSet: st.builds(AddToSet, keys, scalars),
    Increment: st.builds(Increment, keys, st.sampled_from([-1, 1, 5, -(2**63)])),
}
commands: st.SearchStrategy[Command] = st.one_of(*KINDS.values())
