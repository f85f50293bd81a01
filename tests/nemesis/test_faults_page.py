"""The page on faults says what there is.  Mend it by ``pytest --rewrite``."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from nemesis.fault import kind_of
from nemesis.packages import PACKAGES, faults_of, variants_of
from nemesis.toml_schedule import read
from system_under_test.conditions import Condition
from tests.nemesis.fake_system import node_names
from tests.tidy.source_tree import ROOT

PAGE = ROOT / "docs" / "faults.md"
BEGIN, END = "<!-- kinds: begin -->\n", "<!-- kinds: end -->\n"


def table() -> str:
    rows = ["| kind | what happens | faults |", "|---|---|---|"]
    for kind, package in PACKAGES.items():
        single = dict.fromkeys(map(kind_of, faults_of(variants_of(kind, node_names(5)))))
        faults = ", ".join(f"`{name}`" for name in single)
        rows.append(f"| `{kind}` | {package.summary} | {faults} |")
    return "\n".join(rows) + "\n"


def test_every_kind_stands_on_the_page(pytestconfig: pytest.Config) -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    found, after = rest.split(END)
    if pytestconfig.getoption("--rewrite"):
        PAGE.write_text(f"{before}{BEGIN}{table()}{END}{after}", encoding="utf-8")
    else:
        assert found == table()


def test_the_schedule_on_the_page_is_one() -> None:
    links, example = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    described = read(example).describe().splitlines()
    assert len(described) == 7
    assert described[1].endswith("isolate the leader")
    met, slowed, _ = read(links).describe().splitlines()
    assert met.endswith("executed, but not answered, on the links of the leader")
    assert slowed.endswith("split into halves; there 200 ± 100 ms (pareto)")


def test_every_condition_of_a_link_stands_on_the_page_with_its_fields() -> None:
    rows = dict(
        re.findall(r"^\| `([a-z-]+)` \| (.*?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    )
    for condition in get_args(Condition):
        fields = [name.removesuffix("_ns") for name in condition.__struct_fields__]
        assert re.findall(r"`(\w+)`", rows[condition.__struct_config__.tag]) == fields
