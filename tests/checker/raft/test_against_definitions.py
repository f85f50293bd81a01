from __future__ import annotations

import random
from collections import Counter

import pytest

from checker.raft.monitor import RaftMonitor
from checker.verdict import Verdict
from histories.trace import NodeEvent
from tests.checker.raft.definitions import violated
from tests.checker.raft.noise import CHECKED, noisy_cluster
from tests.checker.raft.scripts import Script, judge, kinds


def test_the_monitor_agrees_with_the_quadratic_definitions() -> None:
    seen: Counter[str] = Counter()
    for seed in range(6_000):
        nodes = noisy_cluster(random.Random(seed))
        known = {digest: log for node in nodes for digest, log in node.known.items()}
        expected = violated({node.name: node.events for node in nodes}, known)
        actual = kinds(judge(*nodes)) & set(CHECKED)
        assert actual == expected, seed
        seen.update(expected or {"nothing"})
    assert set(seen) == {*CHECKED, "nothing"}
    assert min(seen.values()) >= 50, seen


def feed_shuffled(rng: random.Random, nodes: tuple[Script, ...]) -> Verdict:
    monitor = RaftMonitor()
    left: dict[str, list[NodeEvent]] = {node.name: node.events[::-1] for node in nodes}
    while any(left.values()):
        name = rng.choice([name for name, events in left.items() if events])
        # Runs of one node are as likely as fine mixtures.
        for _ in range(min(rng.choice((1, 1, 5, 100)), len(left[name]))):
            monitor.feed(name, left[name].pop())
    return monitor.finish()


@pytest.mark.parametrize("seed", range(3))
def test_any_interleaving_of_the_nodes_gives_the_same_verdict(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(400):
        nodes = noisy_cluster(rng)
        expected = judge(*nodes)
        for _ in range(3):
            actual = feed_shuffled(rng, nodes)
            assert type(actual) is type(expected)
            assert kinds(actual) == kinds(expected)
