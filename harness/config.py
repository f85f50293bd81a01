"""Everything that determines a run, as one value."""

from __future__ import annotations

import random
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from harness.errors import BadInput
from harness.seeds import derive
from system_under_test.gossip_raft.core.client_session import Retries
from system_under_test.gossip_raft.core.messages import Consistency
from system_under_test.gossip_raft.simulation.cluster import WorldOptions
from workloads.base import Workload
from workloads.catalogue import clients, settings, workload
from workloads.client_options import ClientOptions
from workloads.errors import BadOption, UnknownWorkload
from workloads.options import Setting
from workloads.scripted import ScriptedCall

SCHEMA_VERSION: Final = 2
NODES_MAX: Final = 9
READS: Final = tuple(consistency.value for consistency in Consistency)


class RunConfig(Struct, frozen=True, kw_only=True):
    """What the user chose.  With the seed it fixes the plan of a live run, not its timing."""

    seed: int
    workload: str = "register"
    system: str | None = None
    """A user's own, where ``harness.system_file`` finds it; ``None`` for our cluster."""
    nodes: int = 3
    faults: tuple[str, ...] = ("partition", "kill", "pause")
    at_once: int = 1
    """So many faults may hold at once."""
    schedule: str | None = None
    """The file that says which faults come when; ``None`` draws them."""
    time_s: float = 30.0
    concurrency: int = 10
    rate_hz: float = 100.0
    operation_timeout_ms: int = 1000
    bug: str | None = None
    tls: bool = False
    reads: str = Consistency.LINEARIZABLE.value
    """``local`` ones may be stale: such a run may well be invalid, with no bug at all."""
    options: dict[str, Setting] = {}
    """Of the workload and its clients (``workloads.catalogue.options``), where not the default."""
    reseeded: dict[str, int] = {}
    """Streams of chance ("workload", "world/network" ...) that do not follow ``seed``, and the
    seed that each follows instead: a search draws one anew and keeps the others."""

    def stream(self, *path: str) -> random.Random:
        return derive(self.reseeded.get("/".join(path), self.seed), *path)

    def check(self) -> None:
        """Raises: BadInput: A value cannot be; names the option."""
        if not 1 <= self.nodes <= NODES_MAX:
            raise BadInput(f"--nodes: {self.nodes} is not between 1 and {NODES_MAX}")
        if self.concurrency < 1:
            raise BadInput(f"--concurrency: {self.concurrency} is not at least 1")
        if self.at_once < 1:
            raise BadInput(f"--at-once: {self.at_once} is not at least 1")
        if self.time_s <= 0:
            raise BadInput(f"--time: {self.time_s:g} is not more than 0 seconds")
        if self.rate_hz <= 0:
            raise BadInput(f"--rate: {self.rate_hz:g} is not more than 0 operations a second")
        if self.reads not in READS:
            raise BadInput(f"--reads: {self.reads!r} is none of {', '.join(READS)}")
        if self.system is not None:
            self._check_foreign()
        if self.operation_timeout_ms < 1:
            raise BadInput(f"--timeout: {self.operation_timeout_ms} is not at least 1 ms")
        self.made_workload()

    def made_workload(self) -> Workload:
        """Raises: BadInput: There is no such workload, or it has no such options."""
        with _named():
            return workload(self.workload, self.options)

    @property
    def clients(self) -> ClientOptions:
        """Raises: BadInput: An option of theirs is out of range."""
        with _named():
            return clients(self.options)

    def _check_foreign(self) -> None:
        ours = {
            "--bug": self.bug is not None,
            "--tls": self.tls,
            "--reads": self.reads != Consistency.LINEARIZABLE.value,
            "--option retries": "retries" in self.options,
            "--option clients": "clients" in self.options,
        }
        if meant := [option for option, given in ours.items() if given]:
            raise BadInput(f"{meant[0]}: only Hearsay's own cluster has that, not {self.system}")

    def command(self) -> str:
        """The one command that runs the same plan again."""
        words = ["hearsay", "run", "--workload", self.workload, "--nodes", str(self.nodes)]
        if self.schedule is None:
            words += ["--faults", ",".join(self.faults) or "none"]
            words += ["--at-once", str(self.at_once)] if self.at_once > 1 else []
        else:
            words += ["--schedule", self.schedule]
        words += ["--time", f"{self.time_s:g}"]
        words += ["--concurrency", str(self.concurrency), "--rate", f"{self.rate_hz:g}"]
        words += ["--timeout", str(self.operation_timeout_ms), "--seed", str(self.seed)]
        if self.system is not None:
            words += ["--system", self.system]
        if self.reads != Consistency.LINEARIZABLE.value:
            words += ["--reads", self.reads]
        for name, setting in self.options.items():
            words += ["--option", f"{name}={setting}"]
        if self.bug is not None:
            words += ["--bug", self.bug]
        if self.tls:
            words.append("--tls")
        return shlex.join(words)


def settings_of(name: str | None, texts: Iterable[str]) -> dict[str, Setting]:
    """What options typed as NAME=VALUE mean for a workload, or for any.  Raises BadInput."""
    with _named():
        return settings(name, texts)


def as_of(schema_version: int, config: RunConfig) -> RunConfig:
    """What ``config`` means that was written under that version.

    Before 2 there were no options: clients repeated whatever may not have been executed.
    """
    if schema_version >= 2:
        return config
    return replace(config, options={"retries": Retries.EXACTLY_ONCE.value, **config.options})


@contextmanager
def _named() -> Iterator[None]:
    """Errors of workloads as those of the option that is to blame."""
    try:
        yield
    except UnknownWorkload as error:
        raise BadInput(f"--workload: {error}") from error
    except BadOption as error:
        raise BadInput(f"--option: {error}") from error


class Script(Struct, frozen=True, kw_only=True):
    """What clients do where nothing is left to their workload: the calls of a shrunk run.

    Attributes:
        calls: Of the main phase, in the order of time.
        final_reads: Whether every worker reads at the end what was called for.
        settle_max_ns: How long the healed cluster may take to come to rest.
    """

    calls: tuple[ScriptedCall, ...]
    final_reads: bool
    settle_max_ns: int


class RunRecord(Struct, frozen=True, kw_only=True):
    """``run.json``, written before the first operation.

    ``clock_origin_ns`` is what the machine's monotonic clock, which the traces show, said at
    time 0 of the journal.  ``world``: what a simulated run was made of; a live one has none.
    ``script``: in place of the workload's generator, if it was not that.
    ``campaign``: the one it belongs to, if any: "nightly/20261128T021700Z".
    """

    schema_version: int = SCHEMA_VERSION
    config: RunConfig
    command: str
    arguments: tuple[str, ...]
    started: str
    versions: dict[str, str]
    commit: str | None
    clock_origin_ns: int
    world: WorldOptions | None = None
    script: Script | None = None
    campaign: str = ""
