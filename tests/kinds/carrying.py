"""A code location whose table carries state: a running balance, by any grain. The next grain is one line."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pandera.polars as pa
import polars as pl

from backfill_assets import (
    CorrectableAsset,
    DeltaLakeIOManager,
    LakeResource,
    NightlySpec,
    build_correction_definitions,
    correctable_asset,
    correctable_sql,
)
from backfill_assets.core.slots import Grain, Hour, Slot
from backfill_assets.core.window import Window
from backfill_assets.orchestration.instance.columns import column_by_time
from backfill_assets.testing import TestLake

TABLE, SOURCE, REPORT = "balances", "payments", "totals"
STATE: Mapping[str, Any] = {"account": pl.String, "balance": pl.Int64}
FACTOR = [1]
"""What the code makes of an amount: the code of yesterday and of today."""
BAD: set[Slot] = set()
"""Slots that the code cannot compute."""
MEANWHILE: list[Callable[[], object]] = []
"""What others do while the next slot is computed."""


@dataclass(frozen=True)
class Kind:
    """A grain with its partitions, and the first of them."""

    partitions: dg.TimeWindowPartitionsDefinition
    grain: Grain
    first: Slot

    def slot(self, number: int) -> Slot:
        """The slots of the table, from 0."""
        return self.grain.after(self.first, number)

    def slots(self, first: int, last: int) -> tuple[Slot, ...]:
        return Window(self.slot(first), self.slot(last), self.grain).days

    def at(self, number: int) -> datetime:
        """Half an hour after a slot is over."""
        over = self.slot(number + 1)
        moment = over if isinstance(over, datetime) else datetime(over.year, over.month, over.day, tzinfo=UTC)
        return moment + timedelta(minutes=30)


FIRST, START = date(2026, 1, 5), datetime(2026, 1, 5, tzinfo=UTC)
DAILY = Kind(dg.DailyPartitionsDefinition("2026-01-05"), Grain.DAY, FIRST)
WEEKLY = Kind(dg.WeeklyPartitionsDefinition("2026-01-05", day_offset=1), Grain.WEEK, FIRST)
HOURLY = Kind(dg.HourlyPartitionsDefinition(START), Grain.HOUR, Hour.of(START))
GRAINS = {"daily": DAILY, "weekly": WEEKLY, "hourly": HOURLY}


def computed(payments: pl.LazyFrame, before: pl.LazyFrame) -> pl.LazyFrame:
    """What each account has at the end of a slot: what it had at the end of the one before, and what was paid."""
    if MEANWHILE:
        MEANWHILE.pop()()
    paid = payments.with_columns(pl.col("amount") * FACTOR[0])
    there = paid.select("day").collect()["day"]
    if there.is_in(list(BAD)).any():
        message = "bad luck"
        raise ValueError(message)
    both = pl.concat([paid.select("account", balance="amount"), before.select("account", "balance")])
    return both.group_by("account").agg(pl.col("balance").sum()).with_columns(day=pl.lit(there.max(), there.dtype))


class Balances(pa.DataFrameModel):
    """The same columns as a schema declares them."""

    day: pl.Date
    account: pl.String
    balance: pl.Int64


SQL = """
    SELECT p.day, p.account, CAST(p.amount + COALESCE(b.balance, 0) AS BIGINT) AS balance
    FROM payments p LEFT JOIN before b ON p.account = b.account
"""
Make = Callable[..., CorrectableAsset]


def from_function(**told: Any) -> CorrectableAsset:
    return correctable_asset(name=TABLE, code_version="v1", **{"carries_state": {"before": STATE}, **told})(computed)


def from_eager(**told: Any) -> CorrectableAsset:
    def eagerly(payments: pl.DataFrame, before: pl.DataFrame) -> pl.LazyFrame:
        return computed(payments.lazy(), before.lazy())

    return correctable_asset(name=TABLE, code_version="v1", **{"carries_state": {"before": STATE}, **told})(eagerly)


def from_sql(**told: Any) -> CorrectableAsset:
    return correctable_sql(SQL, name=TABLE, sources=[SOURCE], **{"carries_state": {"before": STATE}, **told})


WAYS: dict[str, Make] = {
    "a function, columns by name and type": from_function,
    "a function over eager frames": from_eager,
    "a function with a schema": partial(from_function, carries_state="before", schema=Balances),
    "SQL by DuckDB": from_sql,
    "SQL by Polars": partial(from_sql, engine="polars"),
    "SQL with a schema": partial(from_sql, carries_state="before", schema=Balances),
}


def location(kind: Kind, make: Make = from_function) -> dg.Definitions:
    """Payments of two accounts, and the balance of each at the end of every slot, which all later ones build on."""
    told: Any = {"partitions_def": kind.partitions, "io_manager_key": "lake_io_manager"}

    @dg.asset(**told, backfill_policy=dg.BackfillPolicy.single_run())
    def payments() -> None: ...

    @dg.asset(**told, backfill_policy=dg.BackfillPolicy.single_run())
    def totals(balances: pl.LazyFrame) -> pl.LazyFrame:
        return balances.group_by("day").agg(pl.col("balance").sum())

    lake = LakeResource()
    balances = make(partitions_def=kind.partitions, keys=["account"], measures=["balance"])
    return dg.Definitions.merge(
        dg.Definitions(
            assets=[payments, totals],
            resources={"lake": lake, "lake_io_manager": DeltaLakeIOManager(lake=lake)},
        ),
        build_correction_definitions(balances, sources=[payments], reports=[totals], nightly=NightlySpec()),
    )


@dataclass(frozen=True)
class Story:
    """A lake with the table in it, and what its slots should hold."""

    kind: Kind
    lake: TestLake

    def land(self, numbers: Collection[int], amount: int = 10) -> None:
        """Make a payment of each account the whole content of some slots."""
        rows = [(self.kind.slot(number), account, amount) for number in numbers for account in ("a", "b")]
        slot_type = column_by_time(self.kind.partitions, "day").own_type
        frame = pl.DataFrame(rows, {"day": slot_type, "account": pl.String, "amount": pl.Int64}, orient="row")
        self.lake.write(SOURCE, frame)

    def publish(self, first: int, last: int) -> None:
        self.lake.publish(self.kind.slot(first), self.kind.slot(last))

    def balances(self, account: str = "a") -> list[int]:
        """The balance of an account at the end of every slot, oldest first."""
        rows = self.lake.rows(TABLE).filter(pl.col("account") == account).sort("day")
        return rows["balance"].to_list()

    def numbers(self, slots: Collection[Slot]) -> list[int]:
        return sorted(self.kind.grain.distance(self.kind.first, slot) for slot in slots)


def story_at(folder: Path, kind: Kind, last: int, make: Make = from_function) -> Story:
    """A lake on which the payments of slots 0 to ``last`` have landed, half an hour after the last was over."""
    as_deployed()
    story = Story(kind, TestLake(folder / "lake", location(kind, make), now=kind.at(last)))
    story.land(range(last + 1))
    return story


def copied(story: Story, folder: Path) -> Story:
    """The same lake once more, for a test that changes it."""
    as_deployed()
    return Story(story.kind, story.lake.copy(folder / "lake"))


def as_deployed() -> None:
    """The code of today, that nothing befalls."""
    BAD.clear()
    MEANWHILE.clear()
    FACTOR[0] = 1
