"""The run store as a table, so that hundreds of thousands of runs can be searched.

All of it is read from the run directories and nothing but ``refresh`` writes it: whoever makes,
judges or deletes runs need not know of it, and it can be deleted at any time.  A folder whose
time of change is known is not read again; ``RunStore.judged`` moves that time, too.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from harness.errors import BadInput, EnvironmentFailure
from harness.store import CAMPAIGNS, RunDirectory
from harness.wall_clock import utc_now

FILE_NAME: Final = ".index.sqlite"
LAYOUT: Final = 1
"""Of the table; one that was made with another is made anew."""

NOT_JUDGED: Final = "not judged"
UNREADABLE: Final = "unreadable"
WORDS: Final = ("valid", "invalid", "unknown", NOT_JUDGED, UNREADABLE)
"""What stands for the verdict of a run."""

_RACY_NS: Final = 2_000_000_000
"""A folder changed so lately may change again without its time of change telling."""

_BUSY_SECONDS: Final = 30.0
_MANY: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One run in one row.

    Attributes:
        name: "register/20261128T101010Z-7": its place below the store.
        verdict: One of ``WORDS``.
        sentence: The verdict for a person, or why the run cannot be read.
        found: "checker: kind" of each kind of anomaly.
        bug: Of the zoo; empty for correct nodes.
        campaign: The one that it belongs to, or empty.
    """

    name: str
    workload: str
    started: str
    seed: int
    nodes: int
    faults: tuple[str, ...]
    time_s: float
    bug: str
    reads: str
    simulated: bool
    verdict: str
    sentence: str
    found: tuple[str, ...]
    campaign: str

    @property
    def title(self) -> str:
        """The last part of its name."""
        return self.name.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which runs: those to which everything applies that is given.

    Attributes:
        fault: A kind that its configuration names.
        bug: Its name; "none" for correct nodes, "any" for wrong ones.
        since, until: Beginnings of ISO times ("2026-11-28", "2026-11-28T10"); both inclusive.
        text: Anywhere in its name, sentence, anomalies or campaign.
    """

    verdict: str | None = None
    workload: str | None = None
    fault: str | None = None
    bug: str | None = None
    since: str | None = None
    until: str | None = None
    campaign: str | None = None
    text: str | None = None


EVERYTHING: Final = Filter()


class _Kind(Struct, frozen=True):
    kind: str


class _Checked(Struct, frozen=True):
    checker: str
    anomalies: tuple[_Kind, ...] = ()


class _Judgement(Struct, frozen=True):
    """As much of ``verdict.json`` as a row needs."""

    verdict: str
    sentence: str
    checkers: tuple[_Checked, ...] = ()


_COLUMNS: Final = tuple(RunSummary.__dataclass_fields__)
_TABLES: Final = f"""
create table folder (name text primary key, changed integer not null);
create table run ({", ".join(f"{name} not null" for name in _COLUMNS)},
    judged integer not null, primary key (name));
