from __future__ import annotations

from checker.raft.life import Boot, End, Leadership, Point, cluster_life
from histories.trace import SourceChosen, Stopped
from tests.checker.raft.scripts import healthy


def test_a_leadership_lasts_from_election_to_stepping_down() -> None:
    n0, n1, n2 = healthy()
    since = 60
    n0.adopt(2)
    life = cluster_life({node.name: node.events for node in (n0, n1, n2)})
    assert life.leaderships == (
        Leadership(node="n0", term=1, from_at=since, until_at=n0.events[-1].at),
    )


def test_a_dead_leader_led_until_its_last_event() -> None:
    n0, n1, n2 = healthy()
    last = n0.events[-1].at
    n0.at += 10_000
    n0.boot()
    life = cluster_life({node.name: node.events for node in (n0, n1, n2)})
    assert [led.until_at for led in life.leaderships] == [last]
    assert life.boots == (
        Boot(node="n0", at=10, incarnation=1, term=0),
        Boot(node="n1", at=10, incarnation=1, term=0),
        Boot(node="n2", at=10, incarnation=1, term=0),
        Boot(node="n0", at=last + 10_010, incarnation=2, term=1),
    )


def test_a_leader_at_the_end_led_until_its_last_event() -> None:
    nodes = healthy()
    life = cluster_life({node.name: node.events for node in nodes})
    assert life.leaderships[0].until_at == nodes[0].events[-1].at


def test_terms_and_commit_points_are_steps() -> None:
    n0, n1, n2 = healthy()
    n1.adopt(2)
    life = cluster_life({node.name: node.events for node in (n0, n1, n2)})
    assert [point.value for point in life.terms["n1"]] == [0, 1, 2]
    assert [point.value for point in life.commit_points["n1"]] == [0, 3]


def test_long_series_are_thinned_and_keep_both_ends() -> None:
    n0, n1, n2 = healthy()
    for term in range(2, 1_000):
        n1.adopt(term)
    life = cluster_life({node.name: node.events for node in (n0, n1, n2)}, points_max=50)
    assert len(life.terms["n1"]) == 50
    assert life.terms["n1"][0] == Point(10, 0)
    assert life.terms["n1"][-1] == Point(n1.events[-1].at, 999)


def test_no_traces_have_no_life() -> None:
    life = cluster_life({})
    assert (life.leaderships, life.boots, life.terms) == ((), (), {})


def test_a_life_ends_with_its_last_event_or_with_its_own_word() -> None:
    n0, n1, n2 = healthy()
    died = n0.events[-1].at
    n0.at += 10_000
    n0.boot()
    n1.events.append(Stopped(at=n1.now(), reason="shut down"))
    life = cluster_life({node.name: node.events for node in (n0, n1, n2)})
    assert life.ends == (
        *sorted(
            (End(node="n0", at=died, reason=""), End(node="n1", at=n1.at, reason="shut down")),
            key=lambda end: end.at,
        ),
    )


def test_roles_logs_and_sources_are_steps() -> None:
    n0, n1, n2 = healthy()
    n1.events.append(SourceChosen(at=n1.now(), source="n0"))
    n1.events.append(SourceChosen(at=n1.now(), source="n0"))
    n1.events.append(SourceChosen(at=n1.now(), source="n2"))
    life = cluster_life({node.name: node.events for node in (n0, n1, n2)})
    assert [point.value for point in life.roles["n0"]][-1] == "leader"
    assert [point.value for point in life.roles["n1"]] == ["follower"]
    assert [point.value for point in life.logs["n1"]][-1] == (3, 1)
    assert [point.value for point in life.sources["n1"]] == ["n0", "n2"]
