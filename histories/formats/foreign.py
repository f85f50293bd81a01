"""What Jepsen's histories have in common, in whatever syntax they are written."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from histories.call import Call, Failed, Indeterminate, Outcome
from histories.errors import MalformedHistory
from histories.event import Completed, Event, Invoked
from histories.formats.dialect import DRAINS, Dialect, dialect_of
from histories.formats.foreign_event import ForeignEvent
from histories.history import History
from histories.op import Nanos, ProcessId
from histories.pairing import pair

_TYPES: Final = ("invoke", "ok", "fail", "info")


def history_of_foreign(
    events: Iterable[ForeignEvent],
    *,
    file: str,
    nil_is_absent: bool,
    takes: Container[str] | None = None,
) -> tuple[History, bool]:
    """Pair the events, and make of them the calls that they mean.

    Their order is the truth; their times are used only where they agree with it,
    else the n-th event happens at n nanoseconds.

    A failed call never took effect.  A successful compare-and-set found what it
    expected.  A drain is many dequeues, each some time while it went on.

    Args:
        events: In the order of the file, without those of the nemesis.
        file: Named in errors.
        nil_is_absent: Whether a read of nil found nothing there (etcd's logs), or
            says nothing at all (Knossos).
        takes: The calls, by the names of ``histories.columns.FUNCTIONS``, that the
            history is meant to hold, where that is known: it tells what "add" is.

    Returns:
        The history, and whether its times are those of the events.

    Raises:
        MalformedHistory: A call is none that is known, or they break a law of ``Op``,
            with line, column and field.
    """
    listed = list(events)
    answers = _answers(listed, file)
    dialect = dialect_of(listed, file=file, nil_is_absent=nil_is_absent, takes=takes)
    times, timed = _times(listed)
    translation = _Translation(listed, answers, dialect, times)
    translation.translate()
    try:
        return pair(translation.paired, file=file, lines=translation.origins), timed
    except MalformedHistory as error:
        # The lines that it was given are positions.
        if error.line is None:
            raise
        raise listed[error.line].broken(error.problem, file, error.field or "process") from error


def _answers(events: Sequence[ForeignEvent], file: str) -> dict[int, int]:
    """The position of the completion of each invocation, by its position."""
    answers: dict[int, int] = {}
    open_calls: dict[int, int] = {}
    for position, event in enumerate(events):
        if event.type == "invoke":
            if event.process in open_calls:
                raise event.broken(
                    f"process {event.process} calls while its last call is open", file, "process"
                )
            open_calls[event.process] = position
        elif event.type not in _TYPES:
            raise event.broken(f"{event.type!r} is none of {', '.join(_TYPES)}", file, "type")
        elif event.process not in open_calls:
            raise event.broken(
                f"process {event.process} has no open call to be completed", file, "process"
            )
        else:
            answers[open_calls.pop(event.process)] = position
    return answers


def _times(events: Sequence[ForeignEvent]) -> tuple[list[Nanos], bool]:
    times = [event.time for event in events if event.time is not None]
    measured = len(times) == len(events) == len(set(times)) and times == sorted(times)
    if measured and (not times or times[0] >= 0):
        return [Nanos(time) for time in times], True
    return [Nanos(position) for position in range(len(events))], False


@dataclass(slots=True)
class _Translation:
    """``paired[i]`` comes from the event at position ``origins[i]``."""

    events: Sequence[ForeignEvent]
    answers: dict[int, int]
    dialect: Dialect
    times: Sequence[Nanos]
    paired: list[Event] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)
    called: int = 0
    open: dict[int, list[tuple[int, ProcessId, Outcome]]] = field(default_factory=dict)

    def translate(self) -> None:
        fresh = max((event.process for event in self.events), default=0) + 1
        for position, event in enumerate(self.events):
            if event.type != "invoke":
                for op, process, outcome in self.open.pop(position, ()):
                    self._add(
                        position,
                        Completed(
                            time=self.times[position], op=op, process=process, outcome=outcome
                        ),
                    )
                continue
            answer = self.answers.get(position)
            for call, outcome in self._exchanges(event, answer):
                process = ProcessId(event.process)
                if event.f in DRAINS:
                    process, fresh = ProcessId(fresh), fresh + 1
                op, self.called = self.called, self.called + 1
                self._add(
                    position,
                    Invoked(time=self.times[position], op=op, process=process, call=call),
                )
                if answer is not None:
                    self.open.setdefault(answer, []).append((op, process, outcome))

    def _add(self, position: int, event: Event) -> None:
        self.paired.append(event)
        self.origins.append(position)

    def _exchanges(self, event: ForeignEvent, answer: int | None) -> Iterator[tuple[Call, Outcome]]:
        completion = None if answer is None else self.events[answer]
        if event.f in DRAINS:
            yield from self.dialect.drained(event, completion)
            return
        call = self.dialect.call(event, completion)
        yield call, self._outcome(event, call, completion)

    def _outcome(self, event: ForeignEvent, call: Call, completion: ForeignEvent | None) -> Outcome:
        match completion:
            case None:
                return Indeterminate("no completion was recorded")
            case ForeignEvent(type="ok"):
                return self.dialect.answer(event, call, completion)
            case ForeignEvent(type="fail", error=error):
                return Failed(error or "failed")
            case ForeignEvent(error=error):
                return Indeterminate(error or "unknown")
