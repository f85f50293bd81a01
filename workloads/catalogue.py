"""Workloads by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from types import MappingProxyType, ModuleType
from typing import Final

from workloads import (
    append,
    bank,
    cas_register,
    causal,
    counter,
    ids,
    lists,
    locks,
    log,
    long_fork,
    monotonic,
    multi_register,
    queue,
    read_modify_write,
    register,
    session_guarantees,
    sets,
    sets_full,
    wr,
)
from workloads.base import Workload
from workloads.client_options import CLIENTS, ClientOptions
from workloads.errors import BadOption, UnknownWorkload
from workloads.options import Option, Setting, options_of, settings_of, with_settings

_MODULES: Final[tuple[ModuleType, ...]] = (
    *(register, cas_register, read_modify_write, multi_register, sets, sets_full, lists),
    *(counter, monotonic, queue, locks, ids, log, causal, session_guarantees),
    *(append, wr, long_fork, bank),
)

WORKLOADS: Final[Mapping[str, Workload]] = MappingProxyType(
    {module.WORKLOAD.name: module.WORKLOAD for module in _MODULES}
)
"""With their default options."""

_ABOUT: Final = {module.WORKLOAD.name: module.__doc__ or "" for module in _MODULES}


def workload(name: str, settings: Mapping[str, Setting] | None = None) -> Workload:
    """The workload of that name, with these options and otherwise its defaults.

    Raises:
        UnknownWorkload: None has that name.
        BadOption: It has no such option, or it cannot be that.
    """
    chosen, given = _named(name), settings or {}
    known = {one.name for one in options(name)}
    for foreign in sorted(given.keys() - known):
        raise BadOption(foreign, f"{name} has no such option")
    clients(given)
    configured = with_settings(chosen.options, given)
    return dataclasses.replace(chosen, options=configured)  # type: ignore[type-var]  # By contract.


def clients(settings: Mapping[str, Setting]) -> ClientOptions:
    """How its clients behave, by the options of a run.  Raises BadOption."""
    return with_settings(CLIENTS, settings)


def about(name: str) -> str:
    """What a workload does, finds and misses; the first line by itself is a summary.

    Raises:
        UnknownWorkload: None has that name.
    """
    return _ABOUT[_named(name).name]


def options(name: str) -> tuple[Option, ...]:
    """All that may be chosen about a workload, last what is the same for every one.

    Raises:
        UnknownWorkload: None has that name.
    """
    return (*options_of(_named(name).options), *options_of(CLIENTS))


def settings(name: str | None, texts: Iterable[str]) -> dict[str, Setting]:
    """What options typed as "NAME=VALUE" mean for a workload, or for any.

    Raises:
        UnknownWorkload: None has that name.
        BadOption: It has no such option, or it cannot be that.
    """
    if name is None:
        return settings_of(texts, options_of(CLIENTS), "every workload")
    chosen = settings_of(texts, options(name), name)
    workload(name, chosen)
    return chosen


def _named(name: str) -> Workload:
    if name not in WORKLOADS:
        raise UnknownWorkload(name, WORKLOADS)
    return WORKLOADS[name]
