"""The pages' templates."""

from __future__ import annotations

from functools import cache
from typing import Final

from jinja2 import Environment

from harness.report import templating
from harness.report.wording import describe_duration

STYLE: Final = "hearsay.css"


def rendered(template: str, **values: object) -> str:
    """The page of that template, ready to be written as UTF-8."""
    return _environment().get_template(template).render(**values)


def static(name: str) -> str:
    """A file of ``static/``."""
    return templating.static("harness.web", name)


@cache
def _environment() -> Environment:
    made = templating.environment("harness.web", seconds=_seconds)
    made.globals["style"] = static(STYLE)
    return made


def _seconds(seconds: float) -> str:
    """ "42.0 s", "12 min", "3 h 20 min"."""
    if seconds < 120:
        return describe_duration(round(seconds * 1e9))
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
