"""Browser tests are deselected here as those of the report are."""

from __future__ import annotations

from tests.harness.report.conftest import pytest_collection_modifyitems

__all__ = ["pytest_collection_modifyitems"]
