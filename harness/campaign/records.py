"""What a campaign has found out so far, a line at a time, so that a crash loses no more than
what was under way.

::

    runs/campaigns/<name>/<UTC time>/
      campaign.json     what is to be done; written first
      records.jsonl     what was done, one record a line, each whole on disk before the next
      summary.json  summary.html  junit.xml
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self, TypeAlias, assert_never

import msgspec
from msgspec import Struct

from harness.campaign.spec import Spec
from harness.campaign.task import Task
from harness.errors import BadInput, EnvironmentFailure
from harness.exit_codes import ExitCode

SCHEMA_VERSION: Final = 1


class Ran(Struct, frozen=True, kw_only=True, tag=True):
    """A task was done.

    Attributes:
        verdict: "valid", "invalid", "unknown", or "environment" if it could not be run.
        sentence: The verdict for a person.
        found: "checker: kind" of each kind of anomaly, in the order of the checkers.
        faults: Kinds that came over the cluster, each once, in alphabetical order.
        run: Its name below the store, or empty if nothing of it was kept.
        seconds: That it took, checks included.
    """

    task: int
    verdict: str
    sentence: str
    found: tuple[str, ...]
    faults: tuple[str, ...]
    run: str
    seconds: float

    @property
    def key(self) -> tuple[str, int, int]:
        return "ran", self.task, 0

    @property
    def code(self) -> ExitCode:
        return CODES[self.verdict]


class RanAgain(Struct, frozen=True, kw_only=True, tag=True):
    """A task that failed was done once more; ``attempt`` counts from 1."""

    task: int
    attempt: int
    verdict: str
    found: tuple[str, ...]
    run: str
    seconds: float

    @property
    def key(self) -> tuple[str, int, int]:
        return "ran again", self.task, self.attempt


class Shrunk(Struct, frozen=True, kw_only=True, tag=True):
    """A task that failed was shrunk, or why it was not.

    Attributes:
        shape: Kinds of the faults that it needs, in the order of time.
        story: Its steps in words.
        run: The shrunk run's name below the store, or empty.
        problem: Why there is none, or empty.
    """

    task: int
    shape: tuple[str, ...]
    story: tuple[str, ...]
    run: str
    problem: str
    seconds: float

    @property
    def key(self) -> tuple[str, int, int]:
        return "shrunk", self.task, 0


class Canary(Struct, frozen=True, kw_only=True, tag=True):
    """Wrong nodes were run.  ``seed`` of the run that caught them; ``None``: nobody noticed."""

    bug: str
    seed: int | None
    found: tuple[str, ...]
    runs: int
    seconds: float

    @property
    def key(self) -> tuple[str, int, int]:
        return "canary", 0, 0


Record: TypeAlias = Ran | RanAgain | Shrunk | Canary

CODES: Final = {
    "valid": ExitCode.VALID,
    "invalid": ExitCode.INVALID,
    "unknown": ExitCode.UNKNOWN,
    "environment": ExitCode.ENVIRONMENT,
}


class CampaignRecord(Struct, frozen=True, kw_only=True):
    """``campaign.json``.  ``spec`` and ``first_fresh`` fix all tasks; ``text`` is the file's."""

    schema_version: int = SCHEMA_VERSION
    file: str
    text: str
    spec: Spec
    first_fresh: int
    started: str
    commit: str | None


