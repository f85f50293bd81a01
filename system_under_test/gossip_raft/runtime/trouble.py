"""What a node's process can be told to suffer, by whoever started it and nobody else.

The one who starts a node with ``--faults`` holds the other end of its standard input: there is no
port and no file that somebody else could use, and without ``--faults`` nothing is listened to.
A line there is a ``Told``; on standard output comes a ``Done`` when it has taken effect.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterable
from typing import Final, TypeAlias, assert_never

import msgspec
from msgspec import Struct

from system_under_test.control import Moment
from system_under_test.gossip_raft.runtime.clock import FaultyClock
from system_under_test.gossip_raft.runtime.failpoints import Failpoints
from system_under_test.gossip_raft.runtime.faulty_files import FaultyFiles
from system_under_test.machine import (
    CLOCK_CONDITIONS,
    MachineCondition,
)

log = logging.getLogger(__name__)


class Impose(Struct, frozen=True, tag_field="do", tag="impose"):
    condition: MachineCondition


class Lift(Struct, frozen=True, tag_field="do", tag="lift"):
    condition: MachineCondition


class HealClock(Struct, frozen=True, tag_field="do", tag="heal-clock"):
    """Let it go on from where it is at the right rate."""


class LosePower(Struct, frozen=True, tag_field="do", tag="lose-power"):
    torn: bool


class CrashAt(Struct, frozen=True, tag_field="do", tag="crash-at"):
    moment: Moment
    count: int


class LetLive(Struct, frozen=True, tag_field="do", tag="let-live"):
    """Take ``CrashAt`` back."""


class Look(Struct, frozen=True, tag_field="do", tag="look"):
    """Only answer."""


Command: TypeAlias = Impose | Lift | HealClock | LosePower | CrashAt | LetLive | Look


class Told(Struct, frozen=True):
    number: int
    command: Command


class Done(Struct, frozen=True):
    """``clock_off_ns``: by how much the clock is ahead now."""

    done: int
    clock_off_ns: int


class Trouble:
    """A clock, files and failpoints that obey what comes in on standard input."""

    def __init__(self, conditions: Iterable[MachineCondition]) -> None:
        """``conditions`` hold from the beginning."""
        self.clock: Final = FaultyClock()
        self.files: Final = FaultyFiles()
        self.failpoints: Final = Failpoints()
        for condition in conditions:
            self._obey(Impose(condition))

    async def listen(self) -> None:
        """Obey, until standard input ends."""
        lines = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        decoder = msgspec.json.Decoder(Told)
        while line := await lines.readline():
            told = decoder.decode(line)
            log.warning("told to suffer", extra={"fields": msgspec.to_builtins(told.command)})
            self._obey(told.command)
            done = Done(told.number, self.clock.off_ns)
            sys.stdout.write(msgspec.json.encode(done).decode() + "\n")
            sys.stdout.flush()

    def _obey(self, command: Command) -> None:
        match command:
            case Impose(condition=condition):
                if isinstance(condition, CLOCK_CONDITIONS):
                    self.clock.impose(condition)
                else:
                    self.files.impose(condition)
            case Lift(condition=condition):
                if isinstance(condition, CLOCK_CONDITIONS):
                    self.clock.lift(condition)
                else:
                    self.files.lift(condition)
            case HealClock():
                self.clock.heal()
            case LosePower(torn=torn):
                self.files.lose_power(torn=torn)
            case CrashAt(moment=moment, count=count):
                self.failpoints.arm(moment, count)
            case LetLive():
                self.failpoints.disarm()
            case Look():
                pass
            case _:
                assert_never(command)


def conditions_of(text: str) -> tuple[MachineCondition, ...]:
    """What ``--faults`` says.

    Raises:
        ValueError: It is no list of conditions.
    """
    return msgspec.json.decode(text, type=tuple[MachineCondition, ...])


def text_of(conditions: Iterable[MachineCondition]) -> str:
    """For ``--faults``."""
    return msgspec.json.encode(tuple(conditions)).decode()
