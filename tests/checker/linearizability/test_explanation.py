"""Hand-written bad histories: each found, reduced to its core and told in words."""

from __future__ import annotations

import re

import pytest

from benchmarks.register_histories import Case, Fault, register_history
from checker.base import Budget
from checker.linearizability.check import check
from checker.linearizability.minimal import Reduced, minimal_part
from checker.models.locks import Mutex, OwnedMutex
from checker.models.queues import Queue
from checker.models.register import CasRegister
from checker.models.text import Text
from checker.verdict import Anomaly, Invalid
from histories.notation import parse_history


def the_anomaly(text: str) -> Anomaly:
    history = parse_history(text)
    verdict = check(history, CasRegister())
    assert isinstance(verdict, Invalid), verdict
    (anomaly,) = verdict.anomalies
    assert anomaly.kind == "nonlinearizable"
    assert anomaly.source == "Herlihy & Wing 1990"
    assert "\n" not in anomaly.explanation
    assert isinstance(check(history.only(anomaly.evidence), CasRegister()), Invalid)
    return anomaly


def test_a_planted_stale_read_is_found_and_explained() -> None:
    anomaly = the_anomaly(
        """
        1: write k7 3   [0.100 s, 0.110 s]
        1: write k7 7   [0.200 s, 0.210 s]
        3: read k7 -> 7 [0.300 s, 0.310 s]
        2: write k7 9   [1.100 s, 1.150 s]
        3: read k7 -> 9 [1.160 s, 1.180 s]
        4: read k7 -> 7 [1.199 s, 1.204 s]
        5: read k7 -> 9 [1.200 s, 1.210 s]
        """
    )
    assert anomaly.evidence == (1, 3, 5)
    assert anomaly.explanation == (
        "key k7: process 4 read 7 at 1.204 s, although process 2's write of 9 had finished at "
        "1.150 s, before that read began, and nothing wrote 7 again: a stale value"
    )


def test_a_planted_lost_write_is_found_and_explained() -> None:
    anomaly = the_anomaly(
        """
        0: write x 1    [1, 2]
        1: read x -> 1  [3, 4]
        2: write x 2    [5, 6]
        1: read x -> 1  [7, 8]
        1: read x -> 1  [9, 10]
        """
    )
    assert anomaly.evidence == (0, 2, 3)
    assert anomaly.explanation == (
        "key x: process 1 read 1 at event 8, although process 2's write of 2 had finished at "
        "event 6, before that read began, and nothing wrote 1 again, as if the write of 2 had "
        "been lost: nobody ever saw it"
    )


def test_a_first_write_that_is_lost_leaves_the_initial_value() -> None:
    anomaly = the_anomaly("0: write x 9 [3, 4]\n1: read x -> nil [7, 8]")
    assert anomaly.evidence == (0, 1)
    assert "nothing ever wrote nil" in anomaly.explanation
    assert "write of 9 had been lost" in anomaly.explanation


def test_a_value_that_nobody_wrote_is_a_phantom() -> None:
    anomaly = the_anomaly("0: write x 1 [1, 4]\n1: read x -> 7 [2, 3]\n1: read x -> 1 [5, 6]")
    assert anomaly.evidence == (1,)
    assert anomaly.explanation == (
        "key x: process 1 read 7 at event 3, but nobody ever tried to write that value"
    )


def test_a_value_of_another_type_is_a_phantom() -> None:
    for answer in ("true", "1.0", '"1"'):
        anomaly = the_anomaly(f"0: write x 1 [1, 2]\n1: read x -> {answer} [3, 4]")
        assert f"read {answer} at" in anomaly.explanation


def test_the_value_of_a_failed_write_must_not_be_seen() -> None:
    anomaly = the_anomaly(
        """
        0: write x 1                      [1, 2]
        5: write x 7: failed (not leader) [3, 4]
        1: read x -> 7                    [5, 6]
        """
    )
    assert anomaly.evidence == (1, 2)
    assert "process 1 read 7 at event 6" in anomaly.explanation
    assert "process 5's write of 7 at event 3, had failed (not leader)" in anomaly.explanation


def test_a_value_read_before_it_was_written_comes_from_the_future() -> None:
    anomaly = the_anomaly("0: read x -> 9 [1, 2]\n1: write x 9 [3, 4]\n0: read x -> 9 [5, 6]")
    assert anomaly.evidence == (0,)
    assert "before anyone wrote that value: process 1's write of 9 began only at event 3" in (
        anomaly.explanation
    )


