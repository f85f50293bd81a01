from __future__ import annotations

import itertools

import pytest

from checker.verdict import Anomaly, Invalid, Unknown, UnknownCause, Valid, Verdict, combine
from harness.exit_codes import ExitCode, of_verdict, worst

INVALID = Invalid((Anomaly(kind="k", source="s", evidence=(), explanation="e"),))
UNKNOWN = Unknown(UnknownCause.TIME_LIMIT, "60 s")


@pytest.mark.parametrize(
    ("verdict", "code"), [(Valid(), 0), (INVALID, 1), (UNKNOWN, 3)], ids=["valid", "bad", "unknown"]
)
def test_each_verdict_has_its_own_code(verdict: Verdict, code: int) -> None:
    assert of_verdict(verdict) == code


def test_invalid_beats_environment_beats_unknown_beats_valid_in_any_order() -> None:
    ranked = [ExitCode.VALID, ExitCode.UNKNOWN, ExitCode.ENVIRONMENT, ExitCode.INVALID]
    for size in (1, 2, 3, 4):
        for codes in itertools.permutations(ranked, size):
            assert worst(codes) == max(codes, key=ranked.index)


def test_no_code_at_all_is_unknown() -> None:
    assert worst([]) == ExitCode.UNKNOWN


def test_one_invalid_among_unknowns_makes_the_whole_invalid() -> None:
    each: list[Verdict] = [Valid(), INVALID, UNKNOWN]
    for verdicts in itertools.permutations(each):
        assert combine(verdicts) == INVALID


def test_unknown_is_never_lost_among_valid_verdicts() -> None:
    assert combine([Valid(), UNKNOWN, Valid()]) == UNKNOWN


def test_no_verdict_at_all_is_unknown() -> None:
    assert isinstance(combine([]), Unknown)
