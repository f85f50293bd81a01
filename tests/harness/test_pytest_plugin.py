"""The plugin as a user's own suite has it: by its entry point, in a pytest of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.run_index import search_runs
from tests.harness.cli.hearsay import ROOT

pytest_plugins = ["pytester"]

SIMULATED = """
import pytest

@pytest.mark.parametrize("seed", range(2))
@pytest.mark.hearsay(workload="register", faults="partition,kill", time=10)
def test_correct_nodes_are_linearizable(hearsay_simulated, seed):
    run = hearsay_simulated(seed=seed)
    assert len(run.history.ops) > 50

@pytest.mark.hearsay(workload="register", bug="forgets-vote", faults="kill", time=10, seed=1)
def test_wrong_nodes_are_not(hearsay_simulated):
    hearsay_simulated()
"""

LIVE = """
import pytest
from system import Relay

relay = Relay()

@pytest.mark.hearsay(system=relay, faults="partition", time=6, seed=1)
def test_under_partitions_this_client_is_linearizable(hearsay_live):
    hearsay_live()
"""

SYSTEM = r"""
import asyncio, json, sys
from pathlib import Path
from harness.own_system import CompareAndSet, Ok, Read, System, Write

class Client:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def call(self, call):
        match call:
            case Read(key=key):
                return Ok((await self.ask(key),))
            case Write(key=key, value=value):
                await self.ask(key, new=value)
                return Ok()
            case CompareAndSet(key=key, expected=old, replacement=new):
                return Ok((await self.ask(key, old=old, new=new),))

    async def ask(self, key, **change):
        self.writer.write(json.dumps({"key": key, **change}).encode() + b"\n")
        return json.loads(await self.reader.readline())

    async def close(self):
        self.writer.close()

class Relay(System):
    def command(self, node):
        first = node.peers.get("n0", "")
        return [sys.executable, str(Path(__file__).with_name("server.py")), str(node.port), first]

    async def connect(self, host, port):
        return Client(*await asyncio.open_connection(host, port))
"""

SERVER = r"""
# n0 holds everything; the others ask it.
import asyncio, json, sys

held = {}

async def answer(line):
    if sys.argv[2]:
        reader, writer = await asyncio.open_connection(*sys.argv[2].split(":"))
        writer.write(line)
        said = await reader.readline()
        writer.close()
        return said
    asked = json.loads(line)
    before = held.get(asked["key"])
    if "new" in asked and asked.get("old", before) == before:
        held[asked["key"]] = asked["new"]
    return json.dumps(before).encode() + b"\n"

async def serve(reader, writer):
    while line := await reader.readline():
        writer.write(await answer(line))
    writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()

