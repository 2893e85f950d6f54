"""What other readers of Delta see of a live table: the same rows as ours, whatever a correction has done to it.

The next reader is a line of ``READERS``.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, QueryBuilder

from backfill_assets.storage.layout import staged_folder
from backfill_assets.storage.retention import decommission
from backfill_assets.storage.table import Table
from tests.storage.lakes import created, day, days, done_cut_over, done_roll_back

SCHEMA = pl.Schema(
    {
        "day": pl.Date(),
        "Market name": pl.String(),
        "net revenue": pl.Decimal(18, 4),
        "at": pl.Datetime("us", "UTC"),
        "orders": pl.Int64(),
    }
)
NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
EMPTY = day(2)
Read = Callable[[Path, int], pl.DataFrame]


def by_pyarrow(table: Path, commit: int) -> pl.DataFrame:
    return pl.DataFrame(DeltaTable(table, version=commit).to_pyarrow_dataset().to_table())


def by_datafusion(table: Path, commit: int) -> pl.DataFrame:
    """The engine that delta-rs brings with it."""
    query = QueryBuilder().register("live", DeltaTable(table, version=commit)).execute("SELECT * FROM live")
    return pl.DataFrame(query.read_all())


def by_chdb(table: Path, commit: int) -> pl.DataFrame:
    import chdb  # pyright: ignore[reportMissingImports]

    asked = f"SELECT * FROM deltaLakeLocal('{table}') SETTINGS delta_lake_snapshot_version = {commit}"
    return pl.DataFrame(chdb.query(asked, "ArrowTable"))


READERS: Mapping[str, Read] = {
    "polars": lambda table, commit: pl.scan_delta(str(table), version=commit).collect(),
    "pyarrow": by_pyarrow,
    "DataFusion": by_datafusion,
    **({"chDB": by_chdb} if find_spec("chdb") else {}),
}


def worth(revenue: int) -> pl.DataFrame:
    """Two markets, of which one has no name."""
    told = {
        "Market name": ["Côte d'Or & 100 %", None],
        "net revenue": [Decimal(f"{revenue}.1250"), Decimal("-0.0001")],
        "at": [NOON, None],
        "orders": [revenue, 0],
    }
    return pl.DataFrame(told, schema={name: kind for name, kind in SCHEMA.items() if name != "day"})


def rows_of(revenues: Mapping[date, int]) -> pl.DataFrame:
    by_day = [worth(0).clear() if of == EMPTY else worth(revenue) for of, revenue in revenues.items()]
    told = zip(revenues, by_day, strict=True)
    return in_order(pl.concat([frame.with_columns(day=pl.lit(of)) for of, frame in told]))


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns and rows in one order, and types as the table has them."""
    return frame.select(SCHEMA.names()).cast(dict(SCHEMA)).sort(SCHEMA.names())


def write(table: Table, revenues: Mapping[date, int]) -> None:
    table.replace_days({of: worth(0).clear() if of == EMPTY else worth(value) for of, value in revenues.items()})


def told(root: Path) -> Iterator[tuple[str, int, Mapping[date, int], bool]]:
    """A correction of three days of five, one of them empty: what each state is called, its commit, its revenues.

    The last says whether the state of before the correction can still be read.
    """
    wrong, right = dict.fromkeys(days(5), 100), {**dict.fromkeys(days(5), 100), **dict.fromkeys(days(3), 7)}
    live = created(root / "t", SCHEMA)
    write(live, wrong)
    yield "published", live.snapshot().commit, wrong, True
    staged = created(f"{live.uri}/{staged_folder('c')}", SCHEMA)
    write(staged, {of: right[of] for of in days(3)})
    manifests = [done_cut_over(live, staged, "c")]
    yield "cut over", live.snapshot().commit, right, True
    manifests.append(done_roll_back(live, manifests, "c", days(1)))
    yield "one day rolled back", live.snapshot().commit, {**right, day(0): 100}, True
    manifests.append(done_roll_back(live, manifests, "c"))
    yield "rolled back", live.snapshot().commit, wrong, True
    manifests.append(done_cut_over(live, staged, "c"))
    yield "cut over again", live.snapshot().commit, right, True
    decommission(live, correction="c", own_manifests=manifests, other_manifests=[])
    yield "decommissioned", live.snapshot().commit, right, False


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_live_table_reads_the_same_by_others_in_every_state_and_before_it_until_decommission(
    read: Read, tmp_path: Path
):
    table, before, states = tmp_path / "t", 1, []
    for state, commit, revenues, goes_back in told(tmp_path):
        states.append(state)
        assert in_order(read(table, commit)).equals(rows_of(revenues)), state
        if goes_back:
            assert in_order(read(table, before)).equals(rows_of(dict.fromkeys(days(5), 100))), state
            continue
        with pytest.raises(Exception, match=r"part-[0-9a-f-]{36}\.parquet|(?i:no such file|not found)"):
            read(table, before)
    assert states[-1] == "decommissioned"
    assert table.is_dir()
