"""Named streams."""

from __future__ import annotations

from harness.seeds import derive


def first(seed: int, *path: str) -> int:
    return derive(seed, *path).getrandbits(64)


def test_a_stream_is_named_by_seed_and_path() -> None:
    paths = [(), ("nemesis",), ("workload",), ("a", "bc"), ("ab", "c"), ("a/2:bc",)]
    numbers = {first(seed, *path) for seed in (7, 8) for path in paths}
    assert len(numbers) == 2 * len(paths)


def test_a_stream_is_the_same_for_ever() -> None:
    """Recorded once: a change would make every stored seed mean something else."""
    assert first(7, "nemesis") == 6443930268247274974
