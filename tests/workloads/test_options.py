"""Options are chosen by name, within bounds, and mean what they say."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from histories.call import Call, CompareAndSet, Ok, Read, Write
from histories.op import Nanos
from system_under_test.gossip_raft.core.client_session import ClientPolicy, Retries
from workloads.base import Workload
from workloads.catalogue import WORKLOADS, about, clients, options, settings, workload
from workloads.errors import BadOption, UnknownWorkload
from workloads.generator import Limit
from workloads.keyed import Distribution, pick
from workloads.options import Option, Setting, checked
from workloads.simulation import SimulatedCall, simulate

MS = 1_000_000


def played(chosen: Workload, calls: int = 1_000) -> list[SimulatedCall]:
    generator = Limit(calls, chosen.generator(random.Random(1)))
    done = simulate(generator, concurrency=4, answer=lambda call, _: (Nanos(MS), answer(call)))
    return sorted(done, key=lambda one: one.invoked)


def answer(call: Call) -> Ok:
    return Ok((None,)) if isinstance(call, Read | CompareAndSet) else Ok()


def extremes(option: Option) -> tuple[Setting, ...]:
    """What the option may just be."""
    if option.words:
        return option.words
    return option.least, option.most if option.most is not None else option.least + 1000


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_option_can_be_what_it_says_it_may_be(name: str) -> None:
    for option in options(name):
        for setting in extremes(option):
            made = workload(name, {option.name: setting})
            assert settings(name, [f"{option.name}={setting}"]) == {option.name: setting}
            done = simulate(
                Limit(20, made.generator(random.Random(1))),
                concurrency=2,
                answer=lambda call, _: (Nanos(MS), answer(call)),
                calls_max=20,
            )
            assert len(done) == 20 or name == "bank", option


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_setting_that_is_the_default_changes_nothing(name: str) -> None:
    defaults = {option.name: option.default for option in options(name)}
    assert workload(name, defaults) == workload(name) == WORKLOADS[name]


@pytest.mark.parametrize("name", WORKLOADS)
def test_an_option_out_of_bounds_is_refused_by_name(name: str) -> None:
    for option in options(name):
        for wrong in ("", "many", "-1", "1.5", *([] if option.most is None else [option.most + 1])):
            with pytest.raises(BadOption, match=f"^{option.name}: "):
                settings(name, [f"{option.name}={wrong}"])


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (["colour=red"], "colour: register has no such option; it has keys-active, "),
        (["keys-active"], "keys-active: has no value: NAME=VALUE is wanted"),
        (["keys-active=1", "keys-active=2"], "keys-active: is given twice"),
        (["keys-active=0"], "keys-active: 0 is not 1 to 1000"),
        (["key-distribution=normal"], "key-distribution: 'normal' is none of uniform, zipf, hot"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(texts: list[str], problem: str) -> None:
    with pytest.raises(BadOption) as caught:
        settings("register", texts)
    assert str(caught.value).startswith(problem)


def test_without_a_workload_there_are_the_options_of_clients() -> None:
    assert settings(None, ["retries=exactly-once"]) == {"retries": "exactly-once"}
    with pytest.raises(BadOption, match="every workload has no such option"):
        settings(None, ["keys-active=3"])


def test_a_stored_setting_that_the_workload_does_not_have_is_refused() -> None:
    with pytest.raises(BadOption, match="colour: lock has no such option"):
        workload("lock", {"colour": "red"})
    with pytest.raises(UnknownWorkload):
        workload("poetry")


def test_clients_repeat_nothing_and_stay_where_they_are_unless_told() -> None:
    assert clients({}).policy == ClientPolicy(retries=Retries.NONE, roams=False)
    chosen = clients({"retries": "exactly-once", "clients": "roaming", "reads-percent": 3})
    assert chosen.policy == ClientPolicy(retries=Retries.EXACTLY_ONCE, roams=True)


@pytest.mark.parametrize("percent", [0, 10, 90, 100])
def test_the_share_of_reads_is_the_one_asked_for(percent: int) -> None:
    calls = [one.call for one in played(workload("list", {"reads-percent": percent}), 3_000)]
    reads = sum(isinstance(call, Read) for call in calls)
    assert abs(reads / len(calls) - percent / 100) < 0.03


@given(count=st.integers(1, 50), number=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("distribution", Distribution)
def test_a_key_in_use_is_picked(distribution: Distribution, count: int, number: int) -> None:
    assert 0 <= pick(distribution, count, number) < count


def test_calls_are_spread_over_keys_as_the_distribution_says() -> None:
    rng = random.Random(5)
    numbers = [rng.getrandbits(32) for _ in range(20_000)]
    shares = {
        distribution: Counter(pick(distribution, 4, number) for number in numbers)
        for distribution in Distribution
    }
    for at in range(4):
        assert abs(shares[Distribution.UNIFORM][at] / 20_000 - 1 / 4) < 0.02
        zipf = (1 / (at + 1)) / (1 + 1 / 2 + 1 / 3 + 1 / 4)
        assert abs(shares[Distribution.ZIPF][at] / 20_000 - zipf) < 0.02
        hot = 4 / 5 if at == 0 else 1 / 15
        assert abs(shares[Distribution.HOT][at] / 20_000 - hot) < 0.02


def test_a_hot_key_is_replaced_before_the_others_are() -> None:
    chosen = workload("list", {"key-distribution": "hot", "ops-per-key": 50})
    calls = Counter(one.call.key for one in played(chosen))
    assert sum(count == 50 for count in calls.values()) >= 15
    assert all(calls[f"k{number}"] < 100 for number in range(5))


def test_values_of_a_cas_register_are_few_and_distributed_as_told() -> None:
    chosen = workload("cas-register", {"values": 3, "value-distribution": "hot"})
    calls = [one.call for one in played(chosen, 2_000)]
    written = Counter(call.value for call in calls if isinstance(call, Write))
    assert set(written) == {1, 2, 3}
    assert written[1] > 3 * (written[2] + written[3])


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_workload_says_what_it_finds_and_what_it_misses(name: str) -> None:
    text = about(name)
    summary, blank, *rest = text.strip().splitlines()
    assert len(summary) <= 100
    assert summary.endswith(".")
    assert not blank
    assert 6 <= len(rest) <= 13, name
    assert "\nFinds: " in text
    assert "\nMisses: " in text


def test_an_option_that_is_a_number_is_read_as_one() -> None:
    number = Option(name="n", meaning="", default=3, least=2, most=4)
    assert checked(number, "4") == 4
    with pytest.raises(BadOption, match="n: 5 is not 2 to 4"):
        checked(number, 5)
