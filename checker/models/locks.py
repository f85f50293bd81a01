"""Locks: mutexes of four kinds, and semaphores.

A lock service answers an acquisition when it has granted it.  One that timed out
may have been granted or may yet be; a release that timed out may have freed the
lock or may yet.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, TypeAlias

from checker.base import Inconsistent
from checker.errors import ForeignCall
from histories.call import Acquire, Call, Ok, Release, Scalar
from histories.notation import describe_value
from histories.values import identity

LockState: TypeAlias = tuple[Hashable, ...]
"""The identity of the owner, or nothing while the lock is free."""

FREE: Final[LockState] = ()


class OwnedMutex:
    """A lock that one owner holds at a time, and that only its owner releases.

    1. An acquisition needs the lock to be free.
    2. A release needs that its owner holds it.
    """

    name = "owned-mutex"
    initial: LockState = FREE

    def step(self, state: LockState, call: Call, outcome: Ok | None) -> LockState | Inconsistent:
        needed = self.needs(call, outcome)
        if state != needed:
            return Inconsistent(f"the lock was {self.describe(state)}")
        return self.installs(call, outcome)

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        self._holding(call)
        return False

    def installs(self, call: Call, outcome: Ok | None) -> LockState:
        return self._holding(call) if isinstance(call, Acquire) else FREE

    def needs(self, call: Call, outcome: Ok | None) -> LockState:
        return FREE if isinstance(call, Acquire) else self._holding(call)

    def describe(self, state: LockState) -> str:
        return "free" if state == FREE else f"held by {_name(state[0])}"

    def _holding(self, call: Call) -> LockState:
        """The state while the owner of the call holds the lock."""
        return (identity(_owner(self.name, call)),)


class Mutex(OwnedMutex):
    """A lock that anybody may release: owners are not looked at."""

    name = "mutex"

    def describe(self, state: LockState) -> str:
        return "free" if state == FREE else "held"

    def _holding(self, call: Call) -> LockState:
        _owner(self.name, call)
        return ("held",)


class ReentrantMutex:
    """A lock that its owner may acquire again, and must then release as often."""

    name = "reentrant-mutex"
    initial: tuple[Hashable, int] = (None, 0)
    """The owner and how often it holds the lock."""

    def step(
        self, state: tuple[Hashable, int], call: Call, outcome: Ok | None
    ) -> tuple[Hashable, int] | Inconsistent:
        owner = identity(_owner(self.name, call))
        holder, depth = state
        if depth and holder != owner:
            return Inconsistent(f"the lock was {self.describe(state)}")
        if isinstance(call, Acquire):
            return owner, depth + 1
        if not depth:
            return Inconsistent("the lock was free")
        return (owner, depth - 1) if depth > 1 else self.initial

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        _owner(self.name, call)
        return False

    def describe(self, state: tuple[Hashable, int]) -> str:
        holder, depth = state
        if not depth:
            return "free"
        return f"held by {_name(holder)}" + (f", {depth} times" if depth > 1 else "")


class FencedMutex:
    """A lock whose acquisitions are answered with ever larger tokens (fencing)."""

    name = "fenced-mutex"
    initial: tuple[LockState, int] = (FREE, -1)
    """Who holds the lock, and the largest token that was given."""

    def step(
        self, state: tuple[LockState, int], call: Call, outcome: Ok | None
    ) -> tuple[LockState, int] | Inconsistent:
        holder, latest = state
        holding: LockState = (identity(_owner(self.name, call)),)
        if holder != (FREE if isinstance(call, Acquire) else holding):
            return Inconsistent(f"the lock was {self.describe(state)}")
        if not isinstance(call, Acquire):
            return FREE, latest
        # A token that nobody saw was the smallest that it can have been: nothing more follows.
        token = outcome.values[0] if outcome is not None and outcome.values else latest + 1
        if not isinstance(token, int) or token <= latest:
            return Inconsistent(f"the token {latest} was given before {describe_value(token)}")
        return holding, token

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        _owner(self.name, call)
        return False

    def describe(self, state: tuple[LockState, int]) -> str:
        holder, latest = state
        held = "free" if holder == FREE else f"held by {_name(holder[0])}"
        return f"{held}, last token {latest if latest >= 0 else 'none'}"


class Semaphore:
    """A number of permits, of which owners hold some.

    1. An acquisition needs as many free ones as it takes.
    2. A release needs that its owner holds as many as it gives back.
    """

    name = "semaphore"
    initial: tuple[tuple[Hashable, int], ...] = ()
    """Who holds how many, in the order of the owners' names."""

    def __init__(self, permits: Scalar = None) -> None:
        """``permits``: how many there are; None is 1."""
        if permits is not None and (type(permits) is not int or permits < 1):
            raise ValueError(f"a semaphore has permits, not {describe_value(permits)}")
        self.permits = 1 if permits is None else permits

    def step(
        self, state: tuple[tuple[Hashable, int], ...], call: Call, outcome: Ok | None
    ) -> tuple[tuple[Hashable, int], ...] | Inconsistent:
        if not isinstance(call, Acquire | Release):
            raise ForeignCall(self.name, call)
        owner = identity(call.owner)
        held = dict(state)
        if isinstance(call, Acquire):
            if sum(held.values()) + call.permits > self.permits:
                return Inconsistent(f"permits held: {self.describe(state)}, of {self.permits}")
            held[owner] = held.get(owner, 0) + call.permits
        else:
            if held.get(owner, 0) < call.permits:
                return Inconsistent(f"permits held: {self.describe(state)}")
            held[owner] -= call.permits
        return tuple(sorted(((who, many) for who, many in held.items() if many), key=repr))

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        if not isinstance(call, Acquire | Release):
            raise ForeignCall(self.name, call)
        return False

    def describe(self, state: tuple[tuple[Hashable, int], ...]) -> str:
        return ", ".join(f"{_name(owner)} {many}" for owner, many in state) or "none"


def _owner(model: str, call: Call) -> Scalar:
    if isinstance(call, Acquire | Release) and call.permits == 1:
        return call.owner
    raise ForeignCall(model, call)


def _name(owner: Hashable) -> str:
    """An owner as ``identity`` gives it, in words."""
    assert isinstance(owner, tuple), "identities are pairs of a type and a value"
    return describe_value(owner[1])
