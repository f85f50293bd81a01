"""Random histories of any model: what clients of a correct object see, and of one that errs."""

from __future__ import annotations

import random
from typing import Any

from checker.base import Inconsistent, Model
from histories.call import Call, Failed, Indeterminate, Ok, Outcome
from histories.history import History
from histories.op import FOREVER, Nanos, Op, ProcessId
from tests.checker.oracles.vocabulary import Vocabulary
from tests.checker.random_histories import Shape, _Attempt, _attempts


def random_history(
    rng: random.Random, shape: Shape, vocabulary: Vocabulary, model: Model[Any], errs: float
) -> History:
    """Operations that take effect at one instant each, in the order of the model.

    An answer is replaced by one at random with probability ``errs``; with 0 the
    history is linearizable by construction.
    """
    attempts = _attempts(rng, shape)
    effects = [
        (attempt.takes_effect, number)
        for number, attempt in enumerate(attempts)
        if attempt.takes_effect is not None
    ]
    state = model.initial
    finished: dict[int, tuple[Call, Outcome]] = {}
    for _, number in sorted(effects):
        attempt = attempts[number]
        call = vocabulary.draw(rng)
        answers = list(vocabulary.answers(call))
        rng.shuffle(answers)
        outcome: Outcome = Failed("refused")
        for answer in answers:
            after = model.step(state, call, Ok(answer))
            if not isinstance(after, Inconsistent):
                outcome, state = Ok(answer), after
                break
        if rng.random() < errs and answers:
            outcome = Ok(answers[0])
        if attempt.ending == "unknown":
            outcome = Indeterminate("timed out")
        finished[number] = call, outcome
    return History.of(
        _op(number, attempt, *finished.get(number, (vocabulary.draw(rng), _ineffective(attempt))))
        for number, attempt in enumerate(attempts)
    )


def _ineffective(attempt: _Attempt) -> Outcome:
    return Indeterminate("timed out") if attempt.ending == "unknown" else Failed("refused")


def _op(number: int, attempt: _Attempt, call: Call, outcome: Outcome) -> Op:
    unknown = isinstance(outcome, Indeterminate)
    return Op(
        index=number,
        process=ProcessId(attempt.process),
        call=call,
        outcome=outcome,
        invoked=Nanos(attempt.invoked),
        completed=FOREVER if unknown else Nanos(attempt.completed),
    )
