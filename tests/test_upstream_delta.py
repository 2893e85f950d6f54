"""What the lake relies on in delta-rs and Polars without their documentation saying so.

Each test names the decision that rests on it: when an upgrade turns one red, that decision is the victim.
"""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Barrier
from urllib.parse import quote, unquote

import polars as pl
import pytest
from deltalake import CommitProperties, DeltaTable, Field, Schema, TableFeatures, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.schema import PrimitiveType
from deltalake.transaction import AddAction, RemoveAction

DAY = date(2026, 1, 1)
NEXT = date(2026, 1, 2)
STATS = json.dumps({"numRecords": 1, "minValues": {"v": 9}, "maxValues": {"v": 9}, "nullCount": {"v": 0}})


def rows(day: date, *values: int) -> pl.DataFrame:
    return pl.DataFrame({"day": [day] * len(values), "v": values}, schema={"day": pl.Date, "v": pl.Int64})


def table(root: Path, *values: int) -> DeltaTable:
    write_deltalake(root, rows(DAY, *(values or (1,))), partition_by=["day"])
    return DeltaTable(root)


def file(root: Path, path: str, *values: int) -> AddAction:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    rows(DAY, *values).drop("day").write_parquet(place)
    stats = json.dumps({"numRecords": len(values)})
    return AddAction(path, place.stat().st_size, {"day": str(DAY)}, 1, data_change=True, stats=stats)


def removals(handle: DeltaTable) -> list[RemoveAction]:
    paths = pl.DataFrame(handle.get_add_actions(flatten=True))["path"]
    return [RemoveAction(unquote(path), True, 1, None, {"day": str(DAY)}) for path in paths]


def commit(handle: DeltaTable, *actions: AddAction | RemoveAction, retries: int | None = 0, **properties) -> None:
    handle.create_write_transaction(
        list(actions),
        mode="append",
        schema=handle.schema(),
        partition_by=["day"],
        commit_properties=CommitProperties(max_commit_retries=retries, **properties),
    )


def shown(root: Path) -> list[int]:
    return sorted(pl.read_delta(str(root))["v"])


def test_a_file_outside_the_root_breaks_every_read_so_staged_versions_lie_inside(tmp_path):
    root = tmp_path / "t"
    handle = table(root)
    outside = file(root, "../staged/x.parquet", 9)
    commit(handle, outside, *removals(handle))
    with pytest.raises((FileNotFoundError, DeltaError, pl.exceptions.ComputeError, OSError)):
        shown(root)


def test_a_nested_table_is_readable_through_relative_paths_so_a_swap_copies_nothing(tmp_path):
    pytest.importorskip("pyarrow")
    handle = table(tmp_path)
    commit(handle, file(tmp_path, "_backfill_a/day=2026-01-01/x.parquet", 9), *removals(handle))
    assert shown(tmp_path) == [9]
    assert DeltaTable(tmp_path).to_pyarrow_dataset().to_table()["v"].to_pylist() == [9]


@pytest.mark.parametrize(("folder", "found"), [("_backfill_a", False), ("backfill_a", True)])
def test_a_full_vacuum_ignores_underscore_folders_so_staged_folders_begin_with_one(tmp_path, folder, found):
    handle = table(tmp_path)
    file(tmp_path, f"{folder}/day=2026-01-01/x.parquet", 9)
    spared = handle.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False, full=True)
    assert any(path.startswith(folder) for path in spared) is found


def test_live_points_into_the_staged_folder_so_decommission_never_deletes_it_whole(tmp_path):
    handle = table(tmp_path)
    commit(handle, file(tmp_path, "_backfill_a/day=2026-01-01/x.parquet", 9), *removals(handle))
    shutil.rmtree(tmp_path / "_backfill_a")
    with pytest.raises((FileNotFoundError, OSError)):
        shown(tmp_path)


