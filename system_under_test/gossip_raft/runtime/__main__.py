"""Start one node: ``python -m system_under_test.gossip_raft.runtime --help``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import random
import sys
from pathlib import Path

from system_under_test.gossip_raft.core.types import NodeId
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE
from system_under_test.gossip_raft.runtime.configuration import load_configuration
from system_under_test.gossip_raft.runtime.errors import ConfigurationError, ExitCode, LiveError
from system_under_test.gossip_raft.runtime.logs import log_to
from system_under_test.gossip_raft.runtime.process import (
    die_with_parent,
    fail,
    on_termination,
    say_ready,
)
from system_under_test.gossip_raft.runtime.server import NodeServer
from system_under_test.gossip_raft.runtime.storage import DataDirectory
from system_under_test.gossip_raft.runtime.trouble import Trouble, conditions_of

log = logging.getLogger("system_under_test.gossip_raft.runtime")


def main() -> ExitCode:
    arguments = _parser().parse_args()
    try:
        if arguments.parent is not None:
            die_with_parent(arguments.parent)
        return asyncio.run(_serve(arguments))
    except ConfigurationError as error:
        return fail(error, ExitCode.CONFIGURATION)
    except LiveError as error:
        return fail(error, ExitCode.ENVIRONMENT)


async def _serve(arguments: argparse.Namespace) -> ExitCode:
    configuration = load_configuration(arguments.configuration)
    node = NodeId(arguments.node)
    configuration.node_config(node)  # A mistake is told before anything is created.
    mutant = None if arguments.bug is None else CATALOGUE[arguments.bug]
    directory = DataDirectory(arguments.data)
    log_to(directory.server_log)
    seed = int.from_bytes(os.urandom(8)) if arguments.seed is None else arguments.seed
    fields = {"node": node, "pid": os.getpid(), "seed": seed, "bug": arguments.bug}
    log.info("starting", extra={"fields": fields})
    rng = random.Random(f"{seed}/{node}")
    trouble = None if arguments.faults is None else Trouble(arguments.faults)
    server = NodeServer(
        configuration, node, directory, rng, mutant, rebuild=arguments.rebuild, trouble=trouble
    )
    told = None if trouble is None else asyncio.create_task(trouble.listen())

    def stop() -> None:
        log.info("asked to stop")
        server.retire()

    on_termination(stop)
    try:
        port, incarnation = await server.start()
        metrics = {} if server.metrics_address is None else {"metrics": server.metrics_address}
        say_ready(node=node, port=port, pid=os.getpid(), incarnation=incarnation, **metrics)
        code = await server.wait()
    except LiveError as error:
        # Said on stderr as well, but this is where an operator's tools look.
        kind = type(error).__name__
        log.critical("cannot run: %s", error, extra={"fields": {"node": node, "kind": kind}})
        raise
    finally:
        if told is not None:
            told.cancel()
        await server.close()
        directory.close()
    log.info("stopped", extra={"fields": {"exit_code": code}})
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m system_under_test.gossip_raft.runtime",
        description="Run one gossip-Raft node until SIGTERM.",
    )
    parser.add_argument("--configuration", type=Path, required=True, metavar="FILE")
    parser.add_argument("--node", required=True, metavar="NAME")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--bug", choices=CATALOGUE, help="run this wrong variant of the bug zoo")
    parser.add_argument("--seed", type=int, help="of the election timeouts; default: from the OS")
    parser.add_argument(
        "--rebuild",
        action="store_true",
        help="if the data are lost or damaged, begin anew and rebuild them from the other nodes;"
        " sound data are used as they are",
    )
    parser.add_argument(
        "--faults",
        type=conditions_of,
        metavar="JSON",
        help="suffer these faults of clock and disk, and what standard input says; for tests only",
    )
    parser.add_argument("--parent", type=int, metavar="PID", help="end when this process does")
    return parser


if __name__ == "__main__":
    sys.exit(main())
