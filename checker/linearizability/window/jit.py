"""How the kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])


def jit(function: _Function) -> _Function:
    """Compiled when first called, then cached; may allocate."""
    return cast("_Function", njit(cache=True, nogil=True)(function))


def bare_jit(function: _Function) -> _Function:
    """The same for what allocates nothing: without reference counts.

    Else every access to an array of a tuple counts references, which made up nine
    tenths of the time.
    """
    # What it does, and that it is needed, is tested in test_kernels.py.
    undocumented: Any = {"_nrt": False}
    return cast("_Function", njit(cache=True, nogil=True, **undocumented)(function))