@dataclass(slots=True)
class Findings:
    """All records, by what they are about.  The first that comes of anything counts."""

    ran: dict[int, Ran] = field(default_factory=dict)
    again: dict[int, list[RanAgain]] = field(default_factory=dict)
    shrunk: dict[int, Shrunk] = field(default_factory=dict)
    canary: Canary | None = None
    _known: set[tuple[str, int, int]] = field(default_factory=set)

    def add(self, record: Record) -> bool:
        """Whether nothing was known of it before."""
        if record.key in self._known:
            return False
        self._known.add(record.key)
        match record:
            case Ran():
                self.ran[record.task] = record
            case RanAgain():
                self.again.setdefault(record.task, []).append(record)
            case Shrunk():
                self.shrunk[record.task] = record
            case Canary():
                self.canary = record
            case _:
                assert_never(record)
        return True

    @property
    def runs(self) -> frozenset[str]:
        """The names of all runs that are spoken of."""
        named = [one.run for one in self.ran.values()]
        named += [one.run for attempts in self.again.values() for one in attempts]
        named += [one.run for one in self.shrunk.values()]
        return frozenset(filter(None, named))

    @property
    def seconds(self) -> float:
        """That everything took, one after the other."""
        canary = [] if self.canary is None else [self.canary.seconds]
        again = (one.seconds for attempts in self.again.values() for one in attempts)
        ran = (one.seconds for one in self.ran.values())
        return sum((*ran, *again, *(one.seconds for one in self.shrunk.values()), *canary))


class CampaignDirectory:
    """The files of one campaign, while this process conducts it.

    Nobody else can have it open: a campaign is conducted by one process at a time.
    """

    def __init__(self, path: Path) -> None:
        """``path`` exists.  Raises: InUse, EnvironmentFailure."""
        self.path = path
        try:
            self._lock = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise EnvironmentFailure(f"{path}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise InUse(f"{path}: another process conducts this campaign") from error
        self._records: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._records is not None:
            os.close(self._records)
        os.close(self._lock)

    @property
    def name(self) -> str:
        """ "nightly/20261128T021700Z", as its runs are marked."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def record(self) -> Path:
        return self.path / "campaign.json"

    @property
    def records(self) -> Path:
        return self.path / "records.jsonl"

    @property
    def summary(self) -> Path:
        return self.path / "summary.json"

    @property
    def page(self) -> Path:
        return self.path / "summary.html"

    @property
    def junit(self) -> Path:
        return self.path / "junit.xml"

    def read_findings(self) -> Findings:
        """All that was recorded; a last line that is not whole is cut off the file.

        Raises:
            BadInput: Another line is no record.
        """
        findings = Findings()
        try:
            data = self.records.read_bytes()
        except FileNotFoundError:
            return findings
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(self.records, whole)
        decoder = msgspec.json.Decoder(Record)
        for number, line in enumerate(data[:whole].splitlines(), start=1):
            try:
                findings.add(decoder.decode(line))
            except msgspec.DecodeError as error:
                raise BadInput(f"{self.records}:{number}: {error}") from error
        return findings

    def append(self, record: Record) -> None:
        """On disk when this returns.  Raises: EnvironmentFailure."""
        line = msgspec.json.encode(record) + b"\n"
        try:
            if self._records is None:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
                self._records = os.open(self.records, flags, 0o644)
            written = os.write(self._records, line)
            if written < len(line):
                raise EnvironmentFailure(f"{self.records}: no room for a record")
            os.fdatasync(self._records)
        except OSError as error:
            raise EnvironmentFailure(f"{self.records}: {error.strerror}") from error

    def write(self, path: Path, data: bytes) -> None:
        """All of it or nothing.  Raises: EnvironmentFailure."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            temporary.write_bytes(data)
            temporary.replace(path)
        except OSError as error:
            raise EnvironmentFailure(f"{path}: {error.strerror}") from error


class InUse(EnvironmentFailure):
    """Another process has the campaign open."""


def read_campaign(path: Path) -> CampaignRecord:
    """Raises: BadInput: ``campaign.json`` is missing, broken or of a newer version."""
    file = path / "campaign.json"
    try:
        record = msgspec.json.decode(file.read_bytes(), type=CampaignRecord)
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise BadInput(f"{file}: {error}") from error
    if record.schema_version > SCHEMA_VERSION:
        raise BadInput(f"{file}: schema_version {record.schema_version} is newer than this hearsay")
    return record


def undone(tasks: Iterable[Task], findings: Findings) -> list[Task]:
    """Those that are still to be run, in their order."""
    return [task for task in tasks if task.number not in findings.ran]
