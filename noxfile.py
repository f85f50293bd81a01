"""Every job of the project by name: ``nox -l`` lists them, CI calls them.

Sessions run in the environment that nox itself is installed in (``./setup`` made it), so
that a job costs no second installation.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.default_venv_backend = "none"

PYTHON = sys.executable
HEARSAY = str(Path(PYTHON).parent / "hearsay")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
PROPERTIES = (
    "tests/nemesis",
    "tests/histories",
    "tests/simulation",
    "tests/system_under_test/core",
    "tests/workloads",
)
"""Where most tests are of properties, and get the deeper the more examples there are."""
TYPED = (
    "histories",
    "checker",
    "system_under_test",
    "nemesis",
    "workloads",
    "harness",
    "protos",
    "benchmarks",
)


@nox.session
def tests(session: nox.Session) -> None:
    """The whole test suite, on every core."""
    session.run(PYTHON, "-m", "pytest", "-n", "auto", "--dist", "worksteal", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Reports and pages in headless Chromium, which apt installs if there is none."""
    if not any(map(shutil.which, CHROMIUM)):
        sudo = () if os.geteuid() == 0 else ("sudo",)
        session.run(*sudo, "apt-get", "update", "-q", external=True)
        session.run(*sudo, "apt-get", "install", "-q", "-y", "chromium", external=True)
    if shutil.which("npm"):
        session.run(PYTHON, "-m", "harness.report.bundle", "--check")
    else:
        session.log("no npm: the report's script is not compared with its modules")
    session.run(PYTHON, "-m", "pytest", "-m", "browser", "tests/harness", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, mypy --strict, protos up to date, nothing unwanted committed (the rest are tests)."""
    session.run(PYTHON, "-m", "ruff", "format", "--check", ".")
    session.run(PYTHON, "-m", "ruff", "check", ".")
    session.run(PYTHON, "-m", "mypy", *TYPED, "tests", "noxfile.py")
    session.run(PYTHON, "-m", "protos.generate", "--check")
    session.run(PYTHON, "-m", "tests.tidy.committed")


@nox.session
def protos(session: nox.Session) -> None:
    """The code for the wire made anew; ``--check`` only looks whether it is up to date."""
    session.run(PYTHON, "-m", "protos.generate", *session.posargs)


@nox.session
def conformance(session: nox.Session) -> None:
    """Histories with known verdicts: our corpus, and a collection from other projects.

    The collection is a folder with a ``run.py``, named by the first argument or by
    HEARSAY_CONFORMANCE; without it, that half is skipped.
    """
    session.run(PYTHON, "-m", "pytest", "-q", "tests/histories/test_corpus.py")
    named = [*session.posargs, os.environ.get("HEARSAY_CONFORMANCE", "")][0]
    runner = Path(named) / "run.py"
    if not named or not runner.is_file():
        session.skip(
            f"{runner} is not there: name the collection's folder, 'nox -s conformance -- FOLDER'"
            if named
            else "only our corpus: no folder of other projects' histories was named "
            "(nox -s conformance -- FOLDER, or HEARSAY_CONFORMANCE)"
        )
    session.run(PYTHON, str(runner), "--command", f"{HEARSAY} check")


@nox.session
def campaign(session: nox.Session) -> None:
    """A small campaign, live and simulated; arguments go to ``hearsay campaign``."""
    session.run(HEARSAY, "campaign", *(session.posargs or ("campaigns/smoke.toml",)))


@nox.session
def simulate(session: nox.Session) -> None:
    """A thousand seeds in virtual time; arguments go to ``hearsay simulate``."""
    session.run(HEARSAY, "simulate", *(session.posargs or ("--seeds", "0..999")))


@nox.session
def zoo(session: nox.Session) -> None:
    """Every known bug hunted; fails if one that is known to be found is missed."""
    session.run(HEARSAY, "zoo", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Ours beside PySyncObj and etcd; arguments go to ``benchmarks.cluster``."""
    session.run(PYTHON, "-m", "benchmarks.cluster", *session.posargs)


@nox.session
def nightly(session: nox.Session) -> None:
    """An hour of other runs every night, and one page; arguments go to ``hearsay campaign``.

    Then property tests, with examples that no night before had.
    """
    session.run(HEARSAY, "campaign", "campaigns/nightly.toml", *session.posargs)
    profile = {"HYPOTHESIS_PROFILE": "nightly"}
    session.run(PYTHON, "-m", "pytest", "-n", "auto", *PROPERTIES, env=profile)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation as pages in build/docs; arguments go to ``mkdocs build``."""
    environment = {"NO_MKDOCS_2_WARNING": "1"}
    session.run(PYTHON, "-m", "mkdocs", "build", "--strict", *session.posargs, env=environment)


@nox.session
def endurance(session: nox.Session) -> None:
    """Two minutes of kills, a damaged log and a lost disk under 16 clients; nothing may be lost."""
    session.run(PYTHON, "-m", "tests.system_under_test.runtime.endurance", *session.posargs)


@nox.session
def definition(session: nox.Session) -> None:
    """A hundred thousand small histories of every model, judged as brute force judges them."""
    count = session.posargs or ["100000"]
    tests = "tests/checker/linearizability/test_many_small_histories.py"
    session.run(PYTHON, "-m", "pytest", "-q", "--histories", *count, tests)


@nox.session
def differential(session: nox.Session) -> None:
    """Thirty thousand small histories of transactions, judged as brute force judges them."""
    count = session.posargs or ["30000"]
    session.run(PYTHON, "-m", "tests.checker.transactions.differential", *count)
