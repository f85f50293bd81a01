"""House rules that no off-the-shelf linter knows, after TigerBeetle's tidy test."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.tidy.committed import unwanted
from tests.tidy.source_tree import parsed, python_files, relative

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
BANNED_CALLS = {
    "time.sleep": "advance the virtual clock, or wait on an event",
    "asyncio.sleep": "wait on an event, or on a clock's wake_at",
    "time.time": "take a Clock",
    "time.monotonic": "take a Clock",
    "time.monotonic_ns": "take a Clock",
    "time.perf_counter": "take a Clock",
    "datetime.now": "take a Clock",
    "datetime.datetime.now": "take a Clock",
    "random.random": "take a random.Random",
    "random.choice": "take a random.Random",
    "random.randint": "take a random.Random",
    "random.shuffle": "take a random.Random",
    "random.seed": "take a random.Random",
    "uuid.uuid4": "derive the identifier from the seed",
    "hash": "hash() of a str differs between processes; use hashlib",
    "eval": "histories are data",
    "exec": "histories are data",
    "pickle.loads": "histories are data",
}
# File, call and the reason why it may stand there.
EXEMPT = {
    ("system_under_test/gossip_raft/runtime/clock.py", "time.monotonic_ns"): "it is the clock",
    ("benchmarks/measure.py", "time.monotonic_ns"): "it measures",
    ("benchmarks/compaction.py", "time.perf_counter"): "it measures",
    ("system_under_test/gossip_raft/runtime/clock.py", "time.time"): "numbers a rebuilt node",
    ("harness/wall_clock.py", "time.monotonic_ns"): "it is the harness's clock",
    ("harness/wall_clock.py", "datetime.now"): "names run directories",
    ("harness/wall_clock.py", "asyncio.sleep"): "it is the harness's clock",
}


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            return f"{_dotted(value)}.{attr}"
        case _:
            return "?"


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def _problems(name: str, text: str, tree: ast.Module) -> Iterator[str]:
    if (lines := text.count("\n")) > FILE_LINES_MAX:
        yield f"{name}: {lines} lines, more than {FILE_LINES_MAX}"
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if _length(node) > FUNCTION_LINES_MAX:
                yield f"{name}:{node.lineno}: {node.name} has {_length(node)} lines"
            case ast.Call(func=func):
                called = _dotted(func)
                if called in BANNED_CALLS and (name, called) not in EXEMPT:
                    yield f"{name}:{node.lineno}: {called}: {BANNED_CALLS[called]}"
            case ast.ExceptHandler(type=None):
                yield f"{name}:{node.lineno}: bare except"
            case _:
                pass


def test_house_rules_hold() -> None:
    found = [
        problem
        for path in python_files()
        for problem in _problems(relative(path), path.read_text(encoding="utf-8"), parsed(path))
    ]
    assert found == []


def test_a_planted_problem_is_seen() -> None:
    text = "import time\ntime.sleep(1)\ntry:\n    hash('x')\nexcept:\n    pass\n"
    found = sorted(_problems("planted.py", text, ast.parse(text)))
    assert [problem.split(": ", 1)[0] for problem in found] == [
        "planted.py:2",
        "planted.py:4",
        "planted.py:5",
    ]


def test_a_committed_run_store_would_be_seen() -> None:
    assert unwanted(["README.md", "runs/latest/run.json", "a/b.pyc"]) == [
        "runs/latest/run.json",
        "a/b.pyc",
    ]
