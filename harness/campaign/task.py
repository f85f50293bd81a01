"""One run of a campaign, as a value that any process can be handed."""

from __future__ import annotations

import shlex
from typing import Final

from msgspec import Struct

from harness import foreign_system
from harness.config import RunConfig
from harness.planning import plan_faults, scheduled
from harness.simulated import Plan
from harness.swarm import Given, draw_plan
from harness.system_file import load_system
from nemesis.plan import KINDS

_OPTIONS: Final = {
    "workload": "workload",
    "nodes": "nodes",
    "faults": "faults",
    "schedule": "schedule",
    "time_s": "time",
    "concurrency": "concurrency",
    "rate_hz": "rate",
    "operation_timeout_ms": "timeout",
    "reads": "reads",
    "bug": "bug",
}
"""Of ``hearsay simulate``, by the field of ``Given``."""


LIVE_OVERHEAD_S: Final = 12.0
"""Of a live run beyond its time under load: starting, healing, the final reads, the checks."""

SIMULATED_S: Final = 2.0


class Task(Struct, frozen=True, kw_only=True):
    """``number``: its place in the campaign, by which its result is known.

    For a live run, ``system``: a user's own; ``at_once``: so many faults may hold at once.
    """

    number: int
    live: bool
    seed: int
    given: Given
    system: str | None = None
    at_once: int = 1

    @property
    def title(self) -> str:
        """What was asked for, in words: "live register faults=kill,pause nodes=3 seed=7"."""
        words = [f"{_OPTIONS[name]}={text}" for name, text in self._given() if name != "workload"]
        workload = self.given.workload or ("register" if self.live else "any")
        world = "live" if self.live else "simulated"
        system = [] if self.system is None else [f"system={self.system}"]
        at_once = [] if self.at_once == 1 else [f"at-once={self.at_once}"]
        more = (*system, *words, *at_once, *self._settings(), f"seed={self.seed}")
        return " ".join((world, workload, *more))

    @property
    def expected_seconds(self) -> float:
        """That it will take, about."""
        return self.config().time_s + LIVE_OVERHEAD_S if self.live else SIMULATED_S

    def config(self) -> RunConfig:
        """Of a live run."""
        assert self.live, self
        chosen = {
            name: value
            for name in Given.__dataclass_fields__
            if (value := getattr(self.given, name)) is not None
        }
        config = RunConfig(seed=self.seed, system=self.system, at_once=self.at_once, **chosen)
        return scheduled(config)

    @property
    def suffers(self) -> tuple[str, ...]:
        """The kinds of faults that its nodes can suffer."""
        if self.system is None:
            return KINDS
        return (*foreign_system.KINDS, *foreign_system.CLOCK_KINDS)

    def plan(self) -> Plan:
        """Of a simulated run."""
        assert not self.live, self
        return draw_plan(self.seed, self.given)

    def command(self) -> str:
        """The one command that makes this run by itself."""
        if self.live:
            return self.config().command()
        words = ["hearsay", "simulate", "--seeds", str(self.seed)]
        for name, text in self._given():
            words += [f"--{_OPTIONS[name]}", text]
        for setting in self._settings():
            words += ["--option", setting]
        return shlex.join(words)

    def check(self) -> None:
        """Raises: BadInput: It cannot be run; names the option."""
        if self.live:
            config = self.config()
            config.check()
            if self.system is not None:
                load_system(self.system)
            plan_faults(config, self.suffers)
        else:
            self.plan()

    def _given(self) -> list[tuple[str, str]]:
        """The fields that are given, as options are typed."""
        return [
            (name, _typed(value))
            for name in _OPTIONS
            if (value := getattr(self.given, name)) is not None
        ]

    def _settings(self) -> list[str]:
        """The options of the workload, as they are typed."""
        return [f"{name}={setting}" for name, setting in self.given.options.items()]


def _typed(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
