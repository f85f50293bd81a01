"""What clients transmitted is written down, and a log that cannot be written hurts nobody."""

from __future__ import annotations

from pathlib import Path

from harness.attempts import Attempt, ClientLog, by_operation, read_attempts
from histories.call import Ok, Read
from histories.history import History
from histories.op import Nanos, Op, ProcessId
from system_under_test.gossip_raft.core.client_session import NO_TERM
from system_under_test.gossip_raft.core.messages import (
    Consistency,
    Message,
    NotLeader,
    ReadKeys,
    Values,
)
from system_under_test.gossip_raft.core.types import LogIndex, NodeId, RequestId

QUESTION = Message(
    "p3", "n1", RequestId(1), NO_TERM, (), ReadKeys(("x",), Consistency.LINEARIZABLE)
)


def answer(body: NotLeader | Values) -> Message:
    return QUESTION._replace(source="n1", target="p3", body=body)


def test_attempts_are_read_back_on_the_clock_of_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "clients.jsonl"
    log = ClientLog(path)
    log.ended(QUESTION, 1_100, 1_300, answer(NotLeader(NodeId("n0"))))
    values = Values(LogIndex(1), Consistency.LINEARIZABLE, (None,))
    log.ended(QUESTION, 1_400, 1_500, answer(values))
    log.ended(QUESTION, 1_600, 1_900, "n1 cannot be reached")
    log.close()
    path.write_bytes(path.read_bytes() + b'{"client":"p3","no')
    assert read_attempts(path, 1_000) == [
        Attempt(
            client="p3",
            node="n1",
            departed=100,
            returned=300,
            answer="does not lead (says n0 does)",
        ),
        Attempt(client="p3", node="n1", departed=400, returned=500, answer="answered"),
        Attempt(client="p3", node="n1", departed=600, answer="cannot be reached"),
    ]


def test_a_run_without_such_a_file_has_no_attempts(tmp_path: Path) -> None:
    assert read_attempts(tmp_path / "clients.jsonl", 0) == []


def test_after_its_end_or_on_a_full_disk_nothing_is_written_and_nothing_raised() -> None:
    log = ClientLog(Path("/dev/full"))
    for _ in range(2_000):
        log.ended(QUESTION, 1, 2, "gave no answer in time")
    log.close()
    log.ended(QUESTION, 1, 2, "gave no answer in time")


def test_every_attempt_belongs_to_the_operation_under_way_when_it_was_made() -> None:
    ops = [
        Op(
            index=index,
            process=ProcessId(3),
            call=Read("x"),
            outcome=Ok((None,)),
            invoked=Nanos(begun),
            completed=Nanos(begun + 50),
        )
        for index, begun in enumerate((100, 200, 300))
    ]
    attempts = [Attempt(client="p3", node="n1", departed=at) for at in (310, 100, 150, 5)]
    found = by_operation(History.of(ops), attempts)
    assert {op: [each.departed for each in made] for op, made in found.items()} == {
        0: [100, 150],
        2: [310],
    }