@pytest.mark.parametrize("meanwhile", ["append", "compact"])
def test_default_retries_double_rows_so_every_commit_has_none(tmp_path, meanwhile):
    def swap(root: Path, retries: int | None) -> None:
        handle = table(root, 1)
        write_deltalake(root, rows(DAY, 2), mode="append")
        handle = DeltaTable(root)
        actions = [file(root, "_backfill_a/day=2026-01-01/x.parquet", 9), *removals(handle)]
        if meanwhile == "append":
            write_deltalake(root, rows(DAY, 3), mode="append")
        else:
            DeltaTable(root).optimize.compact()
        commit(handle, *actions, retries=retries)

    try:
        swap(tmp_path / "default", None)
    except DeltaError:
        pytest.fail("delta-rs refuses the stale swap by itself now")
    assert shown(tmp_path / "default") != [9]
    with pytest.raises(CommitFailedError):
        swap(tmp_path / "none", 0)


def test_an_unrelated_commit_refuses_a_stale_handle_so_refusals_are_retried(tmp_path):
    handle = table(tmp_path)
    write_deltalake(tmp_path, rows(NEXT, 2), mode="append")
    with pytest.raises(CommitFailedError):
        commit(handle, file(tmp_path, "day=2026-01-01/x.parquet", 9), *removals(handle))
    assert shown(tmp_path) == [1, 2]


def test_an_application_number_is_no_guard_so_it_is_read_from_the_committing_handle(tmp_path):
    table(tmp_path)
    for _ in range(2):
        commit(DeltaTable(tmp_path), app_transactions=[Transaction("a", 1)])
    assert DeltaTable(tmp_path).version() == 2
    assert DeltaTable(tmp_path).transaction_version("a") == 1
    assert DeltaTable(tmp_path).transaction_version("b") is None


def test_the_application_number_survives_a_checkpoint_so_the_table_answers_whether_a_swap_happened(tmp_path):
    table(tmp_path)
    commit(DeltaTable(tmp_path), app_transactions=[Transaction("a", 3)])
    DeltaTable(tmp_path).create_checkpoint()
    (tmp_path / "_delta_log" / "00000000000000000000.json").unlink()
    assert DeltaTable(tmp_path).transaction_version("a") == 3


def test_restore_loses_what_landed_since_so_roll_back_is_a_swap_of_ours(tmp_path):
    table(tmp_path)
    write_deltalake(tmp_path, rows(NEXT, 2), mode="append")
    DeltaTable(tmp_path).restore(0)
    assert shown(tmp_path) == [1]


def test_count_believes_the_statistics_so_they_travel_with_the_files(tmp_path):
    handle = table(tmp_path)
    bare = file(tmp_path, "day=2026-01-01/x.parquet", 8, 9)
    commit(handle, AddAction(bare.path, bare.size, bare.partition_values, 1, True, "{}"), *removals(handle))
    assert shown(tmp_path) == [8, 9]
    assert DeltaTable(tmp_path).count() != 2


def test_a_swap_does_not_evolve_the_schema_so_new_columns_get_a_commit_of_their_own(tmp_path):
    handle = table(tmp_path)
    wider = Schema([*handle.schema().fields, Field("note", PrimitiveType("string"))])
    handle.create_write_transaction(
        [file(tmp_path, "day=2026-01-01/x.parquet", 9)], mode="append", schema=wider, partition_by=["day"]
    )
    assert [field.name for field in DeltaTable(tmp_path).schema().fields] == ["day", "v"]


def test_an_overwrite_without_rows_leaves_no_file_so_we_write_the_file_without_rows(tmp_path):
    table(tmp_path)
    write_deltalake(tmp_path, rows(DAY), mode="overwrite", predicate="day = '2026-01-01'")
    assert DeltaTable(tmp_path).file_uris() == []


def test_a_file_without_rows_reads_and_survives_compaction_so_an_empty_day_is_a_day(tmp_path):
    handle = table(tmp_path)
    commit(handle, file(tmp_path, "day=2026-01-01/x.parquet"), *removals(handle))
    assert shown(tmp_path) == []
    DeltaTable(tmp_path).optimize.compact()
    assert len(DeltaTable(tmp_path).file_uris()) == 1


def test_add_actions_encode_paths_once_so_we_unquote_them_once(tmp_path):
    handle = table(tmp_path)
    odd = "day=2026-01-01/a b%20é.parquet"
    commit(handle, file(tmp_path, odd, 9), *removals(handle))
    (logged,) = pl.DataFrame(DeltaTable(tmp_path).get_add_actions(flatten=True))["path"]
    assert logged != odd
    assert unquote(logged) == odd
    assert shown(tmp_path) == [9]


