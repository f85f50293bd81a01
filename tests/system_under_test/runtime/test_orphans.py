from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

PARENT = """
import asyncio, sys
from pathlib import Path
from tests.system_under_test.runtime.live import LiveCluster
from system_under_test.gossip_raft.runtime.cluster import GatewayProcess
from system_under_test.gossip_raft.core.types import NodeId

async def main() -> None:
    directory = Path(sys.argv[1])
    cluster = LiveCluster(directory)
    pids = [started.pid for started in (await cluster.processes.start_all()).values()]
    gateway = GatewayProcess(cluster.configuration("127.0.0.1:0"), directory / "gateway.log", print)
    await gateway.start()
    pids.append(gateway._process.pid)
    await cluster.processes.nodes[NodeId("n1")].pause()
    print(*pids, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_nobody_outlives_the_process_that_started_the_cluster(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        descriptors = [os.pidfd_open(int(pid)) for pid in parent.stdout.readline().split()]
        assert len(descriptors) == 4
        parent.send_signal(signal.SIGKILL)
        for descriptor in descriptors:
            # A pidfd is readable when its process has ended.
            readable, _, _ = select.select([descriptor], [], [], 10)
            os.close(descriptor)
            assert readable


def test_a_node_whose_parent_is_gone_does_not_start(tmp_path: Path) -> None:
    configuration = tmp_path / "c.json"
    configuration.write_text('{"cluster": "test", "nodes": {"n0": {"address": "127.0.0.1:0"}}}')
    command = [sys.executable, "-m", "system_under_test.gossip_raft.runtime"]
    command += ["--configuration", str(configuration), "--node", "n0"]
    command += ["--data", str(tmp_path / "n0"), "--parent", "1"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert ended.returncode == 4
    assert "is not its parent" in ended.stderr
    assert not (tmp_path / "n0").exists()
