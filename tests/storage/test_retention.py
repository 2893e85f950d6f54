import os
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from deltalake import DeltaTable

from backfill_assets.errors.lake import StagedVersionKept
from backfill_assets.errors.swaps import RetiredFilesMissing
from backfill_assets.storage.retention import decommission, maintain, plan_decommission
from backfill_assets.storage.swap import plan_roll_back
from backfill_assets.storage.table import Table
from tests.storage.lakes import (
    SMALL,
    content,
    created,
    day,
    done_cut_over,
    done_roll_back,
    live_with,
    planned_cut_over,
    staged_with,
    worth,
)
from tests.stores import Root, files_below

LONG_AGO = 1_000_000_000
NOW = datetime.now(UTC)
MONTH = {"retention": timedelta(days=30), "now": NOW}
AT_ONCE = {"retention": timedelta(hours=0), "now": NOW}


def data_below(root: Root) -> set[str]:
    return {path for path in files_below(root) if "_log" not in path}


def named(table) -> set[str]:
    return {path for of in table.snapshot().files for path, _ in table.snapshot().names(of)}


def test_decommission_deletes_retired_and_leftover_files_and_the_staged_log_only(root):
    live = live_with(root / "t", {day(0): [1], day(1): [2]})
    staged = staged_with(live, "a", {day(0): [10], day(5): [50]})
    swap = done_cut_over(live, staged, "a", [day(0)])
    proof = decommission(live, correction="a", own_manifests=[swap], other_manifests=[])
    assert content(live) == {day(0): [10], day(1): [2]}
    assert data_below(root / "t") == named(live)
    assert not staged.exists()
    assert {file.reason for file in proof.deleted} == {"retired by the correction", "staged and not live"}
    assert [file.reason for file in proof.kept] == ["live"]
    assert proof.as_json()["files_deleted"] == 2
    assert proof.bytes_freed == sum(file.size for file in proof.deleted) > 0
    assert pl.read_delta(live.uri)["revenue"].sum() == 12


def test_decommission_repeated_or_resumed_after_a_kill_ends_the_same(root):
    live = live_with(root / "t", {day(0): [1], day(1): [2]})
    swap = done_cut_over(live, staged_with(live, "a", {day(0): [10], day(1): [20]}), "a")
    plan = plan_decommission(live.snapshot(), correction="a", own_manifests=[swap], other_manifests=[])
    (root / "t" / plan.deleted[0].path).unlink()
    first = decommission(live, correction="a", own_manifests=[swap], other_manifests=[])
    again = decommission(live, correction="a", own_manifests=[swap], other_manifests=[])
    assert (len(plan.deleted), len(first.deleted), len(again.deleted)) == (2, 1, 0)
    assert content(live) == {day(0): [10], day(1): [20]}


def test_files_that_another_correction_can_still_bring_back_are_kept(root):
    live = live_with(root / "t", {day(0): [1]})
    one = done_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")
    two = done_cut_over(live, staged_with(live, "b", {day(0): [100]}), "b")
    proof = decommission(live, correction="a", own_manifests=[one], other_manifests=[two])
    assert [file.reason for file in proof.kept] == ["named by correction b"]
    done_roll_back(live, [two], "b")
    assert content(live) == {day(0): [10]}


def test_a_planned_swap_of_another_correction_keeps_what_it_names(root):
    live = live_with(root / "t", {day(0): [1]})
    one = done_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")
    done_roll_back(live, [one], "a")
    planned = planned_cut_over(live, staged_with(live, "b", {day(0): [100]}), "b")
    decommission(live, correction="a", own_manifests=[one], other_manifests=[planned])
    assert content(live) == {day(0): [1]}


def test_after_a_roll_back_the_leftover_is_the_staged_side(root):
    live = live_with(root / "t", {day(0): [1]})
    one = done_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")
    back = done_roll_back(live, [one], "a")
    decommission(live, correction="a", own_manifests=[one, back], other_manifests=[])
    assert content(live) == {day(0): [1]}
    assert data_below(root / "t") == named(live)


def test_a_roll_back_after_decommission_is_refused_by_the_missing_files(root):
    live = live_with(root / "t", {day(0): [1]})
    one = done_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")
    decommission(live, correction="a", own_manifests=[one], other_manifests=[])
    with pytest.raises(RetiredFilesMissing):
        plan_roll_back(live.snapshot(), [one], correction="a", swap_count=2)


