"""Make ``protos/generated`` from the .proto files, or check that it is up to date.

``python -m protos.generate`` writes; ``python -m protos.generate --check`` exits with 1
and names every file that differs from what would be written.  The result depends on the
installed versions of grpcio-tools and mypy-protobuf, which the lock fixes.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

from grpc_tools import protoc

PROTOS: Final = Path(__file__).parent
GENERATED: Final = PROTOS / "generated"
PACKAGE: Final = "protos/generated"
"""Where protoc believes the sources are, so that the modules import each other there."""


class GenerationError(Exception):
    """protoc refused; what it said is on stderr."""


def generate(target: Path) -> None:
    """Write all generated modules under ``target``.

    Raises:
        GenerationError: protoc or a plugin failed.
    """
    scripts = Path(sys.executable).parent
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={PACKAGE}={PROTOS}",
            f"--plugin=protoc-gen-mypy={scripts / 'protoc-gen-mypy'}",
            f"--python_out={target}",
            f"--mypy_out=quiet:{target}",
            *sorted(f"{PACKAGE}/{path.name}" for path in PROTOS.glob("*.proto")),
        ]
    )
    if status != 0:
        raise GenerationError(f"protoc exited with {status}")


def stale_files() -> list[str]:
    """Names in ``protos/generated`` that differ from a fresh generation, in order."""
    with tempfile.TemporaryDirectory() as directory:
        generate(Path(directory))
        fresh = _contents(Path(directory) / PACKAGE)
    committed = _contents(GENERATED)
    return sorted(
        name for name in fresh.keys() | committed.keys() if fresh.get(name) != committed.get(name)
    )


def main(arguments: list[str]) -> int:
    match arguments:
        case []:
            generate(PROTOS.parent)
            return 0
        case ["--check"]:
            stale = stale_files()
            for name in stale:
                sys.stderr.write(f"{PACKAGE}/{name} is not what the .proto files say\n")
            if stale:
                sys.stderr.write("run: python -m protos.generate\n")
            return 1 if stale else 0
        case _:
            sys.stderr.write("usage: python -m protos.generate [--check]\n")
            return 2


def _contents(directory: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in directory.iterdir()
        if path.suffix in {".py", ".pyi"} and path.name != "__init__.py"
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
