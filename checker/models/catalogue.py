"""The models by the names that users type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from checker.base import Model
from checker.models.counter import Counter
from checker.models.lists import AppendList
from checker.models.locks import FencedMutex, Mutex, OwnedMutex, ReentrantMutex, Semaphore
from checker.models.nondeterministic import Possibilities
from checker.models.queues import PriorityQueue, Queue, Stack, UnorderedQueue
from checker.models.register import CasRegister
from checker.models.sets import SetModel, UniqueIds
from checker.models.store import KeyValueStore, MultiRegister
from checker.models.text import Text
from histories.call import Scalar
from histories.notation import describe_value


def _fixed(make: Callable[[], Model[Any]]) -> Callable[[Scalar], Model[Any]]:
    """A factory for a model that starts in one way only."""

    def factory(initial: Scalar) -> Model[Any]:
        model = make()
        if initial is not None:
            raise ValueError(f"a {model.name} does not start with {describe_value(initial)}")
        return model

    return factory


_WITHOUT_BEGINNING: Final = (
    *(MultiRegister, Mutex, OwnedMutex, ReentrantMutex, FencedMutex, SetModel, UniqueIds),
    *(Queue, Stack, PriorityQueue, AppendList, KeyValueStore),
)

MODELS: Final[Mapping[str, Callable[[Scalar], Model[Any]]]] = MappingProxyType(
    {
        "register": CasRegister,
        "cas-register": CasRegister,
        "multi-register": _fixed(MultiRegister),
        "mutex": _fixed(Mutex),
        "owned-mutex": _fixed(OwnedMutex),
        "reentrant-mutex": _fixed(ReentrantMutex),
        "fenced-mutex": _fixed(FencedMutex),
        "semaphore": Semaphore,
        "counter": Counter,
        "set": _fixed(SetModel),
        "queue": _fixed(Queue),
        "stack": _fixed(Stack),
        "priority-queue": _fixed(PriorityQueue),
        "unordered-queue": _fixed(lambda: Possibilities(UnorderedQueue())),
        "list-append": _fixed(AppendList),
        "key-value-store": _fixed(KeyValueStore),
        "kv": Text,
        "unique-ids": _fixed(UniqueIds),
    }
)
"""Name to factory; the factory takes the initial value (of a semaphore, its permits) or
None, and raises ValueError if the model cannot start with it."""


def known_as(model: Model[Any]) -> tuple[str, Scalar] | None:
    """The name of one of these models and what its factory was given; of others None."""
    if isinstance(model, CasRegister):
        return model.name, model.initial[1]
    if isinstance(model, Counter):
        return model.name, model.initial
    if isinstance(model, Semaphore):
        return model.name, model.permits
    if isinstance(model, Possibilities):
        return (model.name, None) if model.is_of(UnorderedQueue) else None
    return (model.name, None) if type(model) in _WITHOUT_BEGINNING else None
