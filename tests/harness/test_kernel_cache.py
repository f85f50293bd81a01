"""Compiled kernels are kept by what they were compiled from, in whatever file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.kernel_cache import use_kernel_cache


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    (tmp_path / "checker").mkdir()
    (tmp_path / "checker" / "callee.py").write_text("@njit\ndef f(): return 1\n")
    (tmp_path / "checker" / "caller.py").write_text("@njit\ndef g(): return f()\n")
    (tmp_path / "checker" / "plain.py").write_text("x = 1\n")
    return tmp_path


def chosen(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    use_kernel_cache(root)
    return Path(os.environ["NUMBA_CACHE_DIR"])


def test_a_kernel_is_compiled_anew_when_one_that_it_calls_changes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = chosen(root, monkeypatch)
    assert chosen(root, monkeypatch) == before
    (root / "checker" / "plain.py").write_text("x = 2\n")
    assert chosen(root, monkeypatch) == before
    (root / "checker" / "callee.py").write_text("@njit\ndef f(): return 2\n")
    after = chosen(root, monkeypatch)
    assert after != before
    assert not before.exists(), "what nobody needs any more is removed"


def test_what_the_user_chose_stays(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")
    use_kernel_cache(root)
    assert os.environ["NUMBA_CACHE_DIR"] == "elsewhere"
    assert not (root / ".kernels").exists()
