from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import CommitProperties, DeltaTable, QueryBuilder, write_deltalake
from deltalake.transaction import AddAction, RemoveAction

from backfill_assets.errors.lake import SchemasDiffer
from backfill_assets.errors.swaps import (
    DaysRewritten,
    LiveDaysMoved,
    StagedDaysMoved,
    StagedFilesMissing,
    SwapNumberTaken,
    SwapUnverified,
)
from backfill_assets.storage.layout import staged_folder
from backfill_assets.storage.swap import Manifest, cut_over, plan_cut_over, plan_roll_back, roll_back
from backfill_assets.storage.swap_numbers import app_id
from backfill_assets.storage.table import Change, Snapshot, Table
from tests.storage.lakes import (
    SMALL,
    content,
    created,
    day,
    days,
    done_cut_over,
    done_roll_back,
    live_with,
    next_number,
    planned_cut_over,
    staged_with,
    worth,
)
from tests.stores import move


def test_cut_over_swaps_exactly_the_staged_days_and_roll_back_keeps_what_landed_since(root):
    live = live_with(root / "t", {day(0): [1], day(1): [2], day(2): [3]})
    staged = staged_with(live, "a", {day(1): [20], day(2): []})
    manifest = done_cut_over(live, staged, "a")
    assert content(live) == {day(0): [1], day(1): [20], day(2): []}
    live.replace_days({day(3): worth(4)})
    done_roll_back(live, [manifest], "a")
    assert content(live) == {day(0): [1], day(1): [2], day(2): [3], day(3): [4]}


def test_the_manifest_survives_being_written_down(root):
    live = live_with(root / "t", {day(0): [1]})
    manifest = planned_cut_over(live, staged_with(live, "a", {day(0): [2], day(1): [3]}), "a")
    assert Manifest.from_json(manifest.as_json()) == manifest
    assert manifest.days == (day(0), day(1))


def test_every_reader_sees_the_swap_and_counts_its_rows_from_the_statistics(root):
    live = live_with(root / "t", {of: [1, 1] for of in days(3)})
    done_cut_over(live, staged_with(live, "a", {day(0): [5], day(1): []}), "a")
    handle = DeltaTable(live.uri)
    assert handle.count() == 3
    assert pl.scan_delta(live.uri).select(pl.sum("revenue")).collect().item() == 7
    assert pc.sum(handle.to_pyarrow_dataset().to_table()["revenue"]).as_py() == 7
    query = QueryBuilder().register("t", handle).execute("select sum(revenue) s, max(revenue) m, count(*) c from t")
    assert pl.DataFrame(pa.table(query.read_all())).row(0) == (7, 5, 3)


def test_an_append_to_a_swapped_day_between_certificate_and_cut_over_stops_it(root):
    live = live_with(root / "t", {day(0): [1], day(1): [2]})
    manifest = planned_cut_over(live, staged_with(live, "a", {day(0): [10], day(1): [20]}), "a")
    live.append(worth(7), day=day(1))
    with pytest.raises(LiveDaysMoved, match="2026-01-02"):
        cut_over(live, manifest)
    assert content(live) == {day(0): [1], day(1): [2, 7]}


def test_a_compaction_of_a_swapped_day_between_certificate_and_cut_over_never_doubles_rows(root):
    live = live_with(root / "t", {day(0): [1]})
    live.append(worth(2), day=day(0))
    manifest = planned_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")
    DeltaTable(live.uri).optimize.compact()
    with pytest.raises(LiveDaysMoved, match="2026-01-01"):
        cut_over(live, manifest)
    assert content(live) == {day(0): [1, 2]}


@pytest.mark.parametrize("interfere", ["append", "compact", "overwrite"])
def test_what_happens_to_a_swapped_day_during_the_commit_itself_stops_the_cut_over(root, monkeypatch, interfere):
    live = live_with(root / "t", {day(0): [1]})
    live.append(worth(2), day=day(0))
    manifest = planned_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")
    meanwhile = {
        "append": lambda: write_deltalake(live.uri, frame_of(day(0), 5), mode="append"),
        "compact": DeltaTable(live.uri).optimize.compact,
        "overwrite": lambda: write_deltalake(
            live.uri, frame_of(day(0), 5), mode="overwrite", predicate="day = '2026-01-01'"
        ),
    }[interfere]
    after_decision_once(monkeypatch, live, meanwhile)
    with pytest.raises(LiveDaysMoved):
        cut_over(live, manifest)
    assert content(live) == {day(0): {"append": [1, 2, 5], "compact": [1, 2], "overwrite": [5]}[interfere]}