asyncio.run(main())
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A directory that knows of Hearsay what an installation tells: its packages, its plugin."""
    installed = pytester.mkdir("installed")
    information = installed / "hearsay-0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: hearsay\nVersion: 0\n")
    (information / "entry_points.txt").write_text("[pytest11]\nhearsay = harness.pytest_plugin\n")
    path = os.pathsep.join((str(ROOT), str(installed)))
    monkeypatch.setenv("PYTHONPATH", path)
    pytester.makeini("[pytest]\naddopts = -p no:cacheprovider --strict-markers\n")
    return pytester


def kept(suite: pytest.Pytester) -> list[str]:
    return [f"{run.workload} {run.verdict}" for run in search_runs(suite.path / "runs")]


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "under xdist"])
def test_only_the_wrong_run_fails_is_explained_and_is_kept(
    suite: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    suite.makepyfile(SIMULATED)
    done = suite.runpytest_subprocess(*workers)
    done.assert_outcomes(passed=2, failed=1)
    said = done.stdout.str()
    assert "Invalid: " in said
    assert "terms never go back" in said
    assert "again   hearsay simulate --seeds 1 --workload register" in said
    assert kept(suite) == ["register invalid"]
    (run,) = search_runs(suite.path / "runs")
    assert (suite.path / "runs" / run.name / "report.html").is_file()


@pytest.mark.live
@pytest.mark.parametrize("wrong", [False, True], ids=["right", "with a copy on each node"])
def test_a_users_own_client_is_tested_in_ten_lines(suite: pytest.Pytester, wrong: bool) -> None:
    server = SERVER.replace("if sys.argv[2]:", "if False:") if wrong else SERVER
    suite.makepyfile(test_it=LIVE, system=SYSTEM, server=server)
    done = suite.runpytest_subprocess()
    done.assert_outcomes(passed=not wrong, failed=wrong)
    assert kept(suite) == (["register invalid"] if wrong else [])
    if wrong:
        done.stdout.fnmatch_lines(["again   hearsay run*--system */test_it.py:relay"])


@pytest.mark.live
def test_a_live_run_that_is_not_valid_fails_and_is_kept_where_it_is_wanted(
    suite: pytest.Pytester,
) -> None:
    suite.makepyfile("""
        def test_it(hearsay_live):
            hearsay_live(bug="stale-read", faults=["partition"], time=4, seed=2)

        def test_too_little_is_no_pass(hearsay_live):
            hearsay_live(time=0.1, faults="none", rate=1)

        def test_what_is_expected_to_be_wrong(hearsay_live):
            judged = hearsay_live.judge(bug="stale-read", faults="none", time=4)
            assert "linearizable" in judged.verdicts
    """)
    done = suite.runpytest_subprocess("--hearsay-store", "kept")
    done.assert_outcomes(passed=1, failed=2)
    done.stdout.fnmatch_lines(["*NotValid: Invalid: *", "*NotValid: Unknown: *"])
    done.stdout.fnmatch_lines(["again   hearsay run --workload register*--bug stale-read"])
    verdicts = {run.verdict for run in search_runs(suite.path / "kept")}
    assert {"invalid", "unknown"} <= verdicts
    assert (suite.path / "kept" / "latest-failed" / "run.json").is_file()


def test_histories_are_checked(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        from histories.call import Ok, Read, Write
        from histories.op import Op

        def op(index, call, values=()):
            return Op(index=index, process=0, call=call, outcome=Ok(values), invoked=index * 2,
                completed=index * 2 + 1)

        def test_good(hearsay_check):
            hearsay_check([op(0, Write("x", 1)), op(1, Read("x"), (1,))], model="register")

        def test_bad(hearsay_check, tmp_path):
            (tmp_path / "bad.edn").write_text(
                '{:process 0 :type :invoke :f :write :value 1 :time 1}'
                '{:process 0 :type :ok :f :write :value 1 :time 2}'
                '{:process 0 :type :invoke :f :read :value nil :time 3}'
                '{:process 0 :type :ok :f :read :value 2 :time 4}'
            )
            hearsay_check(tmp_path / "bad.edn")

        def test_empty(hearsay_check):
            hearsay_check([])
    """)
    done = suite.runpytest_subprocess()
    done.assert_outcomes(passed=1, failed=2)
    done.stdout.fnmatch_lines(["*NotValid: Invalid: nonlinearizable*", "*NotValid: Unknown: *"])
    assert "op 1: process 0: read register -> 2" in done.stdout.str()


def test_a_wrong_option_is_named(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        import pytest

        @pytest.mark.hearsay(colour="red")
        def test_option(hearsay_simulated):
            hearsay_simulated()

        def test_fault(hearsay_simulated):
            hearsay_simulated(faults="plague")

        def test_system(hearsay_live):
            hearsay_live(system=object())

        @pytest.mark.hearsay("partition")
        def test_position(hearsay_live):
            hearsay_live()
    """)
    done = suite.runpytest_subprocess()
    done.assert_outcomes(failed=3, errors=1)
    said = done.stdout.str()
    for problem in (
        "colour: no such option; there are: bug, concurrency, faults",
        "--faults",
        "is no harness.own_system.System",
        "options have names: ('partition',)",
    ):
        assert problem in said


def test_whoever_does_not_use_it_pays_next_to_nothing(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        import sys

        def test_nothing_heavy_was_loaded():
            assert "harness.pytest_plugin" in sys.modules
            assert not {"numpy", "grpc", "numba", "msgspec", "harness.testing"} & set(sys.modules)
    """)
    quiet = ("-p", "no:hypothesispytest", "-p", "no:anyio")
    suite.runpytest_subprocess(*quiet).assert_outcomes(passed=1)


def test_the_entry_point_is_declared() -> None:
    declared = Path(ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.entry-points.pytest11]\nhearsay = "harness.pytest_plugin"' in declared
