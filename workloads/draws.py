"""Random numbers as values, so that a generator can be asked twice.

A ``random.Random`` inside a generator would make every question change the next
answer.  SplitMix64 (Steele, Lea & Flood 2014) needs 64 bits of state, which fit in
an immutable integer, and whole-number arithmetic only, so that a seed means the same
on every machine.
"""

from __future__ import annotations

import random
from typing import Final, NewType

Draws = NewType("Draws", int)
"""The state of a stream: 0 .. 2**64 - 1."""

_MASK: Final = 2**64 - 1
_GAMMA: Final = 0x9E3779B97F4A7C15


def draws_from(rng: random.Random) -> Draws:
    """A new stream, seeded with one draw of ``rng``."""
    return Draws(rng.getrandbits(64))


def draw(draws: Draws) -> tuple[int, Draws]:
    """Draw a number, uniform in 0 .. 2**64 - 1, and the stream that follows it."""
    state = (draws + _GAMMA) & _MASK
    mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return mixed ^ (mixed >> 31), Draws(state)
