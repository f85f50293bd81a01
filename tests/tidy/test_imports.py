"""Who may import whom (ARCHITECTURE.md).  The rules are data; this is their enforcement."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from tests.tidy.source_tree import imports, module_name, parsed, python_files, relative

CORE = "system_under_test.gossip_raft.core"
PORTS = "system_under_test.gossip_raft.ports"
HOST = "system_under_test.gossip_raft.host"
CONTROL = "system_under_test.control"
MACHINE = "system_under_test.machine"
WRONG_CLOCK = "system_under_test.wrong_clock"
CONDITIONS = "system_under_test.conditions"
RUNTIME = "system_under_test.gossip_raft.runtime"
SIMULATION = "system_under_test.gossip_raft.simulation"
MUTANTS = "system_under_test.gossip_raft.mutants"
DIRECTED = "system_under_test.gossip_raft.simulation.directed"

# Longest prefix wins.  A package may always import itself and the pure standard library.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "histories": frozenset({"numpy", "msgspec"}),
    "histories.formats.journal_scanner": frozenset({"histories", "numpy", "numba"}),
    "checker": frozenset({"histories", "numpy", "numba", "scipy", "networkx"}),
    "system_under_test": frozenset(),
    CORE: frozenset(),
    PORTS: frozenset({CORE}),
    HOST: frozenset({CORE, PORTS}),
    MACHINE: frozenset({CORE, "msgspec"}),
    WRONG_CLOCK: frozenset({CORE, MACHINE}),
    CONTROL: frozenset({CORE, CONDITIONS, MACHINE}),
    CONDITIONS: frozenset({f"{CORE}.types", "msgspec"}),
    RUNTIME: frozenset({CORE, PORTS, HOST, CONTROL, MACHINE, WRONG_CLOCK, MUTANTS, "protos"})
    | frozenset({"grpc", "google.protobuf", "msgspec", "starlette", "uvicorn"})
    | frozenset({"cryptography", "grpc_health", "grpc_reflection", "prometheus_client"}),
    SIMULATION: frozenset({CORE, PORTS, HOST, CONTROL, CONDITIONS, MACHINE, WRONG_CLOCK}),
    MUTANTS: frozenset({CORE, PORTS}),
    DIRECTED: frozenset({CORE, PORTS, HOST, MUTANTS}),
    "nemesis": frozenset({CONTROL, CONDITIONS, MACHINE, f"{CORE}.types", "histories", "msgspec"}),
    "workloads": frozenset({"histories", "checker", CORE}),
    "protos": frozenset({"grpc", "grpc_tools", "google.protobuf"}),
    "harness": frozenset(
        {"histories", "checker", "system_under_test", "nemesis", "workloads", "protos"}
    )
    | frozenset({"msgspec", "numpy", "typer", "click", "rich", "jinja2", "starlette", "uvicorn"})
    | frozenset({"distributed", "pyarrow"}),
    "harness.pytest_plugin": frozenset({"harness", "pytest"}),
    "harness.exchange_calls": frozenset({"nemesis", "protos", RUNTIME, "google.protobuf"}),
    "benchmarks": frozenset(
        {"harness", "nemesis", "system_under_test", "checker", "histories", "protos", "workloads"}
    )
    | frozenset({"grpc", "grpc_tools", "google.protobuf", "msgspec", "numpy", "pysyncobj"})
    | frozenset({"playwright", "rich", "typer"}),
}
# Hypothesis strategies: public, yet nothing that runs without Hypothesis may need them.
STRATEGIES = {
    "histories.strategies": frozenset({"histories"}),
    "nemesis.strategies": frozenset({"nemesis", CONTROL, CONDITIONS, f"{CORE}.types"}),
    f"{SIMULATION}.strategies": frozenset({SIMULATION}),
    "harness.strategies": frozenset(
        {"harness", "nemesis", "workloads", f"{CORE}.types", f"{SIMULATION}.strategies"}
    ),
}
MAY_IMPORT |= {name: allowed | {"hypothesis"} for name, allowed in STRATEGIES.items()}
PURE_STANDARD_LIBRARY = frozenset(
    {
        *(
            "__future__",
            "abc",
            "array",
            "bisect",
            "collections",
            "contextlib",
            "copy",
            "dataclasses",
        ),
        *(
            "enum",
            "fractions",
            "functools",
            "hashlib",
            "heapq",
            "html",
            "itertools",
            "json",
            "math",
        ),
        *("operator", "random", "re", "string", "struct", "textwrap", "tomllib", "types", "typing"),
    }
)
# Shells: the only places that touch sockets, files, clocks or processes.
IMPURE = (
    "benchmarks",
    "histories.journal",
    "histories.formats",
    "nemesis.proxy",
    RUNTIME,
    "harness",
    "protos",
)
PURE_INSIDE_HARNESS = ("harness.driver", "harness.effects", "harness.seeds")
# Reads a file of its caller's choosing and nothing else.
SHELL_LIBRARY = {"histories.errors": frozenset({"pathlib"})}


def _under(name: str, prefix: str) -> bool:
    return f"{name}.".startswith(f"{prefix}.")


def _violations(module: str, tree: ast.Module) -> Iterator[str]:
    rule = max((p for p in MAY_IMPORT if _under(module, p)), key=len)
    allowed = MAY_IMPORT[rule] | {rule} | PURE_STANDARD_LIBRARY
    allowed |= SHELL_LIBRARY.get(module, frozenset())
    if any(_under(module, p) for p in IMPURE) and module not in PURE_INSIDE_HARNESS:
        allowed |= sys.stdlib_module_names
    for line, target in imports(tree):
        if target.startswith("."):
            yield f"{line}: relative import of {target}"
        elif module not in STRATEGIES and any(_under(target, name) for name in STRATEGIES):
            yield f"{line}: {target} needs Hypothesis, {module} must not"
        elif not any(_under(target, a) for a in allowed):
            yield f"{line}: {rule} may not import {target}"


def test_imports_follow_the_layers() -> None:
    found = [
        f"{relative(path)}:{problem}"
        for path in python_files()
        if not relative(path).startswith(("tests/", "noxfile"))
        for problem in _violations(module_name(path), parsed(path))
    ]
    assert found == []


def test_an_import_against_the_layers_is_seen() -> None:
    planted = ast.parse("import time\nfrom harness import driver\nfrom . import op\nimport math")
    assert list(_violations("checker.base", planted)) == [
        "1: checker may not import time",
        "2: checker may not import harness.driver",
        "3: relative import of ..op",
    ]


def test_nobody_imports_the_simulated_world_from_the_live_one() -> None:
    planted = ast.parse("import system_under_test.gossip_raft.simulation.clock")
    assert list(_violations(f"{RUNTIME}.clock", planted)) != []


def test_nothing_needs_hypothesis_but_the_strategies() -> None:
    planted = ast.parse("from nemesis import strategies\nfrom hypothesis import given")
    assert list(_violations("harness.swarm", planted)) == [
        "1: nemesis.strategies needs Hypothesis, harness.swarm must not",
        "2: harness may not import hypothesis.given",
    ]
    assert list(_violations("nemesis.strategies", ast.parse("import hypothesis"))) == []
