"""What nemesis raises: one base, one class per kind of mistake."""

from __future__ import annotations


class NemesisError(Exception):
    """Base of everything that the nemesis package raises."""


class UnknownNode(NemesisError, ValueError):
    """A target or link names a node that the system does not have."""


class ImpossibleShape(NemesisError, ValueError):
    """A partition shape does not exist for so few nodes."""


class NobodyToHit(NemesisError):
    """Whom a fault is aimed at is out already, or must be left for a majority."""


class UnsupportedFault(NemesisError):
    """The system lacks the capability that a fault needs."""


class MalformedSchedule(NemesisError, ValueError):
    """A schedule breaks its rules; the message names the step and the field."""


class ImpossiblePlan(NemesisError, ValueError):
    """What the planner was asked for cannot be had; the message says which part."""


class ProxyUnavailable(NemesisError):
    """The environment refused the proxy layer a listener."""
