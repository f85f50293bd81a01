"""Pages from templates: everything is escaped, and everything is printable."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.report.wording import counted, describe_duration, shortened, visible

STYLE: Final = "hearsay.css"


def rendered(template: str, **values: object) -> str:
    """The page of that template, ready to be written as UTF-8."""
    return _environment().get_template(template).render(**values)


@cache
def static(name: str) -> str:
    """A file of ``static/``."""
    return (files("harness.web") / "static" / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("harness.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters.update(
        counted=counted, duration=describe_duration, seconds=_seconds, short=shortened
    )
    environment.globals["style"] = static(STYLE)
    return environment


def _finalize(value: object) -> object:
    return visible(value) if type(value) is str else value


def _seconds(seconds: float) -> str:
    """ "42.0 s", "12 min", "3 h 20 min"."""
    if seconds < 120:
        return describe_duration(round(seconds * 1e9))
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
