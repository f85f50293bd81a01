"""Every log that any node ever had, as one tree of prefixes.

Equal prefixes are the same object, so "these two logs agree up to index i" is
one identity test, whichever nodes they belong to and whenever they existed.
"""

from __future__ import annotations

from checker.raft.chain import EMPTY, link
from checker.raft.findings import Sighting


class Prefix:
    """A log up to and including one entry.  Compared by identity.

    ``seen`` is the first event that appended it.  The marks belong to the checks
    between nodes: ``commit_term`` is the lowest term whose leader committed it,
    ``truncated_term`` the highest last term of a log it was dropped from; each
    comes with the event that set it.
    """

    __slots__ = (
        "chain",
        "child",
        "commit_seen",
        "commit_term",
        "digest",
        "index",
        "jump",
        "other_children",
        "parent",
        "seen",
        "term",
        "truncated_seen",
        "truncated_term",
    )

    def __init__(
        self, parent: Prefix | None, term: int, digest: int, seen: Sighting | None
    ) -> None:
        self.term = term
        self.digest = digest
        self.seen = seen
        self.child: Prefix | None = None
        self.other_children: list[Prefix] | None = None
        self.commit_term: int | None = None
        self.commit_seen: Sighting | None = None
        self.truncated_term: int | None = None
        self.truncated_seen: Sighting | None = None
        self.parent: Prefix
        self.jump: Prefix
        if parent is None:
            self.index, self.chain, self.parent, self.jump = 0, EMPTY, self, self
            return
        self.index = parent.index + 1
        self.chain = link(parent.chain, term, digest)
        self.parent = parent
        # Skew-binary jump pointers (Myers 1983): one per entry, any ancestor in O(log n).
        near, far = parent.jump, parent.jump.jump
        self.jump = far if parent.index - near.index == near.index - far.index else parent


def empty_log() -> Prefix:
    """The root of a new tree: the log without entries."""
    return Prefix(None, 0, 0, None)


def extend(prefix: Prefix, term: int, digest: int, seen: Sighting) -> tuple[Prefix, bool]:
    """``prefix`` with one more entry, and whether no log ever was that before.

    Raises:
        OutOfRange: ``term`` or ``digest`` is not an unsigned 64-bit number.
    """
    child = prefix.child
    if child is None:
        prefix.child = child = Prefix(prefix, term, digest, seen)
        return child, True
    if child.term == term and child.digest == digest:
        return child, False
    if prefix.other_children is None:
        prefix.other_children = []
    for child in prefix.other_children:
        if child.term == term and child.digest == digest:
            return child, False
    child = Prefix(prefix, term, digest, seen)
    prefix.other_children.append(child)
    return child, True


def cut(prefix: Prefix, index: int) -> Prefix:
    """The first ``index`` entries of ``prefix``, 0 <= index <= prefix.index.  O(log n)."""
    while prefix.index > index:
        prefix = prefix.jump if prefix.jump.index >= index else prefix.parent
    return prefix


def holds(longer: Prefix, shorter: Prefix) -> bool:
    """Whether ``shorter`` is a prefix of ``longer`` or equal to it.  O(log n)."""
    return shorter is longer or (
        shorter.index < longer.index and cut(longer, shorter.index) is shorter
    )


def common(one: Prefix, other: Prefix) -> Prefix:
    """The longest prefix of both.  O(log n)."""
    one = cut(one, min(one.index, other.index))
    other = cut(other, one.index)
    while one is not other:
        if one.jump is other.jump:
            one, other = one.parent, other.parent
        else:
            one, other = one.jump, other.jump
    return one
