"""A simulated run as a run directory, with the same files as a live one."""

from __future__ import annotations

from harness.config import RunRecord
from harness.errors import EnvironmentFailure
from harness.simulated import Simulated
from harness.store import RunDirectory, RunStore
from histories.event import Opened
from histories.journal import JournalWriter, write_trace
from nemesis import schedule as schedules


def write_run(store: RunStore, record: RunRecord, simulated: Simulated) -> RunDirectory:
    """
    Raises:
        EnvironmentFailure: A file cannot be written.
        UnwritableHistory: The journal cannot.
    """
    run = store.create(record)
    with JournalWriter(run.journal) as journal:
        for event in simulated.events:
            if not isinstance(event, Opened):  # The writer begins with it by itself.
                journal.write(event)
    try:
        run.schedule.write_bytes(schedules.encode(simulated.plan.schedule))
        for node, events in simulated.traces.items():
            (run.nodes / node).mkdir()
            write_trace(run.nodes / node / "trace.jsonl", events)
    except OSError as error:
        raise EnvironmentFailure(f"{run.path}: {error.strerror}") from error
    return run
