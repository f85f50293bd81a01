"""Whether the kernels run as they are or compiled."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final

from checker.transactions import graph_kernels, kernels, list_kernels, register_kernels

COMPILED_FROM: Final = 200_000
"""Below this many steps, starting numba takes longer than the work."""

_PLAIN: Final = SimpleNamespace(
    **{**vars(kernels), **vars(list_kernels), **vars(register_kernels), **vars(graph_kernels)}
)


def engine(steps: int) -> Any:
    """A namespace with the functions of all modules of kernels.

    Args:
        steps: Roughly how many array elements will be looked at.
    """
    if steps < COMPILED_FROM:
        return _PLAIN
    from checker.transactions import compiled  # noqa: PLC0415  numba takes long to import

    return compiled
