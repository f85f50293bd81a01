"""Why a history of elements that come and go is wrong, where one element shows it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from checker.base import ElementModel
from histories.call import Dequeue, Failed, Ok, Value
from histories.notation import Clock, describe_call, describe_outcome, describe_value
from histories.op import Op, answer_of


def tell_of_elements(
    ops: Sequence[Op], evidence: Sequence[Op], model: ElementModel, clock: Clock
) -> str | None:
    """The sentence, if the evidence is bad because of one element by itself.

    Args:
        ops: All of the object: they tell who offered an element.
        evidence: Those that may be named.
        model: What elements are.
        clock: How moments are printed.
    """
    offers: dict[Hashable, list[Op]] = {}
    failed: dict[Hashable, list[Op]] = {}
    for op in ops:
        side = failed if isinstance(op.outcome, Failed) else offers
        for token in model.offers(op.call, answer_of(op)):
            side.setdefault(token, []).append(op)
    tale = _Tale(offers, failed, clock)
    for op in sorted(evidence, key=lambda op: (-op.completed, -op.index)):
        if isinstance(op.outcome, Ok):
            for token in model.relies_on(op.call, op.outcome):
                if told := tale.of(op, token):
                    return told
    return None


@dataclass(frozen=True, slots=True)
class _Tale:
    offers: dict[Hashable, list[Op]]
    failed: dict[Hashable, list[Op]]
    clock: Clock

    def of(self, op: Op, token: Hashable) -> str | None:
        """What is wrong with the element that ``op`` relies on, if it is wrong by itself."""
        if not _is_seen(op, token):
            return None
        sources = [each for each in self.offers.get(token, ()) if each is not op]
        saw = f"process {op.process}'s {_did(op)} at {self.clock(op.completed)}"
        element = _name(token)
        if not sources:
            refused = self.failed.get(token)
            if not refused:
                return f"{saw} shows {element}, but nobody ever tried to bring it"
            return (
                f"{saw} shows {element}, but its only source, process {refused[0].process}'s "
                f"{describe_call(refused[0].call)} at {self.clock(refused[0].invoked)}, had failed"
            )
        first = min(sources, key=lambda each: each.invoked)
        if first.invoked > op.completed:
            return (
                f"{saw} shows {element}, before anyone brought it: process {first.process}'s "
                f"{describe_call(first.call)} began only at {self.clock(first.invoked)}"
            )
        taken = self.offers.get(_taken(token), [])
        if isinstance(op.call, Dequeue) and len(taken) > len(sources):
            who = " and ".join(
                f"process {each.process} (at {self.clock(each.completed)})" for each in taken
            )
            often = "once" if len(sources) == 1 else f"{len(sources)} times"
            return f"{element} was taken by {who}, but put there only {often}"
        return None


def _is_seen(op: Op, token: Hashable) -> bool:
    """Whether the answer names the element: a call may rely on what it does not see."""
    answers = op.outcome.values if isinstance(op.outcome, Ok) else ()
    assert isinstance(token, tuple | str), "tokens are tuples, or one word"
    if isinstance(token, str):
        return False
    name = token[0]
    # That there was nothing yet needs nobody who brought it.
    return bool(answers) and name not in {"removed", "out"} and _element(token) is not None


def _taken(token: Hashable) -> Hashable:
    assert isinstance(token, tuple), "only elements are taken"
    return ("out", token[-1])


def _name(token: Hashable) -> str:
    """The element of a token: an identity, or a word or key and an identity."""
    return describe_value(_element(token))


def _element(token: Hashable) -> Value:
    assert isinstance(token, tuple), "only elements have names"
    pair = token if isinstance(token[0], type) else token[-1]
    value: Value = pair[1]
    return value


def _did(op: Op) -> str:
    return f"{describe_call(op.call)} {describe_outcome(op.call, op.outcome)}"
