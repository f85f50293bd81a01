"""A plugin for pytest, found by its entry point: clusters to test, and histories to check.

::

    from harness.own_system import Call, Node, Ok, Outcome, Read, System

    class Store(System): ...        # how to start a node, and how your client asks it

    store = Store()

    @pytest.mark.hearsay(system=store, faults="partition", time=10)
    def test_under_partitions_this_client_is_linearizable(hearsay_live):
        hearsay_live()

A run that is not valid fails its test, one of which nothing is known as well; what proves it is
printed, and the run stays in the store (``--hearsay-store``), for ``hearsay show latest-failed``.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from harness.testing import CheckedHistory, LiveRuns, SimulatedRuns

STORE: Final = "runs"
MARKER: Final = "hearsay"
EXPLANATIONS: Final = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("hearsay").addoption(
        "--hearsay-store",
        metavar="DIR",
        default=STORE,
        help="where runs that are not valid are kept (default: %(default)s, in the root directory)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "hearsay(**options): what the clusters of a test are like; options as of 'hearsay run':"
        " workload, nodes, faults, at_once, schedule, time, concurrency, rate, timeout, seed, bug,"
        " reads, options, and"
        " system: a harness.own_system.System of yours",
    )


@pytest.fixture
def hearsay_live(request: pytest.FixtureRequest, tmp_path: Path) -> LiveRuns:
    """Runs of real processes on loopback, with faults: call it, and it must be valid.

    Its arguments are the options of the marker once more, and win.  ``.judge(...)`` likewise
    runs and judges, but leaves it to you what the verdict should be.
    """
    from harness.testing import LiveRuns  # noqa: PLC0415  Few sessions need it.

    scratch = tmp_path / "hearsay"
    return LiveRuns(_options(request), _store(request), scratch, _told(request), request.module)


@pytest.fixture
def hearsay_simulated(request: pytest.FixtureRequest) -> SimulatedRuns:
    """The same of Hearsay's own cluster in virtual time: what is not given, the seed draws."""
    from harness.testing import SimulatedRuns  # noqa: PLC0415  Few sessions need it.

    return SimulatedRuns(_options(request), _store(request), _told(request))


@pytest.fixture
def hearsay_check(request: pytest.FixtureRequest) -> CheckedHistory:
    """Judges a history, which must be valid: a file in any format that ``hearsay check`` reads,
    or operations; by a ``model``, or as a ``workload``."""
    from harness.testing import CheckedHistory  # noqa: PLC0415  Few sessions need it.

    return CheckedHistory(_told(request))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What was explained of its runs goes with the report of a test that failed."""
    report = yield
    if report.when == "call" and report.failed:
        for text in item.stash.get(EXPLANATIONS, []):
            report.sections.append(("hearsay", text))
    return report


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Of all markers; that of a function wins over that of its class or module."""
    options: dict[str, Any] = {}
    for marker in request.node.iter_markers(MARKER):
        if marker.args:
            raise pytest.UsageError(f"@pytest.mark.{MARKER}: options have names: {marker.args!r}")
        options = {**marker.kwargs, **options}
    return options


def _store(request: pytest.FixtureRequest) -> Path:
    chosen = Path(request.config.getoption("--hearsay-store"))
    return request.config.rootpath / chosen


def _told(request: pytest.FixtureRequest) -> list[str]:
    told: list[str] = request.node.stash.setdefault(EXPLANATIONS, [])
    return told