def test_two_compare_and_sets_cannot_both_take_the_same_value() -> None:
    anomaly = the_anomaly(
        """
        0: write x 2              [1, 2]
        0: cas x 2 -> 5: swapped  [3, 9]
        1: cas x 2 -> 6: swapped  [3, 8]
        3: read x -> 6            [10, 11]
        """
    )
    assert anomaly.evidence == (0, 1, 2)
    assert "process 0's change from 2 to 5" in anomaly.explanation
    assert "process 1's change from 2 to 6" in anomaly.explanation
    assert "both succeeded, although 2 was there only once" in anomaly.explanation


def test_a_read_that_goes_backwards_names_the_read_before_it() -> None:
    anomaly = the_anomaly(
        """
        0: write x 1: unknown (timed out) [1, ?]
        1: write x 2                      [1, 20]
        2: read x -> 1                    [2, 3]
        3: read x -> 2                    [4, 5]
        2: read x -> 1                    [6, 7]
        """
    )
    assert anomaly.evidence == (0, 1, 2, 3, 4)
    assert (
        "process 2 read 1 at event 7, although process 3's read of 2 had finished at event 5"
        in (anomaly.explanation)
    )


def test_a_failed_cas_tells_a_stale_value_as_well_as_a_read() -> None:
    anomaly = the_anomaly(
        """
        0: write x 1            [1, 2]
        0: write x 2            [3, 4]
        2: read x -> 2          [5, 6]
        1: cas x 8 -> 9: saw 1  [7, 8]
        """
    )
    assert "process 1 found 1 (in cas x 8 -> 9) at event 8" in anomaly.explanation
    assert "before that cas began" in anomaly.explanation


def test_what_fits_no_template_is_still_told_truthfully() -> None:
    anomaly = the_anomaly(
        """
        0: write x 1              [1, 30]
        1: write x 2              [1, 30]
        2: read x -> 1            [2, 10]
        3: read x -> 2            [3, 11]
        2: cas x 1 -> 3: swapped  [12, 20]
        3: cas x 2 -> 4: swapped  [12, 20]
        4: read x -> 2            [21, 22]
        """
    )
    assert "process" in anomaly.explanation


def test_a_cas_that_changed_nothing_is_not_called_a_change() -> None:
    anomaly = the_anomaly(
        """
        0: write x 1            [1, 2]
        0: write x 2: unknown   [3, ?]
        1: cas x 8 -> 9: saw 2  [4, 5]
        2: read x -> 1          [6, 7]
        """
    )
    assert "process 1's cas x 8 -> 9 that found 2 had finished at event 5" in anomaly.explanation


def test_two_values_that_were_both_there_all_the_time_exclude_each_other() -> None:
    anomaly = the_anomaly(
        """
        0: write x 3    [331, 2413]
        1: write x 4    [841, 3940]
        3: read x -> 4  [4165, 5603]
        2: read x -> 3  [4342, 7917]
        """
    )
    assert anomaly.evidence == (0, 1, 2, 3)
    assert anomaly.explanation == (
        "key x: 3 was there from event 2413, when process 0's write of 3 had finished, to event "
        "4342, when process 2's read of 3 began; so 4 can only have come before or after, but "
        "process 3's read of 4 began at event 4165 and process 1's write of 4 had finished at "
        "event 3940, and each value was written only once"
    )


def test_values_changed_into_each_other_are_there_in_one_stretch() -> None:
    anomaly = the_anomaly(
        """
        3: write x 18: unknown     [379, ?]
        4: write x 2               [710, 883]
        4: cas x 2 -> 5: swapped   [1513, 3322]
        2: read x -> 18            [2820, 5803]
        7: cas x 5 -> 15: swapped  [9840, 9900]
        """
    )
    assert "2 and then 5 and then 15 was there from event 883" in anomaly.explanation
    assert "so 18 can only have come before or after" in anomaly.explanation


def test_what_an_unknown_cas_expected_later_is_no_evidence() -> None:
    anomaly = the_anomaly(
        """
        2: cas x 3 -> 0: unknown  [1, ?]
        1: read x -> 0            [3, 5]
        1: write x 3              [11, 20]
        4: write x 3              [11, 23]
        """
    )
    assert anomaly.evidence == (0, 1)


