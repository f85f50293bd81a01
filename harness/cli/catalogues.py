"""``hearsay workloads`` and ``hearsay faults``: what there is to choose from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from checker.base import Checker
from harness import foreign_system
from harness.errors import BadInput
from harness.exit_codes import ExitCode
from nemesis.packages import PACKAGES, variants_of
from system_under_test.gossip_raft.core.types import NodeId
from workloads.catalogue import WORKLOADS, about, options, workload
from workloads.errors import UnknownWorkload
from workloads.options import Option

FIVE: Final = tuple(NodeId(f"n{number}") for number in range(5))
"""A cluster in which every kind of fault has all that it stands for."""


def show_workloads(name: str | None, *, as_json: bool) -> ExitCode:
    """All of them, a line each; or all about one.

    Raises:
        BadInput: There is none of that name.
    """
    if name is not None:
        return _show_workload(name, as_json=as_json)
    if as_json:
        print(json.dumps([_workload_json(each) for each in WORKLOADS], indent=2))
        return ExitCode.VALID
    _print_columns([(each, _summary(each)) for each in WORKLOADS])
    return ExitCode.VALID


def _show_workload(name: str, *, as_json: bool) -> ExitCode:
    try:
        text = about(name)
    except UnknownWorkload as error:
        raise BadInput(str(error)) from error
    if as_json:
        print(json.dumps(_workload_json(name), indent=2))
        return ExitCode.VALID
    print(text.strip())
    print(f"\nJudged by: {', '.join(checker.name for checker in _checkers(name))}.")
    print("\n--option NAME=VALUE, by default the value after the name:\n")
    _print_columns([(one.name, str(one.default), one.range, one.meaning) for one in options(name)])
    print("\nBeside them every workload has --rate, --timeout, --concurrency and --reads.")
    return ExitCode.VALID


def show_faults(*, as_json: bool) -> ExitCode:
    """Every kind of fault, a line each, with the faults that it stands for."""
    if as_json:
        print(json.dumps([_fault_json(kind) for kind in PACKAGES], indent=2))
        return ExitCode.VALID
    _print_columns([(kind, _systems(kind), package.summary) for kind, package in PACKAGES.items()])
    return ExitCode.VALID


def _systems(kind: str) -> str:
    """Whom one can do it to."""
    return "any system" if kind in foreign_system.KINDS else "our cluster"


def _summary(name: str) -> str:
    return about(name).strip().splitlines()[0]


def _checkers(name: str) -> tuple[Checker, ...]:
    return workload(name).checkers()


def _workload_json(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "summary": _summary(name),
        "about": about(name).strip(),
        "checkers": [checker.name for checker in _checkers(name)],
        "options": [_option_json(option) for option in options(name)],
    }


def _option_json(option: Option) -> dict[str, Any]:
    return {
        "name": option.name,
        "default": option.default,
        "range": option.range,
        "meaning": option.meaning,
    }


def _fault_json(kind: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "summary": PACKAGES[kind].summary,
        "any_system": kind in foreign_system.KINDS,
        "faults": [variant.describe() for variant in variants_of(kind, FIVE)],
    }


def _print_columns(rows: Sequence[tuple[str, ...]]) -> None:
    """A line each, never wrapped: for people, and for grep."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