def test_removing_a_path_as_logged_does_nothing_so_removals_are_unquoted(tmp_path):
    handle = table(tmp_path)
    commit(handle, file(tmp_path, "day=2026-01-01/a b.parquet", 9), *removals(handle))
    handle = DeltaTable(tmp_path)
    (logged,) = pl.DataFrame(handle.get_add_actions(flatten=True))["path"]
    commit(handle, RemoveAction(logged, True, 1, None, {"day": str(DAY)}))
    assert shown(tmp_path) == [9]


def test_deletion_vectors_are_a_feature_of_the_protocol_so_tables_that_have_it_are_refused(tmp_path):
    handle = table(tmp_path)
    handle.alter.add_feature(TableFeatures.DeletionVectors, allow_protocol_versions_increase=True)
    assert "deletionVectors" in (DeltaTable(tmp_path).protocol().reader_features or [])


def test_a_path_on_both_sides_is_refused_so_a_file_that_stays_is_in_neither(tmp_path):
    handle = table(tmp_path)
    commit(handle, file(tmp_path, "day=2026-01-01/x.parquet", 9), *removals(handle))
    handle = DeltaTable(tmp_path)
    again = file(tmp_path, "day=2026-01-01/x.parquet", 9)
    with pytest.raises(ValueError, match="add and remove the same file"):
        commit(handle, again, *removals(handle))


def test_vacuum_spares_kept_versions_only_so_retired_files_are_named_to_maintenance(tmp_path):
    handle = table(tmp_path)
    commit(handle, file(tmp_path, "_backfill_a/day=2026-01-01/x.parquet", 9), *removals(handle))
    plain = {"retention_hours": 0, "dry_run": True, "enforce_retention_duration": False}
    handle = DeltaTable(tmp_path)
    assert len(handle.vacuum(**plain)) == 1
    assert handle.vacuum(**plain, keep_versions=[0]) == []


def test_vacuum_of_a_staged_table_lists_files_that_live_points_to_so_it_is_never_run(tmp_path):
    staged = tmp_path / "_backfill_a"
    table(staged)
    (staged_file,) = DeltaTable(staged).file_uris()
    write_deltalake(staged, rows(DAY, 5), mode="overwrite")
    listed = DeltaTable(staged).vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False)
    assert staged_file.endswith(listed[0])


def test_a_handle_does_not_move_with_its_own_commit_so_the_number_is_one_more(tmp_path):
    handle = table(tmp_path)
    commit(handle)
    assert handle.version() == 0
    assert DeltaTable(tmp_path).version() == 1


def test_the_log_names_a_commit_first_so_its_time_is_read_without_opening_the_table(tmp_path):
    handle = table(tmp_path)
    commit(handle, custom_metadata={"mark": "x"})
    first = (tmp_path / "_delta_log" / f"{1:020}.json").read_text().splitlines()[0]
    info = json.loads(first)["commitInfo"]
    assert info["mark"] == "x"
    assert abs(datetime.now(UTC).timestamp() - info["timestamp"] / 1000) < 60


def test_scan_delta_cannot_read_below_a_root_with_a_space_so_we_scan_the_files_ourselves(tmp_path):
    table(tmp_path / "my lake")
    with pytest.raises((FileNotFoundError, OSError)):
        pl.read_delta(str(tmp_path / "my lake"))


def test_a_root_with_a_percent_sign_is_decoded_so_such_a_lake_is_refused(tmp_path):
    root = tmp_path / "my%20lake"
    root.mkdir()
    with pytest.raises(DeltaError, match="my lake"):
        table(root)


def test_simultaneous_creators_without_retries_create_once_so_creation_has_none(tmp_path):
    schema = Schema([Field("v", PrimitiveType("long"))])
    for number in range(5):
        together = Barrier(6)

        def create(_, root=tmp_path / f"t{number}", together=together):
            together.wait()
            with suppress(CommitFailedError):
                DeltaTable.create(root, schema, mode="ignore", commit_properties=CommitProperties(max_commit_retries=0))

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(create, range(6)))
        assert DeltaTable(tmp_path / f"t{number}").version() == 0


