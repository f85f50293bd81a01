"""Random small traces: each node by itself is well-formed, together they are anything."""

from __future__ import annotations

import random

from tests.checker.raft.scripts import Script, cluster, digest_of

CHECKED = (
    "election safety",
    "leader append-only",
    "log matching",
    "leader completeness",
    "state-machine safety",
    "state-machine determinism",
    "commit points never go back",
    "commit rule",
    "one committed log",
    "committed entries are never truncated",
    "acknowledged entries are kept",
    "a snapshot equals the replayed log",
)
"""The kinds that ``definitions`` defines; a node's own terms and disk are not noisy here."""

ACTIONS = (
    *("lead", "append", "append", "copy", "copy", "truncate", "persist", "persist"),
    *("commit", "commit", "apply", "apply", "answer", "boot", "snapshot", "install"),
)


def noisy_cluster(rng: random.Random) -> tuple[Script, ...]:
    """One to four nodes; how often they misbehave is drawn too, from never to often."""
    nodes = cluster(rng.randint(1, 4))
    wild = rng.choice((0.0, 0.03, 0.1, 0.4))
    for _ in range(rng.randint(3, 40 * len(nodes))):
        _act(rng, rng.choice(nodes), nodes, wild)
    return nodes


def _act(rng: random.Random, node: Script, nodes: tuple[Script, ...], wild: float) -> None:
    leads = _leads(node)
    action = rng.choice(ACTIONS)
    if action == "lead" and node.term < 4:
        highest = max(other.term for other in nodes)
        node.lead(node.term + 1 if rng.random() < wild else max(highest, node.term) + 1)
    elif action == "append" and len(node.log) < 5 and (leads or rng.random() < wild):
        index, term = len(node.log) + 1, max(node.term, node.last_term)
        odd = rng.random() < wild / 4
        node.append(term, digest_of(index, term) + odd)
    elif action == "copy":
        _copy(rng, node, rng.choice(nodes), wild)
    elif action == "truncate" and node.log and rng.random() < wild:
        node.truncate(rng.randint(1, len(node.log)))
    elif action == "persist":
        node.persist()
    elif action == "commit" and node.log:
        # The leader's whole log, mostly; or what somebody else committed.
        index = len(node.log) if leads else min(len(node.log), max(n.commit for n in nodes))
        index = rng.randint(1, len(node.log)) if rng.random() < wild else index
        if index >= max(node.commit, 1) or rng.random() < wild:
            node.commit_to(index, leads=leads if rng.random() >= wild else rng.random() < 0.5)
            node.commit = max(node.commit, index)
    elif action == "apply" and node.applied < min(node.commit, len(node.log)):
        skip = rng.random() < wild and node.applied + 2 <= len(node.log)
        result = 1 if rng.random() < wild else None
        node.apply(node.applied + 1 + skip, result=result)
    elif action == "answer" and node.log:
        index = node.commit if rng.random() >= wild else rng.randint(1, len(node.log))
        if 1 <= index <= len(node.log):
            node.answer(index)
    elif action == "snapshot" and 0 < node.applied <= len(node.log):
        ahead = rng.random() < wild and node.applied < len(node.log)
        node.take_snapshot(node.applied + ahead, image=3 if rng.random() < wild else None)
    elif action == "install":
        _install(rng, node, rng.choice(nodes), wild)
    elif action == "boot":
        _reboot(rng, node, wild)


def _leads(node: Script) -> bool:
    """Whether its own last change of role or boot made it leader."""
    for event in reversed(node.events):
        tag = event.__struct_config__.tag
        if tag in {"booted", "term_adopted"}:
            return False
        if tag == "role_changed":
            return getattr(event, "role", "") == "leader"
    return False


def _copy(rng: random.Random, node: Script, other: Script, wild: float) -> None:
    if _leads(node) and rng.random() >= wild:
        return
    if other.term > node.term:
        node.adopt(other.term)
    ours, theirs = node.log, other.log
    if ours == theirs[: len(ours)] or rng.random() < wild:
        if len(theirs) > len(ours):
            node.append(*theirs[len(ours)])
    elif other.last_term > node.last_term:
        same = 0
        while same < min(len(ours), len(theirs)) and ours[same] == theirs[same]:
            same += 1
        if same < len(ours):
            node.truncate(same + 1)


def _install(rng: random.Random, node: Script, other: Script, wild: float) -> None:
    if _leads(node) and rng.random() >= wild:
        return
    index = other.commit if rng.random() >= wild else rng.randint(0, len(other.log))
    index = min(index, len(other.log))
    if index and (index > node.commit or rng.random() < wild):
        node.install(other.log[:index], image=5 if rng.random() < wild else None)


def _reboot(rng: random.Random, node: Script, wild: float) -> None:
    term, vote, log = node.durable
    if rng.random() < wild:
        log = log[: rng.randint(0, len(log))]
    node.boot_with(term, vote, log, commit=min(node.commit, len(log)))
