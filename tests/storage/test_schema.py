import json
from decimal import Decimal

import polars as pl
import pytest
from deltalake import DeltaTable, TableFeatures

from backfill_assets.errors.lake import FeatureUnsupported, FrameUnfit, RowsOfOtherDays, SchemasDiffer
from backfill_assets.storage.table import Change, Table
from tests.storage.lakes import SMALL, created, day, live_with, worth
from tests.stores import Root


def parquet_below(root: Root) -> int:
    return len(list(root.rglob("*.parquet")))


@pytest.mark.parametrize(
    "frame",
    [
        worth(1).drop("revenue"),
        worth(1).with_columns(extra=1),
        pl.DataFrame({"revenue": ["1"]}),
        pl.DataFrame({"revenue": [1.5]}),
    ],
)
def test_a_frame_that_does_not_fit_is_refused_before_anything_is_written(root, frame):
    table = created(root / "t")
    with pytest.raises(FrameUnfit, match=r"revenue|extra"):
        table.replace_days({day(0): frame})
    assert parquet_below(root / "t") == 0


def test_a_decimal_that_the_table_would_round_is_refused(root):
    table = created(root / "t", pl.Schema({"day": pl.Date, "revenue": pl.Decimal(18, 4)}))
    fine = pl.DataFrame({"revenue": [Decimal("1.50000000")]}, schema={"revenue": pl.Decimal(38, 8)})
    table.replace_days({day(0): fine})
    with pytest.raises(FrameUnfit, match="revenue"):
        table.replace_days({day(0): fine + fine.select(pl.lit(Decimal("0.00000001")).alias("revenue"))})


def test_rows_of_other_days_are_refused(root):
    table = created(root / "t")
    for other in (day(1), None):
        frame = pl.DataFrame({"day": [day(0), other], "revenue": [1, 2]}, schema=SMALL)
        with pytest.raises(RowsOfOtherDays):
            table.replace_days({day(0): frame})


def test_a_new_nullable_column_is_added_by_a_commit_of_its_own(root):
    old = live_with(root / "t", {day(0): [1]})
    new = Table(old.uri, pl.Schema({**SMALL, "note": pl.String}))
    assert new.snapshot().scan().collect()["note"].to_list() == [None]
    commit = new.replace_days({day(1): worth(2).with_columns(note=pl.lit("n"))})
    assert commit is not None
    assert commit.number == 3
    assert pl.read_delta(old.uri).sort("day")["note"].to_list() == [None, "n"]
    new.add_nullable_columns()
    assert new.snapshot().commit == 3


def test_code_that_does_not_know_a_column_may_not_write(root):
    old = live_with(root / "t", {day(0): [1]})
    Table(old.uri, pl.Schema({**SMALL, "note": pl.String})).add_nullable_columns()
    with pytest.raises(SchemasDiffer, match="note"):
        old.replace_days({day(0): worth(2)})


@pytest.mark.parametrize("schema", [{"day": pl.Date, "revenue": pl.String}, {"day": pl.Date, "sales": pl.Int64}])
def test_any_other_difference_of_schemas_is_refused(root, schema):
    table = live_with(root / "t", {day(0): [1]})
    other = Table(table.uri, pl.Schema(schema))
    with pytest.raises(SchemasDiffer, match="revenue"):
        other.commit(lambda _: Change())
    with pytest.raises(SchemasDiffer, match="partition"):
        Table(table.uri, SMALL, partition=None).commit(lambda _: Change())


@pytest.mark.parametrize(
    "properties",
    [
        {"delta.enableDeletionVectors": "true"},
        {"delta.columnMapping.mode": "name"},
        {"delta.appendOnly": "true"},
        {"delta.enableRowTracking": "true"},
    ],
)
def test_tables_on_which_a_swap_would_lose_rows_are_refused(root, properties):
    table = created(root / "t")
    rewrite_metadata(root / "t", properties)
    with pytest.raises(FeatureUnsupported, match=r"DeletionVectors|columnMapping|appendOnly|RowTracking"):
        table.replace_days({day(0): worth(1)})


def test_a_table_with_the_feature_of_deletion_vectors_is_refused(root):
    table = created(root / "t")
    DeltaTable(table.uri).alter.add_feature(TableFeatures.DeletionVectors, allow_protocol_versions_increase=True)
    with pytest.raises(FeatureUnsupported, match="deletionVectors"):
        table.replace_days({day(0): worth(1)})


def rewrite_metadata(root: Root, properties: dict[str, str]) -> None:
    """Give a table properties as another engine would have set them."""
    first = root / "_delta_log" / "00000000000000000000.json"
    actions = [json.loads(line) for line in first.read_text().splitlines()]
    for action in actions:
        action.get("metaData", {}).get("configuration", {}).update(properties)
    first.write_text("\n".join(json.dumps(action) for action in actions))
