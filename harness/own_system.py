"""Your own system under test: how to start one node of it, and how to ask it something.

    from harness.own_system import Call, Node, Ok, Outcome, Read, System, Write

    class Store(System):
        def command(self, node: Node) -> list[str]:
            return ["./server", "--port", str(node.port), "--data", str(node.directory)]

        async def connect(self, host: str, port: int) -> Client: ...

    system = Store()

``hearsay run --system store.py`` then starts the nodes, puts a proxy on every link, and drives,
breaks and judges them as it does with its own cluster.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.running_system import OperationClient as Client
from histories.call import (
    Append,
    Call,
    CompareAndSet,
    Failed,
    Indeterminate,
    Ok,
    Outcome,
    Read,
    Txn,
    Write,
)

__all__ = [
    "Append",
    "Call",
    "Client",
    "CompareAndSet",
    "Failed",
    "Indeterminate",
    "Node",
    "Ok",
    "Outcome",
    "Read",
    "System",
    "Txn",
    "Write",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node to start.

    Attributes:
        name: "n0", "n1" ...
        port: Where it must listen, on 127.0.0.1.  It is bound already by us, so that nobody
            else takes it while the node is down: the node must set SO_REUSEADDR.
        peers: Where it reaches the others, by name: "127.0.0.1:4711", each a proxy.
        directory: Its own; it is there, and kept when the node is killed.
    """

    name: str
    port: int
    peers: Mapping[str, str]
    directory: Path


class System(abc.ABC):
    """What Hearsay must know of a system that it did not make."""

    @abc.abstractmethod
    def command(self, node: Node) -> Sequence[str]:
        """The program and its arguments, run in ``node.directory``.

        It is ready when its port takes a connection.  What it prints goes to ``server.log``
        of its directory.  It is killed with SIGKILL, paused with SIGSTOP, and dies with us;
        processes of its own that it starts are its own affair.
        """

    @abc.abstractmethod
    async def connect(self, host: str, port: int) -> Client:
        """A client of the node that is reached there (through a proxy).

        Its ``call`` answers ``Ok`` with the values read, or ``Failed`` only if the call
        certainly took no effect and never will.  It may raise: then the call is
        indeterminate, as it is when the driver loses patience.  If ``connect`` itself
        raises ``OSError`` nothing was sent, and the call has failed.
        """

    async def leader(self, addresses: Mapping[str, str]) -> str | None:
        """The name of the node that leads, if the system has such a thing.

        ``addresses``: of every node by its name, past the proxies.
        """
        del addresses
        return None

    async def unsettled(self, addresses: Mapping[str, str]) -> str | None:
        """What keeps the healed system from being at rest, in words; ``None`` if nothing does.

        Asked again and again before the last reads.  Unless you say more, it is at rest when
        every node takes connections.
        """
        del addresses
        return None