create index run_started on run (started, name);
create index run_verdict on run (verdict, started);
create index run_workload on run (workload, started);
create index run_bug on run (bug, started) where bug != '';
create index run_campaign on run (campaign, started) where campaign != '';
"""


class RunIndex:
    """The table of one store.  Questions are answered from it as it was last refreshed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._database = _opened(root)

    def close(self) -> None:
        self._database.close()

    # --- questions ---------------------------------------------------------------------

    def search(
        self, which: Filter = EVERYTHING, *, limit: int = -1, offset: int = 0, newest: bool = True
    ) -> list[RunSummary]:
        """Those runs in the order of time, so many of them (all if ``limit`` is negative)."""
        condition, values = _condition(which)
        order = "desc" if newest else "asc"
        rows = self._database.execute(
            f"select {', '.join(_COLUMNS)} from run where {condition}"  # noqa: S608  Our own words.
            f" order by started {order}, name {order} limit ? offset ?",
            (*values, limit, offset),
        )
        return [_summary(row) for row in rows]

    def count(self, which: Filter = EVERYTHING) -> int:
        condition, values = _condition(which)
        query = f"select count(*) from run where {condition}"  # noqa: S608  Our own words.
        return int(self._database.execute(query, values).fetchone()[0])

    def named(self, name: str) -> RunSummary | None:
        """The run of exactly that name."""
        query = f"select {', '.join(_COLUMNS)} from run where name = ?"  # noqa: S608  Our own words.
        row = self._database.execute(query, (name,)).fetchone()
        return None if row is None else _summary(row)

    def values(self, column: str) -> tuple[str, ...]:
        """What there is in "workload", "bug" or "campaign", in alphabetical order."""
        assert column in {"workload", "bug", "campaign"}, column
        query = f"select distinct {column} from run where {column} != '' order by 1"  # noqa: S608
        return tuple(str(row[0]) for row in self._database.execute(query))

    # --- keeping up --------------------------------------------------------------------

    def rebuild(self) -> int:
        """Forget everything and read all directories; how many runs there are."""
        with self._database:
            self._database.execute("delete from run")
            self._database.execute("delete from folder")
        return self.refresh()

    def refresh(self) -> int:
        """Follow what changed in the directories; how many rows changed.

        Raises:
            EnvironmentFailure: The table is in use for too long, or the disk is full.
        """
        now_ns = int(utc_now().timestamp() * 1e9)
        try:
            # One at a time: what another has just read need not be read again.
            self._database.execute("begin immediate")
            with self._database:
                return self._follow_folders(now_ns)
        except sqlite3.Error as error:
            raise EnvironmentFailure(f"{self._root / FILE_NAME}: {error}") from error

    def _follow_folders(self, now_ns: int) -> int:
        known = dict(self._database.execute("select name, changed from folder"))
        there = _folders(self._root)
        changed = 0
        for name in known.keys() - there.keys():
            self._database.execute("delete from folder where name = ?", (name,))
            changed += self._forget(self._rows_of(name))
        for name, time in there.items():
            if known.get(name) != time:
                more, complete = self._follow(name)
                changed += more
                if complete and time < now_ns - _RACY_NS:
                    row = (name, time)
                    self._database.execute("insert or replace into folder values (?, ?)", row)
        return changed + self._follow_unjudged()

    def _follow(self, folder: str) -> tuple[int, bool]:
        """How many rows of a folder changed, and whether all that is in it are runs."""
        known, complete, changed = self._rows_of(folder), True, 0
        fresh: list[str] = []
        for entry in os.scandir(self._root / folder):
            name = f"{folder}/{entry.name}"
            judged = known.pop(name, None)
            if judged is None and not Path(entry.path, "run.json").is_file():
                complete = False
            elif judged != _judged_at(entry.path):
                fresh.append(name)
        changed += self._forget(known)
        return changed + self._read(fresh), complete

    def _follow_unjudged(self) -> int:
        """Runs under way, or broken off before their folder's time was moved."""
        rows = self._database.execute("select name from run where judged = 0")
        names = [str(row[0]) for row in rows]
        return self._read([name for name in names if _judged_at(f"{self._root}/{name}")])

    def _rows_of(self, folder: str) -> dict[str, int]:
        query = "select name, judged from run where name > ? and name < ?"
        # "0" comes right after "/".
        return dict(self._database.execute(query, (f"{folder}/", f"{folder}0")))

    def _read(self, names: list[str]) -> int:
        marks = ", ".join("?" for _ in range(len(_COLUMNS) + 1))
        for start in range(0, len(names), _MANY):
            rows = [_row(self._root, name) for name in names[start : start + _MANY]]
            statement = f"insert or replace into run values ({marks})"  # noqa: S608  Only marks.
            self._database.executemany(statement, rows)
        return len(names)

    def _forget(self, names: Iterable[str]) -> int:
        gone = [(name,) for name in names]
        self._database.executemany("delete from run where name = ?", gone)
        return len(gone)


def search_runs(root: Path, which: Filter = EVERYTHING, *, limit: int = -1) -> list[RunSummary]:
    """Those runs of the store at ``root`` as they are now, the newest first."""
    with closing(RunIndex(root)) as index:
        index.refresh()
        return index.search(which, limit=limit)


def _opened(root: Path) -> sqlite3.Connection:
    """The table in its file, made anew if it is none; in memory where nothing can be written."""
    path = root / FILE_NAME
    for attempt in (1, 2):
        try:
            return _laid_out(sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False))
        except sqlite3.OperationalError:
            break
        except sqlite3.DatabaseError:
            if attempt == 1:
                path.unlink(missing_ok=True)
    return _laid_out(sqlite3.connect(":memory:", check_same_thread=False))


