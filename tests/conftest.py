from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite",
        action="store_true",
        help="replace the expected output in tests/golden by the actual one; then read the diff",
    )
    parser.addoption(
        "--histories",
        type=int,
        default=None,
        help="how many random histories of each type the slow twins judge",
    )