def test_a_path_outside_the_table_is_never_deleted(tmp_path):
    live = live_with(tmp_path / "t", {day(0): [1]})
    one = done_cut_over(live, staged_with(live, "a", {day(0): [10]}), "a")
    treasure = tmp_path / "treasure"
    treasure.write_text("gold")
    wrong = [type(file)("../treasure", 4, file.day, 0, 0, "{}") for file in one.retired]
    swap = type(one)(one.correction, one.swap_count, (*one.retired, *wrong), one.arriving)
    decommission(live, correction="a", own_manifests=[swap], other_manifests=[])
    assert treasure.exists()


def test_maintenance_compacts_days_but_not_those_of_open_corrections(root):
    live = live_with(root / "t", {day(0): [1], day(1): [2], day(2): [3]})
    live.append(worth(5), day=day(0))
    live.append(worth(6), day=day(1))
    done = maintain(live, keep_days=[day(1)], keep_paths=[], **MONTH)
    assert done.compacted == (day(0),)
    assert {of: len(files) for of, files in live.snapshot().files.items()} == {day(0): 1, day(1): 2, day(2): 1}
    assert content(live) == {day(0): [1, 5], day(1): [2, 6], day(2): [3]}
    assert maintain(live, keep_days=[day(1)], keep_paths=[], **MONTH).commit is None


def test_a_day_written_while_it_is_compacted_keeps_every_row(root, monkeypatch):
    live = live_with(root / "t", {day(0): [1], day(1): [2]})
    live.append(worth(5), day=day(0))
    live.append(worth(6), day=day(1))
    write = live.write_files

    def overtaken(frames):
        Table(live.uri, SMALL).append(worth(7), day=day(0))
        return write(frames)

    monkeypatch.setattr(live, "write_files", overtaken)
    assert maintain(live, keep_days=[], keep_paths=[], **MONTH).compacted == (day(1),)
    assert content(live) == {day(0): [1, 5, 7], day(1): [2, 6]}


def test_maintenance_compacts_a_table_without_days(root):
    table = created(root / "t", pl.Schema({"revenue": pl.Int64}), partition=None)
    for revenue in range(3):
        table.append(worth(revenue))
    maintain(table, keep_days=[], keep_paths=[], **MONTH)
    assert sorted(table.snapshot().scan().collect()["revenue"]) == [0, 1, 2]
    assert len(table.snapshot().files[None]) == 1


def test_maintenance_deletes_unused_files_but_no_retired_file_of_an_open_correction(tmp_path):
    live = live_with(tmp_path / "t", {day(0): [1], day(1): [2]})
    swap = done_cut_over(live, staged_with(live, "a", {day(0): [10], day(9): [90]}), "a", [day(0)])
    (orphan,) = live.write_files({day(4): worth(1)}).values()
    os.utime(tmp_path / "t" / orphan.path, (LONG_AGO, LONG_AGO))
    # Another writer is about to commit this one.
    (young,) = live.write_files({day(4): worth(1)}).values()
    (replaced,) = live.snapshot().files[day(1)]
    live.replace_days({day(1): worth(3)})
    done = maintain(
        live,
        keep_days=[day(0)],
        keep_paths=[file.path for file in swap.retired],
        retention=timedelta(hours=0),
        now=datetime.now(UTC),
    )
    assert replaced.path in done.deleted
    assert orphan.path in done.deleted
    assert young.path not in done.deleted
    assert not any(path.startswith("_backfill_") for path in done.deleted)
    done_roll_back(live, [swap], "a")
    assert content(live) == {day(0): [1], day(1): [3]}


def test_commits_that_must_stay_readable_keep_their_files(root):
    live = live_with(root / "t", {day(0): [1]})
    before = live.snapshot().commit
    live.replace_days({day(0): worth(2)})
    maintain(live, keep_days=[], keep_paths=[], **AT_ONCE, keep_commits=[before])
    assert live.snapshot(before).scan().collect()["revenue"].to_list() == [1]
    maintain(live, keep_days=[], keep_paths=[], **AT_ONCE)
    assert DeltaTable(live.uri, version=before).file_uris() != []
    assert live.folder.missing(path for path, _ in live.snapshot(before).names(day(0)))


def test_a_staged_version_is_never_maintained(root):
    live = live_with(root / "t", {day(0): [1]})
    staged = staged_with(live, "a", {day(0): [10]})
    with pytest.raises(StagedVersionKept):
        maintain(staged, keep_days=[], keep_paths=[], **MONTH)
