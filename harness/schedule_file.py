"""Reading a schedule that somebody wrote: in TOML by hand, or the JSON of a stored run."""

from __future__ import annotations

from pathlib import Path

from harness.errors import BadInput
from nemesis import schedule, toml_schedule
from nemesis.errors import MalformedSchedule
from nemesis.schedule import Schedule


def load_schedule(name: str) -> Schedule:
    """
    Raises:
        BadInput: There is no such file, or it is wrong: which file, which line, which field.
    """
    file = Path(name)
    try:
        text = file.read_bytes()
        if file.suffix == ".json":
            return schedule.decode(text)
        return toml_schedule.read(text.decode())
    except OSError as error:
        raise BadInput(f"--schedule: {name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"--schedule: {name}: not UTF-8 at byte {error.start}") from error
    except MalformedSchedule as error:
        separator = ": " if file.suffix == ".json" else ":"
        raise BadInput(f"--schedule: {name}{separator}{error}") from error
