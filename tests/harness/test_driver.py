"""The driver obeyed in virtual time; numbers in comments are rows of the judges' list."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import cycle, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.driver import FaultTime
from harness.effects import (
    AwaitSettled,
    CloseClient,
    Dispatch,
    HealAll,
    Inject,
    Journal,
    OpenClient,
    ProbeConnectivity,
    Undo,
)
from harness.seeds import derive
from histories.call import Call, Failed, Indeterminate, Ok, Outcome, Read, Write
from histories.event import FaultBegan, FaultEnded, Invoked, NodeDied, Note, Settled
from histories.op import FOREVER, Nanos, ProcessId
from histories.pairing import pair
from tests.harness.virtual_run import (
    MS,
    SECOND,
    Client,
    Run,
    after,
    answer,
    final_reads,
    silent,
    some_options,
    virtual_run,
)
from workloads.catalogue import WORKLOADS
from workloads.draws import Draws
from workloads.generator import (
    Completion,
    Context,
    EachWorker,
    Generator,
    Limit,
    Phases,
    Repeat,
    Sequence,
    Stagger,
    Step,
    once,
)

READS = Repeat(once(Read("x")))
TEN_HZ = Stagger(Nanos(100 * MS), Draws(1), READS)


def text_of(run: Run) -> str:
    return "\n".join(event.text for event in run.events if isinstance(event, Note))


def test_a_success_after_the_time_out_never_appears() -> None:  # 1
    run = virtual_run(TEN_HZ, after(1500 * MS)).run()
    assert len(run.completed) == len(run.invoked) > 10
    assert all(isinstance(event.outcome, Indeterminate) for event in run.completed)


def test_a_success_at_the_time_out_itself_is_too_late() -> None:  # 1
    run = virtual_run(Limit(1, READS), after(SECOND)).run()
    assert run.completed[0].outcome == Indeterminate("no answer in 1 s")


def test_a_second_completion_of_one_call_never_appears() -> None:  # 9
    def repeats(process: ProcessId, call: Call, now: Nanos) -> Iterable[tuple[int, Outcome]]:  # noqa: ARG001
        yield MS, answer(call)
        yield MS, Indeterminate("late")

    run = virtual_run(Limit(20, TEN_HZ), repeats, options=some_options(concurrency=30)).run()
    assert Counter(type(event.outcome) for event in run.completed) == {Ok: len(run.invoked)}


def test_an_indeterminate_call_retires_its_process_and_the_worker_keeps_its_node() -> None:  # 4
    turns = cycle((True, False))

    def every_other(process: ProcessId, call: Call, now: Nanos) -> Iterable[tuple[int, Outcome]]:  # noqa: ARG001
        yield MS, answer(call) if next(turns) else Indeterminate("crashed")

    run = virtual_run(Limit(6, READS), every_other, options=some_options(concurrency=1)).run()
    processes = [event.process for event in run.invoked]
    assert processes[:6] == [0, 0, 1, 1, 2, 2]
    opened = [effect for _, effect in run.effects if isinstance(effect, OpenClient)]
    assert {effect.contact for effect in opened} == {0}


def test_a_client_is_replaced_after_so_many_answers() -> None:  # 4
    options = replace(some_options(concurrency=2), reconnect_ops=3)
    run = virtual_run(Limit(18, TEN_HZ), after(MS), options=options).run()
    calls = Counter(event.process for event in run.invoked[:18])
    assert calls == dict.fromkeys(range(6), 3)
    closed = [effect.process for _, effect in run.effects if isinstance(effect, CloseClient)]
    assert closed[:6] == [0, 1, 2, 3, 4, 5]
    assert not run.open


def test_process_numbers_tell_worker_and_node() -> None:  # 4
    options = some_options(concurrency=4)
    run = virtual_run(TEN_HZ, silent, options=options).run()
    for _, effect in run.effects:
        if isinstance(effect, OpenClient):
            assert effect.contact == effect.process % 4 % 3
    for worker in range(4):
        mine = [event.process for event in run.invoked if event.process % 4 == worker]
        assert mine == [worker + 4 * turn for turn in range(len(mine))]


@pytest.mark.parametrize("client", [after(MS), silent])
def test_clients_are_opened_once_and_closed_once(client: Client) -> None:  # 5
    run = virtual_run(TEN_HZ, client).run()
    opened = [effect.process for _, effect in run.effects if isinstance(effect, OpenClient)]
    closed = [effect.process for _, effect in run.effects if isinstance(effect, CloseClient)]
    assert len(set(opened)) == len(opened)
    assert sorted(opened) == sorted(closed)
    assert not run.open


def test_an_invocation_is_journaled_just_before_its_dispatch() -> None:  # 6
    run = virtual_run(TEN_HZ, silent).run()
    dispatches = 0
    for (time, before), (_, effect) in pairwise(run.effects):
        if isinstance(effect, Dispatch):
            dispatches += 1
            assert isinstance(before, Journal)
            assert isinstance(before.event, Invoked)
            assert (before.event.process, before.event.call) == (effect.process, effect.call)
            assert before.event.time == time
    assert dispatches == len(run.invoked)


def test_intervals_contain_the_moment_at_which_the_call_took_effect() -> None:  # 7
    rng = random.Random(7)
    applied: list[Nanos] = []

    def applies(process: ProcessId, call: Call, now: Nanos) -> Iterable[tuple[int, Outcome]]:  # noqa: ARG001
        latency = rng.randrange(10 * MS)
        applied.append(Nanos(now + rng.randint(0, latency)))
        yield latency, answer(call)

    options = some_options(concurrency=10, time_limit=60 * SECOND)
    run = virtual_run(Limit(5_000, READS), applies, options=options).run()
    history = pair(run.events)
    assert len(history.ops) == len(applied) > 5_000
    for op, moment in zip(history.ops, applied, strict=True):
        assert op.invoked <= moment <= op.completed


def test_measured_concurrency_is_the_true_one() -> None:  # 8
    options = some_options(concurrency=7)
    run = virtual_run(READS, after(10 * MS), options=options).run()
    ops = [op for op in pair(run.events).ops if op.completed <= 10 * SECOND]
    busy = sum(op.completed - op.invoked for op in ops)
    assert busy == 7 * 10 * SECOND
    assert "all clients were busy 100% of the time" in text_of(run)


OUTCOMES = st.one_of(
    st.just(Ok((None,))), st.just(Failed("refused")), st.just(Indeterminate("broke"))
)


@settings(max_examples=60, deadline=None)
@given(
    replies=st.lists(
        st.lists(st.tuples(st.integers(0, 1500 * MS), OUTCOMES), max_size=2), min_size=1
    ),
    concurrency=st.integers(1, 5),
    faults=st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 4_000)), max_size=4),
    interrupt_at=st.none() | st.integers(0, 6 * SECOND),
    slow_nemesis=st.booleans(),
)
def test_any_run_is_well_formed_healed_and_over_in_time(  # 9, 19, 43
    replies: list[list[tuple[int, Outcome]]],
    concurrency: int,
    faults: list[tuple[int, int]],
    interrupt_at: int | None,
    slow_nemesis: bool,
) -> None:
    calls = 0

    def drawn(process: ProcessId, call: Call, now: Nanos) -> Iterable[tuple[int, Outcome]]:  # noqa: ARG001
        nonlocal calls
        calls += 1
        return replies[calls % len(replies)]

    run = virtual_run(
        TEN_HZ,
        drawn,
        options=some_options(concurrency=concurrency, time_limit=3 * SECOND),
        faults=[FaultTime(Nanos(at * MS), Nanos(long * MS)) for at, long in sorted(faults)],
    )
    run.confirm_after = (300 if slow_nemesis else 1) * MS
    if interrupt_at is not None:
        run.at(interrupt_at, lambda: run.driver.interrupt("interrupted", run.now))
    run.run()

    history = pair(run.events)
    assert len(history.ops) == len(run.completed) == calls
    assert all(a.time <= b.time for a, b in pairwise(run.invoked))
    assert run.opened == run.closed
    assert not run.open
    assert len(run.times(HealAll)) == 1
    assert len(run.times(Inject)) == sum(isinstance(e, FaultBegan) for e in run.events)
    assert all(window.ended <= run.now for window in history.faults)
    ended = sum(isinstance(event, FaultEnded) for event in run.events)
    assert ended == len(history.faults)
    assert run.now <= (3 + 1 + 5 + 5 + 1 + 5) * SECOND
    healed = run.times(HealAll)[0]
    assert all(time <= healed for time in run.times(Inject) + run.times(Undo))
    if run.finished().problem is None:
        assert max(run.times(Inject), default=0) <= 3 * SECOND
        in_flight = [op for op in history.ops if op.invoked < healed < op.completed]
        assert all(op.completed == FOREVER for op in in_flight)
        assert run.times(ProbeConnectivity)[0] > healed
        assert {e.process % concurrency for e in run.invoked if e.time > healed} == set(
            range(concurrency)
        )
        assert [event.settled for event in run.events if isinstance(event, Settled)] == [True]
    else:
        assert interrupt_at is not None
        assert all(event.time <= interrupt_at for event in run.invoked)
        assert run.now <= interrupt_at + (1 + 5) * SECOND


def test_the_end_of_a_run_keeps_its_order() -> None:  # 19
    run = virtual_run(
        TEN_HZ, after(50 * MS), faults=[FaultTime(Nanos(9 * SECOND), Nanos(5 * SECOND))]
    )
    run.connected = lambda now: now > 12 * SECOND
    run.run()
    healed, probes = run.times(HealAll)[0], run.times(ProbeConnectivity)
    last_of_main = max(event.time for event in run.completed if event.time <= healed)
    assert last_of_main <= healed < probes[0]
    assert probes[-1] > 12 * SECOND > probes[-2]
    assert all(b - a >= 100 * MS for a, b in pairwise(probes))
    recovery = [event for event in run.invoked if event.time > healed]
    assert recovery[0].time > probes[-1]
    first_success = next(e for e in run.completed if e.op == recovery[0].op)
    final = [event for event in recovery if event.time >= first_success.time]
    assert sorted(event.process % 3 for event in final) == [0, 1, 2]
    assert run.times(AwaitSettled)[0] >= max(event.time for event in run.completed)
    assert run.finished().problem is None


def test_final_reads_wait_for_a_success() -> None:  # 19
    def fails_for_a_while(
        process: ProcessId,  # noqa: ARG001
        call: Call,
        now: Nanos,
    ) -> Iterable[tuple[int, Outcome]]:
        yield MS, answer(call) if not 5 * SECOND < now < 12 * SECOND else Failed("no leader")

    run = virtual_run(TEN_HZ, fails_for_a_while).run()
    tried = [event for event in run.invoked if event.time > 10 * SECOND]
    assert len([event for event in tried if event.time < 12 * SECOND]) == 20
    assert len([event for event in tried if event.time >= 12 * SECOND]) == 1 + 3
    assert {event.process for event in tried} == {0, 1, 2}
    assert "recovered" in text_of(run)


def test_a_cluster_that_stays_dead_is_given_up() -> None:  # 43
    run = virtual_run(TEN_HZ, silent)
    run.connected = lambda now: False  # noqa: ARG005
    run.confirms_heal = False
    run.run()
    assert "healing was not confirmed" in text_of(run)
    assert "no call succeeded" in text_of(run)
    assert run.now <= (10 + 1 + 5 + 5 + 1 + 5) * SECOND


def test_calls_that_never_return_do_not_hold_up_the_end() -> None:  # 43
    run = virtual_run(READS, silent).run()
    assert all(isinstance(event.outcome, Indeterminate) for event in run.completed)
    assert max(event.time for event in run.invoked if event.time < 10 * SECOND) == 9 * SECOND
    assert run.times(HealAll) == [10 * SECOND]


def test_final_reads_without_end_are_cut_off_and_waited_for() -> None:  # 43
    run = virtual_run(
        TEN_HZ,
        after(900 * MS),
        final_generator=lambda calls: EachWorker(READS),  # noqa: ARG005
    ).run()
    settling = run.times(AwaitSettled)[0]
    assert settling == max(event.time for event in run.completed)
    assert 5 * SECOND < settling - run.times(HealAll)[0] < 7 * SECOND


def test_the_rate_is_that_of_all_clients_together() -> None:  # 42
    options = some_options(concurrency=20, time_limit=100 * SECOND)
    run = virtual_run(TEN_HZ, after(300 * MS), options=options).run()
    made = sum(event.time < 100 * SECOND for event in run.invoked)
    assert 900 <= made <= 1100
    assert "all clients were busy 0% of the time" in text_of(run)


def test_phases_are_a_barrier() -> None:  # 44
    def slow_at_first(process: ProcessId, call: Call, now: Nanos) -> Iterable[tuple[int, Outcome]]:  # noqa: ARG001
        yield (900 if call.key == "slow" else 1) * MS, answer(call)

    calls = (Read("fast"), Read("slow"), Read("fast"))
    run = virtual_run(Phases((Sequence(calls), once(Read("last")))), slow_at_first).run()
    ops = [op for op in pair(run.events).ops if op.call.key in ("slow", "last")]
    assert ops[1].invoked >= ops[0].completed == 900 * MS


def test_faults_of_a_schedule_follow_each_other() -> None:
    second = FaultTime(Nanos(2 * SECOND), Nanos(SECOND))
    run = virtual_run(TEN_HZ, faults=[FaultTime(Nanos(0), Nanos(2 * SECOND)), second]).run()
    steps = [effect for _, effect in run.effects if isinstance(effect, Inject | Undo | HealAll)]
    assert steps == [Inject(0), Undo(0), Inject(1), Undo(1), HealAll()]
    # When the one before is undone, and no sooner.
    assert run.times(Inject) == [0, 2 * SECOND + MS]
    began = [event for event in run.events if isinstance(event, FaultBegan)]
    assert [event.time for event in began] == [MS, 2 * SECOND + 2 * MS]


def test_faults_do_not_pile_up_behind_one_that_takes_too_long() -> None:
    faults = [FaultTime(Nanos(i * SECOND), Nanos(SECOND)) for i in range(6)]
    run = virtual_run(TEN_HZ, faults=faults)
    run.confirm_after = 2 * SECOND + MS
    run.run()
    steps = [effect for _, effect in run.effects if isinstance(effect, Inject | Undo)]
    assert steps == [Inject(0), Undo(0), Inject(4), Undo(4)]
    for number in (1, 2, 3, 5):
        assert f"fault {number} skipped" in text_of(run)


def test_faults_overlap_as_their_schedule_says() -> None:
    times = ((0, 6), (1, 2), (2, 9), (5, 1))
    faults = [FaultTime(Nanos(at * SECOND), Nanos(long * SECOND)) for at, long in times]
    run = virtual_run(TEN_HZ, faults=faults).run()
    steps = [effect for _, effect in run.effects if isinstance(effect, Inject | Undo | HealAll)]
    assert steps == [
        *(Inject(0), Inject(1), Inject(2), Undo(1)),
        *(Inject(3), Undo(0), Undo(3), HealAll()),
    ]
    ended = {event.fault for event in run.events if isinstance(event, FaultEnded)}
    assert ended == {0, 1, 2, 3}


def test_what_is_undone_at_once_is_done_though_a_little_late() -> None:
    late = [FaultTime(Nanos(at * MS), Nanos(0)) for at in (0, 100, 2_500)]
    run = virtual_run(TEN_HZ, faults=late)
    run.confirm_after = 1_300 * MS
    run.run()
    steps = [effect for _, effect in run.effects if isinstance(effect, Inject | Undo)]
    assert steps == [Inject(0), Undo(0), Inject(2), Undo(2)]
    assert "fault 1 skipped" in text_of(run)


def test_a_fault_that_still_holds_at_the_end_is_ended_by_healing() -> None:  # 19
    run = virtual_run(TEN_HZ, faults=[FaultTime(Nanos(9 * SECOND), Nanos(9 * SECOND))]).run()
    assert run.times(Undo) == []
    ended = [event for event in run.events if isinstance(event, FaultEnded)]
    assert [event.evidence for event in ended] == ["healed"]


def test_a_fault_that_was_not_injected_is_not_undone() -> None:
    run = virtual_run(TEN_HZ)
    run.obey(run.driver.start(Nanos(0)))
    run.obey(run.driver.noted("fault 0 was not injected: no leader", Nanos(0)))
    assert "no leader" in text_of(run)
    assert not any(isinstance(event, FaultBegan) for event in run.events)


class Broken(Exception):
    pass


class Breaks:
    """Raises when it is asked, told, or made."""

    def __init__(self, when: str) -> None:
        self.when = when

    def next(self, context: Context) -> tuple[Step, Generator]:
        if self.when == "next" and context.now > SECOND:
            raise Broken
        step, _ = TEN_HZ.inner.next(context)
        return step, self

    def update(self, completion: Completion) -> Generator:
        if self.when == "update" and completion.time > SECOND:
            raise Broken
        return self

    def final(self, calls: Iterable[Call]) -> Generator:
        if self.when == "final":
            raise Broken
        return final_reads(calls)


@pytest.mark.parametrize("when", ["next", "update", "final"])
def test_a_generator_that_raises_leaves_a_healed_cluster(when: str) -> None:  # 20
    broken = Breaks(when)
    run = virtual_run(
        broken,
        after(100 * MS),
        faults=[FaultTime(Nanos(0), Nanos(60 * SECOND))],
        final_generator=broken.final,
    ).run()
    assert len(run.times(HealAll)) == 1
    assert "Broken" in str(run.finished().problem)
    assert sum(isinstance(event, FaultEnded) for event in run.events) == 1


def test_a_generator_that_names_a_busy_process_is_refused() -> None:
    class Overlaps(Breaks):
        def next(self, context: Context) -> tuple[Step, Generator]:
            step, _ = once(Read("x")).next(Context(context.now, (ProcessId(0),), 3))
            return step, self

    run = virtual_run(Overlaps("never"), silent).run()
    assert "process 0 is not free" in str(run.finished().problem)
    assert len(run.invoked) == 1


def test_an_unexpected_death_is_journaled_and_nothing_after_the_end() -> None:  # 27
    run = virtual_run(TEN_HZ)
    run.at(SECOND, lambda: run.driver.node_died("n1", "exit status 1", ("panic",), run.now))
    run.run()
    assert [e.node for e in run.events if isinstance(e, NodeDied)] == ["n1"]
    assert run.driver.node_died("n2", "signal 15", (), run.now) == ()
    assert run.driver.interrupt("too late", run.now) == ()
    assert run.driver.poll(run.now) == ()


def test_an_interrupt_heals_at_once_and_waits_for_what_is_in_flight() -> None:  # 18
    faults = [FaultTime(Nanos(0), Nanos(60 * SECOND))]
    run = virtual_run(TEN_HZ, after(800 * MS), faults=faults)
    run.at(2 * SECOND, lambda: run.driver.interrupt("interrupted", run.now))
    run.run()
    assert run.times(HealAll) == [2 * SECOND]
    assert run.finished().problem == "interrupted"
    assert all(isinstance(event.outcome, Ok) for event in run.completed)
    assert 2 * SECOND < run.now <= 2800 * MS


def test_the_register_workload_runs_and_every_node_reads_the_last_keys() -> None:  # 45
    workload = WORKLOADS["register"]
    generator = Stagger(Nanos(5 * MS), Draws(3), workload.generator(derive(1, "workload")))
    run = virtual_run(generator, after(20 * MS), final_generator=workload.final_generator).run()
    healed = run.times(HealAll)[0]
    final = Counter((e.process, e.call) for e in run.invoked if e.time > healed + SECOND // 5)
    assert {type(call) for _, call in final} == {Read}
    assert {process for process, _ in final} == {0, 1, 2}
    written = Counter(e.call for e in run.invoked if isinstance(e.call, Write))
    assert max(written.values()) == 1


def test_equal_seeds_give_equal_runs() -> None:  # 39
    def effects(seed: int) -> list[object]:
        rng = derive(seed, "clients")

        def drawn(process: ProcessId, call: Call, now: Nanos) -> Iterable[tuple[int, Outcome]]:  # noqa: ARG001
            yield rng.randrange(1200 * MS), answer(call)

        generator = WORKLOADS["register"].generator(derive(seed, "workload"))
        return list(
            virtual_run(Stagger(Nanos(10 * MS), Draws(seed), generator), drawn).run().effects
        )

    assert effects(5) == effects(5)
    assert effects(5) != effects(6)
