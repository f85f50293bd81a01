"""Builds ``static/report.js`` from the modules in ``script/``: ``python -m harness.report.bundle``.

Who uses the report needs none of this: what it builds is part of the package.  It takes
node and npm, and the packages that ``script/package-lock.json`` pins.

With ``--check`` nothing is written: the exit code is 1 if types are wrong, or if the file
is not what would be built.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
SCRIPT: Final = HERE / "script"
BUILT: Final = HERE / "static" / "report.js"
UPLOT: Final = SCRIPT / "node_modules" / "uplot"
COPIED: Final = {UPLOT / "dist" / "uPlot.min.css": "uPlot.min.css", UPLOT / "LICENSE": "LICENSE"}


def digest_of_sources() -> str:
    """Of all that the file is built from; it stands in its first line."""
    digest = sha256()
    for path in sorted([*SCRIPT.glob("*.js"), SCRIPT / "package-lock.json"]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def main(arguments: list[str]) -> int:
    if not (npm := shutil.which("npm")):
        sys.stderr.write("bundle: needs npm, which is not on the PATH\n")
        return 2
    subprocess.run([npm, "ci", "--silent", "--no-audit", "--no-fund"], cwd=SCRIPT, check=True)  # noqa: S603
    tools = SCRIPT / "node_modules" / ".bin"
    if subprocess.run([tools / "tsc", "-p", SCRIPT], check=False).returncode:  # noqa: S603
        return 1
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        _build(tools / "esbuild", made / BUILT.name)
        for path, name in COPIED.items():
            shutil.copyfile(path, made / name)
        names = [BUILT.name, *COPIED.values()]
        stale = [name for name in names if not _alike(made / name, BUILT.parent / name)]
        if "--check" in arguments:
            for name in stale:
                sys.stderr.write(f"{BUILT.parent / name}: not what would be built\n")
            return 1 if stale else 0
        for name in stale:
            shutil.copyfile(made / name, BUILT.parent / name)
    return 0


def _build(esbuild: Path, target: Path) -> None:
    subprocess.run(  # noqa: S603
        [
            esbuild,
            SCRIPT / "main.js",
            "--bundle",
            "--minify",
            "--charset=ascii",
            "--format=iife",
            "--target=es2022",
            "--legal-comments=none",
            "--log-level=warning",
            f"--banner:js=// Built from {digest_of_sources()}",
            f"--outfile={target}",
        ],
        check=True,
    )


def _alike(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