def _laid_out(database: sqlite3.Connection) -> sqlite3.Connection:
    try:
        with database:
            if database.execute("pragma user_version").fetchone()[0] != LAYOUT:
                database.execute("begin immediate")
                if database.execute("pragma user_version").fetchone()[0] != LAYOUT:
                    for table in ("folder", "run"):
                        database.execute(f"drop table if exists {table}")
                    for statement in filter(str.strip, _TABLES.split(";")):
                        database.execute(statement)
                    database.execute(f"pragma user_version = {LAYOUT}")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _folders(root: Path) -> dict[str, int]:
    """Those that may hold runs, with their times of change, in alphabetical order."""
    try:
        entries = list(os.scandir(root))
    except OSError:
        return {}
    return {
        entry.name: entry.stat().st_mtime_ns
        for entry in sorted(entries, key=lambda entry: entry.name)
        if entry.is_dir(follow_symlinks=False)
        and entry.name != CAMPAIGNS
        and not entry.name.startswith(".")
    }


def _judged_at(run: str) -> int:
    """When the verdict was written, in nanoseconds; 0 for no verdict.

    A plain name, since this is asked of every run in a folder that changed.
    """
    try:
        return os.stat(f"{run}/verdict.json").st_mtime_ns  # noqa: PTH116
    except OSError:
        return 0


def _row(root: Path, name: str) -> tuple[object, ...]:
    run = RunDirectory(root / name)
    judged = _judged_at(str(run.path))
    summary = _read_summary(run, name)
    return (*(_stored(getattr(summary, column)) for column in _COLUMNS), judged)


def _read_summary(run: RunDirectory, name: str) -> RunSummary:
    folder = name.partition("/")[0]
    try:
        record = run.read_record()
        judgement = _read_judgement(run)
    except BadInput as error:
        return RunSummary(
            name=name,
            workload=folder,
            started="",
            seed=0,
            nodes=0,
            faults=(),
            time_s=0.0,
            bug="",
            reads="",
            simulated=False,
            verdict=UNREADABLE,
            sentence=str(error),
            found=(),
            campaign="",
        )
    config = record.config
    return RunSummary(
        name=name,
        workload=config.workload,
        started=record.started,
        seed=config.seed,
        nodes=config.nodes,
        faults=config.faults,
        time_s=config.time_s,
        bug=config.bug or "",
        reads=config.reads,
        simulated=record.world is not None,
        verdict=judgement.verdict,
        sentence=judgement.sentence,
        found=_found(judgement.checkers),
        campaign=record.campaign,
    )


def _read_judgement(run: RunDirectory) -> _Judgement:
    try:
        return msgspec.json.decode(run.verdict.read_bytes(), type=_Judgement)
    except FileNotFoundError:
        return _Judgement(verdict=NOT_JUDGED, sentence="")
    except OSError as error:
        raise BadInput(f"{run.verdict}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise BadInput(f"{run.verdict}: {error}") from error


def _found(checkers: tuple[_Checked, ...]) -> tuple[str, ...]:
    named = (f"{one.checker}: {anomaly.kind}" for one in checkers for anomaly in one.anomalies)
    return tuple(dict.fromkeys(named))


def _stored(value: object) -> object:
    """Several words are stored with a line for each, and one more at either end."""
    return "\n".join(("", *map(str, value), "")) if isinstance(value, tuple) else value


def _summary(row: Iterable[object]) -> RunSummary:
    values = dict(zip(_COLUMNS, row, strict=True))
    for column in ("faults", "found"):
        values[column] = tuple(filter(None, str(values[column]).split("\n")))
    values["simulated"] = bool(values["simulated"])
    return RunSummary(**values)  # type: ignore[arg-type]  # As they were stored.


def _condition(which: Filter) -> tuple[str, tuple[str, ...]]:
    parts = list(_conditions(which))
    return " and ".join(part for part, _ in parts) or "1", tuple(v for _, vs in parts for v in vs)


def _conditions(which: Filter) -> Iterator[tuple[str, tuple[str, ...]]]:
    for column in ("verdict", "workload", "campaign"):
        if (value := getattr(which, column)) is not None:
            yield f"{column} = ?", (value,)
    if which.bug == "none":
        yield "bug = ''", ()
    elif which.bug == "any":
        yield "bug != ''", ()
    elif which.bug is not None:
        yield "bug = ?", (which.bug,)
    if which.fault == "none":
        yield "faults = ?", (str(_stored(())),)
    elif which.fault is not None:
        yield "instr(faults, ?)", (str(_stored((which.fault,))),)
    if which.since is not None:
        yield "started >= ?", (which.since,)
    if which.until is not None:
        # Whatever an ISO time goes on with comes before this.
        yield "started < ?", (which.until + "~",)
    if which.text is not None:
        text = which.text.lower()
        columns = ("name", "sentence", "found", "campaign")
        yield (
            "(" + " or ".join(f"instr(lower({column}), ?)" for column in columns) + ")",
            (text,) * len(columns),
        )
