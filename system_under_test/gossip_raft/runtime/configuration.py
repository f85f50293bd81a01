"""``cluster-configuration.json``: who is in the cluster and where, read strictly.

::

    {"cluster": "demo",
     "nodes": {"n0": {"address": "127.0.0.1:7001"}, "n1": {"address": "127.0.0.1:7002"}},
     "gateway": {"address": "127.0.0.1:8000"},
     "timing": {"heartbeat_interval_ms": 100},
     "topology": {"heartbeats": "gossip", "shape": "chained", "children_max": 2},
     "tls": {"directory": "certificates"}}

``gateway``, ``timing``, ``topology`` and ``tls`` may be left out; with ``tls`` all links are
mutual TLS, by the certificates in that directory, relative to the file's.  A node may also
have ``"metrics": {"address": "127.0.0.1:9001"}``, where Prometheus finds its metrics.
``"members": ["n0", ...]`` names those nodes with whom the cluster began, if that is not all
of them: the others join when they are added (``hearsay cluster add``).

Every mistake is one ``ConfigurationError`` that names the file and the field; nothing
unknown is accepted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

from system_under_test.gossip_raft.core.config import Heartbeats, NodeConfig, Shape
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
    "commit_news_delay",
    "request_timeout",
)
_TIMING_COUNTS: Final = (
    "fanout",
    "entries_max",
    "batch_bytes_max",
    "clock_drift_max_ppm",
    "suspicion_intervals",
    "indirect_probes",
    "writes_waiting_max",
    "reads_waiting_max",
    "uncommitted_bytes_max",
    "request_bytes_max",
    "inbox_max",
    "snapshot_entries_max",
    "snapshot_bytes_max",
    "log_keep",
    "snapshot_chunk_bytes",
)
_TOPOLOGY_WORDS: Final[Mapping[str, type[Heartbeats | Shape]]] = {
    "heartbeats": Heartbeats,
    "shape": Shape,
}
_TOPOLOGY_COUNTS: Final = ("children_max", "depth_max")
_TOPOLOGY_FIELDS: Final = {*_TOPOLOGY_WORDS, *_TOPOLOGY_COUNTS}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_ADDRESS: Final = re.compile(r"(.*):([0-9]{1,5})")
_PORT_MAX: Final = 65535


@dataclass(frozen=True, slots=True)
class Configuration:
    """A valid configuration.

    ``addresses`` are where each node listens, as this reader shall see it; port 0 means
    any free one.  ``timing`` and ``topology`` are the sections as they stand in the file.
    ``metrics`` are where nodes serve their metrics, those that do.  ``members`` are the
    voters of the beginning, ``None`` if that is all nodes.
    """

    file: Path
    cluster: str
    addresses: Mapping[NodeId, str]
    gateway: str | None = None
    timing: Mapping[str, int] = field(default_factory=dict)
    members: tuple[NodeId, ...] | None = None
    tls: Path | None = None
    metrics: Mapping[NodeId, str] = field(default_factory=dict)
    topology: Mapping[str, int | str] = field(default_factory=dict)

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
        for name, value in self.topology.items():
            words = _TOPOLOGY_WORDS.get(name)
            overrides[name] = value if words is None else words(value)
        members = tuple(self.addresses) if self.members is None else self.members
        try:
            return NodeConfig(id=node, members=members, **overrides)
        except ValueError as error:
            field_at_fault = str(error).partition(":")[0]
            section = "topology" if field_at_fault in _TOPOLOGY_FIELDS else "timing"
            raise ConfigurationError(self.file, section, str(error)) from error

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
        nodes: dict[str, dict[str, object]] = {
            node: {"address": address} for node, address in self.addresses.items()
        }
        for node, address in self.metrics.items():
            nodes[node]["metrics"] = {"address": address}
        document: dict[str, object] = {"cluster": self.cluster, "nodes": nodes}
        if self.gateway is not None:
            document["gateway"] = {"address": self.gateway}
        if self.timing:
            document["timing"] = dict(self.timing)
        if self.tls is not None:
            document["tls"] = {"directory": str(self.tls)}
        if self.topology:
            document["topology"] = dict(self.topology)
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
    addresses: dict[NodeId, str] = {}
    metrics: dict[NodeId, str] = {}
    for name in nodes.names():
        node, section = NodeId(nodes.checked_name(name)), nodes.section(name)
        if section.has("metrics"):
            metrics[node] = section.section("metrics").address()
        addresses[node] = section.address()
    if not addresses:
        nodes.fail("", "must name at least one node")
    gateway = root.section("gateway").address() if root.has("gateway") else None
    timing = _timing(root.section("timing")) if root.has("timing") else {}
    topology = _topology(root.section("topology")) if root.has("topology") else {}
    tls = root.section("tls").directory(file.parent) if root.has("tls") else None
    members = _members(root, addresses) if root.has("members") else None
    root.done()
    _refuse_duplicates(file, addresses, gateway, metrics)
    return Configuration(file, cluster, addresses, gateway, timing, members, tls, metrics, topology)


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

    def word(self, name: str, known: Collection[str]) -> str:
        text = self.text(name)
        if text not in known:
            self.fail(name, f"must be one of {', '.join(known)}, is {text!r}")
        return text

    def address(self) -> str:
        """The field ``address`` of an object that has no other."""
        text = self.text("address")
        self.done()
        matched = _ADDRESS.fullmatch(text)
        if matched is None or int(matched[2]) > _PORT_MAX:
            self.fail("address", f"must be host:port, is {text!r}")
        if matched[1] != LOOPBACK:
            # Without "tls" nodes and gateway speak to whoever connects.
            self.fail("address", f"must be on {LOOPBACK}, is {text!r}")
        return f"{LOOPBACK}:{int(matched[2])}"

    def directory(self, base: Path) -> Path:
        """The field ``directory`` of an object that has no other."""
        directory = base / self.text("directory")
        self.done()
        return directory.absolute()

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


def _topology(section: _Object) -> dict[str, int | str]:
    topology: dict[str, int | str] = {}
    for name, words in _TOPOLOGY_WORDS.items():
        if section.has(name):
            topology[name] = section.word(name, [word.value for word in words])
    topology |= {name: section.natural(name) for name in _TOPOLOGY_COUNTS if section.has(name)}
    section.done()
    return topology


def _refuse_duplicates(
    file: Path,
    addresses: Mapping[NodeId, str],
    gateway: str | None,
    metrics: Mapping[NodeId, str],
) -> None:
    taken: dict[str, str] = {}
    places = {f"nodes.{node}": address for node, address in addresses.items()}
    places |= {f"nodes.{node}.metrics": address for node, address in metrics.items()}
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
