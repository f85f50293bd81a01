"""Browser tests ask for a browser by name: ``pytest -m browser tests/harness/report``.

They are deselected otherwise, and pytest says so ("1 deselected"); asked for
without a browser on the machine they fail, they do not skip.
"""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: opens reports in headless Chromium")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "browser" in config.option.markexpr:
        return
    unwanted = [item for item in items if item.get_closest_marker("browser")]
    if unwanted:
        config.hook.pytest_deselected(items=unwanted)
        items[:] = [item for item in items if item not in unwanted]
