"""How the clients of every workload behave."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from system_under_test.gossip_raft.core.client_session import ClientPolicy, Retries
from workloads.options import option


class Contact(Enum):
    """Which node a client asks first."""

    PINNED = "pinned"
    ROAMING = "roaming"
    """The next one with every operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """The defaults hide least: nothing is asked twice, and nobody leaves a node that is wrong."""

    clients: Contact = option(
        Contact.PINNED, "the node that a client asks first: always the same, or the next one"
    )
    reconnect_ops: int = option(
        0, "answers after which a client is replaced by a new one; 0: only if it must"
    )
    retries: Retries = option(
        Retries.NONE,
        "what a client asks again: what was refused alone, or all, under the same identity",
    )

    @property
    def policy(self) -> ClientPolicy:
        return ClientPolicy(retries=self.retries, roams=self.clients is Contact.ROAMING)


CLIENTS: Final = ClientOptions()
