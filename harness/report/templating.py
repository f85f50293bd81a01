"""Pages from the templates of a package: all is escaped, and every string is printable, so that
a page can be written as UTF-8."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.report.wording import counted, describe_duration, shortened, visible


def environment(package: str, **filters: Callable[..., Any]) -> Environment:
    """Of the templates in ``package``, with ``filters`` besides those of every page."""
    made = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    made.filters.update(counted=counted, duration=describe_duration, short=shortened, **filters)
    return made


@cache
def static(package: str, name: str) -> str:
    """A file of the folder ``static`` in ``package``."""
    return (files(package) / "static" / name).read_text(encoding="utf-8")


def _finalize(value: object) -> object:
    return visible(value) if type(value) is str else value
