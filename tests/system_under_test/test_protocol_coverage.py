"""Which tests fail when which rule of ``docs/protocol.md`` is broken, clause by clause.

A name is a transcript in ``tests/golden``, or a test function below this directory.
That a decision, broken, shows in a transcript is what ``test_every_rule`` proves.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]

GUARDS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "1": {
        "term and vote before anything that reveals them": (
            "test_rule_1_no_vote_leaves_before_it_is_on_disk",
            "test_a_vote_overtaken_by_a_newer_term_before_it_is_durable_was_never_given",
            "golden/vote_survives_a_crash",
        ),
        "an entry before its position is reported": (
            "test_every_envelope_states_what_is_durable_when_it_leaves",
            "test_nothing_leaves_before_the_sync_and_the_answer_comes_after_the_application",
        ),
        "or counted, the leader's own included": (
            "test_rule_1_a_leader_counts_its_own_entry_only_when_it_is_on_disk",
            "golden/one_node_alone",
        ),
        "and the disk keeps what it said it has": (
            "test_killing_the_writer_loses_nothing_that_was_acknowledged",
            "test_what_a_killed_process_left_in_the_page_cache_is_synced_before_it_counts",
        ),
    },
    "2": {
        "one vote a term": (
            "test_a_vote_is_given_once_a_term_and_repeated_to_the_same_candidate",
            "test_two_candidates_of_a_term_in_one_batch_get_one_vote",
        ),
        "a log as good as one's own": (
            "test_a_longer_log_of_an_older_term_is_not_up_to_date",
            "golden/figure_8",
        ),
        "a pre-vote round changes no state": (
            "test_rule_2_a_pre_vote_round_changes_neither_term_nor_vote_on_either_side",
        ),
    },
    "3": {
        "any RPC, either direction, any record": (
            "test_rule_3_a_higher_term_in_any_message_of_a_peer_ends_leadership_and_candidacy",
            "test_a_term_is_seen_wherever_it_stands",
            "test_a_term_in_a_relayed_record_is_adopted",
        ),
        "not of clients": ("test_clients_teach_no_terms_and_strangers_enter_no_map",),
        "of strangers as D12 says": (
            "test_a_stranger_is_heard_but_deposes_no_live_leader",
            "test_a_strangers_term_is_heeded_only_without_a_live_leader_and_with_a_longer_log",
            "golden/membership_strangers_term",
        ),
    },
    "4": {
        "the source holds exactly the puller's last entry": (
            "golden/rollback_to_common_point",
            "golden/figure_7",
        ),
        "the puller takes entries only where its log ends": (
            "test_entries_are_taken_only_where_the_log_ends",
            "test_entries_nobody_asked_for_are_not_taken",
            "golden/delayed_and_repeated_messages",
        ),
    },
    "5": {
        "only for a higher last term": (
            "test_a_log_is_cut_only_for_a_higher_last_term",
            "golden/source_behind_never_truncates",
        ),
        "only back to the common point": (
            "test_the_common_point_is_the_last_entry_both_hold",
            "golden/rollback_to_common_point",
        ),
        "never below the commit index": (
            "test_a_node_that_would_drop_committed_entries_stops",
            "test_a_broken_invariant_stops_the_node_for_good",
        ),
        "never a leader's own log": ("test_rule_5_a_leader_never_truncates",),
    },
    "6": {
        "the reporter's term and the entry's": (
            "test_a_position_counts_only_if_record_and_entry_are_of_the_leaders_term",
            "golden/rule_6_three_nodes",
            "golden/rule_6_five_nodes_chaining",
        ),
        "whole records, edited by nobody": (
            "test_nobody_but_the_owner_speaks_for_a_node",
            "test_merging_never_goes_back_and_never_mixes",
            "golden/gossip_merges_whole_records",
        ),
    },
    "7": {
        "a majority of counted positions": (
            "test_the_commit_point_is_held_by_a_majority_and_nothing_higher_is",
            "golden/commit_needs_a_majority",
        ),
        "of the leader's own term": (
            "test_only_entries_of_the_own_term_are_committed_by_counting",
            "golden/figure_8",
        ),
        "a no-op at once": (
            "test_rule_7_a_new_leader_appends_a_no_op_at_once_and_earlier_entries_wait_for_it",
        ),
    },
    "8": {
        "only if the log holds exactly that entry": (
            "test_a_commit_point_is_believed_only_on_the_same_branch",
            "golden/commit_point_off_branch_is_refused",
        ),
    },
    "9": {
        "an entry of its own term first": (
            "test_a_leader_is_confirmed_by_a_majority_and_knows_the_commit_point_of_its_term",
            "golden/read_index",
        ),
        "a round begun after the read arrived": ("golden/read_needs_confirmation",),
        "gossip never confirms": ("test_rule_9_gossip_about_the_leader_confirms_no_read",),
        "a lease within the stated drift": (
            "test_a_lease_ends_before_the_promise_even_on_a_clock_faster_by_the_drift",
            "test_who_hears_the_leader_elects_no_other_for_a_time",
            "golden/lease_reads",
            "golden/promises_survive_a_crash",
        ),
        "local: what is applied, and labelled": (
            "test_only_local_reads_are_served_from_the_applied_state",
            "test_reads_keep_their_consistency",
        ),
    },
    "10": {
        "the first answer, by whichever leader": (
            "test_a_repeat_gets_the_first_answer_and_has_no_effect",
            "golden/exactly_once_across_leaders",
        ),
        "also after a snapshot": (
            "test_a_restored_state_machine_goes_on_as_the_one_that_wrote_the_image",
            "golden/snapshot_catches_up",
        ),
    },
    "11": {
        "state, sessions, membership, position": (
            "golden/membership_by_snapshot",
            "golden/zoo/snapshot-index-ahead",
            "test_a_snapshot_stands_where_the_state_machine_does",
        ),
        "installed atomically": (
            "test_a_crash_at_any_file_operation_leaves_all_of_a_persist_or_nothing",
            "golden/snapshot_crashes",
        ),
        "never moves a commit point back": (
            "test_a_snapshot_is_installed_only_if_it_moves_the_commit_point_forward",
            "golden/snapshot_never_goes_back",
        ),
    },
    "12": {
        "a torn tail is cut": (
            "test_a_tail_torn_at_any_byte_of_the_last_record_is_cut",
            "test_a_torn_tail_is_cut_reported_and_written_over",
        ),
        "earlier damage is refused, with file and offset": (
            "test_a_flipped_bit_before_a_valid_record_is_corruption_and_names_the_offset",
            "test_damage_in_the_middle_is_refused_and_left_as_it_is",
            "test_any_flipped_bit_of_a_snapshot_is_refused",
        ),
        "a missing file, too": (
            "test_a_missing_log_is_refused_where_a_node_has_run",
            "test_a_missing_snapshot_is_refused_and_named",
        ),
        "rebuilt without voting meanwhile": (
            "test_a_node_that_lost_its_disk_is_in_no_quorum",
            "test_a_damaged_log_is_refused_by_name_and_rebuilt_on_demand",
            "golden/wiped_node_rejoins",
        ),
        "a failed fsync stops the node": (
            "test_a_failed_sync_is_never_repeated",
            "test_a_node_whose_disk_fails_stops_and_acknowledges_nothing",
        ),
        "a full disk refuses writes until there is room": (
            "test_on_a_full_disk_a_leader_refuses_what_is_new_and_only_that",
            "test_a_node_whose_disk_is_full_refuses_writes_and_serves_on",
            "test_a_disk_that_is_really_full_recovers_when_space_returns",
        ),
        "a read-only one is refused": ("test_a_disk_that_cannot_be_written_is_refused_at_start",),
    },
    "13": {
        "what the log says last, committed or not": (
            "test_truncation_gives_what_the_shorter_log_says",
            "golden/membership_change_rolled_back",
        ),
        "one server at a time": (
            "test_a_change_waits_for_the_one_before_and_for_an_entry_of_the_leaders_term",
            "golden/membership_one_change_at_a_time",
        ),
        "after an entry of the own term": ("golden/membership_needs_own_commit",),
        "only voters count": (
            "test_only_voters_count_and_campaign",
            "golden/membership_learner_does_not_count",
            "golden/membership_removed_still_counted",
        ),
    },
    "14": {
        "loss, delay, repetition, reordering, crashes": (
            "test_a_correct_cluster_survives_loss_crashes_and_partitions",
            "test_a_cluster_that_compacts_and_loses_disks_survives_as_well",
            "test_a_cluster_survives_changes_of_its_members_under_crashes_and_partitions",
            "golden/crash_between_effects",
        ),
        "kill -9, damage, a lost disk, live": (
            "test_a_cluster_that_is_killed_damaged_and_robbed_loses_nothing",
        ),
        "clocks matter to leases only": ("test_only_reads_that_ask_for_it_rest_on_a_lease",),
    },
    "D1": {
        "the incarnation grows and is durable first": (
            "test_the_incarnation_is_on_disk_before_anything_else",
        ),
        "positions are compared by term first": (
            "test_a_longer_log_of_an_older_term_is_not_up_to_date",
        ),
        "only what is committed is applied": (
            "test_d1_what_is_not_committed_is_not_applied_and_may_be_rolled_back",
        ),
    },
    "D2": {
        "batches are limited": ("test_a_batch_is_limited_in_entries_and_bytes_but_never_empty",),
        "pulls are held until there is news": ("test_a_held_pull_is_answered_when_its_time_is_up",),
        "a lost answer is asked for again": (
            "test_an_answer_that_is_due_is_waited_for_as_long_as_such_answers_took",
            "golden/lost_answer_is_asked_for_again",
        ),
        "three causes of a mismatch": (
            "golden/rollback_to_common_point",
            "golden/source_behind_never_truncates",
        ),
        "a stale asker learns the higher term": (
            "test_d2_an_answer_of_a_lower_term_is_read_and_the_asker_learns_the_higher_one",
        ),
    },
    "D3": {
        "never a circle": (
            "test_if_all_choose_at_once_no_circle_forms",
            "test_whoever_pulls_from_us_is_no_source_even_if_it_seems_ahead",
        ),
        "the leader, else whoever is strictly ahead": (
            "test_the_leader_is_the_source_if_it_is_within_reach",
            "test_among_equal_sources_the_one_with_fewer_children_is_chosen",
            "golden/keeps_up_without_link_to_leader",
        ),
        "fresh, then near, then few children": (
            "test_among_fresh_sources_the_nearest_is_chosen_then_the_one_with_fewer_children",
            "test_the_typical_time_lies_among_the_measured_ones",
        ),
        "a place is left only for a much nearer one": (
            "test_a_place_is_left_for_a_much_nearer_one_and_not_left_again_when_times_waver",
            "test_places_settle_whatever_the_round_trips_are",
            "golden/moves_to_a_much_nearer_source",
        ),
        "chosen again when stale, silent or not ahead": (
            "test_a_source_that_fell_behind_is_given_up",
            "golden/lost_messages_stall_nothing",
            "golden/suspicion_frees_a_place",
        ),
        "depth and children are limited": (
            "test_nodes_that_reach_each_other_settle_within_the_limits",
            "test_chains_settle_within_their_limits_and_carry_writes",
            "golden/chains_of_limited_width_and_depth",
        ),
    },
    "D4": {
        "three nodes": ("golden/rule_6_three_nodes",),
        "five nodes and chaining": ("golden/rule_6_five_nodes_chaining",),
    },
    "D5": {
        "(a) at most what was pulled": (
            "test_d5_the_sources_commit_point_counts_only_up_to_what_was_pulled_from_it",
        ),
        "(b) from gossip on the same branch": ("golden/commit_point_off_branch_is_refused",),
        "news of it alone waits for entries": ("golden/commit_news_waits_for_entries",),
    },
    "D6": {
        "pre-vote, refused by whoever hears a leader": (
            "test_a_pre_vote_is_refused_by_whoever_hears_a_leader",
            "golden/pre_vote_protects",
        ),
        "votes of the running election only": (
            "test_a_vote_of_an_older_election_does_not_count",
            "test_d6_an_answer_to_an_earlier_round_counts_no_more",
            "golden/delayed_and_repeated_messages",
        ),
        "pull before campaigning again": (
            "test_who_did_not_win_pulls_from_a_longer_log_before_it_campaigns_again",
            "golden/pulls_before_it_campaigns_again",
        ),
        "check quorum, in both directions": (
            "golden/check_quorum",
            "golden/check_quorum_needs_both_directions",
        ),
        "whom a leader does not meet it asks directly": (
            "test_a_leader_asks_directly_whom_it_has_not_met_for_half_a_time_out",
            "test_a_leader_that_gossips_with_one_at_a_time_keeps_its_majority",
            "golden/leader_asks_directly",
        ),
        "lost reports are repeated": ("golden/lost_messages_stall_nothing",),
    },
    "D7": {
        "read index": ("golden/read_index", "golden/read_needs_confirmation"),
        "promises": (
            "test_news_at_second_hand_binds_nobody_to_refuse_a_vote",
            "test_a_node_that_comes_back_keeps_the_promises_it_may_have_made",
            "golden/promises_to_the_leader",
        ),
        "a lease begins when the heartbeat was sent": (
            "test_a_lease_begins_when_the_heartbeat_was_sent_not_when_it_was_answered",
        ),
        "given up before a transfer": (
            "test_a_lease_that_was_given_up_is_not_held_again_in_that_term",
            "golden/transfer_gives_up_the_lease",
        ),
        "refused is definite, lost is not": (
            "test_what_was_not_appended_is_refused_and_what_was_is_lost",
            "golden/pending_requests_of_a_deposed_leader",
        ),
    },
    "D8": {
        "(1) written by the owner": (
            "test_nobody_but_the_owner_speaks_for_a_node",
            "test_d8_a_node_learns_nothing_of_itself_from_others",
        ),
        "(2) replaced as a whole": (
            "test_merging_is_commutative",
            "test_merging_is_associative",
            "test_merging_is_idempotent",
            "test_merging_never_goes_back_and_never_mixes",
        ),
        "(3) freshness is growth": (
            "test_d8_old_news_of_the_leader_told_again_postpone_no_election",
            "test_d8_fresh_news_of_the_leader_through_others_postpone_it",
            "test_d8_a_leader_that_stands_by_its_record_postpones_it_only_once_each_time",
            "test_d8_who_stands_by_a_record_that_we_lack_tells_us_nothing",
        ),
        "(4) terms first": ("test_d8_terms_are_adopted_before_the_map_is_read",),
        "(5) nothing follows from gossip alone": (
            "test_news_at_second_hand_binds_nobody_to_refuse_a_vote",
            "test_rule_9_gossip_about_the_leader_confirms_no_read",
        ),
        "(6) a lost disk": (
            "test_a_node_that_votes_in_spite_of_a_lost_disk_does_harm",
            "test_a_node_that_lost_its_disk_votes_in_no_term_in_which_it_may_have_voted",
            "golden/wiped_node_rejoins",
        ),
    },
    "D9": {
        "a leader's cost does not grow with the cluster": (
            "test_a_round_of_gossip_costs_a_node_its_fanout_whatever_the_size",
        ),
        "a cut link causes no election": (
            "test_a_cut_link_to_the_leader_causes_no_election_and_no_standstill",
        ),
        "digests and deltas": (
            "test_one_exchange_gives_both_the_newest_of_everything",
            "test_what_both_have_is_not_sent_again",
            "test_that_it_was_sent_proves_nothing_that_it_was_answered_does",
            "test_whatever_is_lost_one_exchange_that_arrives_repairs_it",
            "test_a_node_that_starts_anew_is_told_everything_again",
            "test_bytes_of_a_quiet_leader_do_not_grow_with_the_square_of_the_size",
        ),
        "suspicion, refuted by any sign of life": (
            "test_a_silent_node_is_suspected_and_a_sign_of_life_through_others_refutes_it",
            "test_news_refutes_at_once_and_what_comes_later_begins_anew",
            "golden/wrongly_taken_for_unreachable",
        ),
        "probed by others before it counts as unreachable": (
            "test_a_suspect_is_probed_once_by_as_many_others_as_are_asked_for",
            "test_it_counts_as_unreachable_when_the_probes_had_their_time_and_not_before",
            "test_who_asked_for_a_probe_hears_of_the_answer_once_and_not_after_it_gave_up",
            "test_without_indirect_probes_suspicion_is_enough",
            "golden/probes_before_it_counts_as_unreachable",
        ),
        "never a smaller quorum": ("test_suspicion_never_makes_a_smaller_quorum_do",),
        "plain heartbeats and a star, to compare": (
            "test_with_plain_heartbeats_only_the_leader_speaks_and_only_of_itself",
            "test_in_a_star_everybody_pulls_from_the_leader_or_from_nobody",
        ),
    },
    "D10": {
        "each single mutation shows in a short schedule": (
            "golden/zoo/votes-twice",
            "golden/zoo/quorum-off-by-one",
            "golden/zoo/vote-ignores-log",
            "golden/zoo/index-only-vote",
            "golden/zoo/counts-any-term",
            "golden/zoo/index-only-count",
            "golden/zoo/old-term-commit",
            "golden/zoo/any-branch-commit",
            "golden/zoo/unchecked-pull",
            "golden/zoo/truncate-on-mismatch",
            "golden/zoo/leader-rolls-back",
        ),
        "one needs five nodes": ("golden/zoo/source-guard", "golden/rule_6_five_nodes_chaining"),
        "the correct rules are quiet of all of them": (
            "test_the_schedule_reveals_the_bug_and_is_quiet_without_it",
        ),
    },
    "D11": {
        "snapshots in chunks, resumed after a loss": (
            "test_whatever_is_lost_or_repeated_the_image_comes_whole",
            "golden/snapshot_chunks",
        ),
        "a source goes on with what it began": (
            "test_a_source_goes_on_with_the_snapshot_it_began_to_serve",
        ),
        "the raw log is a window": (
            "test_the_window_holds_the_newest_entries_that_fit_and_counts_the_others",
            "test_the_window_does_not_depend_on_whether_the_node_was_restored_from_a_snapshot",
            "test_the_log_is_a_window_that_survives_restarts_and_says_what_is_gone",
        ),
    },
    "D12": {
        "learners first": (
            "golden/membership_add_and_promote",
            "golden/membership_learner_must_keep_up",
        ),
        "a leader removes itself": ("golden/membership_remove_leader",),
        "who was removed deposes nobody": ("golden/membership_removed_cannot_depose",),
        "strangers": ("golden/membership_strangers_term",),
        "live, in the clear and by TLS": ("test_nodes_join_leave_and_hand_over_under_load",),
    },
    "D13": {
        "handing over": (
            "golden/transfer",
            "golden/transfer_gives_up",
            "golden/zoo/transfer-to-behind",
        ),
        "before a graceful stop": ("test_a_leader_that_is_shut_down_hands_over_first",),
    },
}


def rules_of_the_protocol() -> Iterator[str]:
    text = (ROOT / "docs" / "protocol.md").read_text()
    for line in text.splitlines():
        if matched := re.match(r"(\d+)\. |\*\*(D\d+) ", line):
            yield matched[1] or matched[2]


def functions_below(directory: Path) -> Iterator[str]:
    for file in directory.rglob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name


def test_every_rule_of_the_protocol_has_its_tests() -> None:
    assert list(GUARDS) == list(rules_of_the_protocol())


def test_they_are_there() -> None:
    tests = ROOT / "tests"
    transcripts = {
        path.relative_to(tests).with_suffix("").as_posix()
        for path in (tests / "golden").rglob("*.txt")
    }
    there = transcripts.union(functions_below(ROOT / "tests"))
    for rule, clauses in GUARDS.items():
        for clause, guards in clauses.items():
            assert guards, f"{rule}: {clause}"
            assert there.issuperset(guards), f"{rule}: {clause}: {set(guards) - there}"
