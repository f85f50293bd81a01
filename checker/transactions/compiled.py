"""The kernels, compiled on first use; the machine code is kept for the next run."""

from __future__ import annotations

from numba import njit

from checker.transactions import graph_kernels, kernels, list_kernels, register_kernels

_compile = njit(cache=True, nogil=True)

index_writes = _compile(kernels.index_writes)
longest_reads = _compile(list_kernels.longest_reads)
order_versions = _compile(list_kernels.order_versions)
compare_lists = _compile(list_kernels.compare_lists)
judge_lists = _compile(list_kernels.judge_lists)
order_own_appends = _compile(list_kernels.order_own_appends)
link_lists = _compile(list_kernels.link_lists)
link_list_reads = _compile(list_kernels.link_list_reads)
judge_registers = _compile(register_kernels.judge_registers)
link_register_reads = _compile(register_kernels.link_register_reads)
lost_updates = _compile(kernels.lost_updates)
build_fans = _compile(kernels.build_fans)
link_fans = _compile(kernels.link_fans)
link_processes = _compile(kernels.link_processes)
link_realtime = _compile(kernels.link_realtime)
adjacency = _compile(graph_kernels.adjacency)
components = _compile(graph_kernels.components)
closing = _compile(graph_kernels.closing)
walk_home = _compile(graph_kernels.walk_home)
