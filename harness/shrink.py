"""Shrinking a failing simulated run to the fewest steps that still fail.

A candidate fails if the same checker finds the same kind of anomaly, and correct nodes are not
accused in it: a run too poor to be valid is still good evidence.  Chance decides much in a
run, and whatever is dropped changes what is drawn after it: so a promising candidate is tried
in a few other worlds, which differ in their seed only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from checker.base import Budget
from checker.verdict import Invalid, Verdict
from harness import simplification as simpler
from harness.errors import BadInput
from harness.simulated import CORRECT, Plan, Simulated, simulate
from histories.event import FaultBegan
from histories.notation import describe_call
from nemesis.schedule import Timed
from nemesis.shrink import ddmin, descend
from workloads.scripted import ScriptedCall, script_of

Item = TypeVar("Item")

MS: Final = simpler.MS
WORLDS: Final = 3
"""Other worlds in which a promising candidate is tried."""

SHORT: Final = 2_000 * MS
"""A run is hardly worth another world where it could be so short."""

FEW_STEPS: Final = 30
SHIFTS: Final = (-1, 1, -2, 2, -3, 3, -5, 5, -10, 10)
"""Of faults against calls, in milliseconds, where there are few steps."""

CHOICES_MAX: Final = 60
"""Of a few steps out of some more."""

NODES_MIN: Final = 3
"""Fewer survive no fault at all, and are no example of anything."""

PREFERRED: Final = ("raft", "linearizable")
"""Checkers that need the least to find something, the best first."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a run is shrunk for: an anomaly of that kind, found by that checker."""

    checker: str
    kind: str

    def __str__(self) -> str:
        return f"{self.checker}: {self.kind}"

    def is_in(self, verdict: Verdict) -> bool:
        return isinstance(verdict, Invalid) and any(
            anomaly.kind == self.kind for anomaly in verdict.anomalies
        )


def failures_in(verdicts: dict[str, Verdict]) -> tuple[Failure, ...]:
    """Each that there is once, the easiest to shrink first."""
    found = dict.fromkeys(
        Failure(name, anomaly.kind)
        for name, verdict in verdicts.items()
        if isinstance(verdict, Invalid)
        for anomaly in verdict.anomalies
    )
    last = len(PREFERRED)
    rank = {name: number for number, name in enumerate(PREFERRED)}
    return tuple(sorted(found, key=lambda failure: rank.get(failure.checker, last)))


class Spent(Exception):
    """The budget is."""


