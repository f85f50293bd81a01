"""Runs on disk: one directory each, found again by name.

::

    runs/<workload>/<UTC time>-<seed>/
      run.json  schedule.json  journal.jsonl  nodes/  verdict.json  report.html
    runs/campaigns/                     what ``harness.campaign`` keeps
    runs/latest, runs/latest-failed     links, replaced atomically
    runs/.index.sqlite                  ``harness.run_index``; can be deleted at any time
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident

import msgspec

from checker.verdict import Valid, Verdict, combine
from harness.config import SCHEMA_VERSION, RunRecord, as_of
from harness.errors import BadInput, EnvironmentFailure
from harness.verdict_file import read_verdicts

LATEST = "latest"
LATEST_FAILED = "latest-failed"
CAMPAIGNS = "campaigns"
"""No workload is named so."""


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The files of one run."""

    path: Path

    @property
    def record(self) -> Path:
        return self.path / "run.json"

    @property
    def schedule(self) -> Path:
        return self.path / "schedule.json"

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def clients(self) -> Path:
        """What clients of a live run transmitted (``harness.attempts``)."""
        return self.path / "clients.jsonl"

    @property
    def verdict(self) -> Path:
        return self.path / "verdict.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def shrunk(self) -> Path:
        """Of a run that is what another was shrunk to: see ``harness.regression``."""
        return self.path / "shrunk.json"

    @property
    def regression_test(self) -> Path:
        return self.path / "test_shrunk.py"

    @property
    def nodes(self) -> Path:
        return self.path / "nodes"

    def traces(self) -> dict[str, Path]:
        """The trace of every node that left one."""
        found = sorted(self.nodes.glob("*/trace.jsonl"))
        return {path.parent.name: path for path in found}

    def read_record(self) -> RunRecord:
        """Raises: BadInput: ``run.json`` is missing, broken or of a newer version."""
        try:
            record = msgspec.json.decode(self.record.read_bytes(), type=RunRecord)
        except OSError as error:
            raise BadInput(f"{self.record}: {error.strerror}") from error
        except msgspec.DecodeError as error:
            raise BadInput(f"{self.record}: {error}") from error
        if record.schema_version > SCHEMA_VERSION:
            raise BadInput(
                f"{self.record}: schema_version {record.schema_version} is newer than this hearsay"
            )
        config = as_of(record.schema_version, record.config)
        return msgspec.structs.replace(record, schema_version=SCHEMA_VERSION, config=config)

    def read_verdict(self) -> Verdict | None:
        """The verdict of the whole run, ``None`` where none was reached yet."""
        if not self.verdict.exists():
            return None
        return combine(read_verdicts(self.verdict).values())


class RunStore:
    """All runs below one directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self, record: RunRecord) -> RunDirectory:
        """Make the directory of a new run and write ``run.json`` into it.

        Raises:
            EnvironmentFailure: The directory cannot be made or written.
        """
        stem = f"{record.started.replace('-', '').replace(':', '')}-{record.config.seed}"
        parent = self.root / record.config.workload
        try:
            parent.mkdir(parents=True, exist_ok=True)
            run = RunDirectory(_make_unique(parent, stem).resolve())
            run.nodes.mkdir()
            run.record.write_bytes(_pretty(record))
        except OSError as error:
            raise EnvironmentFailure(
                f"cannot write runs below {self.root}: {error.strerror}"
            ) from error
        self._link(LATEST, run)
        return run

    def adopt(self, run: RunDirectory) -> RunDirectory:
        """Move a judged run from another store, where it was not valid, into this one.

        Raises:
            EnvironmentFailure: It cannot be moved.
        """
        parent = self.root / run.path.parent.name
        try:
            parent.mkdir(parents=True, exist_ok=True)
            place = _make_unique(parent, run.path.name).resolve()
            shutil.copytree(run.path, place, dirs_exist_ok=True)
            shutil.rmtree(run.path)
        except OSError as error:
            raise EnvironmentFailure(
                f"cannot move {run.path} below {self.root}: {error.strerror}"
            ) from error
        moved = RunDirectory(place)
        self._link(LATEST, moved)
        self._link(LATEST_FAILED, moved)
        return moved

    def forget(self, run: RunDirectory) -> None:
        """Delete a run, and the links that would lead nowhere."""
        shutil.rmtree(run.path, ignore_errors=True)
        for name in (LATEST, LATEST_FAILED):
            link = self.root / name
            if link.is_symlink() and not link.exists():
                link.unlink(missing_ok=True)

    def judged(self, run: RunDirectory, verdict: Verdict) -> None:
        """Point ``latest-failed`` at a run that did not pass, and let the index look again."""
        if not isinstance(verdict, Valid):
            self._link(LATEST_FAILED, run)
        with suppress(OSError):  # The store may be another's, to be read only.
            os.utime(run.path.parent)

    def find(self, name: str) -> RunDirectory:
        """A run by its path, its name below the store, its last part, or a link's name.

        Raises:
            BadInput: There is none, or more than one.
        """
        for candidate in (Path(name), self.root / name):
            if (candidate / "run.json").is_file():
                return RunDirectory(candidate.resolve())
        matches = [run for run in self.runs() if run.path.name == name]
        if len(matches) == 1:
            return matches[0]
        problem = "no such run" if not matches else f"{len(matches)} runs have that name"
        raise BadInput(f"{name}: {problem} in {self.root} (hearsay runs lists them)")

    def runs(self) -> Iterator[RunDirectory]:
        """Every run, oldest first."""
        found = {path.parent.resolve() for path in self.root.glob("*/*/run.json")}
        for path in sorted(found, key=lambda path: (path.name, path)):
            yield RunDirectory(path)

    def _link(self, name: str, run: RunDirectory) -> None:
        link = self.root / name
        temporary = self.root / f".{name}.{os.getpid()}.{get_ident()}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(os.path.relpath(run.path, self.root.resolve()))
        temporary.replace(link)


def _make_unique(parent: Path, stem: str) -> Path:
    """Two runs of one second and seed must not share a directory."""
    attempt = 1
    while True:
        path = parent / (stem if attempt == 1 else f"{stem}-{attempt}")
        try:
            path.mkdir()
        except FileExistsError:
            attempt += 1
        else:
            return path


def _pretty(record: RunRecord) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"
