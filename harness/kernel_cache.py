"""Where compiled kernels are kept: with the sources that they were compiled from.

Numba keeps a kernel for as long as the file that defines it does not change, and
does not notice when another file changes that the kernel calls into.  So each
state of the sources gets a directory of its own, and the others are removed.
"""

from __future__ import annotations

import os
import shutil
from hashlib import blake2b
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[1]
_PACKAGES: Final = ("checker", "histories")
_DIRECTORY: Final = ".kernels"
_VARIABLE: Final = "NUMBA_CACHE_DIR"


def use_kernel_cache(root: Path = _ROOT) -> None:
    """Tell numba, which must not have been imported yet, and processes to come.

    Where the user has said so already, or ``root`` cannot be written, all remains as
    it is.  Cost: reading the sources, some milliseconds.
    """
    if _VARIABLE in os.environ:
        return
    directory = root / _DIRECTORY / _digest(root)
    if not directory.is_dir():
        try:
            shutil.rmtree(directory.parent, ignore_errors=True)
            directory.mkdir(parents=True, exist_ok=True)
        except OSError:
            return
    os.environ[_VARIABLE] = str(directory)


def _digest(root: Path) -> str:
    """Of all sources that have kernels, or that are named after them."""
    digest = blake2b(digest_size=8)
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            content = path.read_bytes()
            if "kernel" in path.name or b"jit" in content:
                digest.update(str(path.relative_to(root)).encode() + b"\0" + content + b"\0")
    return digest.hexdigest()
