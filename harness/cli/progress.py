"""What a person watches while a campaign runs."""

from __future__ import annotations

from types import TracebackType
from typing import Self, assert_never

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.config import RunConfig
from harness.driver import Phase
from histories.call import Failed, Indeterminate, Ok
from histories.event import (
    Completed,
    Event,
    FaultBegan,
    FaultEnded,
    Invoked,
    NodeDied,
    Note,
    Opened,
    Settled,
)

SHOWN_PER_SECOND = 4


class Progress:
    """A live line on a terminal; without one, a line for each fault and phase.

    Every fault and death stays on the screen as it comes.
    """

    def __init__(self, console: Console, config: RunConfig) -> None:
        self._console = console
        self._config = config
        self._time = 0
        self._ok = self._failed = self._unknown = 0
        self._phase = "starting the cluster"
        self._faults: dict[int, str] = {}
        self._live = Live(
            console=console,
            refresh_per_second=SHOWN_PER_SECOND,
            transient=True,
            get_renderable=self._line,
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def entered(self, phase: Phase) -> None:
        self._phase = phase.value
        if not self._console.is_terminal:
            self._say(phase.value)

    def saw(self, event: Event) -> None:
        match event:
            case Opened():
                return
            case Completed(outcome=outcome):
                self._ok += isinstance(outcome, Ok)
                self._failed += isinstance(outcome, Failed)
                self._unknown += isinstance(outcome, Indeterminate)
            case FaultBegan(fault=fault, kind=kind, nodes=nodes, detail=detail):
                self._faults[fault] = f"{kind} {', '.join(nodes)}"
                self._say(
                    f"{kind} {', '.join(nodes)} ({detail})" if detail else self._faults[fault]
                )
            case FaultEnded(fault=fault, evidence=evidence):
                self._say(f"{self._faults.pop(fault, 'fault')} ended: {evidence}")
            case NodeDied(node=node, status=status):
                self._say(f"{node} died by itself: {status}", style="red")
            case Settled(detail=detail):
                self._say(f"settled: {detail}" if event.settled else f"not settled: {detail}")
            case Invoked() | Note():
                pass
            case _:
                assert_never(event)
        self._time = event.time

    def _say(self, text: str, style: str = "dim") -> None:
        self._console.print(f"{self._time / 1e9:6.1f} s  {text}", style=style, markup=False)

    def _line(self) -> Table:
        seconds = self._time / 1e9
        line = Table.grid(padding=(0, 1))
        line.add_row(
            ProgressBar(total=self._config.time_s, completed=seconds, width=24),
            f"{seconds:5.1f} s",
            Text(f"{self._ok:,} ok", style="green"),
            Text(f"{self._failed:,} refused", style="blue"),
            Text(f"{self._unknown:,} unknown", style="yellow"),
            Text(", ".join(self._faults.values()) or self._phase, style="magenta"),
        )
        return line
