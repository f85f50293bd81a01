"""The study of gossip shows what it is about, and its plots show what was measured."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from benchmarks.gossip_page import pictures, tables
from benchmarks.gossip_study import (
    NO_PRE_VOTE,
    SETTINGS,
    Election,
    Partitioned,
    Study,
    Traffic,
    measure_elections,
    measure_partition,
    measure_traffic,
)
from benchmarks.plot import Chart, Line, svg


def test_one_cut_link_starves_a_star_and_deposes_leaders_without_pre_votes() -> None:
    found = {s: measure_partition(s, 5, "one link", 0) for s in SETTINGS}
    assert found["gossip, chained"].elections == found["gossip, chained"].behind == 0
    assert found["gossip, star"].behind == found["plain, star"].behind == 1
    assert found["plain, star"].campaigns >= 1 > found["gossip, star"].campaigns
    assert found["plain, star"].elections == 0
    assert found[NO_PRE_VOTE].elections >= 1


def test_a_crashed_leader_is_replaced_after_its_time_out() -> None:
    for election in measure_elections("gossip, chained", 5, 2):
        assert 900 <= election.took_ms <= 6_000


def test_messages_between_nodes_are_counted_at_both_ends() -> None:
    measured = measure_traffic("plain, star", 5, 1)
    # In a star all messages are the leader's.
    assert measured.leader_hz == pytest.approx(measured.all_hz, rel=0.05)
    assert measured.leader_kb_s > 0


def test_tables_and_pictures_hold_every_setting() -> None:
    study = Study(
        traffic=[
            Traffic(setting=s, nodes=n, leader_hz=10.0, all_hz=100.0, leader_kb_s=1, all_kb_s=2)
            for s in SETTINGS
            for n in (5, 11)
        ],
        elections=[Election(setting=s, nodes=5, took_ms=1234.0, vain=1) for s in SETTINGS],
        partitions=[
            Partitioned(
                setting=s,
                nodes=n,
                shape=shape,
                seconds=10.0,
                elections=2,
                campaigns=3,
                unavailable=0.25,
                behind=1,
            )
            for s in SETTINGS
            for n in (5, 11)
            for shape in ("one link", "bridge", "majorities ring")
        ],
    )
    text = "\n".join(tables(study))
    for setting in SETTINGS:
        assert f"| 5 | {setting} | 1 | 1,234 | 1,234 | 1 |" in text
        assert f"| 11 | {setting} | bridge | 12.0 | 18.0 | 25% | 1.0 |" in text
    for picture in pictures(study).values():
        root = ElementTree.fromstring(picture)  # noqa: S314  # Ours.
        assert len(root.findall("{*}polyline")) >= 4


def test_a_chart_escapes_names_and_puts_greater_values_higher() -> None:
    line = Line("a < b", [(1, 10), (10, 1000)])
    chart = Chart(
        title="t & u", x_label="x", y_label="y", lines=[line], x_log=True, y_log=True, x_ticks=None
    )
    root = ElementTree.fromstring(svg(chart))  # noqa: S314  # Ours.
    (drawn,) = root.findall("{*}polyline")
    (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in drawn.attrib["points"].split())
    assert x1 < x2
    assert y1 > y2
    with pytest.raises(ValueError, match="nothing to draw"):
        svg(Chart(title="", x_label="", y_label="", lines=[]))
