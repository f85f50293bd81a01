"""What users say of a history file when they have it judged."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """How a history file is to be read and judged, as the user typed it."""

    model: str | None = None
    initial: str | None = None
    format: str | None = None

    def require_none(self, target: str) -> None:
        """Raises: BadInput: One was given, although ``target`` is no file."""
        if self != FileOptions():
            raise BadInput(
                f"--model, --initial and --format go with a history file, and {target} is none"
            )
