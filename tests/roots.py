"""Which tests of the lake run on disk alone, and which of the others are too dear in a bucket for every day.

A test that takes ``root`` runs on disk and in a bucket. One that takes a folder of pytest's has its reason here, and
``tests/storage/test_roots.py`` compares the two.
"""

FORCED = "it is about what is forced to a disk; a bucket keeps what it was given once it answers"
STORED = "what it looks at is made on disk, and is not of the lake"
WHOLE = "whole corrections, of which the ledger is changed on disk in many ways"
LATER = "on disk alone so far; nothing of it is about a disk"
MANY = "many histories, each of them a whole correction"

# By module, or by test.
ONLY_ON_DISK = {
    "storage/test_power_cut": FORCED,
    "storage/test_operations": "it listens to what the interpreter does to files, and a bucket has none",
    "runbook/test_power_cut": FORCED,
    "storage/test_files::test_files_are_found_missed_listed_and_deleted": "folders are pruned, and a bucket has none",
    "storage/test_latest::test_a_table_that_was_deleted_and_made_anew_is_not_taken_for_the_old_one": (
        "a store tells the time of a file in whole seconds, and a table is made anew in the same one here"
    ),
    "storage/test_retention::test_maintenance_deletes_unused_files_but_no_retired_file_of_an_open_correction": (
        "a file is made to look old, and a store gives its files their times itself"
    ),
    "storage/test_retention::test_a_path_outside_the_table_is_never_deleted": "a path in a bucket has no way up",
    "storage/test_roll_back::test_two_corrections_over_shared_days_agree_with_a_dictionary": MANY,
    "storage/test_watermark_orders::test_the_stored_watermarks_say_the_same": MANY,
    "runbook/test_lakes_of_before": "the lakes of before are an archive of folders",
    "runbook/test_previewing": STORED,
    "runbook/test_attested_by_others": WHOLE,
    "runbook/test_attesting": WHOLE,
    "storage/test_files::test_partition_columns_that_the_code_does_not_have_are_left_out": LATER,
    "storage/test_order_of_facts": LATER,
    "storage/test_searching": STORED,
    "storage/test_scanning": STORED,
    "storage/test_writing": "it makes tables anew and damages entries by the paths of a disk",
    "runbook/test_consuming": LATER,
}

# Run in a bucket by scripts/soak alone; on disk always.
DEAR = {
    "storage/test_control::test_folding_keeps_every_row_and_the_files_few",
    "storage/test_control::test_a_decision_is_taken_on_the_newest_rows_however_many_write_at_once",
    "storage/test_control::test_events_of_processes_at_the_same_time_are_numbered_without_a_gap",
    "storage/test_latest::test_rows_before_and_after_the_log_was_cleaned_are_the_same",
    "storage/test_latest::test_opening_a_control_table_replays_few_commits",
    "storage/test_latest::test_rows_that_this_process_appended_are_those_in_the_files",
    "storage/test_latest::test_an_append_of_another_process_is_not_taken_for_ours",
    "storage/test_table::test_six_first_writers_of_one_table_all_succeed",
    "storage/test_table::test_threads_that_write_one_table_at_once_lose_and_double_nothing",
    "storage/test_table::test_simultaneous_creators_all_succeed_and_create_the_table_once",
    "storage/test_roll_back::test_decommission_in_every_order_leaves_live_readable",
    "runbook/test_swapping",
    "runbook/test_planning",
    "runbook/test_preparing",
}


def listed(nodeid: str, names: "dict[str, str] | set[str]") -> bool:
    """Whether a test is listed by itself or by its module."""
    module, _, test = nodeid.partition("::")
    place = module.removeprefix("tests/").removesuffix(".py")
    return place in names or f"{place}::{test.partition('[')[0]}" in names