def test_the_public_stream_of_a_store_takes_no_bytes_and_the_one_behind_it_does(tmp_path):
    pytest.importorskip("pyarrow")
    from deltalake.fs import DeltaStorageHandler

    handler = DeltaStorageHandler(str(tmp_path))
    with pytest.raises(TypeError, match="not an instance of 'bytes'"), handler.open_output_stream("a") as public:
        public.write(b"content")
    behind = handler._handler.open_output_stream("b")
    behind.write(b"content")
    behind.close()
    assert (tmp_path / "b").read_bytes() == b"content"


def test_retention_properties_are_taken_at_creation_so_they_are_never_set_later(tmp_path):
    schema = Schema([Field("v", PrimitiveType("long"))])
    long = {"delta.logRetentionDuration": "interval 3650 days", "delta.enableExpiredLogCleanup": "false"}
    DeltaTable.create(tmp_path, schema, configuration=long)
    assert DeltaTable(tmp_path).metadata().configuration == long


def harmed(root: Path, number: int, keep) -> Path:
    table(root)
    for value in (2, 3):
        write_deltalake(root, rows(NEXT, value), mode="append")
    place = root / "_delta_log" / f"{number:020}.json"
    place.write_bytes(keep(place.read_bytes()))
    return root


@pytest.mark.parametrize(
    "keep",
    [lambda _: b"", lambda _: b"\n", lambda whole: whole[: whole.index(b"\n")]],
    ids=["empty", "blank", "a line"],
)
@pytest.mark.parametrize("number", [1, 2])
def test_an_empty_entry_is_taken_for_a_commit_of_nothing_so_every_read_looks_at_new_entries(tmp_path, number, keep):
    harmed(tmp_path, number, keep)
    assert DeltaTable(tmp_path).version() == 2
    assert len(shown(tmp_path)) == 2


def test_half_an_entry_is_refused_as_json_so_only_its_first_line_is_read_by_us(tmp_path):
    harmed(tmp_path, 1, lambda whole: whole[:-8])
    with pytest.raises(DeltaError, match="Json"):
        DeltaTable(tmp_path)


def test_a_cleaned_commit_and_no_table_are_the_same_error_so_the_cause_is_looked_for_in_the_log(tmp_path):
    table(tmp_path)
    for value in (2, 3):
        write_deltalake(tmp_path, rows(NEXT, value), mode="append")
    DeltaTable(tmp_path).create_checkpoint()
    for number in (0, 1):
        (tmp_path / "_delta_log" / f"{number:020}.json").unlink()
    for place, version in ((tmp_path, 1), (tmp_path / "nowhere", None)):
        with pytest.raises(TableNotFoundError):
            DeltaTable(place, version=version)
    assert DeltaTable(tmp_path).version() == 2


def test_partition_values_come_typed_for_each_file_so_none_is_inferred_from_the_first(tmp_path):
    table(tmp_path)
    write_deltalake(tmp_path, rows(DAY, 2).with_columns(day=pl.lit(None, pl.Date)), mode="append")
    actions = pl.DataFrame(DeltaTable(tmp_path).get_add_actions(flatten=False))
    assert sorted(actions["partition"].struct.field("day").to_list(), key=str) == [DAY, None]


STAMP = datetime(2026, 1, 1, 5, 0, 0, 120_000)  # noqa: DTZ001 - naive, and with a zone below
PRINTABLE = "".join(map(chr, range(32, 127)))