def test_an_unrelated_day_that_lands_during_the_commit_costs_one_retry(root, monkeypatch):
    live = live_with(root / "t", {day(0): [1]})
    manifest = planned_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")
    after_decision_once(monkeypatch, live, lambda: write_deltalake(live.uri, frame_of(day(9), 9), mode="append"))
    commit = cut_over(live, manifest)
    assert commit is not None
    assert commit.retries == 1
    assert content(live) == {day(0): [10], day(9): [9]}


def test_nightly_that_decided_before_the_cut_over_does_not_overwrite_the_corrected_day(root, monkeypatch):
    live = live_with(root / "t", {day(0): [1]})
    manifest = planned_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")

    def only_never_published(snapshot: Snapshot) -> None:
        if snapshot.transaction_version(app_id("a")):
            raise DaysRewritten("a", [day(0)])

    other = Table(live.uri, SMALL)
    after_decision_once(monkeypatch, live, lambda: cut_over(other, manifest))
    with pytest.raises(DaysRewritten):
        live.replace_days({day(0): worth(2)}, allow=only_never_published)
    assert content(live) == {day(0): [10]}


def test_a_repeated_swap_happens_once(root):
    live = live_with(root / "t", {day(0): [1]})
    first = planned_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")
    assert cut_over(live, first) is not None
    assert cut_over(live, first) is None
    live.replace_days({day(0): worth(11)})
    assert cut_over(live, first) is None
    assert content(live) == {day(0): [11]}


def test_a_staged_file_that_is_live_already_stays_when_the_day_is_swapped_again(root):
    live = live_with(root / "t", {day(0): [1]})
    staged = staged_with(live, "a", {day(0): [10]})
    swaps = [done_cut_over(live, staged, "a")]
    live.append(worth(5), day=day(0))
    swaps.append(done_cut_over(live, staged, "a"))
    assert content(live) == {day(0): [10]}
    done_roll_back(live, swaps, "a")
    assert content(live) == {day(0): [5, 10]}


def test_a_number_that_another_swap_has_taken_is_not_taken_for_done(root):
    live = live_with(root / "t", {day(0): [1], day(1): [2]})
    staged = staged_with(live, "a", {day(0): [10], day(1): [20]})
    one, other = planned_cut_over(live, staged, "a", [day(0)]), planned_cut_over(live, staged, "a", [day(1)])
    cut_over(live, one)
    with pytest.raises(SwapNumberTaken, match="2026-01-02"):
        cut_over(live, other)


def restored_to_before(live: Table) -> None:
    """Somebody sets the table back by one commit, with another tool."""
    handle = DeltaTable(live.uri)
    handle.restore(handle.version() - 1, commit_properties=CommitProperties(max_commit_retries=0))


def test_a_swap_that_somebody_took_back_with_another_tool_has_happened_all_the_same(root):
    live = live_with(root / "t", {day(0): [1]})
    staged = staged_with(live, "a", {day(0): [10]})
    there = planned_cut_over(live, staged, "a")
    cut_over(live, there)
    restored_to_before(live)
    assert content(live) == {day(0): [1]}
    assert cut_over(live, there) is None
    assert content(live) == {day(0): [1]}


