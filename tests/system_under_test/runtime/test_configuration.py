from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from system_under_test.gossip_raft.core.config import Heartbeats, Shape
from system_under_test.gossip_raft.core.types import NodeId
from system_under_test.gossip_raft.runtime.configuration import (
    load_configuration,
    parse_configuration,
)
from system_under_test.gossip_raft.runtime.errors import ConfigurationError

FILE = Path("cluster-configuration.json")


def document(**changes: Any) -> dict[str, Any]:
    return {
        "cluster": "demo",
        "nodes": {
            "n0": {"address": "127.0.0.1:7001"},
            "n1": {"address": "127.0.0.1:7002"},
        },
        "gateway": {"address": "127.0.0.1:8000"},
        "timing": {"heartbeat_interval_ms": 50, "fanout": 2, "clock_drift_max_ppm": 500},
        "topology": {"heartbeats": "gossip", "shape": "chained", "children_max": 3},
        **changes,
    }


def without(field: str) -> dict[str, Any]:
    return {name: value for name, value in document().items() if name != field}


def nodes(**changes: Any) -> dict[str, Any]:
    return document(nodes={**document()["nodes"], **changes})


def test_a_configuration_reads_as_written_and_is_written_as_read() -> None:
    configuration = parse_configuration(json.dumps(document()), FILE)
    assert configuration.cluster == "demo"
    assert configuration.addresses == {"n0": "127.0.0.1:7001", "n1": "127.0.0.1:7002"}
    assert configuration.gateway == "127.0.0.1:8000"
    assert parse_configuration(configuration.encode().decode(), FILE) == configuration


def test_gateway_timing_and_topology_may_be_left_out() -> None:
    configuration = parse_configuration(
        json.dumps({**without("gateway"), "timing": {}, "topology": {}}), FILE
    )
    assert configuration.gateway is None
    assert parse_configuration(configuration.encode().decode(), FILE) == configuration


def test_timing_reaches_the_node() -> None:
    config = parse_configuration(json.dumps(document()), FILE).node_config(NodeId("n1"))
    assert config.members == ("n0", "n1")
    assert config.heartbeat_interval_ns == 50_000_000
    assert config.fanout == 2
    assert config.clock_drift_max_ppm == 500


def test_topology_reaches_the_node() -> None:
    config = parse_configuration(json.dumps(document()), FILE).node_config(NodeId("n1"))
    assert (config.heartbeats, config.shape) == (Heartbeats.GOSSIP, Shape.CHAINED)
    assert (config.children_max, config.depth_max) == (3, None)
    star = document(topology={"heartbeats": "plain", "shape": "star"})
    config = parse_configuration(json.dumps(star), FILE).node_config(NodeId("n1"))
    assert (config.heartbeats, config.shape) == (Heartbeats.PLAIN, Shape.STAR)


def test_a_topology_that_makes_no_sense_is_the_files_fault() -> None:
    configuration = parse_configuration(
        json.dumps(document(topology={"heartbeats": "plain"})), FILE
    )
    with pytest.raises(ConfigurationError, match="topology: heartbeats: plain ones need"):
        configuration.node_config(NodeId("n0"))


def test_who_is_not_among_the_members_joins() -> None:
    configuration = parse_configuration(json.dumps(document(members=["n0"])), FILE)
    for node in ("n0", "n1"):
        assert configuration.node_config(NodeId(node)).members == ("n0",)
    assert parse_configuration(configuration.encode().decode(), FILE) == configuration


