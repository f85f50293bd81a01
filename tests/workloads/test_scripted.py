"""A script is followed to the letter, and to the nanosecond where its workers are free."""

from __future__ import annotations

from histories.call import Ok, Read, Write
from histories.event import Completed, Invoked, Opened
from histories.op import FOREVER, Nanos, ProcessId
from workloads.generator import Completion, Context, Invoke, Pending
from workloads.scripted import Scripted, ScriptedCall, script_of


def at(time: int, worker: int, key: str) -> ScriptedCall:
    return ScriptedCall(at_ns=Nanos(time), worker=worker, call=Read(key))


def context(now: int, *free: int) -> Context:
    return Context(Nanos(now), tuple(map(ProcessId, free)), 2)


def test_a_call_is_made_when_its_time_has_come_by_its_worker() -> None:
    script = Scripted((at(5, 1, "a"), at(9, 0, "b")))
    assert script.next(context(4, 0, 1))[0] == Pending(Nanos(5))
    step, rest = script.next(context(5, 0, 1))
    assert step == Invoke(ProcessId(1), Read("a"))
    assert rest.next(context(5, 0))[0] == Pending(Nanos(9))


def test_a_successor_of_a_retired_process_speaks_for_its_worker() -> None:
    step, _ = Scripted((at(5, 1, "a"),)).next(context(5, 0, 7))
    assert step == Invoke(ProcessId(7), Read("a"))


def test_a_busy_worker_makes_its_call_as_soon_as_it_is_free_and_holds_up_nobody() -> None:
    script = Scripted((at(5, 1, "a"), at(6, 0, "b")))
    step, rest = script.next(context(6, 0))
    assert step == Invoke(ProcessId(0), Read("b"))
    assert rest.next(context(6))[0] == Pending(FOREVER)
    completion = Completion(Nanos(8), ProcessId(1), Read("x"), Ok((None,)))
    step, rest = rest.update(completion).next(context(8, 1))
    assert step == Invoke(ProcessId(1), Read("a"))
    assert rest.next(context(9, 0, 1))[0] == Pending(FOREVER)


def test_the_script_of_a_journal_names_workers_and_leaves_out_answers() -> None:
    call = Write("k", 1)
    events = (
        Opened(),
        Invoked(time=Nanos(3), op=0, process=ProcessId(5), call=call),
        Completed(time=Nanos(4), op=0, process=ProcessId(5), outcome=Ok()),
    )
    assert script_of(events, 2) == (ScriptedCall(at_ns=Nanos(3), worker=1, call=call),)


def test_what_was_called_because_of_an_answer_may_be_called_after_it() -> None:
    call = Write("k", 1)
    events = (
        Completed(time=Nanos(4), op=0, process=ProcessId(5), outcome=Ok()),
        Invoked(time=Nanos(4), op=1, process=ProcessId(4), call=call),
        Invoked(time=Nanos(5), op=2, process=ProcessId(5), call=call),
    )
    assert [call.at_ns for call in script_of(events, 2)] == [4, 5]
    assert [call.at_ns for call in script_of(events, 2, after_answers=True)] == [5, 5]
