"""The fast way from a journal to columns, beside the plain way."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import numpy as np
import pytest

from histories.call import (
    Acquire,
    Add,
    Append,
    Call,
    CompareAndSet,
    Contains,
    Dequeue,
    Enqueue,
    Failed,
    GenerateId,
    Increment,
    Indeterminate,
    Ok,
    Outcome,
    Read,
    Release,
    Remove,
    Scalar,
    Transfer,
    Txn,
    Value,
    Write,
)
from histories.errors import MalformedHistory
from histories.event import Completed, Event, FaultBegan, FaultEnded, Invoked, Note, Opened
from histories.formats import journal_columns
from histories.formats.journal_columns import Scanned, scan_journal
from histories.history import History
from histories.journal import read_journal
from histories.op import Nanos, ProcessId
from histories.pairing import history_of

SCALARS: tuple[Scalar, ...] = (
    *(None, True, False, 0, 1, -1, 10**17, 10**18, -(2**63), 2**64 - 1, 1.0, -1.5e300, 0.1),
    *("", "1", "a", 'quote " and \\', "line\nbreak", "snow \N{SNOWMAN}", "}}", ',"op":'),
)


def random_call(rng: random.Random, key: str) -> Call:
    value = rng.choice(SCALARS)
    steps = (Read("x"), Write("y", value), Append("z", value), Read("z"))
    calls: tuple[Call, ...] = (
        *(Read(key), Write(key, value), CompareAndSet(key, value, rng.choice(SCALARS))),
        *(Append(key, value), Add(key, value), Remove(key, value), Contains(key, value)),
        *(Enqueue(key, value), Dequeue(key), Increment(key, rng.randrange(-3, 3))),
        *(Acquire(key, value), Release(key, value, 2), GenerateId(key)),
        Transfer(key, "a", "b", 5),
        Txn(key, steps[: rng.randrange(5)]),
    )
    return rng.choice(calls)


def random_answer(rng: random.Random, call: Call) -> tuple[Value, ...]:
    value = rng.choice((rng.choice(SCALARS), tuple(rng.sample(SCALARS, rng.randrange(4)))))
    match call:
        case Read() | CompareAndSet() | Remove() | Contains() | GenerateId():
            return (value,)
        case Dequeue() | Increment() | Acquire():
            return rng.choice(((), (value,)))
        case Txn(micro=micro):
            return (value, rng.choice(SCALARS))[: sum(isinstance(step, Read) for step in micro)]
        case _:
            return ()


def random_events(rng: random.Random, ops: int) -> list[Event]:
    """A lawful journal of all calls and outcomes, with faults and notes between them."""
    events: list[Event] = [Opened()]
    free, in_flight = [ProcessId(number) for number in (0, 1, 2, 2**40)], list[Invoked]()
    called = time = 0
    while called < ops or in_flight:
        time += rng.randrange(3)
        if called < ops and free and rng.random() < 0.5:
            process = free.pop(rng.randrange(len(free)))
            call = random_call(rng, rng.choice(("k", "k2", "", 'o"dd\n')))
            in_flight.append(Invoked(time=Nanos(time), op=called, process=process, call=call))
            events.append(in_flight[-1])
            called += 1
        elif in_flight:
            invoked = in_flight.pop(rng.randrange(len(in_flight)))
            if rng.random() < 0.05:
                free.append(ProcessId(1000 + invoked.op))
                continue  # It is never completed, and its process replaced.
            outcomes: tuple[Outcome, ...] = (
                *(Ok(random_answer(rng, invoked.call)) for _ in range(4)),
                *(Failed("no leader"), Failed("é"), Indeterminate("time-out")),
            )
            outcome = rng.choice(outcomes)
            lost = isinstance(outcome, Indeterminate)
            free.append(ProcessId(1000 + invoked.op) if lost else invoked.process)
            events.append(
                Completed(time=Nanos(time), op=invoked.op, process=invoked.process, outcome=outcome)
            )
        elif not free:
            break
        if rng.random() < 0.02:
            events.append(Note(time=Nanos(time), text="\\"))
    middle, fault = len(events) // 2, Nanos(0)
    began = FaultBegan(time=fault, fault=0, kind="kill", nodes=("n0",), detail="")
    return [*events[:1], began, *events[1:middle], *events[middle:], ended_at(time)]


def ended_at(time: int) -> FaultEnded:
    return FaultEnded(time=Nanos(time + 1), fault=0, evidence="restarted")


def written(path: Path, events: list[Event]) -> Path:
    path.write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in events))
    return path


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines span blocks, and nothing large is set aside for a small file."""
    monkeypatch.setattr(journal_columns, "_BLOCK", 2**10)
    monkeypatch.setattr(journal_columns, "LINE_BYTES_MAX", 2**12)


def scanned(path: Path) -> Scanned | None:
    return scan_journal(path, lambda _: None)


def same_columns(one: History, other: History) -> None:
    left, right = one.columns(), other.columns()
    assert left.keys == right.keys
    assert left.values == right.values
    assert [type(value) for value in left.values] == [type(value) for value in right.values]
    for name in ("index", "invoked", "completed", "process", "f", "outcome"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), name)
    for name in ("key", "argument", "expected", "result"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), name)


