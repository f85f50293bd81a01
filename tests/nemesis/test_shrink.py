"""Delta debugging finds what is to blame, and descent ends at what is simplest."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from nemesis.shrink import ddmin, descend

ITEMS = tuple(range(40))


class Asked:
    """Fails where all of ``guilty`` are; counts the questions."""

    def __init__(self, *guilty: int) -> None:
        self.guilty = frozenset(guilty)
        self.questions = 0

    def __call__(self, items: tuple[int, ...]) -> bool:
        self.questions += 1
        return self.guilty <= frozenset(items)


def test_nothing_is_left_of_what_fails_without_it() -> None:
    assert ddmin(ITEMS, lambda _: True) == ()
    assert ddmin((), lambda _: False) == ()


def test_a_single_culprit_is_found_with_few_questions() -> None:
    asked = Asked(29)
    assert ddmin(ITEMS, asked) == (29,)
    assert asked.questions < 20


@given(st.sets(st.sampled_from(ITEMS), min_size=1))
def test_just_the_guilty_are_left_and_in_their_order(guilty: set[int]) -> None:
    assert ddmin(ITEMS, Asked(*guilty)) == tuple(sorted(guilty))


@given(st.lists(st.integers(0, 20), min_size=1, max_size=15))
def test_what_is_left_fails_and_does_not_without_any_one_item(items: list[int]) -> None:
    """Not monotone: the sum of a part may exceed the limit that the whole does not."""

    def fails(chosen: tuple[int, ...]) -> bool:
        return sum(chosen) % 7 == sum(items) % 7

    left = ddmin(items, fails)
    assert fails(left)
    for number in range(len(left)):
        assert not fails(left[:number] + left[number + 1 :])


def test_descent_takes_the_first_simpler_value_that_fails_until_none_does() -> None:
    seen: list[int] = []

    def halves_and_less(value: int) -> Iterator[int]:
        yield from (value // 2, value - 1)

    def fails(value: int) -> bool:
        seen.append(value)
        return value >= 13

    assert descend(100, halves_and_less, fails) == 13
    assert seen[:3] == [50, 25, 12]
