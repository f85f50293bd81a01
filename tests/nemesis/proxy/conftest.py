from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.nemesis.proxy.cluster import Cluster


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with Cluster(["a", "b", "c"]) as running:
        yield running
