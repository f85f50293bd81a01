"""What the live side of gossip-Raft raises: one base, and whose fault each is."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path


class ExitCode(IntEnum):
    """How a node or gateway process ends."""

    STOPPED = 0
    BROKEN_INVARIANT = 1
    CONFIGURATION = 2
    ENVIRONMENT = 4


class LiveError(Exception):
    """Base of what the live runtime raises."""


class ConfigurationError(LiveError, ValueError):
    """The configuration file is wrong: which file, which field, what is wrong."""

    def __init__(self, file: Path, field: str, problem: str) -> None:
        super().__init__(f"{file}: {field}: {problem}" if field else f"{file}: {problem}")
        self.file = file
        self.field = field
        self.problem = problem


class CodecError(LiveError, ValueError):
    """The sender's fault when decoding, ours or our client's when encoding."""


class StorageError(LiveError):
    """The disk or the data directory does not do what a log needs."""


class NoSpace(StorageError):
    """There is no room for what was to be written; nothing of it was synced."""


class DataDirectoryInUse(StorageError):
    """Another process holds the lock: two writers would destroy the log."""


class CorruptLog(StorageError):
    """Records that were durable are damaged; the node must not serve from this log."""

    def __init__(self, file: Path, offset: int, problem: str) -> None:
        super().__init__(f"{file}: offset {offset}: {problem}")
        self.file = file
        self.offset = offset


class PortInUse(LiveError):
    """The address to listen on is taken, or not ours."""


class NotConnected(LiveError):
    """There was no connection: the message surely never left."""


class NoAnswer(LiveError):
    """The message may have left and may have been executed; nobody answered."""


class ProcessFailed(LiveError):
    """A process that we started did not do what it was started for."""


class CertificatesFailed(LiveError):
    """Certificates cannot be made."""


class BadRequest(LiveError, ValueError):
    """The HTTP client's fault."""


class Overloaded(LiveError):
    """A gateway has more under way than it takes in; nothing was executed."""


class KeyReused(LiveError, ValueError):
    """The HTTP client's fault: its idempotency key belongs to another request."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Idempotency-Key {key!r} belongs to a request with another body")
