"""What a workload is: calls to make, how to ask for them, and who judges the answers."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Protocol

from checker.base import Checker
from histories.call import Call
from system_under_test.gossip_raft.core.client_session import Request
from workloads.generator import Generator


class Workload(Protocol):
    """Everything about one kind of test, for live and simulated runs alike.

    An immutable value, a dataclass.  What becomes of a request is the same for all workloads:
    ``client.outcome_of``.
    """

    @property
    def name(self) -> str: ...

    @property
    def options(self) -> object:
        """A dataclass of options as ``workloads.options`` has them."""

    def generator(self, rng: random.Random) -> Generator:
        """The calls of the main phase, without end; all chance comes from ``rng``.

        It writes no value twice to a key, so that a read names the write it saw; where it
        does, its module says so.
        """

    def final_generator(self, calls: Iterable[Call]) -> Generator:
        """The reads to make after everything was healed, by every worker.

        ``calls`` are the latest of the main phase, oldest first.
        """

    def to_request(self, call: Call) -> Request: ...

    def checkers(self) -> tuple[Checker, ...]: ...