@pytest.mark.parametrize(
    ("values", "text", "kind"),
    [
        (pl.Series(["2026-01-01-05:00"]), "2026-01-01-05:00", pl.String()),
        (pl.Series([STAMP]), "2026-01-01 05:00:00.120000", pl.Datetime("us")),
        (pl.Series([STAMP]).dt.replace_time_zone("UTC"), "2026-01-01 05:00:00.120000", pl.Datetime("us", "UTC")),
        (pl.Series([PRINTABLE]), PRINTABLE, pl.String()),
    ],
    ids=["text", "naive", "utc", "printable"],
)
def test_partition_values_are_text_and_folders_escaped_so_ours_are_written_alike(tmp_path, values, text, kind):
    write_deltalake(tmp_path, values.to_frame("at").with_columns(v=1), partition_by=["at"])
    entry = (tmp_path / "_delta_log" / f"{0:020}.json").read_text()
    [added] = [action["add"] for line in entry.splitlines() if "add" in (action := json.loads(line))]
    assert added["partitionValues"] == {"at": text}
    assert unquote(added["path"]).split("/")[0] == f"at={quote(text, safe='')}"
    assert (tmp_path / unquote(added["path"])).exists()
    assert pl.DataFrame(DeltaTable(tmp_path).get_add_actions(flatten=False))["partition"].struct.schema["at"] == kind


def test_a_naive_timestamp_turns_its_feature_on_by_itself_so_it_is_written_like_any_type(tmp_path):
    naive = Field("at", PrimitiveType("timestamp_ntz"))
    DeltaTable.create(tmp_path / "created", Schema([naive]))
    DeltaTable.create(tmp_path / "added", Schema([Field("v", PrimitiveType("long"))])).alter.add_columns([naive])
    for name in ("created", "added"):
        assert "timestampNtz" in (DeltaTable(tmp_path / name).protocol().reader_features or ())


def unpartitioned(root: Path) -> DeltaTable:
    write_deltalake(root, rows(DAY, 1, 2))
    return DeltaTable(root)


def overwrite_by_day(handle: DeltaTable, data: object) -> None:
    write_deltalake(
        handle,
        data,
        mode="overwrite",
        schema_mode="overwrite",
        partition_by=["day"],
        commit_properties=CommitProperties(max_commit_retries=0),
    )


def test_by_adds_and_removes_the_new_partition_column_reads_null_so_a_rewrite_is_an_overwrite(tmp_path):
    handle = unpartitioned(tmp_path)
    leaving = RemoveAction(unquote(pl.DataFrame(handle.get_add_actions(flatten=True))["path"][0]), True, 1, None, {})
    commit(handle, file(tmp_path, "day=2026-01-01/x.parquet", 1, 2), leaving)
    assert DeltaTable(tmp_path).metadata().partition_columns == []
    assert pl.read_delta(str(tmp_path))["day"].to_list() == [None, None]


def test_an_overwrite_of_the_schema_changes_the_partition_columns_in_one_commit(tmp_path):
    handle = unpartitioned(tmp_path)
    before = pl.read_delta(str(tmp_path)).sort("v")
    overwrite_by_day(handle, before)
    there = DeltaTable(tmp_path)
    assert (there.version(), there.metadata().partition_columns) == (1, ["day"])
    # Older releases of Polars read partition columns first.
    assert pl.read_delta(str(tmp_path)).select(before.columns).sort("v").equals(before)


def test_an_overwrite_and_a_restore_from_a_stale_handle_are_refused_without_retries_so_nothing_is_lost(tmp_path):
    write_deltalake(tmp_path, rows(DAY, 1))
    write_deltalake(tmp_path, rows(DAY, 2), mode="append")
    handle = DeltaTable(tmp_path)
    write_deltalake(tmp_path, rows(DAY, 3), mode="append")
    with pytest.raises(CommitFailedError):
        overwrite_by_day(handle, rows(DAY, 1, 2))
    with pytest.raises(CommitFailedError):
        handle.restore(0, commit_properties=CommitProperties(max_commit_retries=0))
    assert shown(tmp_path) == [1, 2, 3]


def test_an_overwrite_of_the_schema_forgets_comments_unless_the_stream_has_the_tables_own_schema(tmp_path):
    pa = pytest.importorskip("pyarrow")
    when = Field("day", PrimitiveType("date"), nullable=False, metadata={"comment": "when"})
    schema = Schema([when, Field("v", PrimitiveType("long"))])
    DeltaTable.create(tmp_path, schema)
    overwrite_by_day(DeltaTable(tmp_path), rows(DAY, 1))
    assert DeltaTable(tmp_path).schema().to_json() != schema.to_json()
    own = pa.schema(schema.to_arrow())
    overwrite_by_day(
        DeltaTable(tmp_path), pa.RecordBatchReader.from_batches(own, rows(DAY, 1).to_arrow().cast(own).to_batches())
    )
    assert DeltaTable(tmp_path).schema().to_json() == schema.to_json()


