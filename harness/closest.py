"""The simulated run that is closest to a live one: its calls and faults, in virtual time.

Live nodes are at the mercy of threads and networks, so no seed repeats them.  What clients
asked and when, and what was planned to go wrong, can be done to simulated ones; the rest, the
luck of the world, is drawn, and can be drawn again.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.config import RunRecord, Script
from harness.errors import BadInput
from harness.simplification import with_seed
from harness.simulated import SETTLE_MAX, Plan, read_schedule
from harness.store import RunDirectory
from histories.event import Invoked
from histories.journal import read_journal
from system_under_test.gossip_raft.simulation.cluster import WorldOptions
from workloads.scripted import script_of


def closest(run: RunDirectory, record: RunRecord) -> Plan:
    """
    Raises:
        BadInput: It cannot be simulated, or a file of it is broken.
        HistoryError: Its journal is malformed.
    """
    config = record.config
    if config.system is not None:
        raise BadInput(f"{run.path}: ran {config.system}, which cannot be simulated")
    main_phase = [
        event
        for event in read_journal(run.journal).events
        if isinstance(event, Invoked) and event.time <= config.time_s * 1e9
    ]
    return Plan(
        config=config,
        schedule=read_schedule(run),
        world=WorldOptions(nodes=config.nodes),
        script=Script(
            calls=script_of(main_phase, config.concurrency),
            final_reads=True,
            settle_max_ns=SETTLE_MAX,
        ),
    )


def worlds(plan: Plan) -> Iterator[Plan]:
    """The same deeds in one world after another, without end."""
    yield plan
    seed = plan.config.seed
    while True:
        seed += 1
        yield with_seed(plan, seed)
