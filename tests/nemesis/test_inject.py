from __future__ import annotations

import random

import pytest

from nemesis import partition
from nemesis.errors import ImpossibleShape, UnknownNode, UnsupportedFault
from nemesis.fault import (
    BadWeather,
    Bridge,
    Fault,
    FlappingPrimary,
    Halves,
    HealAll,
    Impair,
    Isolate,
    Kill,
    LeaderSide,
    MajoritiesRing,
    NonTransitive,
    OneWay,
    Pause,
    RemoveNode,
    ResetConnections,
    Shun,
    Sieve,
    SlowLinks,
    TransferLeadership,
    kind_of,
)
from nemesis.inject import Injected, check_supported, heal_all, inject, undo
from nemesis.target import All, AnyNode, Follower, Leader, Minority, Named
from system_under_test.conditions import (
    Condition,
    HalfOpen,
    Meddled,
    Meddling,
    Refused,
    Slow,
    Weather,
    name_of,
)
from system_under_test.control import CLIENTS, Link
from system_under_test.gossip_raft.core.types import Nanos, NodeId
from tests.nemesis.fake_system import BareSystem, FakeSystem, node_names

REVERSIBLE: tuple[Fault, ...] = (
    Isolate(Leader()),
    Halves(),
    MajoritiesRing(),
    Bridge(),
    OneWay(Leader(), All()),
    Kill(Minority()),
    Pause(Minority()),
    SlowLinks(Leader(), Nanos(5), Nanos(1)),
    NonTransitive(),
    FlappingPrimary(Nanos(5)),
    Isolate(Leader(), how=Slow(Nanos(5))),
    BadWeather(All(), loss=0.5),
    Impair(Leader(), HalfOpen()),
    Impair(All(), Meddled(Meddling.DROP_REPLY)),
    Shun(Minority()),
    Sieve(0.5),
    RemoveNode(Minority()),
)
ALL_FAULTS = (
    *REVERSIBLE,
    ResetConnections(Leader()),
    TransferLeadership(Follower()),
    HealAll(),
)
CAPABILITIES = {
    "kill": "Killable",
    "pause": "Pausable",
    "remove-node": "Reconfigurable",
    "transfer-leadership": "Reconfigurable",
}


def rng() -> random.Random:
    return random.Random(1)


@pytest.mark.parametrize("fault", REVERSIBLE, ids=kind_of)
async def test_every_reversible_fault_takes_effect_and_is_undone(fault: Fault) -> None:
    system = FakeSystem(count=5)
    injected = await inject(fault, system, rng())
    assert not system.healthy
    assert injected.kind == kind_of(fault)
    assert injected.nodes
    evidence = await undo(injected, system)
    assert system.healthy
    assert evidence


@pytest.mark.parametrize("fault", ALL_FAULTS, ids=kind_of)
async def test_heal_all_undoes_every_fault_and_may_be_repeated(fault: Fault) -> None:
    system = FakeSystem(count=5)
    await inject(fault, system, rng())
    assert (await heal_all(system)).startswith("dropped 812 bytes on 4 links")
    assert system.healthy
    await heal_all(system)
    assert system.healthy


@pytest.mark.parametrize("fault", ALL_FAULTS, ids=kind_of)
async def test_the_same_rng_does_the_same(fault: Fault) -> None:
    one, other = FakeSystem(count=5), FakeSystem(count=5)
    assert await inject(fault, one, rng()) == await inject(fault, other, rng())
    assert vars(one) == vars(other)


@pytest.mark.parametrize(
    ("fault", "capability"),
    [
        (fault, CAPABILITIES.get(kind_of(fault), "Partitionable"))
        for fault in ALL_FAULTS
        if not isinstance(fault, HealAll)
    ],
    ids=str,
)
async def test_a_fault_that_the_system_cannot_suffer_is_refused(
    fault: Fault, capability: str
) -> None:
    system = BareSystem(count=5)
    with pytest.raises(UnsupportedFault, match=f"{kind_of(fault)} needs .* {capability}; Bare"):
        await inject(fault, system, rng())
    with pytest.raises(UnsupportedFault):
        check_supported([HealAll(), fault], system)
    check_supported([fault], FakeSystem())


async def test_heal_all_of_a_system_without_capabilities_does_nothing() -> None:
    assert await heal_all(BareSystem()) == ""


async def test_isolating_the_leader_cuts_its_links_to_nodes_but_not_to_clients() -> None:
    system = FakeSystem(leader="n1")
    injected = await inject(Isolate(Leader()), system, rng())
    assert system.cuts == partition.isolate(system.nodes, [NodeId("n1")])
    assert not any(CLIENTS in (link.source, link.target) for link in system.cuts)
    assert injected == Injected(
        fault=Isolate(Leader()),
        kind="isolate",
        nodes=(NodeId("n1"),),
        detail="leader; n0 <-x-> n1, n1 <-x-> n2",
        links=system.cuts,
    )
    assert await undo(injected, system) == "dropped 812 bytes on 4 links"


