"""Wrong clocks for programs that know nothing of us: libfaketime, where it is installed.

It is loaded into a node's process and reads a file again and again that says how wrong its
clocks are, all of them, the monotonic ones too; so they may go back.  A rate counts from the
start of the process: imposed later, it lets the clock jump, too.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from harness.errors import BadInput
from harness.wall_clock import pause
from system_under_test.machine import (
    PPM,
    Bumped,
    ClockCondition,
    Drifting,
    Skewed,
    Strobing,
)

LIBRARY: Final = "faketime/libfaketimeMT.so.1"
PLACES: Final = ("/usr/lib", "/usr/lib/*-linux-gnu", "/usr/local/lib", "/usr/lib64")
VARIABLE: Final = "HEARSAY_LIBFAKETIME"
"""Where the library is, if it is elsewhere."""


def find_library() -> Path:
    """
    Raises:
        BadInput: It is not installed.
    """
    if named := os.environ.get(VARIABLE):
        return Path(named)
    for place in PLACES:
        for found in sorted(Path("/").glob(f"{place[1:]}/{LIBRARY}")):
            return found
    raise BadInput(
        "--faults: the clocks of a system that is not ours can only be wrong with libfaketime,"
        f" which is not installed (apt install libfaketime, or set {VARIABLE})"
    )


class FakeTime:
    """The clocks of one node's processes, which are right until something is imposed."""

    def __init__(self, library: Path, file: Path) -> None:
        """``file`` is where the library reads."""
        self._file = file
        self._conditions: list[ClockCondition] = []
        self._gone_on_ns = 0
        self._strobes: dict[int, asyncio.Task[None]] = {}
        self._ahead_ns = 0
        self.environment: Final[Mapping[str, str]] = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
        }
        self._write()

    def impose(self, condition: ClockCondition) -> None:
        self._conditions.append(condition)
        if isinstance(condition, Strobing):
            strobe = asyncio.get_running_loop().create_task(self._strobe(condition))
            self._strobes[id(condition)] = strobe
        self._write()

    def lift(self, condition: ClockCondition) -> None:
        """Of several that are equal, one; harmless if it does not hold."""
        if condition not in self._conditions:
            return
        held = self._conditions.pop(self._conditions.index(condition))
        if isinstance(held, Bumped):
            self._gone_on_ns += held.offset_ns  # It goes on from where it is.
        elif isinstance(held, Strobing):
            self._strobes.pop(id(held)).cancel()
        self._write()

    def heal(self) -> None:
        for condition in tuple(self._conditions):
            self.lift(condition)

    async def _strobe(self, strobing: Strobing) -> None:
        try:
            while True:
                self._jump(strobing.offset_ns)
                await pause(strobing.period_ns / 1e9)
                self._jump(-strobing.offset_ns)
                await pause(strobing.period_ns / 1e9)
        finally:
            self._ahead_ns = 0
            self._write()

    def _jump(self, offset_ns: int) -> None:
        self._ahead_ns += offset_ns
        self._write()

    def _write(self) -> None:
        offset_ns = self._gone_on_ns + self._ahead_ns + _offset(self._conditions)
        ppm = PPM + sum(one.ppm for one in self._conditions if isinstance(one, Drifting))
        text = f"{offset_ns / 1e9:+.6f} x{max(PPM // 10, ppm) / PPM:.6f}\n"
        new = self._file.with_suffix(".new")
        new.write_text(text, encoding="ascii")
        new.replace(self._file)  # It is read at any moment, and must be whole.


def _offset(conditions: Iterable[ClockCondition]) -> int:
    return sum(one.offset_ns for one in conditions if isinstance(one, Bumped | Skewed))
