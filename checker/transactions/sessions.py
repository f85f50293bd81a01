"""The guarantees of sessions (Terry et al. 1994), a session being a process.

Told by positions in the version orders of lists, key by key, among the transactions
that lie on cycles: a broken guarantee is one, together with the order of its process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from checker.transactions.anomalies import Finding
from checker.transactions.inference import Inferred
from checker.transactions.words import Words

_NOBODY = -1


@dataclass(slots=True)
class _Session:
    """What one process has read and written of one key: how far, and in which transaction."""

    read: int = 0
    read_by: int = _NOBODY
    written: int = -1
    written_by: int = _NOBODY


def broken_guarantees(inferred: Inferred, words: Words, rows: Iterable[int]) -> Iterator[Finding]:
    """The first violation of each guarantee by each process and key.

    Args:
        inferred: From lists.
        words: Describes its transactions.
        rows: Transactions, ascending.

    Cost: O(their micro-operations).
    """
    columns = inferred.columns
    sessions: dict[tuple[int, int], _Session] = {}
    reported: set[tuple[str, int, int]] = set()
    for row in rows:
        process = int(columns.process[row])
        keys = dict.fromkeys(int(columns.key[m]) for m in words.micro_of(row))
        for key in keys:
            if inferred.unordered[key]:
                continue
            session = sessions.setdefault((process, key), _Session())
            for guarantee, before, what in _violations(inferred, words, row, key, session):
                if (guarantee, process, key) not in reported:
                    reported.add((guarantee, process, key))
                    yield Finding(
                        kind=f"{guarantee}-violation",
                        txns=(before, row),
                        sentence=f"process {process} executed T1 and then T2, {what}",
                        details=tuple(words.named((before, row))),
                    )


def _violations(
    inferred: Inferred, words: Words, row: int, key: int, session: _Session
) -> Iterator[tuple[str, int, str]]:
    """Guarantee, the earlier transaction, and in words what is wrong; updates the session."""
    name = words.key(key)
    lengths = [words.length(m) for m in words.reads(row, key)]
    places = [int(inferred.position[version]) for version in words.writes(row, key)]
    places = [place for place in places if place >= 0]
    for length in lengths:
        if length < session.read:
            what = f"which saw less of {name} than T1 had"
            yield "monotonic-reads", session.read_by, what
        if length <= session.written:
            what = f"which did not see what T1 had appended to {name}"
            yield "read-your-writes", session.written_by, what
    for place in places:
        if place < session.written:
            what = f"whose append to {name} comes before that of T1"
            yield "monotonic-writes", session.written_by, what
        if place < session.read:
            what = f"whose append to {name} comes before what T1 had read"
            yield "writes-follow-reads", session.read_by, what
    if lengths and max(lengths) > session.read:
        session.read, session.read_by = max(lengths), row
    if places and max(places) > session.written:
        session.written, session.written_by = max(places), row
