"""What a preview makes of tables and transforms of every kind. The next kind is one line.

The rows are those of a source with two hundred orders a day, and live has twice their price on three of eight days.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from backfill_assets import DeltaLakeIOManager, LakeResource, build_correction_definitions, correctable_asset
from tests.e2e.house import Answered
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds import carrying
from tests.kinds.stranger import DAYS, Stranger, days, stranger_at

SLOTS = days(8)
WRONG = SLOTS[2:5]
ORDERS = pl.DataFrame(
    [
        {"day": day, "market": ("EU", "US")[n % 2], "order": n, "quantity": 1 + n % 3, "price": 100 + n % 7}
        for day in SLOTS
        for n in range(200)
    ],
    schema={"day": pl.Date, "market": pl.String, "order": pl.Int64, "quantity": pl.Int64, "price": pl.Int64},
)


class Rounding(dg.Config):
    """What a transform may be told."""

    factor: int = 1


class Prices(dg.ConfigurableResource):
    """What a transform may ask."""

    factor: int = 1


def by_market(orders_log: pl.LazyFrame) -> pl.LazyFrame:
    return orders_log.group_by("day", "market").agg(pl.col("quantity", "price").sum())


def by_order(orders_log: pl.LazyFrame) -> pl.LazyFrame:
    return orders_log.select("day", "market", "order", "price")


def by_day(orders_log: pl.LazyFrame) -> pl.LazyFrame:
    return orders_log.group_by("day").agg(pl.col("price").sum())


def names(orders_log: pl.LazyFrame) -> pl.LazyFrame:
    return orders_log.group_by("day", "market").agg(told=pl.col("price").sum().cast(pl.String))


def with_config(orders_log: pl.LazyFrame, config: Rounding) -> pl.LazyFrame:
    return by_market(orders_log).with_columns(pl.col("price") * config.factor)


def with_resource(orders_log: pl.LazyFrame, prices: Prices) -> pl.LazyFrame:
    return by_market(orders_log).with_columns(pl.col("price") * prices.factor)


def of_many(orders_log: pl.DataFrame) -> pl.LazyFrame:
    if len(orders_log) < 150:
        message = "too few"
        raise ValueError(message)
    return by_market(orders_log.lazy())


def with_another_column(orders_log: pl.LazyFrame) -> pl.LazyFrame:
    return by_market(orders_log).with_columns(pl.lit("x").alias("grade"))


def without_a_column(orders_log: pl.LazyFrame) -> pl.LazyFrame:
    return by_market(orders_log).drop("note") if "note" in orders_log.collect_schema() else by_market(orders_log)


def with_context(context: dg.AssetExecutionContext, orders_log: pl.LazyFrame) -> pl.LazyFrame:
    context.log.debug("computing")
    return by_market(orders_log)


def with_partitions(context: dg.AssetExecutionContext, orders_log: pl.LazyFrame) -> pl.LazyFrame:
    return by_market(orders_log).filter(pl.lit(len(context.partition_keys) > 0))


def failing(orders_log: pl.LazyFrame) -> pl.LazyFrame:
    message = "bad luck"
    raise ValueError(message)


@dataclass(frozen=True)
class Kind:
    """A transform with its keys and measures, and as what live was made; ``foretold`` says what slices tell of."""

    compute: Callable[..., Any]
    keys: tuple[str, ...] = ("market",)
    measures: tuple[str, ...] = ("quantity", "price")
    live: Callable[[pl.LazyFrame], pl.LazyFrame] = by_market
    foretold: bool = True

    def made(self, orders: pl.DataFrame) -> pl.DataFrame:
        return self.live(orders.lazy()).collect()


KINDS: Mapping[str, Kind] = {
    "sums": Kind(by_market),
    "rows as they are in the source": Kind(by_order, ("market", "order"), ("price",), by_order),
    "a row a day and one measure": Kind(by_day, (), ("price",), by_day, foretold=False),
    "no measures": Kind(names, ("market",), (), names, foretold=False),
    "a config of defaults": Kind(with_config),
    "a resource": Kind(with_resource),
    "Dagster's context, to log": Kind(with_context),
    "a transform that fails on few rows": Kind(of_many, foretold=False),
    "a column that live lacks": Kind(with_another_column),
    "a column that only live has": Kind(
        without_a_column, live=lambda orders: by_market(orders).with_columns(note=pl.lit("x"))
    ),
}
FAILING = {
    "a column that live lacks": "The code computes a column grade, which live does not have yet.",
    "a column that only live has": "The code computes no column note, which live has.",
}
REFUSED: Mapping[str, tuple[Kind, str]] = {
    "a transform that asks for its run": (Kind(with_partitions), "NothingRecomputed"),
    "a transform that always fails": (Kind(failing), "NothingRecomputed"),
}


def location(kind: Kind) -> dg.Definitions:
    """The source and the table."""
    lake = LakeResource()

    @dg.asset(partitions_def=DAYS, io_manager_key="lake_io_manager")
    def orders_log() -> None: ...

    table = correctable_asset(name="daily_orders", partitions_def=DAYS, keys=kind.keys, measures=kind.measures)
    return dg.Definitions.merge(
        dg.Definitions(
            assets=[orders_log],
            resources={"lake": lake, "lake_io_manager": DeltaLakeIOManager(lake=lake), "prices": Prices()},
        ),
        build_correction_definitions(table(kind.compute), sources=[orders_log]),
    )


def previewed(kind: Kind, root: Path, *arguments: str) -> Iterator[Answered]:
    """What previews of the kind answer."""
    with stranger_at(root, location(kind)) as there:
        publish(there, kind)
        for count in arguments:
            yield there.house.run("preview", "--days", count)


def publish(there: Stranger, kind: Kind) -> None:
    """Land the orders, and make live as it would be had some days had twice their price."""
    there.land(ORDERS, SLOTS)
    doubled = pl.when(pl.col("day").is_in(WRONG)).then(pl.col("price") * 2).otherwise("price")
    there.overwrite_live(kind.made(ORDERS.with_columns(price=doubled)), SLOTS)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_previewed_exactly_and_by_a_few(name: str, tmp_path: Path):
    kind = KINDS[name]
    whole, few = previewed(kind, tmp_path, "99", "5")

    assert whole.told["changed"] == [str(day) for day in WRONG], whole.text
    rows = {one["name"]: one for one in whole.told["effects"]}["rows"]
    assert int(rows["gross"]["total"]) == 3 * kind.made(ORDERS).height / len(SLOTS)
    prices = [one for one in whole.told["effects"] if one["name"] == "price"]
    assert [int(one["net"]["total"]) for one in prices] == [-3 * ORDERS["price"].sum() // len(SLOTS)] * len(prices)
    assert list(whole.told["failing"]) == ([FAILING[name]] if name in FAILING else [])

    assert len(few.told["drawn"]) == 5
    assert any(one["foretold"] for one in few.told["effects"]) is kind.foretold
    for one in few.told["effects"]:
        assert float(one["net"]["least"]) <= float(one["net"]["total"]) <= float(one["net"]["most"])


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_computed_beside_a_run_is_refused(name: str, tmp_path: Path):
    kind, error = REFUSED[name]
    (answered,) = previewed(kind, tmp_path, "5")

    assert (answered.code, answered.told["error"]) == (4, error), answered.text
    assert_in_three_sentences(answered.told["message"])


def test_a_table_that_carries_state_is_previewed_whole_or_not_at_all(tmp_path: Path):
    """What the third day's balance lacks, all later ones lack too."""
    with stranger_at(tmp_path, carrying.location(carrying.DAILY)) as there:
        paid = [{"day": day, "account": name, "amount": 10} for day in SLOTS for name in ("a", "b")]
        balances = [
            {"day": day, "account": name, "balance": 10 * n - 5 * (n > 2)}
            for n, day in enumerate(SLOTS, start=1)
            for name in ("a", "b")
        ]
        for table, rows in ((carrying.SOURCE, paid), (carrying.TABLE, balances)):
            frame = pl.DataFrame(rows, schema_overrides={"day": pl.Date})
            kept = there.house.records.table(table, frame.schema)
            kept.create()
            kept.replace_days({day: frame.filter(pl.col("day") == day) for day in SLOTS})

        few = there.house.run("preview", "--table", carrying.TABLE)
        assert (few.code, few.told["error"]) == (2, "StateNeedsWhole")
        assert_in_three_sentences(few.told["message"])
        whole = there.house.run("preview", "--table", carrying.TABLE, "--days", "8").told
        assert whole["changed"] == [str(day) for day in SLOTS[2:]]
        assert {one["name"]: one["net"]["total"] for one in whole["effects"]} == {"rows": "0", "balance": "60"}
