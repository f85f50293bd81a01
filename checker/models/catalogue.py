"""The models by the names that users type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from checker.models.register import CasRegister
from histories.call import Scalar

MODELS: Final[Mapping[str, Callable[[Scalar], CasRegister]]] = MappingProxyType(
    {
        "register": CasRegister,
        "cas-register": CasRegister,
    }
)
"""Name to factory; the factory takes the initial value."""