async def test_an_unknown_leader_is_replaced_and_the_detail_says_so() -> None:
    system = FakeSystem(leader=None)
    injected = await inject(Kill(Leader()), system, rng())
    assert system.dead == set(injected.nodes)
    assert injected.detail == "no leader known: a random node"


@pytest.mark.parametrize("side", list(LeaderSide))
@pytest.mark.parametrize("leader", ["n2", None])
async def test_halves_put_the_leader_where_asked(side: LeaderSide, leader: str | None) -> None:
    for seed in range(20):
        system = FakeSystem(count=5, leader=leader)
        injected = await inject(Halves(side), system, random.Random(seed))
        smaller = frozenset(injected.nodes)
        assert len(smaller) == 2
        assert system.cuts == partition.between(smaller, frozenset(system.nodes) - smaller)
        if side is not LeaderSide.ANY and leader is not None:
            assert (leader in smaller) == (side is LeaderSide.MINORITY)
        if side is not LeaderSide.ANY and leader is None:
            assert injected.detail.startswith("no leader known: random halves; ")


async def test_one_way_cuts_one_direction_only() -> None:
    system = FakeSystem(leader="n1")
    injected = await inject(OneWay(All(), Leader()), system, rng())
    assert system.cuts == {Link("n0", "n1"), Link("n2", "n1")}
    assert injected.nodes == ("n1",)
    assert injected.detail == "leader; n0 -x-> n1, n2 -x-> n1"


async def test_one_way_never_draws_the_same_node_twice() -> None:
    for seed in range(50):
        system = FakeSystem()
        await inject(OneWay(AnyNode(), AnyNode()), system, random.Random(seed))
        assert len(system.cuts) == 1


async def test_who_is_shunned_and_the_leader_do_not_hear_each_other() -> None:
    system = FakeSystem(count=5, leader=NodeId("n2"))
    injected = await inject(Shun(Minority()), system, rng())
    assert len(injected.nodes) == 2
    assert NodeId("n2") not in injected.nodes
    assert system.cuts == partition.between([NodeId("n2")], injected.nodes)


async def test_a_sieve_cuts_about_its_share_of_all_links() -> None:
    for chance, count in ((0.0, 0), (1.0, 20)):
        system = FakeSystem(count=5)
        await inject(Sieve(chance), system, rng())
        assert len(system.cuts) == count


async def test_a_bridge_is_named_and_loses_no_link() -> None:
    system = FakeSystem(count=5)
    injected = await inject(Bridge(), system, rng())
    (bridge,) = injected.nodes
    assert len(system.cuts) == 8
    assert not any(bridge in (link.source, link.target) for link in system.cuts)


async def test_a_ring_of_three_is_refused_and_nothing_is_cut() -> None:
    system = FakeSystem()
    with pytest.raises(ImpossibleShape):
        await inject(MajoritiesRing(), system, rng())
    assert system.did == []


async def test_an_unknown_node_is_refused() -> None:
    with pytest.raises(UnknownNode):
        await inject(Kill(Named((NodeId("n7"),))), FakeSystem(), rng())


async def test_kill_and_its_undoing_name_the_nodes() -> None:
    system = FakeSystem()
    injected = await inject(Kill(All()), system, rng())
    assert system.dead == set(node_names(3))
    assert await undo(injected, system) == "restarted n0, n1, n2"


async def test_pause_and_its_undoing_name_the_nodes() -> None:
    system = FakeSystem(leader="n2")
    injected = await inject(Pause(Leader()), system, rng())
    assert system.paused == {"n2"}
    assert (injected.nodes, injected.detail) == (("n2",), "leader")
    assert await undo(injected, system) == "resumed n2"


async def test_removed_nodes_are_named_and_readmitted() -> None:
    system = FakeSystem(leader="n2")
    injected = await inject(RemoveNode(Leader()), system, rng())
    assert system.removed == {"n2"}
    assert (injected.nodes, injected.detail) == (("n2",), "leader; n2 was removed")
    assert await undo(injected, system) == "n2 was added"
    assert await undo(injected, system) == "all are members"


async def test_leadership_is_handed_to_one_who_does_not_lead() -> None:
    system = FakeSystem(leader="n2")
    injected = await inject(TransferLeadership(Follower()), system, rng())
    assert system.did == [f"transfer to {injected.nodes[0]}"]
    assert await system.leader() == injected.nodes[0] != "n2"
    assert injected.detail == "follower; leadership was handed over"
    assert await undo(injected, system) == ""


