from __future__ import annotations

from pathlib import Path

import pytest

from protos import generate


def test_generated_modules_are_what_the_proto_files_say() -> None:
    assert generate.stale_files() == []


def test_an_edited_generated_module_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in generate.GENERATED.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    edited = tmp_path / "gossip_raft_pb2.pyi"
    edited.write_bytes(edited.read_bytes() + b"# edited\n")
    (tmp_path / "forgotten_pb2.py").write_bytes(b"")
    monkeypatch.setattr(generate, "GENERATED", tmp_path)

    assert generate.main(["--check"]) == 1
    told = capsys.readouterr().err
    assert "gossip_raft_pb2.pyi" in told
    assert "forgotten_pb2.py" in told
    assert "gossip_raft_pb2_grpc.py " not in told
