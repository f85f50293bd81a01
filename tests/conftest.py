from __future__ import annotations

import pytest

from harness.kernel_cache import use_kernel_cache

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
