"""``cluster-configuration.json``: who is in the cluster and where, read strictly.

::

    {"cluster": "demo",
     "nodes": {"n0": {"address": "127.0.0.1:7001"}, "n1": {"address": "127.0.0.1:7002"}},
     "gateway": {"address": "127.0.0.1:8000"},
     "timing": {"heartbeat_interval_ms": 100}}

``gateway`` and ``timing`` may be left out.  ``"members": ["n0", ...]`` names those nodes
with whom the cluster began, if that is not all of them: the others join when they are added
(``hearsay cluster add``).  Every mistake is one ``ConfigurationError``
that names the file and the field; nothing unknown is accepted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.types import NodeId
from system_under_test.gossip_raft.runtime.errors import ConfigurationError

LOOPBACK: Final = "127.0.0.1"
FILE_NAME: Final = "cluster-configuration.json"

_NS_PER_MS: Final = 1_000_000
_TIMING_MS: Final = (
    "election_timeout_min",
    "election_timeout_max",
    "heartbeat_interval",
    "pull_wait",
    "request_timeout",
)
_TIMING_COUNTS: Final = ("fanout", "entries_max")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_ADDRESS: Final = re.compile(r"(.*):([0-9]{1,5})")
_PORT_MAX: Final = 65535


@dataclass(frozen=True, slots=True)
class Configuration:
    """A valid configuration.

    ``addresses`` are where each node listens, as this reader shall see it; port 0 means
    any free one.  ``timing`` is the section as it stands in the file.  ``members`` are the
    voters of the beginning, ``None`` if that is all nodes.
    """

    file: Path
    cluster: str
    addresses: Mapping[NodeId, str]
    gateway: str | None = None
    timing: Mapping[str, int] = field(default_factory=dict)
    members: tuple[NodeId, ...] | None = None

    def node_config(self, node: NodeId) -> NodeConfig:
        """
        Raises:
            ConfigurationError: There is no such node, or the timing makes no sense.
        """
        self.address(node)
        overrides: dict[str, Any] = {
            f"{name.removesuffix('_ms')}_ns" if name.endswith("_ms") else name: (
                value * _NS_PER_MS if name.endswith("_ms") else value
            )
            for name, value in self.timing.items()
        }
        members = tuple(self.addresses) if self.members is None else self.members
        try:
            return NodeConfig(id=node, members=members, **overrides)
        except ValueError as error:
            raise ConfigurationError(self.file, "timing", str(error)) from error

    def address(self, node: NodeId) -> str:
        """Where ``node`` listens.

        Raises:
            ConfigurationError: There is no such node.
        """
        if node not in self.addresses:
            known = ", ".join(self.addresses)
            raise ConfigurationError(self.file, "nodes", f"no node {node!r}; there are {known}")
        return self.addresses[node]

    def encode(self) -> bytes:
        """The contents of a file that reads as this."""
        document: dict[str, object] = {
            "cluster": self.cluster,
            "nodes": {node: {"address": address} for node, address in self.addresses.items()},
        }
        if self.gateway is not None:
            document["gateway"] = {"address": self.gateway}
        if self.timing:
            document["timing"] = dict(self.timing)
        if self.members is not None:
            document["members"] = list(self.members)
        return json.dumps(document, indent=2).encode() + b"\n"


def load_configuration(file: Path) -> Configuration:
    """
    Raises:
        ConfigurationError: The file cannot be read or is not a valid configuration.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(file, "", f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(file, "", f"not UTF-8 at byte {error.start}") from error
    return parse_configuration(text, file)


def parse_configuration(text: str, file: Path) -> Configuration:
    """Read ``text``, the contents of ``file``.

    Raises:
        ConfigurationError: It is not a valid configuration.
    """
    root = _Object(file, "", _parse_json(text, file))
    cluster = root.text("cluster")
    nodes = root.section("nodes")
    addresses = {
        NodeId(nodes.checked_name(name)): nodes.section(name).address() for name in nodes.names()
    }
    if not addresses:
        nodes.fail("", "must name at least one node")
    gateway = root.section("gateway").address() if root.has("gateway") else None
    timing = _timing(root.section("timing")) if root.has("timing") else {}
    members = _members(root, addresses) if root.has("members") else None
    root.done()
    _refuse_duplicates(file, addresses, gateway)
    return Configuration(file, cluster, addresses, gateway, timing, members)


class _Object:
    """A JSON object at ``path`` in the file, read field by field."""

    def __init__(self, file: Path, path: str, value: object) -> None:
        self._file = file
        self._path = path
        if not isinstance(value, dict):
            self.fail("", f"must be an object, is {_kind(value)}")
        self._fields: dict[str, Any] = value
        self._unread = dict(value)

    def fail(self, name: str, problem: str) -> NoReturn:
        raise ConfigurationError(self._file, self._join(name), problem)

    def has(self, name: str) -> bool:
        return name in self._fields

    def names(self) -> Iterator[str]:
        return iter(self._fields)

    def checked_name(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            self.fail(name, "a name is letters, digits, dots, dashes and underscores")
        return name

    def section(self, name: str) -> _Object:
        return _Object(self._file, self._join(name), self._value(name))

    def text(self, name: str) -> str:
        value = self._value(name)
        if not isinstance(value, str) or not value:
            self.fail(name, f"must be a text that is not empty, is {_kind(value)}")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._value(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fail(name, f"must be a list of texts, is {_kind(value)}")
        return tuple(value)

    def natural(self, name: str) -> int:
        value = self._value(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self.fail(name, f"must be a whole number from 0 on, is {_kind(value)}")
        return value

    def address(self) -> str:
        """The field ``address`` of an object that has no other."""
        text = self.text("address")
        self.done()
        matched = _ADDRESS.fullmatch(text)
        if matched is None or int(matched[2]) > _PORT_MAX:
            self.fail("address", f"must be host:port, is {text!r}")
        if matched[1] != LOOPBACK:
            # Nodes and gateway speak without authentication to whoever connects.
            self.fail("address", f"must be on {LOOPBACK}, is {text!r}")
        return f"{LOOPBACK}:{int(matched[2])}"

    def done(self) -> None:
        """Refuse whatever was not asked for."""
        for name in self._unread:
            self.fail(name, "is not a known field")

    def _value(self, name: str) -> Any:
        if name not in self._fields:
            self.fail(name, "is missing")
        self._unread.pop(name, None)
        return self._fields[name]

    def _join(self, name: str) -> str:
        return ".".join(filter(None, (self._path, name)))


def _parse_json(text: str, file: Path) -> object:
    def refuse_repeated_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
        fields = dict(pairs)
        if len(fields) != len(pairs):
            names = [name for name, _ in pairs]
            repeated = next(name for name in names if names.count(name) > 1)
            raise ConfigurationError(file, repeated, "is given twice")
        return fields

    try:
        parsed: object = json.loads(text, object_pairs_hook=refuse_repeated_names)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ConfigurationError(file, "", f"not JSON: {where}: {error.msg}") from error
    return parsed


def _members(root: _Object, addresses: Mapping[NodeId, str]) -> tuple[NodeId, ...]:
    members = tuple(map(NodeId, root.texts("members")))
    for member in members:
        if member not in addresses:
            root.fail("members", f"no node {member!r}; there are {', '.join(addresses)}")
    if not members or len(set(members)) != len(members):
        root.fail("members", "must name at least one node, and none twice")
    return members


def _timing(section: _Object) -> dict[str, int]:
    known = [*(f"{name}_ms" for name in _TIMING_MS), *_TIMING_COUNTS]
    timing = {name: section.natural(name) for name in known if section.has(name)}
    section.done()
    return timing


def _refuse_duplicates(file: Path, addresses: Mapping[NodeId, str], gateway: str | None) -> None:
    taken: dict[str, str] = {}
    places = {f"nodes.{node}": address for node, address in addresses.items()}
    if gateway is not None:
        places["gateway"] = gateway
    for place, address in places.items():
        if address.endswith(":0"):
            continue
        if address in taken:
            problem = f"{address} is already the address of {taken[address]}"
            raise ConfigurationError(file, f"{place}.address", problem)
        taken[address] = place


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a truth value"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {value!r}"
        case list():
            return "a list"
        case _:
            return "an object"
