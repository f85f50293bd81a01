"""Finding a user's system: ``store.py``, ``store.py:system`` or ``package.module:system``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

from harness.errors import BadInput
from harness.own_system import System

DEFAULT_NAME: Final = "system"


def load_system(where: str) -> System:
    """The system that ``where`` names.  It is the user's own code, and it is run.

    Raises:
        BadInput: There is no such file, module or name, or it is no system.
    """
    place, colon, name = where.rpartition(":")
    if not colon:
        place, name = where, DEFAULT_NAME
    found = getattr(_module(place), name, None)
    if not isinstance(found, System):
        problem = "has no" if found is None else "has something else as"
        raise BadInput(f"--system: {place} {problem} {name!r}, which must be a System")
    return found


def _module(place: str) -> ModuleType:
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        path = Path(place).resolve()
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module  # Dataclasses look their module up.
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # Whatever a user's code raises, it is bad input.
        raise BadInput(f"--system: {place}: {type(error).__name__}: {error}") from error
    return module