def test_when_a_value_was_written_twice_nothing_false_is_claimed() -> None:
    anomaly = the_anomaly(
        """
        0: write x 1     [1, 2]
        1: write x 2     [3, 4]
        2: read x -> 1   [5, 6]
        0: write x 1     [7, 8]
        """
    )
    assert anomaly.evidence == (0, 1, 2)
    assert "nothing wrote 1 again until later" in anomaly.explanation


def test_details_show_the_prefix_and_every_state_that_was_possible() -> None:
    details = the_anomaly(
        """
        0: write x 1          [1, 2]
        2: write x 3: unknown [2, ?]
        3: read x -> 3        [3, 4]
        1: read x -> 7        [5, 6]
        """
    ).details
    assert details == (
        "the first answer that nothing explains is process 1: read x -> 7  [events 5, 6]; "
        "the 2 answers before can be explained",
        "one order that explains them is: 0: write x 1: done | 2: write x 3: assumed | "
        "3: read x -> 3",
        "possible state 3: the register held 3, the read answered 7",
    )


def test_the_prefix_is_found_among_crashed_operations() -> None:
    case = Case(ops=1_000, clients=10, crashed=0.01, fault=Fault.STALE)
    verdict = check(register_history(case, seed=1), CasRegister())
    assert isinstance(verdict, Invalid)
    found, order, *ends = verdict.anomalies[0].details
    assert found.endswith("the 933 answers before can be explained")
    assert order.startswith("one order that explains them ends with: ")
    assert all(end.startswith("possible state ") for end in ends)


@pytest.mark.parametrize("length", [30, 300])
def test_a_long_prefix_is_reduced_to_the_few_ops_that_matter(length: int) -> None:
    lines = [
        f"{number % 3}: write x {number} [{10 * number}, {10 * number + 5}]"
        for number in range(length)
    ]
    lines.append(f"7: read x -> {length // 2} [{10 * length}, {10 * length + 1}]")
    anomaly = the_anomaly("\n".join(lines))
    assert len(anomaly.evidence) == 3
    assert length // 2 in anomaly.evidence


def test_without_time_left_the_evidence_is_larger_but_true() -> None:
    history = parse_history(
        """
        0: write y 1    [1, 2]
        0: write x 1    [3, 4]
        0: write x 2    [5, 6]
        0: write x 3    [7, 8]
        1: read x -> 1  [9, 10]
        """
    )
    verdict = check(history, CasRegister(), budget=Budget(deadline=lambda: True))
    assert isinstance(verdict, Invalid)
    assert verdict.anomalies[0].evidence == (1, 2, 3, 4)
    assert "nothing wrote 1 again" in verdict.anomalies[0].explanation


def test_two_holders_are_found_among_many_who_took_turns() -> None:
    lines = []
    for turn in range(200):
        process, now = turn % 5, 10 * turn
        lines += [
            f"{process}: acquire lock {process}: done [{now}, {now + 3}]",
            f"{process}: release lock {process}: done [{now + 5}, {now + 7}]",
        ]
    lines.append("7: acquire lock 7: done [1994, 1999]")
    lines[-2:] = [lines[-1], lines[-2].replace("[1995, 1997]", "[2001, 2003]")]
    for model in (Mutex(), OwnedMutex()):
        verdict = check(parse_history("\n".join(lines)), model)
        assert isinstance(verdict, Invalid)
        anomaly = verdict.anomalies[0]
        assert len(anomaly.evidence) == 2
        assert anomaly.explanation.endswith(
            "neither had begun to release it by then: both held it at once"
        )


def test_what_an_algorithm_names_is_told() -> None:
    verdict = check(
        parse_history(
            """
            0: enqueue x 1     [1, 2]
            0: enqueue x 2     [3, 4]
            1: dequeue x -> 2  [5, 6]
            1: dequeue x -> 1  [7, 8]
            """
        ),
        Queue(),
    )
    assert isinstance(verdict, Invalid)
    assert "process 1's dequeue x -> 2 at event 6" in verdict.anomalies[0].explanation
    assert verdict.anomalies[0].explanation.endswith(
        "it went in before the other, which was taken while it stayed"
    )


