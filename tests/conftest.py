"""How deep property tests go: ``HYPOTHESIS_PROFILE``, or pytest's ``--hypothesis-profile``.

``quick`` is the default and always tries the same; ``ci``, the default where ``CI`` is set, too,
but more; ``nightly``, that of ``nox -s nightly``, tries others each time, and prints how to
repeat a failure.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from harness.kernel_cache import use_kernel_cache

settings.register_profile("quick", deadline=None, derandomize=True, database=None, max_examples=50)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, max_examples=300)
settings.register_profile("nightly", deadline=None, print_blob=True, max_examples=3_000)
DEFAULT_PROFILE = "ci" if os.environ.get("CI") else "quick"
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", DEFAULT_PROFILE))

use_kernel_cache()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite",
        action="store_true",
        help="replace the expected output in tests/golden by the actual one; then read the diff",
    )
    parser.addoption(
        "--histories",
        type=int,
        default=150,
        help="how many random histories of each model the checkers are compared on",
    )


@pytest.fixture
def histories(request: pytest.FixtureRequest) -> int:
    """How many random histories of a model to look at; some hundreds unless told."""
    return int(request.config.getoption("--histories"))
