"""Tables and plots of what ``benchmarks.gossip_study`` measured.

``python -m benchmarks.gossip_page`` writes three pictures beside the figures, and prints the tables
that docs/gossip.md holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Annotated, Final

import typer
from msgspec import json

from benchmarks.gossip_study import FIGURES, PARTITIONS, SETTINGS, Partitioned, Study
from benchmarks.plot import Chart, Line, svg

MESSAGES_PLOT: Final = "gossip-messages.svg"
ELECTIONS_PLOT: Final = "gossip-elections.svg"
PARTITIONS_PLOT: Final = "gossip-partitions.svg"


def pictures(study: Study) -> dict[str, str]:
    """By file name."""
    sizes = sizes_of(study)
    messages = [
        Line(f"{who}: {setting}", points)
        for setting in _settings(("gossip, chained", "gossip, star", "plain, star"))
        for who, points in (
            (
                "leader",
                [(row.nodes, row.leader_hz) for row in study.traffic if row.setting == setting],
            ),
            ("all", [(row.nodes, row.all_hz) for row in study.traffic if row.setting == setting]),
        )
    ]
    elections = [
        Line(setting, [(took, 100 * share) for took, share in _distribution(study, setting)])
        for setting in SETTINGS
    ]
    starved = [Line(setting, _starved(study, setting, PARTITIONS[1])) for setting in SETTINGS]
    return {
        MESSAGES_PLOT: svg(
            Chart(
                title="Messages a second (both directions)",
                x_label="nodes",
                y_label="messages a second",
                lines=messages,
                x_log=True,
                y_log=True,
                x_ticks=sizes,
            )
        ),
        ELECTIONS_PLOT: svg(
            Chart(
                title="From the crash of the leader to the next one, all sizes",
                x_label="milliseconds",
                y_label="% of elections",
                lines=elections,
            )
        ),
        PARTITIONS_PLOT: svg(
            Chart(
                title="Nodes that fall behind while a bridge joins two halves",
                x_label="nodes",
                y_label="% of nodes behind",
                lines=starved,
                x_log=True,
                x_ticks=sizes,
            )
        ),
    }


def tables(study: Study) -> Iterator[str]:
    """In Markdown, line by line."""
    yield "| nodes | setting | leader, messages/s | all, messages/s | leader, kB/s | all, kB/s |"
    yield "|---|---|---|---|---|---|"
    for row in study.traffic:
        yield (
            f"| {row.nodes} | {row.setting} | {row.leader_hz:,.0f} | {row.all_hz:,.0f}"
            f" | {row.leader_kb_s:,.0f} | {row.all_kb_s:,.0f} |"
        )
    yield ""
    yield "| nodes | setting | elections | median, ms | slowest, ms | candidacies in vain |"
    yield "|---|---|---|---|---|---|"
    for nodes in sizes_of(study):
        for setting in SETTINGS:
            of = [e for e in study.elections if (e.nodes, e.setting) == (nodes, setting)]
            if of:
                took = [election.took_ms for election in of]
                yield (
                    f"| {nodes} | {setting} | {len(of)} | {median(took):,.0f}"
                    f" | {max(took):,.0f} | {sum(election.vain for election in of)} |"
                )
    yield ""
    yield (
        "| nodes | setting | shape | elections a minute | campaigns a minute | unavailable"
        " | nodes behind |"
    )
    yield "|---|---|---|---|---|---|---|"
    for nodes in sizes_of(study):
        for shape in PARTITIONS:
            for setting in SETTINGS:
                if runs := _runs(study, setting, nodes, shape):
                    minutes = sum(run.seconds for run in runs) / 60
                    yield (
                        f"| {nodes} | {setting} | {shape}"
                        f" | {sum(run.elections for run in runs) / minutes:.1f}"
                        f" | {sum(run.campaigns for run in runs) / minutes:.1f}"
                        f" | {mean(run.unavailable for run in runs):.0%}"
                        f" | {mean(run.behind for run in runs):.1f} |"
                    )


def sizes_of(study: Study) -> list[int]:
    """Those whose messages were counted."""
    return sorted({row.nodes for row in study.traffic})


def _settings(wanted: Sequence[str]) -> list[str]:
    return [setting for setting in SETTINGS if setting in wanted]


def _distribution(study: Study, setting: str) -> list[tuple[float, float]]:
    took = sorted(e.took_ms for e in study.elections if e.setting == setting)
    return [(ms, (rank + 1) / len(took)) for rank, ms in enumerate(took)]


def _runs(study: Study, setting: str, nodes: int, shape: str) -> list[Partitioned]:
    wanted = (setting, nodes, shape)
    return [run for run in study.partitions if (run.setting, run.nodes, run.shape) == wanted]


def _starved(study: Study, setting: str, shape: str) -> list[tuple[float, float]]:
    return [
        (nodes, 100 * mean(run.behind for run in runs) / nodes)
        for nodes in sizes_of(study)
        if (runs := _runs(study, setting, nodes, shape))
    ]


def main(
    out: Annotated[Path, typer.Option(help="Directory of figures and plots.")] = Path("docs"),
) -> None:
    """Write the plots, print the tables."""
    study = json.decode((out / FIGURES).read_bytes(), type=Study)
    for name, picture in pictures(study).items():
        (out / name).write_text(picture)
    typer.echo("\n".join(tables(study)))


if __name__ == "__main__":
    typer.run(main)
