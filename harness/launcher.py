"""Becomes a program that knows nothing of us: it dies with its parent, and we hear when it serves.

    python -m harness.launcher --listens 127.0.0.1:PORT --directory D --parent PID --command JSON

The process that was started turns into the program, so that its number is the program's.  A
helper, which dies with the program, says on stdout that the port takes connections.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import Final

import msgspec

from harness.wall_clock import pause
from system_under_test.gossip_raft.runtime.errors import LiveError
from system_under_test.gossip_raft.runtime.process import die_with_parent, say_ready

POLL_INTERVAL_S: Final = 0.02


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--listens", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--command", required=True)
    parser.add_argument("--environment", default="{}")
    parser.add_argument("--parent", type=int, required=True)
    options = parser.parse_args()
    command = msgspec.json.decode(options.command, type=list[str])
    environment = msgspec.json.decode(options.environment, type=dict[str, str])
    try:
        die_with_parent(options.parent)
        program = os.getpid()
        if os.fork() == 0:
            die_with_parent(program)
            asyncio.run(_say_when_it_serves(*options.listens.rsplit(":", 1)))
            return
        os.dup2(2, 1)  # Its output goes to its log; the pipe is the helper's.
        os.chdir(options.directory)
        # The user's own program.
        os.execvpe(command[0], command, {**os.environ, **environment})  # noqa: S606
    except (OSError, LiveError) as error:
        sys.exit(f"{command[0]}: {error}")


async def _say_when_it_serves(host: str, port: str) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            await pause(POLL_INTERVAL_S)
        else:
            writer.close()
            return say_ready()


if __name__ == "__main__":
    main()
