"""Named random streams, so that one more draw here changes nothing there."""

from __future__ import annotations

import random
from hashlib import blake2b


def derive(seed: int, *path: str) -> random.Random:
    """The stream of ``seed`` that is named by ``path``, independent of all others.

    Equal arguments give equal streams, in every process and on every machine.
    """
    digest = blake2b(str(seed).encode(), digest_size=32)
    for name in path:
        # The length in front keeps ("a", "bc") and ("ab", "c") apart.
        digest.update(f"/{len(name)}:{name}".encode())
    return random.Random(int.from_bytes(digest.digest(), "big"))