@pytest.mark.parametrize("count", [1, 3])
async def test_slowness_meets_all_links_of_a_node_those_of_clients_too(count: int) -> None:
    system = FakeSystem(count=count, leader="n0")
    fault = SlowLinks(Leader(), Nanos(30_000_000), Nanos(10_000_000))
    injected = await inject(fault, system, rng())
    others = [*system.nodes[1:], CLIENTS]
    assert dict(system.imposed) == {
        link: Slow(Nanos(30_000_000), Nanos(10_000_000))
        for other in others
        for link in (Link("n0", other), Link(other, "n0"))
    }
    assert injected.detail == "leader; 30 ± 10 ms"


async def test_overlapping_faults_on_links_are_undone_one_by_one() -> None:
    system = FakeSystem(leader="n0")
    isolated = await inject(Isolate(Leader()), system, rng())
    bridged = await inject(Isolate(Leader()), system, rng())
    slowed = await inject(SlowLinks(All(), Nanos(5)), system, rng())
    cuts = system.cuts
    await undo(isolated, system)
    assert system.cuts == cuts
    await undo(bridged, system)
    assert not system.cuts
    assert {condition for _, condition in system.imposed} == {Slow(Nanos(5))}
    await undo(slowed, system)
    assert system.healthy


async def test_a_shape_says_what_is_so_on_its_links() -> None:
    system = FakeSystem(leader="n1")
    how = Meddled(Meddling.DROP_REQUEST, methods=("HeartbeatRPC",))
    injected = await inject(Isolate(Leader(), how=how), system, rng())
    cut_off = partition.isolate(system.nodes, [NodeId("n1")])
    assert injected.kind == "drop-request"
    assert dict(system.imposed) == dict.fromkeys(cut_off, how)
    assert injected.detail == ("leader; HeartbeatRPC never arrive: n0 <-x-> n1, n1 <-x-> n2")
    assert Isolate(Leader(), how=how).describe() == (
        "isolate the leader; there HeartbeatRPC never arrive"
    )


@pytest.mark.parametrize(
    ("condition", "of_clients"),
    [
        (Refused(), True),
        (Meddled(Meddling.DROP_REPLY), True),
        (Meddled(Meddling.DUPLICATE), False),
        (Weather(loss=0.1), True),
        (Weather(duplication=0.1), False),
    ],
    ids=str,
)
async def test_what_is_imposed_meets_clients_unless_it_repeats_requests(
    condition: Condition, of_clients: bool
) -> None:
    system = FakeSystem(leader="n1")
    injected = await inject(Impair(Leader(), condition), system, rng())
    assert any(CLIENTS in (link.source, link.target) for link in injected.links) == of_clients
    assert injected.kind == name_of(condition)


async def test_a_condition_that_the_system_cannot_suffer_is_refused_with_its_reason() -> None:
    class Encrypted(FakeSystem):
        def cannot_suffer(self, condition: Condition) -> str | None:
            return "all is encrypted" if isinstance(condition, Meddled) else None

    for fault in (
        Impair(All(), Meddled(Meddling.FAIL)),
        Isolate(Leader(), how=Meddled(Meddling.DROP_REPLY)),
    ):
        with pytest.raises(UnsupportedFault, match="all is encrypted"):
            check_supported([fault], Encrypted())
    check_supported([Impair(All(), Refused()), Isolate(Leader())], Encrypted())


async def test_a_reset_breaks_all_connections_of_a_node_once() -> None:
    system = FakeSystem(leader="n0")
    injected = await inject(ResetConnections(Leader()), system, rng())
    assert [len(links) for links in system.resets] == [6]
    assert system.healthy
    assert injected.detail == "leader; broke 3 connections"
    assert await undo(injected, system) == ""
    assert len(system.resets) == 1


async def test_heal_all_as_a_fault_heals_and_reports() -> None:
    system = FakeSystem()
    await inject(Kill(Leader()), system, rng())
    injected = await inject(HealAll(), system, rng())
    assert system.healthy
    assert injected.detail == "dropped 812 bytes on 4 links"
    assert await undo(injected, system) == ""


async def test_heal_all_resumes_before_it_starts() -> None:
    system = FakeSystem(count=2)
    await heal_all(system)
    assert system.did == ["heal", "resume n0", "resume n1", "start n0", "start n1"]


async def test_heal_all_readmits_last_and_says_so() -> None:
    system = FakeSystem(count=2)
    await inject(RemoveNode(Leader()), system, rng())
    assert await heal_all(system) == "dropped 812 bytes on 4 links; n1 was added"
    assert system.did[-2:] == ["start n1", "add n1"]


async def test_heal_all_tries_everything_and_reports_every_error() -> None:
    system = FakeSystem(count=2)
    system.failing = frozenset({"heal", "resume n0", "start n1"})
    with pytest.raises(ExceptionGroup, match="could not undo every fault") as raised:
        await heal_all(system)
    assert [str(error) for error in raised.value.exceptions] == [
        "cannot heal",
        "cannot resume n0",
        "cannot start n1",
    ]
    assert len(system.did) == 5