def test_restore_brings_partition_columns_and_properties_back_so_it_is_the_way_back_of_a_rewrite(tmp_path):
    handle = unpartitioned(tmp_path)
    overwrite_by_day(handle, rows(DAY, 1, 2))
    DeltaTable(tmp_path).alter.set_table_properties({"delta.logRetentionDuration": "interval 90 days"})
    DeltaTable(tmp_path).restore(0, commit_properties=CommitProperties(max_commit_retries=0))
    there = DeltaTable(tmp_path).metadata()
    assert (there.partition_columns, there.configuration) == ([], {})
    assert shown(tmp_path) == [1, 2]


def test_a_constraint_does_not_hold_for_files_that_are_added_so_tables_with_one_are_refused(tmp_path):
    handle = table(tmp_path)
    handle.alter.add_constraint({"small": "v < 5"})
    commit(DeltaTable(tmp_path), file(tmp_path, "_backfill_a/day=2026-01-01/x.parquet", 9))
    assert shown(tmp_path) == [1, 9]


@pytest.mark.parametrize("name", ["RowTracking", "IdentityColumns", "DomainMetadata"])
def test_features_that_delta_rs_does_not_write_refuse_every_commit_so_the_look_names_them(tmp_path, name):
    table(tmp_path).alter.add_feature(getattr(TableFeatures, name), allow_protocol_versions_increase=True)
    with pytest.raises(CommitFailedError, match="Unsupported"):
        commit(DeltaTable(tmp_path), file(tmp_path, "day=2026-01-01/x.parquet", 9))


@pytest.mark.parametrize(("left", "commits"), [("nothing", False), ("an empty entry", True)])
def test_nothing_is_committed_after_a_checkpoint_whose_entry_is_gone(tmp_path: Path, left: str, *, commits: bool):
    for number in range(3):
        write_deltalake(tmp_path, pl.DataFrame({"n": [number]}), mode="append")
    DeltaTable(tmp_path).create_checkpoint()
    entry = tmp_path / "_delta_log" / f"{2:020}.json"
    entry.write_bytes(b"") if left == "an empty entry" else entry.unlink()
    table = DeltaTable(tmp_path)
    assert (table.version(), len(table.file_uris())) == (2, 3)

    def commit() -> None:
        table.create_write_transaction([], "append", table.schema(), [])

    if commits:
        commit()
        assert DeltaTable(tmp_path).version() == 3
    else:
        with pytest.raises(DeltaError, match="Invalid table version"):
            commit()


@pytest.mark.parametrize(("columns", "bounded"), [("32", True), ("0", False)])
def test_without_indexed_columns_no_bound_stands_in_the_log_so_vaults_have_none(
    tmp_path: Path, columns: str, *, bounded: bool
):
    frame = pl.DataFrame({"person": ["ada-4711"]})
    configuration = {"delta.dataSkippingNumIndexedCols": columns}
    DeltaTable.create(tmp_path, pl.DataFrame(schema=frame.schema).to_arrow().schema, configuration=configuration)
    write_deltalake(tmp_path, frame, mode="append")
    DeltaTable(tmp_path).create_checkpoint()
    log = tmp_path / "_delta_log"
    entries = "".join(file.read_text() for file in log.glob("*.json"))
    (checkpoint,) = log.glob("*.checkpoint.parquet")
    kept = str(pl.read_parquet(checkpoint)["add"].drop_nulls().to_list())
    assert ("ada-4711" in entries, "ada-4711" in kept) == (bounded, bounded)


def test_a_handle_stays_where_it_was_until_it_is_brought_forward_to_what_it_committed(tmp_path):
    handle = table(tmp_path)
    commit(handle, custom_metadata={"mark": "x"})
    assert handle.version() == 0
    handle.update_incremental()
    opened = DeltaTable(str(tmp_path))
    assert handle.version() == opened.version() == 1
    files, expected = (pl.DataFrame(one.get_add_actions(flatten=False)).sort("path") for one in (handle, opened))
    assert files.equals(expected)