@pytest.mark.parametrize("seed", range(20))
def test_both_ways_make_the_same_history_of_a_journal(tmp_path: Path, seed: int) -> None:
    path = written(tmp_path / "journal.jsonl", random_events(random.Random(seed), 200))
    fast = scanned(path)
    assert fast is not None
    plain = history_of(read_journal(path))
    assert plain.ops == fast.history.ops
    assert fast.history.faults == plain.faults
    assert fast.history.counts() == plain.counts()
    assert sum(plain.counts()) == len(plain.ops)
    assert fast.history.first_of_each_function() == plain.first_of_each_function()
    same_columns(fast.history, plain)
    parts, plain_parts = fast.history.by_key(), plain.by_key()
    assert list(parts) == list(plain_parts)
    for key, part in parts.items():
        assert part.ops == plain_parts[key].ops
        same_columns(part, plain_parts[key])
        assert part.op(part.ops[-1].index) == part.ops[-1]


@pytest.mark.parametrize("seed", range(20))
def test_what_one_way_refuses_the_other_never_takes(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    path = written(tmp_path / "journal.jsonl", random_events(rng, 30))
    whole = path.read_bytes()
    taken = 0
    for _ in range(60):
        garbled = bytearray(whole)
        for _ in range(rng.randrange(1, 3)):
            at = rng.randrange(len(garbled))
            match rng.randrange(4):
                case 0:
                    garbled[at] = rng.choice(b'0123456789",:[]{}\\ \n-.eE\xff')
                case 1:
                    del garbled[at : at + rng.randrange(1, 4)]
                case 2:
                    begin = garbled.rfind(b"\n", 0, at) + 1
                    end = garbled.find(b"\n", at) + 1
                    line = garbled[begin:end]
                    elsewhere = garbled.find(b"\n", rng.randrange(len(garbled))) + 1
                    garbled[elsewhere:elsewhere] = line
                case _:
                    del garbled[at:]
                    break
            if not garbled:
                break
        path.write_bytes(garbled)
        fast = scanned(path)
        try:
            journal = read_journal(path)
            plain = history_of(journal)
        except MalformedHistory:
            assert fast is None
            continue
        if fast is not None:
            taken += 1
            assert fast.torn == journal.torn
            assert fast.history.ops == plain.ops
            same_columns(fast.history, plain)
    assert taken > 0


@pytest.mark.parametrize(
    ("field", "value"), [("op", 7), ("process", 0), ("time", -1), ("process", -1)]
)
def test_an_unlawful_journal_is_left_to_the_way_that_can_say_why(
    tmp_path: Path, field: str, value: int
) -> None:
    first = Invoked(time=Nanos(0), op=0, process=ProcessId(0), call=Read("x"))
    second = Invoked(time=Nanos(0), op=1, process=ProcessId(1), call=Read("x"))
    path = tmp_path / "journal.jsonl"
    assert scanned(written(path, [Opened(), first, second])) is not None
    broken = msgspec.structs.replace(second, **{field: value})
    assert scanned(written(path, [Opened(), first, broken])) is None
    with pytest.raises(MalformedHistory):
        history_of(read_journal(path))


@pytest.mark.parametrize("block", [1, 50])
def test_lines_that_span_blocks_are_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(journal_columns, "_BLOCK", block)
    path = written(tmp_path / "journal.jsonl", random_events(random.Random(7), 60))
    told: list[int] = []
    fast = scan_journal(path, told.append)
    assert fast is not None
    assert fast.history.ops == history_of(read_journal(path)).ops
    assert sum(told) == path.stat().st_size


def test_spellings_of_one_value_are_not_told_apart(tmp_path: Path) -> None:
    path = written(
        tmp_path / "journal.jsonl",
        [
            Opened(),
            Invoked(time=Nanos(0), op=0, process=ProcessId(0), call=Write("x", 1.5)),
            Completed(time=Nanos(1), op=0, process=ProcessId(0), outcome=Ok()),
            Invoked(time=Nanos(2), op=1, process=ProcessId(0), call=Read("x")),
            Completed(time=Nanos(3), op=1, process=ProcessId(0), outcome=Ok((1.5,))),
        ],
    )
    assert scanned(path) is not None
    path.write_bytes(path.read_bytes().replace(b"[1.5]", b"[15e-1]"))
    assert scanned(path) is None
    assert history_of(read_journal(path)).columns().values == (1.5,)


def test_ops_made_of_columns_are_a_sequence_like_any_other(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.jsonl", random_events(random.Random(3), 40))
    fast = scanned(path)
    assert fast is not None
    ops, plain = fast.history.ops, history_of(read_journal(path)).ops
    assert isinstance(plain, tuple)
    assert ops[-1] == plain[-1]
    assert ops[3:9:2] == plain[3:9:2]
    assert list(reversed(ops)) == list(reversed(plain))
    assert ops != plain[1:]
    assert ops != (*plain[:-1], msgspec.structs.replace(plain[-1], process=ProcessId(99)))
    with pytest.raises(IndexError):
        ops[len(plain)]
    assert fast.history.only([5, 2]).ops == (plain[2], plain[5])
