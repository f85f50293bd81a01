"""Sorting in kernels, against Python's; and that no kernel sorts in a way that cannot be cached."""

from __future__ import annotations

import ast
import random

import numpy as np
import pytest

from checker.linearizability.sorting import ascending, distinct, first_from
from tests.tidy.source_tree import ROOT, parsed, python_files

CACHED_WRONGLY = {"sort", "argsort", "unique", "searchsorted", "median", "partition", "percentile"}


@pytest.mark.parametrize("spread", [1, 3, 50, 10**6])
@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 33, 70, 100, 1000])
def test_the_order_is_that_of_a_stable_sort(count: int, spread: int) -> None:
    rng = random.Random(f"{count} {spread}")
    for trend in (0, 1, -1):
        numbers = np.array([trend * at + rng.randrange(spread) for at in range(count)], np.int64)
        assert ascending(numbers).tolist() == np.argsort(numbers, kind="stable").tolist()
        assert distinct(numbers).tolist() == sorted(set(numbers.tolist()))
        sorted_numbers = np.sort(numbers)
        for sought in rng.choices([*numbers.tolist(), -1, spread], k=5):
            expected = np.searchsorted(sorted_numbers, sought)
            assert first_from(sorted_numbers, sought) == expected


def _bad_calls(tree: ast.Module, *, kernels_only: bool) -> list[tuple[int, str]]:
    """Calls of ``np.sort`` and the like within functions that numba compiles and caches.

    ``kernels_only``: a module of such functions, which are decorated elsewhere.
    """
    return [
        (call.lineno, call.func.attr)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        and (
            any("jit" in ast.unparse(decorator) for decorator in function.decorator_list)
            or kernels_only
        )
        for call in ast.walk(function)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in CACHED_WRONGLY
    ]


def test_no_kernel_uses_what_is_cached_under_an_ambiguous_name() -> None:
    found = [
        (path.relative_to(ROOT).as_posix(), *bad)
        for path in python_files()
        if path.is_relative_to(ROOT / "checker") or path.is_relative_to(ROOT / "histories")
        for bad in _bad_calls(parsed(path), kernels_only=path.stem.endswith("kernels"))
    ]
    assert found == []


def test_a_planted_sort_is_seen() -> None:
    planted = "@njit(cache=True)\ndef f(x):\n    return np.argsort(x)\ndef g(x):\n    x.sort()"
    assert _bad_calls(ast.parse(planted), kernels_only=False) == [(3, "argsort")]
    assert _bad_calls(ast.parse(planted), kernels_only=True) == [(3, "argsort"), (5, "sort")]
