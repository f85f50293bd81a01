"""Operations as numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from histories.columns import NO_VALUE, in_order_of_first_use

DENSE, SPARSE = st.integers(NO_VALUE, 6), st.integers(NO_VALUE, 10_000)


@given(st.lists(st.tuples(DENSE, DENSE)) | st.lists(st.tuples(SPARSE, SPARSE)))
def test_numbers_are_renumbered_as_they_come(rows: Sequence[tuple[int, int]]) -> None:
    known: dict[int, int] = {}
    expected = [
        [NO_VALUE if number == NO_VALUE else known.setdefault(number, len(known)) for number in row]
        for row in rows
    ]
    renumbered, old = in_order_of_first_use(np.array(rows, dtype=np.int32).reshape(-1, 2))
    assert renumbered.tolist() == expected
    assert old == list(known)
