"""PySyncObj: three processes with a journal file each, written to inside the leader's."""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from benchmarks.hearsay_cluster import WriteFailed, a_moment
from benchmarks.measure import Limit, Round
from system_under_test.gossip_raft.runtime.cluster import ReservedPort

START_TIMEOUT_S: Final = 30.0
_LINE_BYTES_MAX: Final = 64 * 1024 * 1024


def installed() -> bool:
    return find_spec("pysyncobj") is not None


class PySyncObjCluster:
    """``batch`` is its option appendEntriesUseBatch, on unless told otherwise."""

    durability = (
        "NOT synced: its journal is written through mmap, which nothing syncs before it"
        " answers (0.3: only at a clean end), so a power loss takes acknowledged writes"
    )

    def __init__(self, directory: Path, *, batch: bool) -> None:
        self.name: Final = "pysyncobj" if batch else "pysyncobj, unbatched"
        self._batch = batch
        self._directory = directory
        self._processes: list[asyncio.subprocess.Process] = []
        self._leader: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        ports = [ReservedPort() for _ in range(3)]
        for port in ports:
            port.close()
        for number, port in enumerate(ports):
            others = [other.address for other in ports if other is not port]
            self._processes.append(await self._start_node(number, port.address, others))
        async with asyncio.timeout(START_TIMEOUT_S):
            while self._leader is None:
                for process in self._processes:
                    if (await _ask(process, {"do": "status"}))["leads"]:
                        self._leader = process
                await a_moment()

    async def load(self, outstanding: int, limit: Limit) -> Round:
        assert self._leader is not None
        request = {
            "do": "load",
            "outstanding": outstanding,
            "writes_max": limit.writes_max,
            "seconds_max": limit.seconds_max,
        }
        said = await _ask(self._leader, request)
        if said["failed"]:
            raise WriteFailed(f"{self.name}: {said['failed']} writes failed")
        return Round(said["elapsed_ns"], tuple(said["latencies_ns"]))

    async def stop(self) -> None:
        for process in self._processes:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _start_node(
        self, number: int, address: str, others: list[str]
    ) -> asyncio.subprocess.Process:
        with (self._directory / f"p{number}.log").open("wb") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "benchmarks.pysyncobj_node"),
                str(self._directory / f"p{number}.journal"),
                "batch" if self._batch else "single",
                *(address, *others),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=_LINE_BYTES_MAX,
            )


async def _ask(process: asyncio.subprocess.Process, request: dict[str, Any]) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(request).encode() + b"\n")
    await process.stdin.drain()
    said: dict[str, Any] = json.loads(await process.stdout.readline())
    return said
