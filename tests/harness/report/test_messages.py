"""What traces prove to have been told, on traces small enough to read."""

from __future__ import annotations

from collections.abc import Sequence

from harness.attempts import Attempt
from harness.report import messages
from harness.report.messages import CLIENTS, Arrow, derived, derived_messages, nearest
from histories.call import Indeterminate, Ok, Write
from histories.history import History
from histories.op import FOREVER, Nanos, Op, ProcessId
from histories.trace import (
    Answered,
    Appended,
    Committed,
    NodeEvent,
    RoleChanged,
    SourceChosen,
    VoteTold,
)


def history(*, answered: bool = True) -> History:
    return History.of(
        [
            Op(
                index=0,
                process=ProcessId(3),
                call=Write("x", 1),
                outcome=Ok() if answered else Indeterminate("timed out"),
                invoked=Nanos(100),
                completed=Nanos(190) if answered else FOREVER,
            )
        ]
    )


def traces() -> dict[str, Sequence[NodeEvent]]:
    """n0 is elected with the vote of n1, appends an entry and answers; n1 pulls it."""
    return {
        "n0": [
            RoleChanged(at=10, role="candidate", term=1),
            VoteTold(at=11, term=1, candidate="n0"),
            RoleChanged(at=30, role="leader", term=1),
            Appended(at=110, index=1, term=1, digest=7),
            Committed(at=150, index=1, term=1, leader_term=1),
            Answered(at=160, index=1, term=1, client="p3", sequence=1),
        ],
        "n1": [
            VoteTold(at=20, term=1, candidate="n0"),
            SourceChosen(at=40, source="n0"),
            Appended(at=130, index=1, term=1, digest=7),
            Committed(at=170, index=1, term=1, leader_term=None),
        ],
    }


def told(kind: str, arrows: Sequence[Arrow]) -> list[tuple[str, str, int, int | None]]:
    return [(a.source, a.target, a.departed, a.arrived) for a in arrows if a.kind == kind]


def test_votes_entries_commit_points_and_answers_are_told() -> None:
    arrows = list(derived(traces(), history(), {("p3", 1): 0}, {}))
    assert told("vote", arrows) == [("n0", "n1", 10, 20), ("n1", "n0", 20, 30)]
    assert told("entries", arrows) == [("n0", "n1", 110, 130)]
    assert told("commit", arrows) == [("n0", "n1", 150, 170)]
    assert told("client", arrows) == [(CLIENTS, "n0", 100, 110), ("n0", CLIENTS, 160, 190)]


def test_an_answer_that_the_client_never_got_does_not_arrive() -> None:
    arrows = list(derived(traces(), history(answered=False), {("p3", 1): 0}, {}))
    assert told("client", arrows)[1] == ("n0", CLIENTS, 160, None)


def test_what_a_client_wrote_down_is_told_with_what_the_node_recorded() -> None:
    attempts = {
        0: [
            Attempt(client="p3", node="n1", departed=100, returned=104, answer="does not lead"),
            Attempt(client="p3", node="n0", departed=105, returned=190, answer="answered"),
            Attempt(client="p3", node="n2", departed=191, answer="cannot be reached"),
        ]
    }
    arrows = list(derived(traces(), history(), {("p3", 1): 0}, attempts))
    assert told("client", arrows) == [
        (CLIENTS, "n1", 100, 102),
        ("n1", CLIENTS, 102, 104),
        (CLIENTS, "n0", 105, 110),
        ("n0", CLIENTS, 160, 190),
        (CLIENTS, "n2", 191, None),
    ]


def test_a_vote_for_who_never_led_is_not_known_to_have_arrived() -> None:
    events = traces()
    lost = {"n0": events["n0"][:2], "n1": events["n1"][:1]}
    assert told("vote", list(derived(lost, history(), {}, {}))) == [
        ("n0", "n1", 10, 20),
        ("n1", "n0", 20, None),
    ]


def test_without_a_source_nobody_is_said_to_have_sent_an_entry() -> None:
    events = traces()
    events["n1"] = [event for event in events["n1"] if not isinstance(event, SourceChosen)]
    assert told("entries", list(derived(events, history(), {}, {}))) == []


def test_an_old_entry_left_its_source_when_that_was_asked() -> None:
    late: dict[str, Sequence[NodeEvent]] = {
        "n0": [Appended(at=5, index=1, term=1, digest=0)],
        "n1": [SourceChosen(at=50, source="n0"), Appended(at=60, index=1, term=1, digest=0)],
    }
    assert told("entries", list(derived(late, history(), {}, {}))) == [("n0", "n1", 50, 60)]


def test_entries_of_one_instant_are_one_arrow() -> None:
    batch: dict[str, Sequence[NodeEvent]] = {
        "n0": [Appended(at=5, index=index, term=1, digest=0) for index in (1, 2, 3)],
        "n1": [
            SourceChosen(at=1, source="n0"),
            *(Appended(at=9, index=index, term=1, digest=0) for index in (1, 2)),
            Appended(at=12, index=3, term=1, digest=0),
        ],
    }
    arrows = derived(batch, history(), {}, {})
    assert [(arrow.arrived, arrow.text) for arrow in arrows] == [
        (9, "entries 1 to 2 of term 1"),
        (12, "entry 3 of term 1"),
    ]


def test_of_too_many_arrows_those_near_a_moment_are_kept() -> None:
    many = [
        Arrow(departed=at, arrived=at, source="n0", target="n1", kind="vote", text="")
        for at in range(2 * messages.ARROWS_MAX)
    ]
    kept = nearest(many, [messages.ARROWS_MAX], "All.")
    assert len(kept.arrows) == messages.ARROWS_MAX
    assert abs(kept.arrows[0].departed - messages.ARROWS_MAX // 2) <= 1
    assert (
        kept.remark
        == "All. Of 24,000 messages the 12,000 nearest to what broke, or else to faults."
    )


def test_no_traces_no_messages() -> None:
    assert derived_messages({}, history(), {}, {}, [5]) == messages.NO_MESSAGES
