"""The directed language does what its page says, and refuses what it does not know."""

from __future__ import annotations

import pytest

from system_under_test.gossip_raft.simulation.directed.transcript import (
    Stanza,
    TranscriptError,
    parse,
    replay,
)
from system_under_test.gossip_raft.simulation.directed.world import DirectedWorld


def played(script: str) -> DirectedWorld:
    """A world after the commands of ``script``, one a line."""
    world = DirectedWorld()
    for line in script.strip().splitlines():
        world.handle(Stanza((), line.strip(), ""))
    return world


def said(world: DirectedWorld, command: str) -> str:
    return world.handle(Stanza((), command, ""))


LED = """
    nodes 3
    elect n0
"""


def test_what_is_not_known_is_refused() -> None:
    for command in ("jump n0", "claim peace", "put n0 alice#1 shout x", "rules n0 no-such-bug"):
        with pytest.raises(TranscriptError):
            said(played(LED), command)


def test_a_transcript_without_its_line_is_refused() -> None:
    with pytest.raises(TranscriptError, match="expected a command"):
        parse("nodes 3\nelect n0\n")


def test_a_replay_says_what_came_out_otherwise() -> None:
    replayed = replay("claim up n0\n----\nyes\n", lambda _: "no")
    assert replayed.text == "claim up n0\n----\nno\n"
    assert len(replayed.differences) == 1


@pytest.mark.parametrize(
    ("claim", "spoilt_by"),
    [
        ("leader n0", "crash n0"),
        ("no leader n1", "elect n1 n2"),
        ("a leader", "crash n0"),
        ("a leader after 0", "crash n0"),
        ("term 1", "elect n1 n2"),
        ("up n2", "crash n2"),
        ("converged", "put n0 alice#1 put x=1"),
        ("waiting n0 0", "put n0 alice#1 put x=1"),
    ],
)
def test_a_claim_holds_until_it_is_spoilt(claim: str, spoilt_by: str) -> None:
    world = played(LED)
    assert said(world, f"claim {claim}") == ""
    assert world.complaints == []
    said(world, spoilt_by)
    assert said(world, f"claim {claim}").startswith("broken: ")
    assert len(world.complaints) == 1


def test_a_slow_disk_holds_a_node_up_until_it_is_done() -> None:
    world = played(LED + "slow n1\n isolate n2\n put n0 alice#1 put x=1\n stabilize")
    assert said(world, "claim waiting n0 0")
    said(world, "sync n1")
    said(world, "stabilize")
    assert not said(world, "claim waiting n0 0")


def test_a_crash_loses_what_a_slow_disk_was_writing() -> None:
    world = played(LED + "slow n1\n put n0 alice#1 put x=1\n deliver n0->n1\n crash n1")
    assert "last=1/1" in said(world, "restart n1")


def test_a_failed_sync_stops_a_node() -> None:
    world = played(LED + "fail n1\n put n0 alice#1 put x=1\n deliver n0->n1")
    assert said(world, "claim up n1")


def test_a_node_does_not_start_from_a_damaged_disk() -> None:
    world = played(LED + "crash n1\n damage n1 1")
    assert "stops: entry 1 is damaged" in said(world, "restart n1")
    assert said(world, "claim up n1")


def test_a_crash_may_come_before_an_effect_that_is_counted() -> None:
    world = played(LED + "crash n1 before persist 2\n put n0 alice#1 put x=1\n deliver n0->n1")
    assert not said(world, "claim up n1")
    said(world, "put n0 alice#2 put x=2")
    said(world, "stabilize")
    assert said(world, "claim up n1")


def test_several_commands_make_one_request() -> None:
    world = played(LED)
    assert "append [1/2 put x=1 + append y 2]" in said(world, "put n0 a#1 put x=1 + append y 2")


def test_times_repeats_its_steps() -> None:
    world = played(LED + "times 3 tick n1 100; deliver n1->n0")
    assert "n1:1." in said(world, "gossip n0")
    assert len(world.actors["n1"].trace) == len(world.actors["n2"].trace)


def test_correct_nodes_play_a_part_that_asks_for_a_bug() -> None:
    for obeys, expected in ((True, "broken: n1 is down"), (False, "")):
        world = DirectedWorld(obeys_rules=obeys)
        for line in ("rules n1 crashes-without-leader", "nodes 3", "put n1 alice#1 put x=1"):
            said(world, line)
        assert said(world, "claim up n1") == expected
