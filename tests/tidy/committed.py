"""Refuse a tree in which something generated, or of one machine only, is committed.

Part of ``nox -s lint`` and no test, since it asks git: ``python -m tests.tidy.committed``.
"""

from __future__ import annotations

import subprocess
import sys

from tests.tidy.source_tree import ROOT

UNWANTED_FOLDERS = frozenset({"runs", ".venv", "__pycache__", "node_modules", ".hypothesis"})
UNWANTED_ENDINGS = (".log", ".pyc")


def unwanted(names: list[str]) -> list[str]:
    return [
        name
        for name in names
        if name.endswith(UNWANTED_ENDINGS) or UNWANTED_FOLDERS & set(name.split("/"))
    ]


def main() -> int:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = unwanted(listed.stdout.splitlines())
    for name in found:
        sys.stderr.write(f"{name}: must not be committed\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