def test_any_number_of_nodes_may_leave_their_ports_open() -> None:
    free = {"address": "127.0.0.1:0"}
    configuration = parse_configuration(json.dumps(nodes(n2=free, n3=free)), FILE)
    assert configuration.addresses[NodeId("n3")] == "127.0.0.1:0"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([], r"must be an object, is a list"),
        (without("cluster"), r"cluster: is missing"),
        (without("nodes"), r"nodes: is missing"),
        (document(nodes={}), r"nodes: must name at least one node"),
        (document(nodes=["n0"]), r"nodes: must be an object, is a list"),
        (nodes(n0={}), r"nodes\.n0\.address: is missing"),
        (nodes(n0="127.0.0.1:7001"), r"nodes\.n0: must be an object, is the text"),
        (nodes(n0={"address": 7001}), r"nodes\.n0\.address: must be a text .*, is the number 7001"),
        (nodes(n0={"address": "7001"}), r"nodes\.n0\.address: must be host:port, is '7001'"),
        (nodes(n0={"address": "127.0.0.1:70000"}), r"nodes\.n0\.address: must be host:port"),
        (nodes(n0={"address": "0.0.0.0:7001"}), r"nodes\.n0\.address: must be on 127\.0\.0\.1"),
        (
            nodes(n0={"address": "127.0.0.1:7009", "port": 1}),
            r"nodes\.n0\.port: is not a known field",
        ),
        (
            nodes(n2={"address": "127.0.0.1:7001"}),
            r"nodes\.n2\.address: 127\.0\.0\.1:7001 is already the address of nodes\.n0",
        ),
        (
            nodes(n2={"address": "127.0.0.1:07001"}),
            r"nodes\.n2\.address: 127\.0\.0\.1:7001 is already the address of nodes\.n0",
        ),
        (
            document(gateway={"address": "127.0.0.1:7002"}),
            r"gateway\.address: 127\.0\.0\.1:7002 is already the address of nodes\.n1",
        ),
        (nodes(**{"../n9": {"address": "127.0.0.1:7003"}}), r"nodes\.\.\./n9: a name is letters"),
        (document(gateway=None), r"gateway: must be an object, is null"),
        (document(timing={"fanout": -1}), r"timing\.fanout: must be a whole number from 0 on"),
        (document(timing={"fanout": True}), r"timing\.fanout: .* is a truth value"),
        (document(timing={"fanout": 1.5}), r"timing\.fanout: .* is the number 1\.5"),
        (document(timing={"heartbeat": 1}), r"timing\.heartbeat: is not a known field"),
        (document(topology={"shape": "ring"}), r"topology\.shape: must be one of chained, star"),
        (document(topology={"children_max": "1"}), r"topology\.children_max: must be a whole"),
        (document(topology={"fanout": 1}), r"topology\.fanout: is not a known field"),
        (document(members="n0"), r"members: must be a list of texts, is the text 'n0'"),
        (document(members=["n0", 1]), r"members: must be a list of texts, is a list"),
        (document(members=["n9"]), r"members: no node 'n9'; there are n0, n1"),
        (document(members=[]), r"members: must name at least one node"),
        (document(members=["n0", "n0"]), r"members: must name .*, and none twice"),
        (document(color="red"), r"color: is not a known field"),
    ],
)
def test_a_mistake_is_named_by_file_and_field(wrong: object, message: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^cluster-configuration\.json: {message}"):
        parse_configuration(json.dumps(wrong), FILE)


def test_what_is_no_json_is_named_by_line_and_column() -> None:
    with pytest.raises(ConfigurationError, match="not JSON: line 2, column 13"):
        parse_configuration('{\n "cluster": }', FILE)


def test_a_repeated_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="n0: is given twice"):
        parse_configuration('{"nodes": {"n0": {}, "n0": {}}}', FILE)


def test_timing_that_makes_no_sense_is_the_files_fault() -> None:
    wrong = document(timing={"election_timeout_min_ms": 10})
    configuration = parse_configuration(json.dumps(wrong), FILE)
    with pytest.raises(ConfigurationError, match="timing: election_timeout_min_ns"):
        configuration.node_config(NodeId("n0"))


def test_an_unknown_node_is_told_the_known_ones() -> None:
    configuration = parse_configuration(json.dumps(document()), FILE)
    with pytest.raises(ConfigurationError, match="nodes: no node 'n7'; there are n0, n1"):
        configuration.node_config(NodeId("n7"))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="absent: cannot be read: No such file"):
        load_configuration(tmp_path / "absent")
    (tmp_path / "binary").write_bytes(b'{"cluster": "\xff"}')
    with pytest.raises(ConfigurationError, match="binary: not UTF-8 at byte 13"):
        load_configuration(tmp_path / "binary")
