"""A process may call at the very instant its last answer came; its own order holds all the same."""

from __future__ import annotations

import random

from checker.base import Budget
from checker.linearizability.check import check
from checker.linearizability.search import Linearizable, Stuck, search
from checker.linearizability.window.search import search_window
from checker.models.register import CasRegister
from checker.verdict import Valid
from histories.call import Call, Ok, Outcome, Read, Write
from histories.history import History
from histories.notation import parse_history, print_history
from histories.op import Nanos, Op, ProcessId

MODEL = CasRegister()

CALLED_AT_ONCE = """
    0: write x 1      [0, 20]
    1: write x 1      [0, 20]
    1: write x 2      [20, 30]
    2: read x -> 2    [20, 25]
    2: read x -> 1    [26, 30]
"""
"""Valid, but only with process 1's write of 1 before process 0's: its next write comes
between them.  Both look alike and end at one instant, so a search may think that they
can be swapped."""


def test_like_writes_are_not_swapped_where_one_is_followed_at_the_instant_it_ends() -> None:
    history = parse_history(CALLED_AT_ONCE)
    assert isinstance(search_window(history.ops, MODEL, Budget()), Linearizable)
    assert isinstance(search(history.ops, MODEL, Budget()), Linearizable)
    assert isinstance(check(history, MODEL), Valid)


def touching_history(rng: random.Random) -> History:
    """Writers that never pause, on few instants and two values, and a reader."""
    planned: list[tuple[int, int, int, Call, Outcome]] = []
    for process in range(rng.randrange(2, 4)):
        now = 0
        for _ in range(rng.randrange(1, 3)):
            ends = now + rng.randrange(1, 3)
            planned.append((now, process, ends, Write("x", rng.choice((1, 1, 2))), Ok()))
            now = ends
    now = rng.randrange(3)
    for _ in range(rng.randrange(2, 4)):
        ends = now + rng.randrange(2)
        planned.append((now, 9, ends, Read("x"), Ok((rng.choice((1, 2)),))))
        now = ends + rng.randrange(2)
    planned.sort(key=lambda op: op[0])
    return History(
        tuple(
            Op(
                index=index,
                process=ProcessId(process),
                call=call,
                outcome=outcome,
                invoked=Nanos(invoked),
                completed=Nanos(ends),
            )
            for index, (invoked, process, ends, call, outcome) in enumerate(planned)
        )
    )


def test_both_searches_agree_where_intervals_touch(histories: int) -> None:
    rng = random.Random("touching")
    of_each_sort = [0, 0]
    for _ in range(20 * histories):
        history = touching_history(rng)
        slow = search(history.ops, MODEL, Budget())
        assert isinstance(slow, Linearizable | Stuck)
        fast = search_window(history.ops, MODEL, Budget())
        assert type(fast) is type(slow), print_history(history)
        of_each_sort[isinstance(slow, Linearizable)] += 1
    assert min(of_each_sort) > histories
