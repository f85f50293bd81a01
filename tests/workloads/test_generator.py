"""Laws of generators, in virtual time."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from histories.call import Call, Indeterminate, Ok, Outcome, Read, Write
from histories.op import FOREVER, Nanos, ProcessId
from workloads.catalogue import WORKLOADS
from workloads.combinators import (
    AnyOf,
    CycleTimes,
    Delay,
    EachProcess,
    FlipFlop,
    Map,
    ProcessLimit,
    Reserve,
    Sleep,
    UntilOk,
    on_workers,
)
from workloads.draws import Draws, draw
from workloads.generator import (
    BACKLOG_INTERVALS_MAX,
    EXHAUSTED,
    Completion,
    Context,
    EachWorker,
    Exhausted,
    Filter,
    Generator,
    Invoke,
    Limit,
    Mix,
    Pending,
    Phases,
    Repeat,
    Sequence,
    Stagger,
    TimeLimit,
    once,
)
from workloads.simulation import Answer, SimulatedCall, simulate

MS = 1_000_000
SECOND = 1_000 * MS
READS = Repeat(once(Read("x")))


def takes(latency: int) -> Answer:
    return lambda call, now: (Nanos(latency), answer(call))  # noqa: ARG005


def answer(call: Call) -> Outcome:
    return Ok() if isinstance(call, Write) else Ok((None,))


def chance(seed: int, latency_max: int = 50 * MS) -> Answer:
    """Random latencies; one call in ten is indeterminate."""
    rng = random.Random(seed)

    def drawn(call: Call, now: Nanos) -> tuple[Nanos, Outcome]:  # noqa: ARG001
        outcome = Indeterminate("broke") if rng.random() < 0.1 else answer(call)
        return Nanos(rng.randrange(latency_max)), outcome

    return drawn


def run(generator: Generator, answers: Answer, concurrency: int = 5) -> list[SimulatedCall]:
    done = simulate(generator, concurrency=concurrency, answer=answers, calls_max=2_000)
    return sorted(done, key=lambda one: (one.invoked, one.process))


@st.composite
def generators(draw_: st.DrawFn, depth: int = 3) -> Generator:
    """Any small generator that comes to an end."""
    if depth == 0:
        keys = draw_(st.lists(st.sampled_from("xyz"), min_size=1, max_size=5))
        return Sequence(tuple(map(Read, keys)))
    inner = generators(depth=depth - 1)
    draws = Draws(draw_(st.integers(0, 99)))
    match draw_(st.integers(0, 17)):
        case 0:
            return Limit(draw_(st.integers(0, 9)), draw_(inner))
        case 1:
            return TimeLimit(Nanos(draw_(st.integers(1, SECOND))), draw_(inner))
        case 2:
            return Stagger(Nanos(draw_(st.integers(1, 100 * MS))), draws, draw_(inner))
        case 3:
            return Mix(tuple(draw_(st.lists(inner, max_size=3))), draws)
        case 4:
            return Phases(tuple(draw_(st.lists(inner, max_size=3))))
        case 5:
            return EachWorker(draw_(inner))
        case 6:
            return Repeat(once(Read("r")), draw_(st.integers(0, 5)))
        case 7:
            return Filter(lambda call: call != Read("y"), draw_(inner))
        case 8:
            return Delay(Nanos(draw_(st.integers(1, 100 * MS))), draw_(inner))
        case 9:
            return AnyOf(tuple(draw_(st.lists(inner, max_size=3))))
        case 10:
            return FlipFlop(draw_(inner), draw_(inner))
        case 11:
            return Map(lambda call: Write(call.key, 1), draw_(inner))
        case 12:
            return ProcessLimit(draw_(st.integers(0, 5)), draw_(inner))
        case 13:
            return UntilOk(draw_(inner))
        case 14:
            return EachProcess(draw_(generators(depth=0)))
        case 15:
            return Reserve(((1, draw_(inner)),), draw_(inner))
        case 16:
            return Phases((Sleep(Nanos(draw_(st.integers(1, SECOND)))), draw_(inner)))
        case _:
            return draw_(generators(depth=0))


@settings(max_examples=150, deadline=None)
@given(generator=generators(), seed=st.integers(0, 99), concurrency=st.integers(1, 4))
def test_any_generator_keeps_the_laws(generator: Generator, seed: int, concurrency: int) -> None:
    class Watched:
        """Asks twice, and looks at the answers."""

        def __init__(self, inner: Generator) -> None:
            self.inner = inner

        def next(self, context: Context) -> tuple[Invoke | Pending | Exhausted, Generator]:
            step, after = self.inner.next(context)
            assert (step, after) == self.inner.next(context), "law 1"
            match step:
                case Invoke(process=process):
                    assert process in context.free, "law 2"
                case Pending(until=until):
                    assert until > context.now
                    busy = len(context.free) < context.concurrency
                    assert busy or until < FOREVER, "pending for nothing"
                case Exhausted():
                    assert after.next(context)[0] == EXHAUSTED, "law 3"
            return step, Watched(after)

        def update(self, completion: Completion) -> Generator:
            after = self.inner.update(completion)
            assert after == self.inner.update(completion), "law 1"
            return Watched(after)

    done = run(Watched(generator), chance(seed), concurrency)
    assert done == run(generator, chance(seed), concurrency)
    assert_no_process_overlaps(done)


def assert_no_process_overlaps(done: list[SimulatedCall]) -> None:
    by_process: dict[ProcessId, list[SimulatedCall]] = {}
    for one in done:
        by_process.setdefault(one.process, []).append(one)
    for calls in by_process.values():
        for earlier, later in pairwise(calls):
            assert later.invoked >= earlier.completed
            assert not isinstance(earlier.outcome, Indeterminate), "it was retired"


@given(calls_max=st.integers(0, 40), seed=st.integers(0, 99))
def test_limit_is_exact_when_there_is_enough(calls_max: int, seed: int) -> None:
    assert len(run(Limit(calls_max, READS), chance(seed))) == calls_max


@settings(max_examples=50, deadline=None)
@given(calls_max=st.integers(0, 9), inner=generators(), seed=st.integers(0, 99))
def test_limit_is_never_exceeded_and_changes_nothing_before(
    calls_max: int, inner: Generator, seed: int
) -> None:
    limited = run(Limit(calls_max, inner), chance(seed))
    assert len(limited) <= calls_max
    # Chance is drawn call by call, so the same calls have the same fates.
    assert len(limited) == min(calls_max, len(run(inner, chance(seed))))


def test_limit_does_not_add_calls() -> None:
    assert len(run(Limit(5, once(Read("x"))), takes(MS))) == 1


@pytest.mark.parametrize("latency", [MS, 30 * MS, 5 * SECOND])
def test_nothing_is_called_at_the_time_limit_or_later(latency: int) -> None:
    done = run(TimeLimit(Nanos(SECOND), READS), takes(latency))
    assert max(one.invoked for one in done) < SECOND


def test_a_time_limit_ends_a_wait() -> None:
    never = Stagger(Nanos(10**15), Draws(1), READS, due=Nanos(10**15))
    step, _ = TimeLimit(Nanos(SECOND), never).next(Context(Nanos(7), (ProcessId(0),), 1))
    assert step == Pending(Nanos(SECOND + 7))


@settings(max_examples=50, deadline=None)
@given(interval=st.integers(1_000, SECOND), seed=st.integers(0, 2**64 - 1))
def test_the_mean_rate_of_stagger_is_the_one_asked_for(interval: int, seed: int) -> None:
    staggered = Stagger(Nanos(interval), Draws(seed), READS)
    done = run(TimeLimit(Nanos(1_000 * interval), staggered), takes(interval // 10))
    # Uniform gaps over 1,000 intervals: 100 are five standard deviations.
    assert 900 <= len(done) <= 1100
    gaps = [b.invoked - a.invoked for a, b in pairwise(done)]
    assert max(gaps) <= 2 * interval


def test_stagger_makes_up_for_late_questions_but_not_for_a_long_stall() -> None:
    staggered: Generator = Stagger(Nanos(10 * MS), Draws(1), READS)
    for now in (0, SECOND):
        made = 0
        while True:
            context = Context(Nanos(now), (ProcessId(0),), 1)
            step, staggered = staggered.next(context)
            if not isinstance(step, Invoke):
                break
            made += 1
        assert made == 1 if now == 0 else 1 < made <= 3 * BACKLOG_INTERVALS_MAX


def test_a_mixture_is_even_and_outlives_its_parts() -> None:
    mixed = Mix((Limit(20, READS), Repeat(once(Read("y")))), Draws(4))
    done = run(Limit(400, mixed), takes(MS), 1)
    assert Counter(one.call.key for one in done) == {"x": 20, "y": 380}
    even = run(Limit(1_000, Mix((READS, Repeat(once(Read("y")))), Draws(4))), takes(MS), 1)
    assert 430 < Counter(one.call.key for one in even)["x"] < 570


def test_phases_wait_for_the_slowest_call() -> None:
    slow_first = Phases((Sequence((Read("a"), Read("b"))), once(Read("c"))))
    done = run(slow_first, lambda call, now: (Nanos(9 if call.key == "a" else 1), Ok((None,))))  # noqa: ARG005
    assert [(one.call.key, one.invoked) for one in done] == [("a", 0), ("b", 0), ("c", 9)]


@settings(max_examples=50, deadline=None)
@given(inners=st.lists(generators(depth=2), max_size=4), seed=st.integers(0, 99))
def test_phases_synchronise_whatever_they_consist_of(inners: list[Generator], seed: int) -> None:
    phases = Phases(
        tuple(
            Map(lambda _, number=number: Read(str(number)), inner)  # type: ignore[misc]
            for number, inner in enumerate(inners)
        )
    )
    done = run(phases, chance(seed), 3)
    over = 0
    for number in range(len(inners)):
        mine = [one for one in done if one.call.key == str(number)]
        assert all(one.invoked >= over for one in mine)
        over = max([over, *(one.completed for one in mine)])


@pytest.mark.parametrize("seed", range(5))
def test_each_worker_makes_every_call_once_though_processes_are_retired(seed: int) -> None:
    calls = (Read("x"), Read("y"), Read("z"))
    done = run(EachWorker(Sequence(calls)), chance(seed), concurrency=7)
    for worker in range(7):
        mine = [one.call for one in done if one.process % 7 == worker]
        assert tuple(mine) == calls


def test_phases_of_one_worker_do_not_wait_for_the_others() -> None:
    own = EachWorker(Phases((once(Read("a")), once(Read("b")))))
    done = run(own, takes(MS), 2)
    assert Counter((one.process, one.call.key) for one in done) == Counter(
        (process, key) for process in (0, 1) for key in "ab"
    )


def test_repeat_starts_again_as_often_as_told() -> None:
    twice = Repeat(Sequence((Read("x"), Read("y"))), 2)
    assert [one.call.key for one in run(twice, takes(1), 1)] == ["x", "y", "x", "y"]


def test_filter_leaves_out_what_is_not_wanted() -> None:
    both = Sequence((Read("x"), Read("y"), Read("x")))
    kept = Filter(lambda call: call.key == "x", both)
    assert len(run(kept, takes(1))) == 2


@given(interval=st.integers(1, 50 * MS), seed=st.integers(0, 99))
def test_delay_keeps_calls_apart(interval: int, seed: int) -> None:
    done = run(Limit(20, Delay(Nanos(interval), READS)), chance(seed))
    assert all(b.invoked - a.invoked >= interval for a, b in pairwise(done))
    assert len(done) == 20


@given(counts=st.lists(st.integers(0, 3), max_size=3), seed=st.integers(0, 99))
def test_reserved_workers_serve_their_generator_though_processes_are_retired(
    counts: list[int], seed: int
) -> None:
    parts = tuple((count, Limit(10, endless(f"p{n}"))) for n, count in enumerate(counts))
    done = run(Reserve(parts, Limit(10, endless("rest"))), chance(seed), concurrency=10)
    first = 0
    for number, count in enumerate(counts):
        workers = {one.process % 10 for one in done if one.call.key == f"p{number}"}
        assert workers <= set(range(first, first + count))
        assert len(workers) == count
        first += count
    assert {one.process % 10 for one in done if one.call.key == "rest"} <= set(range(first, 10))


def endless(key: str) -> Generator:
    return Repeat(once(Read(key)))


def test_reserved_workers_are_all_there_are_to_their_generator() -> None:
    each = EachWorker(Sequence((Read("a"), Read("b"))))
    done = run(Reserve(((2, each),), once(Read("c"))), chance(3), concurrency=5)
    assert Counter((one.process % 5, one.call.key) for one in done if one.call.key != "c") == {
        (worker, key): 1 for worker in (0, 1) for key in "ab"
    }


def test_workers_without_a_generator_stay_idle() -> None:
    done = run(on_workers(2, Limit(9, READS)), takes(MS))
    assert {one.process for one in done} == {0, 1}


def test_flip_flop_takes_turns() -> None:
    done = run(FlipFlop(endless("x"), Sequence((Read("y"), Read("y")))), takes(MS), 1)
    assert [one.call.key for one in done] == ["x", "y", "x", "y", "x"]


def test_any_of_takes_whoever_can_call_now() -> None:
    late = Phases((Sleep(Nanos(SECOND)), once(Read("late"))))
    done = run(AnyOf((late, Limit(3, Delay(Nanos(400 * MS), endless("soon"))))), takes(MS), 1)
    assert [one.call.key for one in done] == ["soon", "soon", "soon", "late"]


def test_until_ok_goes_on_until_an_answer() -> None:
    lost = Indeterminate("lost")
    answers: Iterator[Outcome] = iter([lost, lost, Ok((1,)), Ok((1,))])
    done = run(UntilOk(READS), lambda call, now: (Nanos(MS), next(answers)), 1)  # noqa: ARG005
    assert len(done) == 3


def test_a_process_limit_bounds_what_stays_open() -> None:
    done = run(ProcessLimit(7, READS), lambda call, now: (Nanos(MS), Indeterminate("lost")))  # noqa: ARG005
    assert len({one.process for one in done}) == len(done) == 7


def test_each_process_begins_anew() -> None:
    answers: Iterator[Outcome] = iter([Indeterminate("lost"), Ok((1,)), Ok((1,)), Ok((1,))])
    each = EachProcess(Sequence((Read("a"), Read("b"))))
    done = run(each, lambda call, now: (Nanos(MS), next(answers)), 1)  # noqa: ARG005
    assert [(one.process, one.call.key) for one in done] == [(0, "a"), (1, "a"), (1, "b")]


def test_cycle_times_gives_each_its_time() -> None:
    day = CycleTimes(((Nanos(30 * MS), endless("day")), (Nanos(10 * MS), endless("night"))))
    done = run(TimeLimit(Nanos(80 * MS), day), takes(MS), 1)
    for one in done:
        assert (one.invoked % (40 * MS) < 30 * MS) == (one.call.key == "day")
    assert Counter(one.call.key for one in done) == {"day": 60, "night": 20}


def test_map_changes_calls() -> None:
    done = run(Map(lambda call: Write(call.key, 7), Limit(3, READS)), takes(MS))
    assert [one.call for one in done] == [Write("x", 7)] * 3


def test_the_longest_idle_process_calls_next() -> None:
    done = run(Limit(9, Stagger(Nanos(100 * MS), Draws(2), READS)), takes(1), 3)
    assert [one.process for one in done] == [0, 1, 2] * 3


def test_splitmix64_draws_what_the_reference_draws() -> None:
    """The first outputs for seed 1234567, as published with the reference code."""
    draws, numbers = Draws(1234567), []
    for _ in range(5):
        number, draws = draw(draws)
        numbers.append(number)
    assert numbers == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_a_long_simulation_is_a_function_of_its_seeds() -> None:
    def simulated() -> list[SimulatedCall]:
        register = WORKLOADS["register"].generator(random.Random(1))
        staggered = Limit(20_000, Stagger(Nanos(10 * MS), Draws(1), register))
        return simulate(staggered, concurrency=10, answer=takes(40 * MS))

    done = simulated()
    assert len(done) == 20_000
    assert done == simulated()
