from __future__ import annotations

import pytest

from nemesis.errors import MalformedSchedule
from nemesis.fault import Isolate, Kill, OneWay, SlowLinks, TransferLeadership
from nemesis.schedule import Schedule, Timed, heal_at
from nemesis.target import All, Follower, Leader, Named
from nemesis.toml_schedule import read
from system_under_test.gossip_raft.core.types import Nanos, NodeId

MS = 1_000_000
GOOD = """\
# The leader is cut off while everything is slow.
heal_at = "20 s"

[[fault]]
at = "3 s"
lasts = "4 s"
kind = "isolate"
target = "leader"

[[fault]]
at = 4.5
lasts = 1
kind = "kill"
target = ["n0", "n2"]

[[fault]]
at = 2
lasts = "10 s"
kind = "slow"
target = "all"
latency = "30 ms"
jitter = "500 us"

[[fault]]
at = "8 s"
kind = "transfer-leadership"
target = "follower"
every = "250 ms"
times = 3

[[fault]]
at = 12
lasts = 2
kind = "one-way"
source = "leader"
dest = "all"
"""


def timed(at_ms: int, lasts_ms: int, fault: object) -> Timed:
    return Timed(at_ns=Nanos(at_ms * MS), duration_ns=Nanos(lasts_ms * MS), fault=fault)  # type: ignore[arg-type]


def test_a_schedule_written_by_hand_is_read_in_the_order_of_time() -> None:
    named = Named((NodeId("n0"), NodeId("n2")))
    assert read(GOOD) == Schedule(
        steps=(
            timed(2_000, 10_000, SlowLinks(All(), Nanos(30 * MS), Nanos(MS // 2))),
            timed(3_000, 4_000, Isolate(Leader())),
            timed(4_500, 1_000, Kill(named)),
            timed(8_000, 0, TransferLeadership(Follower())),
            timed(8_250, 0, TransferLeadership(Follower())),
            timed(8_500, 0, TransferLeadership(Follower())),
            timed(12_000, 2_000, OneWay(Leader(), All())),
            heal_at(20_000 * MS),
        )
    )


def test_without_a_time_all_is_healed_when_the_last_fault_ends() -> None:
    text = GOOD.replace('heal_at = "20 s"\n', "")
    assert read(text).steps[-1].at_ns == 14_000 * MS
    assert read("") == Schedule(steps=(heal_at(0),))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"isolate"', '"explode"', "7: kind: Invalid value 'explode'"),
        ('kind = "kill"\n', "", "10: kind: missing"),
        ('"leader"', '"boss"', "8: target: Invalid value 'boss'"),
        ('["n0", "n2"]', '["n0", "n0"]', "14: target: nodes: ('n0', 'n0') must name"),
        ('["n0", "n2"]', "[]", "14: target: nodes: () must name at least one"),
        ("at = 4.5", "at = true", "11: at: True is no time"),
        ("at = 4.5\n", "", "10: at: missing"),
        ('"4 s"', '"4 hours"', "6: lasts: '4 hours' is no time"),
        ('"4 s"', '"-4 s"', "6: lasts: '-4 s' is below 0"),
        ('latency = "30 ms"\n', "", "16: latency: missing"),
        ('"30 ms"', '"0 ms"', "21: latency: 0 is not above 0"),
        ('"30 ms"', "30.5", "21: latency: 30.5 is no time"),
        ('jitter = "500 us"', 'juttir = "500 us"', "22: juttir: no such field; there are at,"),
        ("times = 3", "times = 0", "29: times: 0 is not a number from 1 on"),
        ('every = "250 ms"\n', "", "28: times: repeated how often?"),
        ('heal_at = "20 s"', "heal_at = 13", "2: heal_at: a fault holds until 14 s"),
        ("heal_at", "haelat", "2: haelat: there are only heal_at and [[fault]]"),
        ('"kill"', '"heal-all"', "13: kind: the end heals all"),
        ("at = 2\n", "at = \n", "17: Invalid value"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_field(old: str, new: str, problem: str) -> None:
    assert old in GOOD
    with pytest.raises(MalformedSchedule) as raised:
        read(GOOD.replace(old, new, 1))
    assert str(raised.value).startswith(problem)


def test_a_time_in_nanoseconds_is_told_by_the_name_it_was_given() -> None:
    with pytest.raises(MalformedSchedule) as raised:
        read(GOOD.replace('latency = "30 ms"', "latency_ns = true"))
    assert str(raised.value).startswith("21: latency_ns: ")


def test_faults_may_stand_in_one_line() -> None:
    inline = 'fault = [{ at = 1, lasts = 2, kind = "kill", target = "all" }]\n'
    assert read(inline).steps[0] == timed(1_000, 2_000, Kill(All()))
