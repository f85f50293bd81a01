"""The script that is part of the package is what its modules make."""

from __future__ import annotations

from harness.report.bundle import BUILT, digest_of_sources


def test_the_script_is_built_from_the_modules_as_they_are() -> None:
    first = BUILT.read_text(encoding="ascii").partition("\n")[0]
    assert first == f"// Built from {digest_of_sources()}", "run python -m harness.report.bundle"


def test_nothing_in_the_script_ends_its_element_or_names_a_registry() -> None:
    script = BUILT.read_text(encoding="ascii").lower()
    assert "</script" not in script
    assert "<!--" not in script
    lock = BUILT.parent.parent / "script" / "package-lock.json"
    assert "http" not in lock.read_text(encoding="utf-8")
