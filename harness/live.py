"""One live run, from its configuration to its journal."""

from __future__ import annotations

import asyncio
import resource
import signal
import threading
from typing import Final

from harness.config import RunConfig
from harness.errors import BadInput, EnvironmentFailure
from harness.fake_time import find_library
from harness.foreign_system import ClockedForeignSystem, ForeignSystem
from harness.live_run import LiveRun, Watcher
from harness.live_system import LiveSystem
from harness.own_system import System
from harness.planning import driver_of
from harness.running_system import RunningSystem
from harness.seeds import derive
from harness.sentry import Sentry, monitor_for
from harness.store import RunDirectory
from harness.system_file import load_system
from harness.wall_clock import RunClock
from histories.journal import JournalWriter
from nemesis import schedule as schedules
from nemesis.errors import ProxyUnavailable, UnsupportedFault
from nemesis.faults.clock import ClockFault
from nemesis.inject import check_supported
from nemesis.schedule import Schedule
from system_under_test.gossip_raft.runtime.errors import LiveError
from workloads.base import Workload

FIRST_LEADER_S: Final = 20.0


async def run_live(
    config: RunConfig,
    run: RunDirectory,
    schedule: Schedule,
    clock: RunClock,
    watcher: Watcher,
    *,
    system: System | None = None,
    stop_on_violation: bool = False,
) -> str | None:
    """Run a cluster, clients and faults; the journal and traces in ``run`` say what happened.

    SIGINT and SIGTERM heal, stop and leave what was recorded.

    Args:
        system: The user's that ``config`` names, if it is at hand already.
        stop_on_violation: Whether to end the run as soon as a violation is certain.

    Returns:
        Why the run is incomplete ("interrupted"), or ``None``.

    Raises:
        BadInput: There is no such workload, or it is not judged while it runs; or the system
            cannot suffer one of the faults.
        EnvironmentFailure: A process or port could not be had.
        UnwritableHistory: The journal could not be written.
    """
    chosen = config.made_workload()
    monitor = monitor_for(chosen) if stop_on_violation else None
    run.schedule.write_bytes(schedules.encode(schedule))
    driver = driver_of(config, chosen, schedule)
    _allow_many_connections()
    try:
        running = _system(config, chosen, schedule, run, system)
        with JournalWriter(run.journal) as journal:
            async with running:
                _check_supported(schedule, running)
                await running.settled(FIRST_LEADER_S)
                live = LiveRun(
                    driver=driver,
                    system=running,
                    schedule=schedule,
                    journal=journal,
                    clock=clock,
                    rng=derive(config.seed, "injection"),
                    watcher=watcher,
                )
                if monitor is not None:
                    live.watcher = Sentry(watcher, monitor, live.interrupt)
                return await _interruptible(live)
    except UnsupportedFault as error:
        raise BadInput(f"--faults: {error}") from error
    except (LiveError, ProxyUnavailable) as error:
        raise EnvironmentFailure(str(error)) from error


def _check_supported(schedule: Schedule, system: RunningSystem) -> None:
    try:
        check_supported((step.fault for step in schedule.steps), system)
    except UnsupportedFault as error:
        raise BadInput(f"--faults: {error}") from error


def _system(
    config: RunConfig,
    chosen: Workload,
    schedule: Schedule,
    run: RunDirectory,
    given: System | None,
) -> RunningSystem:
    rng = derive(config.seed, "system")
    if config.system is None:
        return LiveSystem(config, chosen, run.nodes, rng)
    theirs = given or load_system(config.system)
    if any(isinstance(step.fault, ClockFault) for step in schedule.steps):
        library = find_library()
        return ClockedForeignSystem(theirs, config.nodes, run.nodes, rng, library)
    return ForeignSystem(theirs, config.nodes, run.nodes, rng)


def _allow_many_connections() -> None:
    """A cut link keeps what it swallowed open until it is healed: that takes descriptors."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _interruptible(live: LiveRun) -> str | None:
    if threading.current_thread() is not threading.main_thread():
        return await live.run()  # Signals are for whoever has the main thread.
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, live.interrupt, "interrupted")
    try:
        return await live.run()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
