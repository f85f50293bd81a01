"""The windowed search on large histories: verdicts, budgets, wide windows, and what it keeps."""

from __future__ import annotations

import random

import pytest

from checker.base import Budget
from checker.linearizability.check import check
from checker.linearizability.explanation import explain
from checker.linearizability.minimal import minimal_stretch
from checker.linearizability.search import Exhausted, Linearizable, Stuck, search
from checker.linearizability.window import engine
from checker.linearizability.window.encode import encode
from checker.linearizability.window.engine import Explained, decide_from_any_value
from checker.linearizability.window.layout import stretch
from checker.linearizability.window.search import search_window
from checker.models.counter import Counter
from checker.models.register import CasRegister
from checker.verdict import Invalid, Unknown, UnknownCause, Valid
from histories.call import Call, Indeterminate, Ok, Read, Write
from histories.history import History
from histories.op import FOREVER, Nanos, Op, ProcessId
from tests.checker.linearizability.late_reads import late_reads
from tests.checker.oracle import is_linearization
from tests.checker.oracles.histories import random_history
from tests.checker.oracles.vocabulary import VOCABULARIES
from tests.checker.random_histories import Shape, correct_history

MODEL = CasRegister()


@pytest.mark.parametrize("processes", [5, 12])
def test_a_long_history_is_decided_with_a_witness(processes: int) -> None:
    shape = Shape(ops=2500, processes=processes, values=4, unknown=0.01, failed=0.02)
    history = correct_history(random.Random(processes), shape)
    found = search_window(history.ops, MODEL, Budget(), traced=True)
    assert isinstance(found, Linearizable)
    assert is_linearization_quickly(found.order, history)


def is_linearization_quickly(order: tuple[int, ...], history: History) -> bool:
    """As the oracle says of each stretch, with what a stretch leaves for the next."""
    latest_began = -1
    answered = {op.index for op in history.ops if isinstance(op.outcome, Ok)}
    assert answered <= set(order)
    assert len(set(order)) == len(order)
    state = MODEL.initial
    for index in order:
        op = history.ops[index]
        assert op.completed >= latest_began, "real time is kept"
        latest_began = max(latest_began, op.invoked)
        after = MODEL.step(state, op.call, op.outcome if isinstance(op.outcome, Ok) else None)
        assert isinstance(after, tuple)
        state = after
    return True


def test_more_than_sixty_four_operations_at_once() -> None:
    """Bits of a window take several words."""
    ops = [
        Op(
            index=number,
            process=ProcessId(number),
            call=Write("x", number),
            outcome=Ok(),
            invoked=Nanos(number),
            completed=Nanos(10_000),
        )
        for number in range(150)
    ]
    ops += [
        Op(
            index=150 + number,
            process=ProcessId(1000),
            call=Read("x"),
            outcome=Ok((value,)),
            invoked=Nanos(1000 + 2 * number),
            completed=Nanos(1001 + 2 * number),
        )
        for number, value in enumerate((3, 149, 70, 66))
    ]
    found = search_window(ops, MODEL, Budget(), traced=True)
    assert isinstance(found, Linearizable)
    assert is_linearization(found.order, ops, MODEL)
    again = Op(
        index=154,
        process=ProcessId(1000),
        call=Read("x"),
        outcome=Ok((149,)),
        invoked=Nanos(2000),
        completed=Nanos(2001),
    )
    assert isinstance(search_window([*ops, again], MODEL, Budget()), Stuck)


def crashed_writes(many: int, distinct: int) -> list[Op]:
    return [
        Op(
            index=number,
            process=ProcessId(number),
            call=Write("x", number % distinct),
            outcome=Indeterminate("crashed"),
            invoked=Nanos(number),
            completed=FOREVER,
        )
        for number in range(many)
    ]


