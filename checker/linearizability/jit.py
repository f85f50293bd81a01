"""How the kernels are compiled.

What only other kernels call is *inner*: half of the time to compile it went into
making ways to call it from Python and from C, and into writing it to the cache, where
those who call it are already, with all that they call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from numba import njit

_Args = ParamSpec("_Args")
_Answer = TypeVar("_Answer")

_CACHED: Any = {"cache": True, "nogil": True, "no_cfunc_wrapper": True}
_INNER: Any = {"nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_BARE: Any = {"_nrt": False}
"""What it does, and that it is needed, is tested in test_kernels.py."""


def jit(function: Callable[_Args, _Answer]) -> Callable[_Args, _Answer]:
    """Compiled when first called, then cached; may allocate."""
    return cast("Callable[_Args, _Answer]", njit(**_CACHED)(function))


def inner_jit(function: Callable[_Args, _Answer]) -> Callable[_Args, _Answer]:
    """The same for what only kernels call."""
    return cast("Callable[_Args, _Answer]", njit(**_INNER)(function))


def bare_jit(function: Callable[_Args, _Answer]) -> Callable[_Args, _Answer]:
    """As ``jit`` for what allocates nothing: without reference counts.

    Else every access to an array of a tuple counts references, which made up nine
    tenths of the time.
    """
    return cast("Callable[_Args, _Answer]", njit(**_CACHED, **_BARE)(function))


def bare_inner_jit(function: Callable[_Args, _Answer]) -> Callable[_Args, _Answer]:
    """The same for what only kernels call."""
    return cast("Callable[_Args, _Answer]", njit(**_INNER, **_BARE)(function))
