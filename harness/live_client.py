"""A client of the live cluster that speaks in calls and outcomes."""

from __future__ import annotations

from dataclasses import replace

from histories.call import Call, Outcome
from system_under_test.gossip_raft.core.messages import Consistency, ReadKeys
from system_under_test.gossip_raft.runtime.client import GrpcClient
from workloads.base import Workload
from workloads.client import outcome_of


class SessionClient:
    """One session of the cluster's protocol; ``reads`` is the consistency of all its reads."""

    def __init__(self, session: GrpcClient, workload: Workload, reads: Consistency) -> None:
        self._session = session
        self._workload = workload
        self._reads = reads

    async def call(self, call: Call) -> Outcome:
        request = self._workload.to_request(call)
        if isinstance(request, ReadKeys):
            request = replace(request, consistency=self._reads)
        return outcome_of(call, await self._session.call(request))

    async def close(self) -> None:
        await self._session.close()