class Shrinking:
    """A search under way; ``best`` is at any time the smallest plan known to fail.

    Of ``failures`` it settles for the one that comes first in the run.  ``may_go_on`` is asked
    before each run and ``saw`` told after it.
    """

    def __init__(
        self,
        plan: Plan,
        failures: Sequence[Failure],
        *,
        judging: Callable[[], Budget],
        may_go_on: Callable[[Shrinking], bool],
        saw: Callable[[Shrinking], None] = lambda _: None,
    ) -> None:
        self.best = plan
        self.failures = tuple(failures)
        self.runs = 0
        self.doing = "writing down what clients did"
        self._judging = judging
        self._may_go_on = may_go_on
        self._saw = saw
        self._known: dict[bytes, bool] = {}

    # --- the question ------------------------------------------------------------------

    def fails(self, plan: Plan) -> bool:
        """Whether ``plan`` shows the failure; if so it is the best from now on."""
        key = _key(plan)
        if key not in self._known:
            self._known[key] = self._shows(plan)
        if self._known[key]:
            self.best = plan
        return self._known[key]

    def fails_somewhere(self, plan: Plan) -> bool:
        """Likewise, in its own world or in another."""
        seeds = (plan.config.seed, *range(WORLDS))
        return any(self.fails(simpler.with_seed(plan, seed)) for seed in seeds)

    def _shows(self, plan: Plan) -> bool:
        if not simpler.is_possible(plan):
            return False
        try:
            shown = self._shown_in(self._run(plan))
        except Spent:
            raise
        except Exception:  # noqa: BLE001  A wrong node broke its world: no checker said so.
            return False
        if not shown:
            return False
        return plan.config.bug is None or not self._accuses_correct_nodes(plan)

    def _shown_in(self, simulated: Simulated) -> tuple[Failure, ...]:
        names = dict.fromkeys(failure.checker for failure in self.failures)
        verdicts = {name: simulated.verdict_by(name, self._judging()) for name in names}
        return tuple(one for one in self.failures if one.is_in(verdicts[one.checker]))

    def _accuses_correct_nodes(self, plan: Plan) -> bool:
        return isinstance(simulate(plan, CORRECT).verdict(self._judging()), Invalid)

    def _run(self, plan: Plan) -> Simulated:
        if not self._may_go_on(self):
            raise Spent
        simulated = simulate(plan)
        self.runs += 1
        self._saw(self)
        return simulated

    # --- the search --------------------------------------------------------------------

    def search(self) -> None:
        """Shrink until nothing more can be left out.

        Raises:
            BadInput: Written down the run does not fail, so there is nothing to go by.
            Spent: The budget is, before that; ``best`` is good all the same.
        """
        self._write_down()
        self._choose_failure()
        steps = steps_of(self.best) + 1
        while steps_of(self.best) < steps:
            steps = steps_of(self.best)
            for doing, work in (
                ("ending early", self._end_early),
                ("dropping operations", self._drop_calls),
                ("dropping faults", self._drop_faults),
                ("calming the world", self._calm),
                ("naming whom faults hit", self._name_targets),
                ("dropping settings", self._drop_settings),
                ("dropping clients", self._drop_workers),
                ("shortening times", self._shorten),
                ("dropping nodes", self._drop_nodes),
                ("dropping one step after the other", self._drop_steps),
                ("trying few steps alone", self._try_few),
                ("simplifying faults", self._simplify_faults),
                ("simplifying operations", self._simplify_calls),
            ):
                self.doing = doing
                work()
        self.doing = "rounding times"
        self._round()

    def _write_down(self) -> None:
        if self.best.script is not None:
            return
        events, concurrency = simulate(self.best).events, self.best.config.concurrency
        plans = (
            plan
            for after in (False, True)
            for plan in simpler.scripts(
                self.best, script_of(events, concurrency, after_answers=after)
            )
        )
        if not any(self.fails(plan) for plan in plans):
            raise BadInput("with its operations written down the run no longer fails")

    @property
    def failure(self) -> Failure:
        """What ``best`` shows, of ``failures``."""
        return self._shown_in(simulate(self.best))[0]

    def _choose_failure(self) -> None:
        """That which comes first takes the least."""
        if len(self.failures) > 1:
            self.doing = "finding out what fails first"
            self._end_early()
            self.failures = self._shown_in(self._run(self.best))[:1]
            self._known.clear()

    def _end_early(self) -> None:
        def earlier(plan: Plan) -> Iterator[Plan]:
            times = simpler.moments(plan)
            last = times[-1]
            for share in (1, 2, 4, 6, 7):  # Eighths that are left.
                yield simpler.ended(plan, max(MS, last * share // 8 // MS * MS))
            if 1 < len(times) <= FEW_STEPS:
                yield simpler.ended(plan, max(MS, times[-2]))

        end = simpler.end_of(self.best) // 2 // MS * MS
        while end > SHORT and self.fails_somewhere(simpler.ended(self.best, end)):
            end = end // 2 // MS * MS
        descend(self.best, earlier, self._fails_anew)

    def _calm(self) -> None:
        steady = next(simpler.calmer(self.best), None)
        if steady is None or self.fails_somewhere(steady):
            return
        # Some failures need a fault right after a call, and a calm world is not as slow.
        shifts = SHIFTS if steps_of(steady) <= FEW_STEPS and simpler.faults_of(steady) else ()
        if any(self.fails(simpler.shifted(steady, shift * MS)) for shift in shifts):
            return
        descend(self.best, simpler.calmer, self._fails_anew)

    def _drop_nodes(self) -> None:
        for nodes in range(NODES_MIN, self.best.config.nodes):
            if self.fails_somewhere(simpler.with_nodes(self.best, nodes)):
                return

    def _name_targets(self) -> None:
        faults = simpler.faults_of(self.best)
        simulated = self._run(self.best)
        began = {e.fault: e for e in simulated.events if isinstance(e, FaultBegan)}
        if self.fails(simpler.with_faults(self.best, simpler.certain(faults, began))):
            return
        for number, event in began.items() if len(faults) <= FEW_STEPS // 3 else ():
            one = simpler.certain(simpler.faults_of(self.best), {number: event})
            self.fails(simpler.with_faults(self.best, one))

    def _drop_faults(self) -> None:
        self._ddmin(simpler.faults_of, simpler.with_faults)

    def _drop_calls(self) -> None:
        self._ddmin(simpler.calls_of, simpler.with_calls)

    def _drop_settings(self) -> None:
        self._ddmin(lambda plan: tuple(plan.world.node.items()), simpler.with_settings)
        self._ddmin(lambda plan: tuple(plan.config.options.items()), simpler.with_options)

    def _ddmin(
        self,
        items: Callable[[Plan], tuple[Item, ...]],
        with_items: Callable[[Plan, Iterable[Item]], Plan],
    ) -> None:
        def fails(chosen: tuple[Item, ...]) -> bool:
            # What would save much is worth more runs.
            ask = self.fails if len(chosen) * 2 > len(items(self.best)) else self.fails_somewhere
            return ask(with_items(self.best, chosen))

        ddmin(items(self.best), fails)

    def _drop_workers(self) -> None:
        if not simpler.calls_of(self.best) and self.best.config.concurrency == 1:
            return
        any(self.fails(plan) for plan in simpler.fewer_workers(self.best))

    def _drop_steps(self) -> None:
        """The last word on each step, in other worlds too."""

        def shorter(plan: Plan) -> Iterator[Plan]:
            calls, faults = simpler.calls_of(plan), simpler.faults_of(plan)
            for number in reversed(range(len(faults))):
                yield simpler.with_faults(plan, faults[:number] + faults[number + 1 :])
            for number in reversed(range(len(calls))):
                yield simpler.with_calls(plan, calls[:number] + calls[number + 1 :])

        self._descend(shorter, self.fails_somewhere)

    def _try_few(self) -> None:
        """Where no single step can be left out many still may, together."""
        calls, faults = simpler.calls_of(self.best), simpler.faults_of(self.best)
        steps: tuple[Timed | ScriptedCall, ...] = (*faults, *calls)
        for size in range(1, len(steps) - 1):
            if comb(len(steps), size) > CHOICES_MAX:
                return
            for chosen in combinations(steps, size):
                plan = simpler.with_calls(self.best, [c for c in chosen if c in calls])
                plan = simpler.with_faults(plan, [f for f in chosen if f in faults])
                if self.fails_somewhere(plan):
                    return

    def _simplify_faults(self) -> None:
        def variants(plan: Plan) -> Iterator[Plan]:
            faults = simpler.faults_of(plan)
            for number, step in enumerate(faults):
                for fault in simpler.simpler_faults(step.fault):
                    one = replace(step, fault=fault)
                    yield simpler.with_faults(plan, (*faults[:number], one, *faults[number + 1 :]))

        self._descend(variants, self.fails)

    def _simplify_calls(self) -> None:
        def variants(plan: Plan) -> Iterator[Plan]:
            calls = simpler.calls_of(plan)
            for number, scripted in enumerate(calls):
                for call in simpler.simpler_calls(scripted.call):
                    one = dataclasses.replace(scripted, call=call)
                    yield simpler.with_calls(plan, (*calls[:number], one, *calls[number + 1 :]))

        self._descend(variants, self.fails)
        self.fails(simpler.plain_names(self.best))

    def _shorten(self) -> None:
        number = 0
        while number < len(times := simpler.moments(self.best)):
            gap = times[number] - (times[number - 1] if number else 0)
            # What comes first waits for an election, which chance may bring earlier.
            fails = self.fails if number else self.fails_somewhere
            parts = (gap * eighths // 8 // (10 * MS) * 10 * MS for eighths in (2, 4, 6))
            for shorter in (10 * MS, 100 * MS, 1000 * MS, *parts):
                if 0 < shorter < gap and fails(simpler.nearer(self.best, number, shorter)):
                    break
            number += 1

    def _round(self) -> None:
        """Makes times no shorter, so it is done once."""
        if any(self.fails(simpler.rounded(self.best, u)) for u in (1000 * MS, 100 * MS, 10 * MS)):
            return
        number = 0
        while number < len(simpler.moments(self.best)):
            for unit in (1000 * MS, 100 * MS, 10 * MS, MS):
                if self._fails_anew(simpler.postponed(self.best, number, unit)):
                    break
            number += 1

    def _descend(
        self, variants: Callable[[Plan], Iterator[Plan]], fails: Callable[[Plan], bool]
    ) -> None:
        """As ``descend``, from the best that there is at each step, whatever its world."""
        while any(fails(plan) for plan in variants(self.best)):
            pass

    def _fails_anew(self, plan: Plan) -> bool:
        return _key(plan) != _key(self.best) and self.fails(plan)


def steps_of(plan: Plan) -> int:
    """Faults and operations."""
    return len(simpler.faults_of(plan)) + len(simpler.calls_of(plan))


def story_of(plan: Plan) -> tuple[str, ...]:
    """The steps in words, one a line, in the order of time."""
    told: list[tuple[int, str]] = [
        (step.at_ns, f"{step.fault.describe()}{_lasting(step.duration_ns)}")
        for step in simpler.faults_of(plan)
    ]
    told += [
        (c.at_ns, f"client {c.worker}: {describe_call(c.call)}") for c in simpler.calls_of(plan)
    ]
    return tuple(f"{_seconds(time)} s  {what}" for time, what in sorted(told, key=lambda t: t[0]))


def _lasting(duration_ns: int) -> str:
    return f" for {_seconds(duration_ns)} s" if duration_ns else ""


def _seconds(time_ns: int) -> str:
    return f"{time_ns / 1e9:g}"


def _key(plan: Plan) -> bytes:
    return msgspec.json.encode((plan.config, plan.schedule, plan.world, plan.script))
