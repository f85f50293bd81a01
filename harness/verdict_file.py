"""``verdict.json``: every checker's verdict with its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, assert_never

import msgspec
from msgspec import Struct

from checker.verdict import Anomaly, Invalid, Unknown, UnknownCause, Valid, Verdict, combine
from harness.errors import BadInput

SCHEMA_VERSION: Final = 1


class _Checked(Struct, frozen=True, kw_only=True, omit_defaults=True):
    checker: str
    verdict: str
    note: str = ""
    cause: UnknownCause | None = None
    detail: str = ""
    anomalies: tuple[Anomaly, ...] = ()


class _VerdictFile(Struct, frozen=True, kw_only=True):
    schema_version: int
    verdict: str
    sentence: str
    checkers: tuple[_Checked, ...]


def word(verdict: Verdict) -> str:
    """``valid``, ``invalid`` or ``unknown``."""
    return type(verdict).__name__.lower()


def sentence(verdict: Verdict) -> str:
    """The verdict in one sentence for a person."""
    match verdict:
        case Valid(note=note):
            return f"Valid: no violation found ({note})." if note else "Valid: no violation found."
        case Invalid(anomalies=(first, *rest)):
            more = f" ({len(rest)} more)" if rest else ""
            return f"Invalid: {first.kind}: {first.explanation}{more}"
        case Invalid():
            raise AssertionError("an invalid verdict carries its evidence")
        case Unknown(cause=cause, detail=detail):
            return f"Unknown: {cause.value}: {detail}"
        case _:
            assert_never(verdict)


def write_verdicts(path: Path, verdicts: Mapping[str, Verdict]) -> None:
    path.write_bytes(encode_verdicts(verdicts) + b"\n")


def encode_verdicts(verdicts: Mapping[str, Verdict]) -> bytes:
    """The contents of the file, indented for people."""
    whole = combine(verdicts.values())
    file = _VerdictFile(
        schema_version=SCHEMA_VERSION,
        verdict=word(whole),
        sentence=sentence(whole),
        checkers=tuple(_checked(name, verdict) for name, verdict in verdicts.items()),
    )
    return msgspec.json.format(msgspec.json.encode(file), indent=2)


def read_verdicts(path: Path) -> dict[str, Verdict]:
    """Raises: BadInput: The file is not a verdict file of a version known here."""
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_VerdictFile)
    except msgspec.DecodeError as error:
        raise BadInput(f"{path}: {error}") from error
    if file.schema_version > SCHEMA_VERSION:
        raise BadInput(f"{path}: schema_version {file.schema_version} is newer than this hearsay")
    return {checked.checker: _verdict(path, checked) for checked in file.checkers}


def _checked(name: str, verdict: Verdict) -> _Checked:
    match verdict:
        case Valid(note=note):
            return _Checked(checker=name, verdict=word(verdict), note=note)
        case Invalid(anomalies=anomalies, note=note):
            return _Checked(checker=name, verdict=word(verdict), note=note, anomalies=anomalies)
        case Unknown(cause=cause, detail=detail):
            return _Checked(checker=name, verdict=word(verdict), cause=cause, detail=detail)
        case _:
            assert_never(verdict)


def _verdict(path: Path, checked: _Checked) -> Verdict:
    match checked:
        case _Checked(verdict="valid", note=note):
            return Valid(note)
        case _Checked(verdict="invalid", anomalies=anomalies, note=note) if anomalies:
            return Invalid(anomalies, note)
        case _Checked(verdict="unknown", cause=UnknownCause() as cause, detail=detail):
            return Unknown(cause, detail)
        case _:
            raise BadInput(f"{path}: checker {checked.checker}: no such verdict: {checked.verdict}")
