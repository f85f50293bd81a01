"""What users may choose about a workload, by name: ``--option reads-percent=90``.

The options of a workload are the fields of a frozen dataclass, each made by ``option``.
A field ``ops_per_key`` is the option ``ops-per-key``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Any, TypeAlias, TypeVar

from workloads.errors import BadOption

Setting: TypeAlias = int | str
"""A value as it is typed and stored: a whole number, or one of a few words."""

Options = TypeVar("Options")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One of them.

    Attributes:
        name: As it is typed.
        meaning: In a few words.
        default: What it is if nobody chooses.
        words: Of an option that is a word, the possible ones.
        least, most: Of an option that is a number, between what it may lie.
    """

    name: str
    meaning: str
    default: Setting
    words: tuple[str, ...] = ()
    least: int = 0
    most: int | None = None

    @property
    def range(self) -> str:
        """What it may be, in words."""
        if self.words:
            return ", ".join(self.words)
        return f"{self.least} or more" if self.most is None else f"{self.least} to {self.most}"


def option(default: Any, meaning: str, *, least: int = 0, most: int | None = None) -> Any:
    """A field of a dataclass of options; ``default`` is a whole number or a member of an enum."""
    return field(default=default, metadata={"meaning": meaning, "least": least, "most": most})


def options_of(value: object) -> tuple[Option, ...]:
    """The options that the fields of ``value`` are, which gives the defaults."""
    return tuple(
        Option(
            name=_name(one.name),
            default=_plain(getattr(value, one.name)),
            words=_words(getattr(value, one.name)),
            **one.metadata,
        )
        for one in fields(value)  # type: ignore[arg-type]  # A dataclass, by contract.
    )


def with_settings(value: Options, settings: Mapping[str, Setting]) -> Options:
    """``value`` with those fields that ``settings`` name set to what they say.

    Raises:
        BadOption: A setting is out of range.
    """
    changes: dict[str, Any] = {}
    for one in options_of(value):
        if one.name in settings:
            attribute = one.name.replace("-", "_")
            kind = type(getattr(value, attribute))
            changes[attribute] = kind(checked(one, settings[one.name]))
    return replace(value, **changes)  # type: ignore[type-var]  # A dataclass, by contract.


def checked(one: Option, setting: Setting) -> Setting:
    """``setting``, a number if the option is one.  Raises BadOption."""
    if one.words:
        if setting in one.words:
            return setting
        raise BadOption(one.name, f"{setting!r} is none of {one.range}")
    try:
        number = int(setting)
    except ValueError:
        raise BadOption(one.name, f"{setting!r} is no whole number") from None
    if number < one.least or (one.most is not None and number > one.most):
        raise BadOption(one.name, f"{number} is not {one.range}")
    return number


def settings_of(texts: Iterable[str], known: Iterable[Option], what: str) -> dict[str, Setting]:
    """What ``texts`` such as "keys-active=3" mean, of the options that ``what`` has.

    Raises:
        BadOption: A text is not of that form, names no such option, or one twice, or its
            value is out of range.
    """
    by_name = {one.name: one for one in known}
    settings: dict[str, Setting] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadOption(name, "has no value: NAME=VALUE is wanted")
        if name not in by_name:
            raise BadOption(name, f"{what} has no such option; it has {', '.join(by_name)}")
        if name in settings:
            raise BadOption(name, "is given twice")
        settings[name] = checked(by_name[name], value)
    return settings


def _name(attribute: str) -> str:
    return attribute.replace("_", "-")


def _plain(value: int | Enum) -> Setting:
    return str(value.value) if isinstance(value, Enum) else value


def _words(value: int | Enum) -> tuple[str, ...]:
    return tuple(str(member.value) for member in type(value)) if isinstance(value, Enum) else ()
