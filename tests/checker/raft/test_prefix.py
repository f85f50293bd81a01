from __future__ import annotations

import random

from checker.raft.findings import Sighting
from checker.raft.prefix import Prefix, common, cut, empty_log, extend, holds
from histories.trace import Stopped

HERE = Sighting("n0", 1, Stopped(at=0, reason=""))


def path(prefix: Prefix) -> tuple[Prefix, ...]:
    """From the empty log on, the slow way."""
    return (*path(prefix.parent), prefix) if prefix.index else (prefix,)


def test_equal_logs_are_the_same_object() -> None:
    root = empty_log()
    one, new = extend(root, 1, 5, HERE)
    other, again = extend(root, 1, 5, HERE)
    assert one is other
    assert (new, again) == (True, False)
    assert extend(root, 1, 6, HERE)[0] is not one


def test_questions_about_prefixes_agree_with_walking_the_parents() -> None:
    rng = random.Random(1)
    prefixes = [empty_log()]
    for _ in range(300):
        # Mostly long logs with a few branches.
        parent = prefixes[-1] if rng.random() < 0.8 else rng.choice(prefixes)
        prefixes.append(extend(parent, rng.randrange(3), rng.randrange(2), HERE)[0])
    for _ in range(3_000):
        one, other = rng.choice(prefixes), rng.choice(prefixes)
        ours, theirs = path(one), path(other)
        shared = [a for a, b in zip(ours, theirs, strict=False) if a is b]
        assert common(one, other) is shared[-1]
        assert holds(one, other) == (len(shared) == len(theirs))
        index = rng.randrange(len(ours))
        assert cut(one, index) is ours[index]
