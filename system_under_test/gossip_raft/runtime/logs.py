"""``server.log``: one JSON object a line, through the standard library's logging."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from system_under_test.gossip_raft.runtime.clock import monotonic_now
from system_under_test.gossip_raft.runtime.errors import StorageError


class JsonLines(logging.Formatter):
    """``{"level": ..., "logger": ..., "message": ..., ...}``, then the ``fields`` given as extra.

    ``time`` is the wall clock's, ``at`` the monotonic nanoseconds that traces have.
    Give them as ``log.info("started", extra={"fields": {"port": 7001}})``.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": record.created,
            "at": monotonic_now(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def log_problems_to_stderr() -> None:
    """Warnings and worse as JSON lines, where whoever started us collects them."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def log_to(file: Path) -> None:
    """Send all logging of this process to ``file``, appending.

    Raises:
        StorageError: The file cannot be opened.
    """
    try:
        handler = logging.FileHandler(file, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{file}: {error.strerror}") from error
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