def test_a_change_of_the_only_value_that_a_read_can_have_found_is_named() -> None:
    anomaly = the_anomaly(
        """
        0: write x 1                [1, 2]
        1: write x 2                [3, 4]
        4: write x 1                [40, 42]
        3: cas x 1 -> 3: swapped    [41, 46]
        2: read x -> 1              [47, 48]
        """
    )
    assert anomaly.evidence == (2, 3, 4)
    assert "both can only have found what process 4's write of 1 left" in anomaly.explanation


def test_evidence_that_may_not_be_minimal_says_so() -> None:
    lines = [f"{number}: write x {number} [{number}, {number + 100}]" for number in range(60)]
    lines.append("99: read x -> 77 [300, 301]")
    ops = parse_history("\n".join(lines)).ops
    reduced = minimal_part(ops, None, CasRegister(), Budget())
    assert reduced == Reduced((ops[-1],), is_minimal=True)
    spent = minimal_part(ops, None, CasRegister(), Budget(deadline=lambda: True))
    assert spent == Reduced(tuple(ops), is_minimal=False)


def test_a_value_that_came_back_is_ruled_out_source_by_source() -> None:
    anomaly = the_anomaly(
        """
        3: write x 2: unknown (timed out) [42, ?]
        2: write x 4: unknown (timed out) [43, ?]
        4: read x -> 2                    [52, 53]
        1: write x 2: done                [54, 55]
        7: read x -> 4                    [59, 60]
        4: read x -> 2                    [61, 62]
        """
    )
    assert anomaly.explanation == (
        "key x: process 4 read 2 at event 62, although process 7's read of 4 had finished at "
        "event 60, before that read began, and nothing can have brought 2 back: process 1's "
        "write of 2 was over by event 55; process 3's write of 2 (its outcome unknown) must have "
        "come earlier, as only it explains that process 4 read 2 at event 53"
    )


def test_a_change_that_cannot_have_found_its_value_brings_nothing_back() -> None:
    anomaly = the_anomaly(
        """
        1: write x 1: done                   [16, 18]
        2: cas x 1 -> 2: swapped             [23, 25]
        1: write x 1: done                   [26, 27]
        5: cas x 2 -> 3: unknown (timed out) [63, ?]
        8: read x -> 3                       [65, 66]
        """
    )
    assert anomaly.explanation == (
        "key x: process 8 read 3 at event 66, although process 1's write of 1 had finished at "
        "event 27, before that read began, and nothing can have brought 3 back: process 5's "
        "change from 2 to 3 (its outcome unknown) would have had to find 2, which was gone"
    )


def test_what_was_called_later_is_no_evidence() -> None:
    anomaly = the_anomaly(
        """
        1: write x 1: done                   [10, 12]
        2: write x 2: done                   [14, 16]
        3: cas x 1 -> 3: unknown (timed out) [18, ?]
        4: read x -> 3                       [20, 22]
        1: write x 1: done                   [30, 32]
        4: read x -> 3                       [40, 42]
        """
    )
    assert anomaly.evidence == (0, 1, 2, 3)


def test_a_text_without_what_was_added_before_is_stale() -> None:
    history = parse_history(
        """
        0: append x "a": done [1, 2]
        0: append x "b": done [3, 4]
        0: read x -> "a"      [5, 6]
        """
    )
    verdict = check(history, Text())
    assert isinstance(verdict, Invalid)
    assert verdict.anomalies[0].explanation == (
        'key x: process 0 read "a" at event 6, without "b", although process 0 had finished '
        "adding that at event 4, before that read began, and nothing replaced the text since: "
        "a stale answer"
    )


def test_where_no_sentence_fits_it_says_who_can_have_written_what_was_seen() -> None:
    case = Case(ops=1_000, clients=10, crashed=0.02, fault=Fault.MIXED_UP)
    verdict = check(register_history(case, seed=3), CasRegister())
    assert isinstance(verdict, Invalid)
    anomaly = verdict.anomalies[0]
    assert len(anomaly.evidence) < 60
    assert re.search(
        r"no order of the \d+ operations shown, whatever was there before, explains that process "
        r"952 read 4 between \S+ s and \S+ s: the state could only be .*; 4 can only have come "
        r"from process 961's change from 3 to 4 or process 935's write of 4, and in no order that "
        r"explains the rest is that the latest change before",
        anomaly.explanation,
    )