def test_hundreds_of_crashed_writes_cost_next_to_nothing() -> None:
    rng = random.Random(2)
    values: list[int | None] = [rng.randrange(5) for _ in range(500)]
    ops = [*crashed_writes(400, 5), *late_reads(values, 400)]
    # Every change of the value takes one of the writes away: 80 of each are not enough for all.
    changes = [at for at in range(1, 500) if values[at] != values[at - 1]]
    assert len(changes) > 390
    budget = Budget(states_max=2_000)
    assert isinstance(search_window(ops, MODEL, budget), Stuck)
    few = [*crashed_writes(400, 5), *late_reads(values[:250], 400)]
    assert isinstance(search_window(few, MODEL, budget), Linearizable)


def test_more_members_of_one_kind_than_a_lane_counts() -> None:
    ops = [*crashed_writes(33_000, 1), *late_reads([0, 0], 33_000)]
    assert isinstance(search_window(ops, MODEL, Budget()), Linearizable)


def test_a_spent_budget_is_unknown_and_says_how_far_it_got() -> None:
    """Thirty crashed increments of different amounts: the sums are too many to try."""
    history = hard_sums()
    found = search_window(history.ops, Counter(), Budget(states_max=2_000))
    assert isinstance(found, Exhausted)
    assert found.cause is UnknownCause.MEMORY_LIMIT
    assert found.configurations >= 2_000
    assert found.op.index == 40
    verdict = check(history, Counter(), budget=Budget(states_max=30_000))
    assert isinstance(verdict, Unknown)
    assert verdict.cause is UnknownCause.MEMORY_LIMIT
    assert "undecided from op 40" in verdict.detail


def test_memory_is_bounded_by_bytes_too() -> None:
    budget = Budget(states_max=10**9, bytes_max=4 * 2**20)
    found = search_window(hard_sums().ops, Counter(), budget)
    assert isinstance(found, Exhausted)
    assert found.cause is UnknownCause.MEMORY_LIMIT


def test_a_deadline_is_asked_again_and_again() -> None:
    asked = 0

    def deadline() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    found = search_window(hard_sums().ops, Counter(), Budget(deadline=deadline))
    assert isinstance(found, Exhausted)
    assert found.cause is UnknownCause.TIME_LIMIT
    assert asked == 4


def hard_sums() -> History:
    from histories.call import Increment  # noqa: PLC0415

    ops = [
        Op(
            index=number,
            process=ProcessId(number),
            call=Increment("x", 3**number),
            outcome=Indeterminate("crashed"),
            invoked=Nanos(number),
            completed=FOREVER,
        )
        for number in range(30)
    ]
    ops += [
        Op(
            index=30 + number,
            process=ProcessId(100),
            call=Increment("x", 2),
            outcome=Ok(),
            invoked=Nanos(100 + 2 * number),
            completed=Nanos(101 + 2 * number),
        )
        for number in range(10)
    ]
    # Twenty, and powers of three of which none is used twice: 2 more is no such sum.
    ops.append(
        Op(
            index=40,
            process=ProcessId(100),
            call=Read("x"),
            outcome=Ok((22,)),
            invoked=Nanos(200),
            completed=Nanos(201),
        )
    )
    return History.of(ops)


def test_a_large_history_says_which_algorithm_decided_it() -> None:
    shape = Shape(ops=3000, processes=5, values=None, unknown=0.01)
    verdict = check(correct_history(random.Random(1), shape), MODEL)
    assert isinstance(verdict, Valid)
    assert verdict.note.endswith("answered ops (by near-linear algorithm)")
    shape = Shape(ops=3000, processes=5, values=3, unknown=0.01)
    verdict = check(correct_history(random.Random(1), shape), MODEL)
    assert isinstance(verdict, Valid)
    assert verdict.note.endswith("answered ops (by windowed search)")


@pytest.mark.parametrize("name", ["cas-register", "queue", "list-append", "counter"])
def test_a_large_bad_history_is_explained_by_a_small_part(name: str) -> None:
    vocabulary = VOCABULARIES[name]
    model = vocabulary.model(name)
    shape = Shape(ops=60 if name == "list-append" else 2500, processes=3, unknown=0.0)
    errs = 0.2 if name == "list-append" else 0.02
    history = random_history(random.Random(name), shape, vocabulary, model, errs)
    verdict = check(history, model)
    assert isinstance(verdict, Invalid)
    evidence = verdict.anomalies[0].evidence
    assert isinstance(check(history.only(evidence), model), Invalid)


