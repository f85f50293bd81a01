"""The orders that clients see: of each process, and of real time."""

from __future__ import annotations

import numpy as np

from checker.transactions.engine import engine
from checker.transactions.graph import Graph
from checker.transactions.inference import Inferred, made_dense, steps_of


def with_client_orders(inferred: Inferred) -> Graph:
    """The graph with process and realtime edges among committed transactions.

    At most one edge a transaction for processes and three for real time.  A closed
    interval that another one touches does not precede it; consecutive transactions of
    one process are in its order all the same.
    """
    columns, graph, committed = inferred.columns, inferred.graph, inferred.committed
    run = engine(steps_of(columns))
    txns = graph.txns
    capacity = len(graph.src) + 4 * txns
    src, dst, key = (np.empty(capacity, dtype=np.int32) for _ in range(3))
    kind = np.empty(capacity, dtype=np.uint8)
    edges = len(graph.src)
    for whole, part in ((src, graph.src), (dst, graph.dst), (kind, graph.kind), (key, graph.key)):
        whole[:edges] = part
    process = made_dense(columns.process)
    latest = np.full(int(process.max(initial=0)) + 1, -1, dtype=np.int64)
    edges = run.link_processes(process, committed, latest, edges, src, dst, kind, key)
    edges, nodes = run.link_realtime(
        columns.invoked,
        columns.completed,
        np.argsort(columns.completed, kind="stable"),
        committed,
        graph.nodes,
        edges,
        src,
        dst,
        kind,
        key,
    )
    return Graph(
        txns=txns, nodes=nodes, src=src[:edges], dst=dst[:edges], kind=kind[:edges], key=key[:edges]
    )
