"""Every job of the project by name: ``nox -l`` lists them, CI calls them.

Sessions run in the environment that called nox (``./setup`` made it), so that a
job costs no second installation.
"""

from __future__ import annotations

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.default_venv_backend = "none"

PYTHON = ("histories", "checker", "system_under_test", "nemesis", "workloads", "harness", "protos")


@nox.session
def tests(session: nox.Session) -> None:
    """The whole test suite, on every core."""
    session.run("python", "-m", "pytest", "-n", "auto", "--dist", "worksteal", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, mypy --strict, and generated protos up to date; house rules are tests."""
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy", *PYTHON, "tests", "noxfile.py")
    session.run("python", "-m", "protos.generate", "--check")


@nox.session
def campaign(session: nox.Session) -> None:
    """One live fault campaign; arguments go to ``hearsay run``."""
    session.run("hearsay", "run", *session.posargs)


@nox.session
def nightly(session: nox.Session) -> None:
    """Many live campaigns, one seed after the other; arguments go to ``hearsay run``."""
    session.run("hearsay", "run", "--repeat", "20", *session.posargs)
