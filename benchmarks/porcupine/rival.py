"""Porcupine (Go) on the same histories; its source is the user's to bring."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final

from msgspec import Struct

from histories.call import CompareAndSet, Indeterminate, Ok, Read, Write
from histories.history import History
from histories.op import Op

BYTES_MAX: Final = 10 * 10**9
SECONDS_MAX: Final = 60

_GO_MOD: Final = """\
module hearsay/judge
go 1.16
require github.com/anishathalye/porcupine v0.0.0
replace github.com/anishathalye/porcupine => {checkout}
"""
_ABSENT: Final = -2
"""The initial value, as ``main.go`` has it."""


class Timed(Struct, frozen=True):
    """One answer: CPU seconds, and whether the history is linearizable."""

    seconds: float
    is_valid: bool


class NoPorcupine(Exception):
    """There is no Go, or what was told is no checkout of Porcupine."""


def build(checkout: Path, directory: Path) -> Path:
    """The program in ``main.go``, made with this checkout, in ``directory``.

    Raises:
        NoPorcupine: It cannot be made.
    """
    shutil.copy(Path(__file__).with_name("main.go"), directory)
    go_mod = _GO_MOD.format(checkout=checkout.resolve())
    (directory / "go.mod").write_text(go_mod, encoding="utf-8")
    try:
        made = subprocess.run(
            ["go", "build", "-o", "judge", "."],  # noqa: S607  Whichever Go the user has.
            cwd=directory,
            env={**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off"},
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise NoPorcupine("there is no Go here") from error
    if made.returncode:
        raise NoPorcupine(made.stderr.strip())
    return directory / "judge"


class Porcupine:
    """The program, with one history read; on one core and within bounds."""

    def __init__(self, process: subprocess.Popen[str], asks: IO[str], answers: IO[str]) -> None:
        self._process = process
        self._asks = asks
        self._answers = answers

    def check(self) -> Timed | str:
        """Once more, or why there is no answer; then it must not be asked again."""
        self._asks.write("\n")
        self._asks.flush()
        answer = self._answers.readline().split()
        if answer:
            return Timed(float(answer[0]), answer[1] == "true")
        # Go says so itself when it gets no more; who took too long is killed.
        return "out of memory" if self._process.wait() > 0 else f"none in {SECONDS_MAX} s"


@contextmanager
def porcupine(program: Path, history: History) -> Iterator[Porcupine]:
    """``program`` is what ``build`` made."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "history"
        path.write_text("".join(_lines(history)), encoding="ascii")
        with subprocess.Popen(  # noqa: S603  What build made.
            [program, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "GOMAXPROCS": "1", "GOMEMLIMIT": str(BYTES_MAX * 9 // 10)},
        ) as process:
            assert process.stdin is not None, "it is a pipe"
            assert process.stdout is not None, "it is a pipe"
            resource.prlimit(process.pid, resource.RLIMIT_AS, (BYTES_MAX, BYTES_MAX))
            process.stdout.readline()
            resource.prlimit(process.pid, resource.RLIMIT_CPU, (SECONDS_MAX, SECONDS_MAX))
            try:
                yield Porcupine(process, process.stdin, process.stdout)
            finally:
                process.kill()


def _lines(history: History) -> Iterator[str]:
    numbers: dict[object, int] = {None: _ABSENT}
    for op in history.ops:
        kind, expected, argument, found = _asked(op)
        values = [numbers.setdefault(value, len(numbers)) for value in (expected, argument, found)]
        returned = "never" if isinstance(op.outcome, Indeterminate) else op.completed
        asked = f"{kind} {values[0]} {values[1]} {values[2]}"
        yield f"{asked} {op.process} {op.invoked} {returned}\n"


def _asked(op: Op) -> tuple[str, object, object, object]:
    """Its kind, and what it expected, wrote and found, as far as that is known."""
    found = op.outcome.values[0] if isinstance(op.outcome, Ok) and op.outcome.values else None
    match op.call:
        case Read():
            return "read", None, None, found
        case Write(value=value):
            return "write", None, value, found
        case CompareAndSet(expected=expected, replacement=value):
            return "cas", expected, value, found
        case _:
            raise AssertionError("a register takes no other calls")
