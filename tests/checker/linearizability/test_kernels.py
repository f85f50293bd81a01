"""Why kernels of the search are compiled with an option that numba does not document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np

from checker.linearizability.jit import bare_jit
from histories.columns import Int64s


class Memory(NamedTuple):
    pool: Int64s
    following: Int64s


MEMORY = Memory(np.arange(6, dtype=np.int64).reshape(3, 2), np.array([1, 2, -1]))


def code_of(compiled: Callable[[Callable[..., Any]], Any]) -> str:
    """Of a kernel that looks at rows of an array within a tuple, as those of the search do."""

    def covers(better: Int64s, worse: Int64s) -> bool:
        for at in range(better.size):  # noqa: SIM110  numba knows no generators here
            if better[at] & ~worse[at]:
                return False
        return True

    covers = compiled(covers)

    def find(memory: Memory, row: Int64s) -> int:
        at = 0
        while at != -1:
            if covers(memory.pool[at], row):
                return at
            at = memory.following[at]
        return -1

    kernel = compiled(find)
    assert kernel(MEMORY, np.array([2, 3])) == 0
    text: str = kernel.inspect_llvm(kernel.signatures[0])
    return text


def test_kernels_count_no_references_although_numba_otherwise_would() -> None:
    options: Any = {"_nrt": bare_jit(code_of).targetoptions["_nrt"]}  # type: ignore[attr-defined]
    # Compiled anew, as of code from its cache numba shows nothing.
    assert "NRT_incref" not in code_of(numba.njit(**options))
    assert "NRT_incref" in code_of(numba.njit)