def test_a_roll_back_that_somebody_took_back_with_another_tool_has_happened_all_the_same(root):
    live = live_with(root / "t", {day(0): [1]})
    swaps = [done_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")]
    back = plan_roll_back(live.snapshot(), swaps, correction="a", swap_count=next_number(live, "a"), days=None)
    roll_back(live, back)
    restored_to_before(live)
    assert content(live) == {day(0): [10]}
    assert roll_back(live, back) is None
    assert content(live) == {day(0): [10]}


def test_a_swap_that_did_not_do_what_was_planned_is_not_called_a_success(root, monkeypatch):
    live = live_with(root / "t", {day(0): [1]})
    manifest = planned_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")
    commit = DeltaTable.create_write_transaction

    def removing_what_is_not_there(self, actions, *args, **options):
        removal = RemoveAction("quoted%20twice.parquet", True, 1, None, {"day": str(day(0))})
        commit(self, [one if isinstance(one, AddAction) else removal for one in actions], *args, **options)

    monkeypatch.setattr(DeltaTable, "create_write_transaction", removing_what_is_not_there)
    with pytest.raises(SwapUnverified, match="2026-01-01"):
        cut_over(live, manifest)


def test_a_staged_file_that_is_gone_stops_the_cut_over_before_it_commits(root):
    live = live_with(root / "t", {day(0): [1]})
    manifest = planned_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")
    (root / "t" / manifest.arriving[0].path).unlink()
    with pytest.raises(StagedFilesMissing, match="2026-01-01"):
        cut_over(live, manifest)
    assert content(live) == {day(0): [1]}


def test_staged_days_other_than_the_certified_ones_are_refused(root):
    live = live_with(root / "t", {day(0): [1]})
    staged = staged_with(live, "a", {day(0): [10]})
    certified = {day(0): staged.snapshot().fingerprint(day(0))}
    staged.replace_days({day(0): worth(11)})
    now = {day(0): live.snapshot().fingerprint(day(0))}
    for of, proof in (([day(0)], certified), ([day(1)], certified), ([day(1)], {day(1): ""})):
        with pytest.raises(StagedDaysMoved):
            plan_cut_over(
                live.snapshot(),
                staged.snapshot(),
                correction="a",
                swap_count=1,
                days=of,
                certified_live=now,
                certified_staged=proof,
            )


def test_live_days_other_than_the_certified_ones_are_refused_when_planned(root):
    live = live_with(root / "t", {day(0): [1]})
    staged = staged_with(live, "a", {day(0): [10]})
    certified = {day(0): staged.snapshot().fingerprint(day(0))}
    with pytest.raises(LiveDaysMoved, match="2026-01-01"):
        plan_cut_over(
            live.snapshot(),
            staged.snapshot(),
            correction="a",
            swap_count=1,
            days=[day(0)],
            certified_live={},
            certified_staged=certified,
        )


def test_paths_with_spaces_and_percent_signs_are_swapped_out_and_back(root):
    live = created(root / "t")
    (file,) = live.write_files({day(0): worth(1, 2)}).values()
    odd = f"day=2026-01-01/part 1%20a%2520b é+{file.path[-9:]}"
    (root / "t" / file.path).rename(root / "t" / odd)
    renamed = type(file)(odd, file.size, file.day, file.modified, file.rows, file.stats)
    live.commit(lambda _: Change(adds=(renamed,)))
    assert live.snapshot().files[day(0)] == (renamed,)
    swap = done_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")
    assert content(live) == {day(0): [10]}
    done_roll_back(live, [swap], "a")
    assert content(live) == {day(0): [1, 2]}
    # In a bucket Polars' own reader encodes such a name twice.
    assert not isinstance(root, Path) or pl.read_delta(live.uri)["revenue"].sum() == 3


def test_a_moved_lake_reads_as_before(root):
    live = live_with(root / "lake" / "t", {day(0): [1], day(1): [2]})
    swap = done_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")
    move(root / "lake", root / "other lake=é")
    moved = Table(str(root / "other lake=é" / "t"), SMALL)
    assert content(moved) == {day(0): [10], day(1): [2]}
    done_roll_back(moved, [swap], "a")
    assert content(moved) == {day(0): [1], day(1): [2]}


def test_a_new_nullable_column_enters_live_with_the_cut_over_and_survives_the_roll_back(root):
    old = live_with(root / "t", {day(0): [1], day(1): [2]})
    schema = pl.Schema({**SMALL, "note": pl.String})
    live = Table(old.uri, schema)
    staged = created(f"{live.uri}/{staged_folder('a')}", schema)
    staged.replace_days({day(0): worth(10).with_columns(note=pl.lit("n"))})
    before = live.snapshot().commit
    swap = done_cut_over(live, staged, "a")
    assert live.snapshot().commit == before + 2
    read = pl.read_delta(live.uri).sort("day")
    assert read.rows() == [(day(0), 10, "n"), (day(1), 2, None)]
    done_roll_back(live, [swap], "a")
    assert live.snapshot().scan().collect()["note"].to_list() == [None, None]


def test_any_other_difference_of_schemas_stops_the_cut_over(root):
    old = live_with(root / "t", {day(0): [1]})
    schema = pl.Schema({"day": pl.Date, "revenue": pl.Decimal(18, 4)})
    live = Table(old.uri, schema)
    staged = created(f"{live.uri}/{staged_folder('a')}", schema)
    staged.replace_days({day(0): worth(10)})
    with pytest.raises(SchemasDiffer, match="revenue"):
        cut_over(live, planned_cut_over(live, staged, "a"))
    assert content(old) == {day(0): [1]}


def frame_of(of, *revenues):
    return pl.DataFrame({"day": [of] * len(revenues), "revenue": revenues}, schema=SMALL)


def after_decision_once(monkeypatch, table, meanwhile):
    """Let something else happen between the first decision on a snapshot and the commit from it."""
    todo = [meanwhile]
    load = table.to_commit_from

    def to_commit_from():
        loaded = load()
        _ = loaded.files
        if todo:
            todo.pop()()
        return loaded

    monkeypatch.setattr(table, "to_commit_from", to_commit_from)


def test_numbers_count_on_from_the_table(root):
    live = live_with(root / "t", {day(0): [1]})
    assert next_number(live, "a") == 1
    done_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")
    assert next_number(live, "a") == 2