def test_no_stretch_of_a_good_history_is_refuted_by_itself(histories: int) -> None:
    """Whatever was there when it began, and whether or not open calls had happened."""
    rng = random.Random(77)
    vocabulary = VOCABULARIES["cas-register"]
    for _ in range(histories):
        shape = Shape(ops=24, processes=4, spread=rng.choice((0, 4, 9)))
        history = random_history(rng, shape, vocabulary, MODEL, 0.0)
        operations = encode(history.ops, MODEL).operations
        answered = [row for row, end in enumerate(operations.completed) if end != FOREVER]
        if answered:
            size, beyond = rng.randrange(1, 12), rng.randrange(12)
            _, part = stretch(operations, rng.choice(answered), size, beyond)
            assert isinstance(decide_from_any_value(part, Budget()), Explained)


def test_a_bad_stretch_is_bad_far_into_a_wide_history() -> None:
    """Found by itself, without keeping everything that is possible on the way there."""
    shape = Shape(ops=3000, processes=14, values=3, unknown=0.0, failed=0.0)
    history = correct_history(random.Random(3), shape)
    end = history.ops[-1].invoked + 10**6
    calls: list[tuple[Call, Ok]] = [(Write("k0", 1), Ok()), (Read("k0"), Ok((2,)))]
    calls.append((Write("k0", 2), Ok()))
    bad = [
        Op(
            index=3000 + number,
            process=ProcessId(5000),
            call=call,
            outcome=outcome,
            invoked=Nanos(end + 2 * number),
            completed=Nanos(end + 2 * number + 1),
        )
        for number, (call, outcome) in enumerate(calls)
    ]
    found = search_window([*history.ops, *bad], MODEL, Budget())
    assert isinstance(found, Stuck)
    assert found.op.index > 2900


def wide_and_bad(rng: random.Random) -> History:
    shape = Shape(ops=120, processes=8, spread=8, values=3, unknown=rng.choice((0.0, 0.05)))
    return random_history(rng, shape, VOCABULARIES["cas-register"], MODEL, 0.03)


@pytest.fixture
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few configurations are kept, so that stretches are looked at in small histories."""
    monkeypatch.setattr(engine, "_FIRST_WIDTH", 1)
    monkeypatch.setattr(engine, "_WIDER", 2)


@pytest.mark.usefixtures("_narrow")
def test_a_stretch_shows_the_same_first_answer_as_everything_before(histories: int) -> None:
    """Few configurations lead up to it, and a stretch before it shows that none goes on."""
    rng = random.Random(78)
    shown = 0
    for _ in range(histories // 4):
        ops = wide_and_bad(rng).ops
        found = search_window(ops, MODEL, Budget(), traced=True, prophetic=False)
        exact = search(ops, MODEL, Budget(), prophetic=False)
        assert type(found) is type(exact)
        if isinstance(found, Stuck) and isinstance(exact, Stuck):
            assert (found.op, found.explained) == (exact.op, exact.explained)
            states = {end.state for end in exact.dead_ends}
            assert {end.state for end in found.dead_ends} <= states
            shown += not found.all_ends
    assert shown > histories / 100, "else nothing of this was tested"


@pytest.mark.usefixtures("_narrow")
def test_what_a_stretch_shows_is_bad_by_itself_and_small(histories: int) -> None:
    rng = random.Random(79)
    shown = 0
    for _ in range(histories // 4):
        history = wide_and_bad(rng)
        found = search_window(history.ops, MODEL, Budget())
        if not isinstance(found, Stuck) or found.nearby is None:
            continue
        shown += 1
        reduced, stuck = minimal_stretch(found.nearby, history.ops, MODEL, Budget())
        assert stuck is not None
        assert isinstance(search(reduced.ops, MODEL, Budget()), Stuck)
        assert len(reduced.ops) <= len(found.nearby.ops)
        told = explain("k0", history, found, MODEL, Budget())
        assert told.evidence == tuple(op.index for op in reduced.ops)
    assert shown > histories / 100, "else nothing of this was tested"
