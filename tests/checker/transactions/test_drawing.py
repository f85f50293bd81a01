"""The picture shows each transaction and each dependency of a cycle."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from checker.transactions.drawing import draw
from histories.notation import parse_history
from tests.checker.transactions.differential import judged
from tests.checker.transactions.test_check import LISTS, LONG_FORK

_SVG = "{http://www.w3.org/2000/svg}"


def _texts(svg: str) -> list[str]:
    root = ET.fromstring(svg)  # noqa: S314  We made it.
    return [text.text or "" for text in root.iter(f"{_SVG}text")]


def test_a_cycle_is_drawn_with_its_transactions_and_dependencies() -> None:
    judgement = judged(parse_history(LONG_FORK), lists=True)
    svg = draw(judgement.findings[0], judgement.words)
    texts = _texts(svg)
    assert {"T1", "T2", "T3", "T4", "append x 1", "append y 1"} <= set(texts)
    assert sorted(text for text in texts if text[:2] in {"rw", "wr"}) == [
        *("rw x", "rw y", "wr x", "wr y")
    ]
    assert svg == draw(judgement.findings[0], judgement.words)


def test_what_a_history_says_is_escaped() -> None:
    evil = LISTS["write-skew"].replace(" x", ' "<script>"').replace("{ read y", "{ read y")
    judgement = judged(parse_history(evil), lists=True)
    svg = draw(judgement.findings[0], judgement.words)
    assert "<script>" not in svg
    assert any("<script>" in text for text in _texts(svg))


def test_what_is_no_cycle_cannot_be_drawn() -> None:
    judgement = judged(parse_history(LISTS["garbage-read"]), lists=True)
    with pytest.raises(ValueError, match="is no cycle"):
        draw(judgement.findings[0], judgement.words)
