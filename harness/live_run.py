"""Obeys the driver in the real world: calls over gRPC, faults through capabilities."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from typing import Any, Final, Protocol, TypeAlias, assert_never

from harness.driver import Driver, Phase
from harness.effects import (
    AwaitSettled,
    CloseClient,
    Dispatch,
    Effect,
    Finished,
    HealAll,
    Inject,
    Journal,
    OpenClient,
    ProbeConnectivity,
    Undo,
    WaitUntil,
)
from harness.running_system import OperationClient, RunningSystem
from harness.wall_clock import RunClock
from histories.call import Call, Indeterminate
from histories.event import Event
from histories.journal import JournalWriter
from histories.op import Nanos, ProcessId
from nemesis.errors import NemesisError, NobodyToHit
from nemesis.inject import Injected, heal_all, inject, undo
from nemesis.schedule import Schedule
from system_under_test.gossip_raft.runtime.errors import LiveError

NemesisStep: TypeAlias = Inject | Undo | HealAll | ProbeConnectivity | AwaitSettled

STEP_TIMEOUT_S: Final = 40.0
"""Longer than a node may take to start.  A step that hangs must not keep healing waiting."""


class Watcher(Protocol):
    """Somebody who looks on: a progress display."""

    def saw(self, event: Event) -> None: ...

    def entered(self, phase: Phase) -> None: ...


class LiveRun:
    """One run.  Everything happens in one event loop; ``run`` returns when it is over."""

    def __init__(
        self,
        *,
        driver: Driver,
        system: RunningSystem,
        schedule: Schedule,
        journal: JournalWriter,
        clock: RunClock,
        rng: random.Random,
        watcher: Watcher,
    ) -> None:
        self._driver = driver
        self._system = system
        self._schedule = schedule
        self._journal = journal
        self._clock = clock
        self._rng = rng
        self.watcher = watcher
        self._clients: dict[ProcessId, OperationClient] = {}
        self._calls: dict[ProcessId, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._injected: dict[int, Injected] = {}
        self._steps: asyncio.Queue[NemesisStep] = asyncio.Queue()
        self._input = asyncio.Event()
        self._wait_until = Nanos(0)
        self._failure: BaseException | None = None
        self._problem: str | None = None

    async def run(self) -> str | None:
        """Run to the end.

        Returns:
            Why the run is incomplete ("interrupted"), or ``None``.

        Raises:
            UnwritableHistory: The journal cannot be written.
        """
        nemesis = self._task(self._take_steps())
        self._system.on_death = self._node_died
        try:
            self._obey(self._driver.start(self._clock.now()))
            phase: Phase | None = None
            while not self._driver.finished:
                self._obey(self._driver.poll(self._clock.now()))
                if self._driver.phase is not phase and self._driver.phase is not None:
                    phase = self._driver.phase
                    self.watcher.entered(phase)
                await self._wait_for_input()
                if self._failure is not None:
                    raise self._failure
        finally:
            self._system.on_death = None
            nemesis.cancel()
            for call in self._calls.values():
                call.cancel()
            for client in self._clients.values():
                await client.close()
            await asyncio.gather(*self._closing, return_exceptions=True)
        return self._problem

    def interrupt(self, reason: str) -> None:
        """Invoke nothing more, heal, and finish; may be called from a signal handler."""
        self._tell(self._driver.interrupt(reason, self._clock.now()))

    # --- effects ---------------------------------------------------------------

    def _obey(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case Journal(event=event):
                    self._journal.write(event)
                    self.watcher.saw(event)
                case OpenClient(process=process, contact=contact):
                    self._clients[process] = self._system.client(process, contact)
                case CloseClient(process=process):
                    self._close(process)
                case Dispatch(process=process, call=call):
                    self._calls[process] = self._task(self._call(process, call))
                case Inject() | Undo() | HealAll() | ProbeConnectivity() | AwaitSettled():
                    self._steps.put_nowait(effect)
                case WaitUntil(time=time):
                    self._wait_until = time
                case Finished(problem=problem):
                    self._problem = problem
                case _:
                    assert_never(effect)

    def _tell(self, effects: tuple[Effect, ...]) -> None:
        self._obey(effects)
        self._input.set()

    async def _wait_for_input(self) -> None:
        if not self._driver.finished:
            seconds = max(0, self._wait_until - self._clock.now()) / 1e9
            try:
                async with asyncio.timeout(seconds):
                    await self._input.wait()
            except TimeoutError:
                pass
        self._input.clear()

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        # A bug or a full disk must end the run, not vanish in a task nobody awaits.
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = self._failure or error
            self._input.set()

    # --- calls -----------------------------------------------------------------

    async def _call(self, process: ProcessId, call: Call) -> None:
        client = self._clients[process]
        try:
            outcome = await client.call(call)
        except Exception as error:  # noqa: BLE001  # Whatever it is, the call may have been executed.
            outcome = Indeterminate(f"{type(error).__name__}: {error}")
        self._calls.pop(process, None)
        self._tell(self._driver.completed(process, outcome, self._clock.now()))

    def _close(self, process: ProcessId) -> None:
        if (call := self._calls.pop(process, None)) is not None:
            call.cancel()
        closing = self._task(self._clients.pop(process).close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    # --- faults ----------------------------------------------------------------

    async def _take_steps(self) -> None:
        """One after the other: a step is done before the next one begins."""
        while True:
            await self._take_step(await self._steps.get())

    async def _take_step(self, step: NemesisStep) -> None:
        now = self._clock.now
        match step:
            case Inject(fault=number):
                fault = self._schedule.steps[number].fault
                try:
                    async with asyncio.timeout(STEP_TIMEOUT_S):
                        done = await inject(fault, self._system, self._rng, self._injected.values())
                except NobodyToHit as left:
                    self._tell(self._driver.noted(f"fault {number} left out: {left}", now()))
                except (NemesisError, LiveError, TimeoutError) as error:
                    self._tell(self._driver.noted(f"fault {number} failed: {error!r}", now()))
                else:
                    self._injected[number] = done
                    self._tell(
                        self._driver.injected(number, done.kind, done.nodes, done.detail, now())
                    )
            case Undo(fault=number):
                try:
                    async with asyncio.timeout(STEP_TIMEOUT_S):
                        evidence = await undo(self._injected[number], self._system)
                except (NemesisError, LiveError, TimeoutError) as error:
                    self._tell(self._driver.noted(f"undoing {number} failed: {error!r}", now()))
                else:
                    del self._injected[number]
                    self._tell(self._driver.undone(number, evidence, now()))
            case HealAll():
                evidence = await self._heal()
                self._injected.clear()
                self._tell(self._driver.healed(evidence, now()))
            case ProbeConnectivity():
                self._tell(self._driver.probed(await self._system.unreachable(), now()))
            case AwaitSettled(until=until):
                seconds = max(0, until - now()) / 1e9
                settled, detail, who = await self._system.settled(seconds)
                self._tell(self._driver.settled(settled, detail, now(), who))
            case _:
                assert_never(step)

    async def _heal(self) -> str:
        try:
            async with asyncio.timeout(STEP_TIMEOUT_S):
                return await heal_all(self._system)
        except* (NemesisError, LiveError, TimeoutError) as errors:
            said = "; ".join(map(repr, errors.exceptions))
        return f"healing failed: {said}"

    def _node_died(self, node: str, status: str, last_lines: tuple[str, ...]) -> None:
        self._tell(self._driver.node_died(node, status, last_lines, self._clock.now()))
