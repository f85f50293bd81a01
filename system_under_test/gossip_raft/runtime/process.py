"""What every process of the live system does the same way: die, report, listen."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

import msgspec

from system_under_test.gossip_raft.runtime.errors import ExitCode, LiveError

_PR_SET_PDEATHSIG: Final = 1


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when process ``parent``, which started it, ends.

    SIGKILL, as a stopped process gets no other.  (To the kernel the parent is the thread
    that started us: whoever passes ``--parent`` starts us from one that lasts.)

    Raises:
        LiveError: It cannot be arranged, or ``parent`` is gone already.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL)) != 0:
        raise LiveError(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        raise LiveError(f"process {parent}, which this one was to end with, is not its parent")


def say_ready(**fields: object) -> None:
    """One line on stdout: we serve."""
    sys.stdout.write(msgspec.json.encode({"ready": True, **fields}).decode() + "\n")
    sys.stdout.flush()


def fail(error: Exception, code: ExitCode) -> ExitCode:
    """One line on stderr: why we end."""
    sys.stderr.write(f"{error}\n")
    return code


def on_termination(stop: Callable[[], None]) -> None:
    """Call ``stop`` in the event loop on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
