"""A process that we start, that says when it is ready, and that dies when we do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from system_under_test.gossip_raft.runtime.errors import ProcessFailed

START_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 5.0
_LOG_LINES: Final = 10
_ROOT: Final = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Death:
    """A process ended although nobody asked it to; ``status`` as ``subprocess`` has it."""

    name: str
    status: int
    last_log_lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n  ".join((f"{self.name} {describe(self.status)}", *self.last_log_lines))


class ChildProcess:
    """Runs ``python -m module arguments --parent US``, any number of times, one at a time.

    It has a session of its own, so that Ctrl-C in our terminal does not reach it; its
    stderr is appended to ``log``.  Starting from a thread that ends kills it (see
    ``die_with_parent``): use the main one.
    """

    def __init__(
        self,
        name: str,
        module: str,
        arguments: Sequence[str],
        log: Path,
        on_death: Callable[[Death], None],
        *,
        obeys: bool = False,
    ) -> None:
        """``obeys``: it can be told something on its standard input (``tell``)."""
        self.name: Final = name
        self._command = (sys.executable, "-P", "-m", module, *arguments)
        self._log = log
        self._on_death = on_death
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._asked_to_end = False
        self._obeys = obeys
        self._hearing: asyncio.Task[None] | None = None
        self._told = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.paused = False

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """
        Raises:
            ProcessFailed: It does not run.
        """
        if self._process is None or self._process.returncode is not None:
            raise ProcessFailed(f"{self.name} does not run")
        return self._process.pid

    async def start(self, *more: str) -> dict[str, Any]:
        """Start it and wait until it serves; answers what it says of itself.

        ``more``: arguments for this time only.

        Harmless if it runs: then the answer is empty.

        Raises:
            ProcessFailed: It ended, or was not ready in time and is killed.
        """
        if self.running:
            return {}
        await self._ended()
        paths = (str(_ROOT), os.environ.get("PYTHONPATH", ""))
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                *more,
                "--parent",
                str(os.getpid()),
                stdin=asyncio.subprocess.PIPE if self._obeys else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                env={
                    "GRPC_VERBOSITY": "ERROR",
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(filter(None, paths)),
                },
            )
        self._process = process
        self.paused = False
        self._asked_to_end = True  # Until it is ready, its end is told by raising.
        self._watch = asyncio.get_running_loop().create_task(self._watch_end(process))
        ready = False
        try:
            said = await self._ready_line(process)
            ready = True
        finally:
            if not ready:
                await self.kill()
        if not self.running:
            raise self._failed("ended as soon as it was ready")
        if self._obeys:
            self._hearing = asyncio.get_running_loop().create_task(self._hear(process))
        self._asked_to_end = False
        return said

    async def tell(self, command: object) -> dict[str, Any]:
        """Tell it to do ``command``; returns its answer when it has.  If it is paused, returns
        nothing at once: it will do it before anything else.

        Raises:
            ProcessFailed: It does not run, or ended before it answered.
        """
        assert self._obeys, self.name
        if self._process is None or not self.running:
            raise ProcessFailed(f"{self.name} does not run")
        assert self._process.stdin is not None
        self._told += 1
        number = self._told
        told = msgspec.json.encode({"number": number, "command": command}) + b"\n"
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self._process.stdin.write(told)
        if self.paused:
            return {}
        return await answer

    def may_end(self, *, may: bool = True) -> None:
        """Somebody has asked it to end by itself, so that is no death to tell of; or not any
        more."""
        self._asked_to_end = may

    async def ended(self) -> None:
        """Returns when it does not run."""
        await self._ended()

    async def kill(self) -> None:
        """SIGKILL; returns when it is dead and reaped.  Harmless if it does not run."""
        self._signal(signal.SIGKILL)
        await self._ended()

    async def terminate(self) -> int | None:
        """SIGTERM, and SIGKILL if that does not help; answers the exit status.

        ``None`` if it did not run.  It may be paused.
        """
        if self._process is None or not self.running:
            return None
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._ended()
        except TimeoutError:
            await self.kill()
        return self._process.returncode

    async def pause(self) -> None:
        """SIGSTOP; returns when all its threads have stopped.

        Raises:
            ProcessFailed: It does not run, or ended.
        """
        pid = self.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            # WNOWAIT leaves its end, should it have come, to the one who reaps it.
            stopped = await asyncio.to_thread(
                os.waitid, os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT
            )
        except ChildProcessError as error:
            raise ProcessFailed(f"{self.name} ended instead of pausing") from error
        if stopped is None or stopped.si_code != os.CLD_STOPPED:
            raise ProcessFailed(f"{self.name} ended instead of pausing")
        self.paused = True

    def resume(self) -> None:
        """SIGCONT.  Harmless if it is not paused.

        Raises:
            ProcessFailed: It does not run.
        """
        os.kill(self.pid, signal.SIGCONT)
        self.paused = False

    async def _ready_line(self, process: asyncio.subprocess.Process) -> dict[str, Any]:
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                line = await process.stdout.readline()
        except TimeoutError as error:
            raise self._failed(f"was not ready within {START_TIMEOUT_S} s") from error
        if not line:
            raise self._failed(describe(await process.wait()))
        said: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
        return said

    async def _hear(self, process: asyncio.subprocess.Process) -> None:
        """Its answers to what it was told, until it ends."""
        assert process.stdout is not None
        while line := await process.stdout.readline():
            said: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
            answer = self._answers.pop(said["done"])
            if not answer.done():  # Whoever waited may have given up.
                answer.set_result(said)

    async def _watch_end(self, process: asyncio.subprocess.Process) -> None:
        status = await process.wait()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(ProcessFailed(f"{self.name} {describe(status)}"))
        self._answers.clear()
        if not self._asked_to_end:
            self._on_death(Death(self.name, status, self._last_log_lines()))

    async def _ended(self) -> None:
        """Until the process started last, if any, is reaped and its death told."""
        if self._watch is not None:
            await asyncio.shield(self._watch)  # Whoever gives up waiting must not end it.

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal that ends it by our will, or serves that."""
        self._asked_to_end = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _failed(self, problem: str) -> ProcessFailed:
        return ProcessFailed("\n  ".join((f"{self.name} {problem}", *self._last_log_lines())))

    def _last_log_lines(self) -> tuple[str, ...]:
        if not self._log.exists():
            return ()
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return tuple(lines[-_LOG_LINES:])


def describe(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"ended with exit code {status}"
    return f"was killed by {signal.Signals(-status).name}"
