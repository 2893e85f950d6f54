"""Rows have the partition values of the log, whichever way Polars is told them: by folders' names, or file by file."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.storage.scanning import FILE_COLUMN, DayFiles, rows_of_files

FIRST, SECOND = date(2026, 1, 1), date(2026, 1, 2)
SCHEMA = pl.Schema({"day": pl.Date(), "value": pl.Int64()})
# By the name of a folder below the root: what the log has of its file, and whether the names of folders are gone by.
LAYOUTS: dict[str, tuple[str, list[str], list[object], bool]] = {
    "as Delta writes": ("lake", ["day=2026-01-01", "day=2026-01-02"], [FIRST, SECOND], True),
    "a staged version": ("lake", ["_staged/a/day=2026-01-01", "day=2026-01-02"], [FIRST, SECOND], True),
    "a root with a space": ("my lake", ["day=2026-01-01", "day=2026-01-02"], [FIRST, SECOND], False),
    "a root with another partition": ("env=prod", ["day=2026-01-01", "day=2026-01-02"], [FIRST, SECOND], False),
    "a root with this partition": ("day=2020-05-05", ["day=2026-01-01", "day=2026-01-02"], [FIRST, SECOND], False),
    "a root with a pattern": ("la*[k]e", ["day=2026-01-01", "day=2026-01-02"], [FIRST, SECOND], False),
    "folders of other names": ("lake", ["a", "b"], [FIRST, SECOND], False),
    "folders that say another day": ("lake", ["day=2026-01-05", "day=2026-01-02"], [FIRST, SECOND], False),
    "a day within another partition": ("lake", ["of=x/day=2026-01-01", "day=2026-01-02"], [FIRST, SECOND], False),
    "another partition within a day": ("lake", ["day=2026-01-01/of=x", "day=2026-01-02"], [FIRST, SECOND], False),
    "a column whose name ends alike": ("lake", ["a-day=2026-01-01", "day=2026-01-02"], [FIRST, SECOND], False),
    "a folder in another case": ("lake", ["DAY=2026-01-01", "day=2026-01-02"], [FIRST, SECOND], False),
    "an escaped day": ("lake", ["day=2026%2D01-01", "day=2026-01-02"], [FIRST, SECOND], False),
    "a file without a day": ("lake", ["day=__HIVE_DEFAULT_PARTITION__", "day=2026-01-02"], [None, SECOND], False),
    "files that repeat their day": ("lake", ["day=2026-01-01", "day=2026-01-01"], [FIRST, FIRST], True),
}


@pytest.mark.parametrize("case", LAYOUTS)
@pytest.mark.parametrize("own", [False, True], ids=["bare files", "files with a day of their own"])
def test_each_row_has_the_day_that_the_log_has_of_its_file(tmp_path: Path, case: str, own: bool) -> None:  # noqa: FBT001
    root, folders, days, by_names = LAYOUTS[case]
    paths = [f"{folder}/part-{number}.parquet" for number, folder in enumerate(folders)]
    for number, path in enumerate(paths):
        (tmp_path / root / path).parent.mkdir(parents=True, exist_ok=True)
        rows = pl.DataFrame({"value": [number, number + 10]})
        rows = rows.with_columns(day=pl.lit(date(1999, 9, 9))) if own else rows
        rows.write_parquet(tmp_path / root / path)
    files = DayFiles(str(tmp_path / root), paths, pl.DataFrame({"day": days}, schema={"day": pl.Date()}))

    assert files.name_their_dates(SCHEMA) is by_names
    lazy = rows_of_files(files, SCHEMA, None)
    assert (FILE_COLUMN in lazy.explain(optimized=False)) is not by_names
    expected = sorted(
        ((day, value) for number, day in enumerate(days) for value in (number, number + 10)), key=lambda row: row[1]
    )
    assert lazy.sort("value").collect().rows() == expected
    assert lazy.sort("value").collect(engine="streaming").rows() == expected
    some = lazy.filter(pl.col("day") == SECOND).sort("value").collect()
    assert some.rows() == [row for row in expected if row[0] == SECOND]
    assert lazy.select("day").collect()["day"].to_list().count(SECOND) == 2 * days.count(SECOND)


def test_a_column_that_only_some_files_have_is_null_in_the_others(tmp_path: Path) -> None:
    wider = pl.Schema({**SCHEMA, "more": pl.String()})
    paths = [f"day={day}/part.parquet" for day in (FIRST, SECOND)]
    for path, columns in zip(paths, ({"value": [1]}, {"value": [2], "more": ["x"], "beyond": [0]}), strict=True):
        (tmp_path / path).parent.mkdir()
        pl.DataFrame(columns).write_parquet(tmp_path / path)
    files = DayFiles(str(tmp_path), paths, pl.DataFrame({"day": [FIRST, SECOND]}))
    assert rows_of_files(files, wider, None).sort("day").collect().rows() == [(FIRST, 1, None), (SECOND, 2, "x")]


@pytest.mark.parametrize(
    ("kind", "values"),
    [(pl.String(), ["2026-01-01", "2026-01-02"]), (pl.Int64(), [20260101, 20260102]), (pl.Date(), [FIRST, SECOND])],
)
def test_columns_of_other_types_are_looked_up_by_file(tmp_path: Path, kind: pl.DataType, values: list[object]) -> None:
    paths = [f"day={value}/part.parquet" for value in values]
    for path in paths:
        (tmp_path / path).parent.mkdir()
        pl.DataFrame({"value": [1]}).write_parquet(tmp_path / path)
    files = DayFiles(str(tmp_path), paths, pl.DataFrame({"day": values}, schema={"day": kind}))
    schema = pl.Schema({"day": kind, "value": pl.Int64()})
    assert files.name_their_dates(schema) is (kind == pl.Date())
    assert rows_of_files(files, schema, None).sort("day").collect()["day"].to_list() == values
