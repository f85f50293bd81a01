"""Consistency models, which imply which, and which anomaly rules out which.

Names and most implications after Elle (Kingsbury & Alvaro 2020), whose sources are
Adya (1999), Adya, Liskov & O'Neil (2000), Cerone, Bernardi & Gotsman (2015),
Bailis et al. (2013) and Viotti & Vukolic (2016).  All models without "session" or "strong"
in their name are judged without the order of processes and of real time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

IMPLIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "strict-serializable": (
            "strong-session-serializable",
            "strong-snapshot-isolation",
            "linearizable",
        ),
        "strong-session-serializable": ("serializable", "strong-session-snapshot-isolation"),
        "strong-snapshot-isolation": (
            "strong-session-snapshot-isolation",
            "strong-read-committed",
        ),
        "strong-session-snapshot-isolation": (
            "snapshot-isolation",
            "strong-session-read-committed",
            "causal",
        ),
        "serializable": (
            "repeatable-read",
            "snapshot-isolation",
            "update-serializable",
            "view-serializable",
        ),
        "view-serializable": ("read-committed",),
        "snapshot-isolation": (
            "forward-consistent-view",
            "parallel-snapshot-isolation",
            "prefix",
            "monotonic-snapshot-read",
        ),
        "update-serializable": ("forward-consistent-view",),
        "forward-consistent-view": ("consistent-view",),
        "parallel-snapshot-isolation": ("causal-cerone", "update-atomic", "consistent-view"),
        "prefix": ("causal-cerone",),
        "causal-cerone": ("read-atomic",),
        "update-atomic": ("read-atomic",),
        "read-atomic": ("monotonic-atomic-view",),
        "repeatable-read": ("cursor-stability", "monotonic-atomic-view"),
        "consistent-view": ("cursor-stability", "monotonic-view"),
        "monotonic-snapshot-read": ("monotonic-atomic-view",),
        "monotonic-atomic-view": ("read-committed",),
        "cursor-stability": ("read-committed",),
        "monotonic-view": ("read-committed",),
        "strong-read-committed": ("strong-session-read-committed", "strong-read-uncommitted"),
        "strong-session-read-committed": ("read-committed", "strong-session-read-uncommitted"),
        "strong-read-uncommitted": ("strong-session-read-uncommitted",),
        "strong-session-read-uncommitted": ("read-uncommitted",),
        "read-committed": ("read-uncommitted",),
        "read-uncommitted": (),
        "linearizable": ("sequential",),
        "sequential": ("causal",),
        "causal": ("writes-follow-reads", "pram"),
        "pram": ("monotonic-reads", "monotonic-writes", "read-your-writes"),
        "writes-follow-reads": (),
        "monotonic-reads": (),
        "monotonic-writes": (),
        "read-your-writes": (),
    }
)
"""Each model with the strongest ones that hold whenever it does."""

ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "PL-1": "read-uncommitted",
        "PL-2": "read-committed",
        "PL-CS": "cursor-stability",
        "PL-2L": "monotonic-view",
        "PL-MSR": "monotonic-snapshot-read",
        "PL-2+": "consistent-view",
        "PL-FCV": "forward-consistent-view",
        "PL-2.99": "repeatable-read",
        "PL-SI": "snapshot-isolation",
        "PL-3U": "update-serializable",
        "PL-3": "serializable",
        "PL-SS": "strict-serializable",
        "strict-1SR": "strict-serializable",
        "strong-serializable": "strict-serializable",
        "strong-session-PL-1": "strong-session-read-uncommitted",
        "strong-session-PL-2": "strong-session-read-committed",
        "strong-PL-1": "strong-read-uncommitted",
        "strong-PL-2": "strong-read-committed",
        "PSI": "parallel-snapshot-isolation",
        "SI": "snapshot-isolation",
        "RYW": "read-your-writes",
        "MR": "monotonic-reads",
        "MW": "monotonic-writes",
        "WFR": "writes-follow-reads",
        "PRAM": "pram",
    }
)

UNTESTED: Final = frozenset({"view-serializable", "linearizable", "sequential", "causal"})
"""Models that no anomaly here distinguishes from weaker ones: of single objects, mostly."""

_EVERY: Final = (
    "read-uncommitted",
    "writes-follow-reads",
    "monotonic-reads",
    "monotonic-writes",
    "read-your-writes",
)

RULES_OUT: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "garbage-read": _EVERY,
        "duplicate-elements": _EVERY,
        "cyclic-versions": ("read-uncommitted",),
        "G0": ("read-uncommitted",),
        "G0-process": ("strong-session-read-uncommitted",),
        "G0-realtime": ("strong-read-uncommitted",),
        "G1a": ("read-committed",),
        "G1b": ("read-committed",),
        "dirty-update": ("read-committed",),
        "incompatible-order": ("read-committed",),
        "G1c": ("read-committed",),
        "G1c-process": ("strong-session-read-committed",),
        "G1c-realtime": ("strong-read-committed",),
        "internal": ("read-atomic",),
        "future-read": ("read-atomic",),
        "observed-transaction-vanishes": ("monotonic-atomic-view",),
        "fractured-read": ("read-atomic",),
        "lost-update": ("cursor-stability", "update-atomic"),
        "G-cursor": ("cursor-stability", "update-atomic"),
        "write-conflict": ("update-atomic",),
        "causal-violation": ("causal-cerone",),
        "G-single": ("consistent-view", "repeatable-read"),
        "G-single-process": ("strong-session-snapshot-isolation",),
        "G-single-realtime": ("strong-snapshot-isolation",),
        "prefix-violation": ("prefix",),
        "long-fork": ("prefix", "repeatable-read"),
        "G-nonadjacent": ("snapshot-isolation", "repeatable-read"),
        "G-nonadjacent-process": ("strong-session-snapshot-isolation",),
        "G-nonadjacent-realtime": ("strong-snapshot-isolation",),
        "G-update": ("update-serializable",),
        "write-skew": ("repeatable-read",),
        "G2-item": ("repeatable-read",),
        "G2-item-process": ("strong-session-serializable",),
        "G2-item-realtime": ("strict-serializable",),
        "monotonic-reads-violation": ("monotonic-reads",),
        "monotonic-writes-violation": ("monotonic-writes",),
        "read-your-writes-violation": ("read-your-writes",),
        "writes-follow-reads-violation": ("writes-follow-reads",),
    }
)
"""Each anomaly with the weakest models that do not allow it."""


def model_named(name: str) -> str:
    """The model that goes by ``name``, perhaps an alias, in any case.  Raises KeyError."""
    wanted = name.lower().replace("_", "-")
    for known in (*IMPLIES, *ALIASES):
        if known.lower() == wanted:
            return ALIASES.get(known, known)
    raise KeyError(name)


@cache
def implied_by(model: str) -> frozenset[str]:
    """``model`` and every model that holds whenever it does."""
    return frozenset({model}).union(*(implied_by(weaker) for weaker in IMPLIES[model]))


def ruled_out_by(anomalies: Iterable[str]) -> tuple[str, ...]:
    """Every model that does not allow all of these anomalies, weakest first."""
    direct = {model for anomaly in anomalies for model in RULES_OUT[anomaly]}
    return in_order(model for model in IMPLIES if not direct.isdisjoint(implied_by(model)))


def weakest_of(models: Iterable[str]) -> tuple[str, ...]:
    """Those that imply no other of them."""
    given = frozenset(models)
    return in_order(model for model in given if len(implied_by(model) & given) == 1)


def strongest_without(ruled_out: Iterable[str]) -> tuple[str, ...]:
    """The models still possible, among those tested, that no other possible one implies."""
    possible = frozenset(IMPLIES) - frozenset(ruled_out) - UNTESTED
    covered = {weaker for model in possible for weaker in implied_by(model) - {model}}
    return in_order(possible - covered)


def in_order(models: Iterable[str]) -> tuple[str, ...]:
    """Sorted so that no model comes before one that it implies."""
    place = {model: number for number, model in enumerate(IMPLIES)}
    return tuple(sorted(models, key=lambda model: (len(implied_by(model)), -place[model])))
