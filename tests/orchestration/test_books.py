"""Any table is reconciled with figures of somebody else: what differs, since when, and the request that corrects it."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
import yaml

from backfill_assets import (
    DeltaLakeIOManager,
    LakeResource,
    build_correction_definitions,
    correctable_asset,
    lake_resources,
)
from backfill_assets.runbook.request import read_request_file
from backfill_assets.storage.findings import Findings
from backfill_assets.watch import LedgerSpec, against, books_of, reconcile

FIRST = date(2026, 1, 5)
DAYS = [FIRST + timedelta(days=number) for number in range(10)]
SHOP = LedgerSpec(
    table="daily_orders",
    measure="revenue",
    group="market",
    name="the till",
    unit="EUR",
    noun="order",
    watchers=("shop",),
)
Told = Mapping[tuple[date, str], str]


def figures(changed: Told, counts: Mapping[tuple[date, str], int] | None = None) -> pl.DataFrame:
    """A hundred per day and market but where it is changed; one row each where rows are stated."""
    keys = [(day, market) for day in DAYS for market in ("EU", "US")]
    columns = {
        "day": [day for day, _ in keys],
        "market": [market for _, market in keys],
        "revenue": [Decimal(changed.get(key, "100.00")) for key in keys],
    }
    schema = {"day": pl.Date, "market": pl.String, "revenue": pl.Decimal(18, 2)}
    frame = pl.DataFrame(columns, schema=schema)
    if counts is None:
        return frame
    return frame.with_columns(pl.Series("rows", [counts.get(key, 1) for key in keys], pl.Int64))


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LakeResource:
    monkeypatch.setenv("BACKFILL_PUBLISHED", str(tmp_path / "published"))
    lake = LakeResource(root=str(tmp_path / "lake"))
    live = figures({})
    table = lake.records().table("daily_orders", live.schema)
    table.create()
    table.replace_days({day: live.filter(pl.col("day") == day) for day in DAYS})
    return lake


def compared(lake: LakeResource, stated: pl.DataFrame, **options):
    return against(SHOP, lambda records, window: books_of(records, SHOP, stated, window), **options)(lake, None)


@pytest.mark.parametrize("counts", [None, {}])
def test_figures_that_agree_are_counted_and_nothing_is_found(lake: LakeResource, counts) -> None:
    found = compared(lake, figures({}, counts))

    assert (found.findings, found.compared, found.days) == ((), 20, 10)


@pytest.mark.parametrize("counts", [None, {}])
def test_amounts_that_differ_are_found_since_their_first_day_and_proposed(lake: LakeResource, counts) -> None:
    wrong = dict.fromkeys([(day, "US") for day in DAYS[4:]], "90.00")

    (finding,) = compared(lake, figures(wrong, counts)).findings

    assert (finding["cause"], finding["since"], finding["last"]) == ("amounts", str(DAYS[4]), str(DAYS[-1]))
    assert (finding["groups"], finding["days"], finding["net"]) == (["US"], 6, "60.00")
    request = read_request_file(Path(finding["request"]))
    told = yaml.safe_load(Path(finding["request"]).read_text())
    assert (request.table, request.window.first, told["watchers"]) == ("daily_orders", DAYS[4], ["shop"])
    assert told["expect"]["columns"] == ["revenue"]
    assert told["expect"]["unchanged_where"] == "market NOT IN ('US')"
    assert told["expect"]["estimate"]["measure"] == "revenue"
    assert "the till" in told["reason"]
    assert "60.00 EUR in total" in told["reason"]
    assert "currenc" not in Path(finding["request"]).read_text()

    assert compared(lake, figures({}, counts)).closed == (finding["id"],)
    assert Findings(lake.lake()).open("daily_orders") == ()


def test_a_tolerance_of_a_group_is_its_own(lake: LakeResource) -> None:
    wrong = figures({(DAYS[4], "US"): "99.00", (DAYS[4], "EU"): "99.00"})

    (finding,) = compared(lake, wrong, tolerances={"US": Decimal(1)}).findings

    assert finding["groups"] == ["EU"]


def test_other_rows_are_another_cause_and_what_is_not_stated_is_no_statement(lake: LakeResource) -> None:
    stated = figures({}, {(DAYS[3], "EU"): 2}).filter(pl.col("day") != DAYS[7])

    found = {finding["cause"]: finding for finding in compared(lake, stated).findings}

    assert found.keys() == {"rows", "ledger_missing"}
    assert "the numbers of orders" in Path(found["rows"]["request"]).read_text()
    assert (found["ledger_missing"]["since"], found["ledger_missing"]["request"]) == (str(DAYS[7]), "")


@pytest.mark.parametrize("keeps", ["lake_io_manager", "io_manager"])
def test_the_builder_makes_a_job_of_it_whose_run_fails_on_a_finding(lake: LakeResource, keeps: str) -> None:
    @correctable_asset(
        partitions_def=dg.DailyPartitionsDefinition(str(FIRST)), keys=["day", "market"], measures=["revenue"]
    )
    def daily_orders(orders_log: pl.LazyFrame) -> pl.LazyFrame:
        return orders_log

    wrong = figures({(DAYS[4], "US"): "99.00"})
    compare = against(SHOP, lambda records, window: books_of(records, SHOP, wrong, window))
    resources = {"lake": lake, **dict.fromkeys(["lake_io_manager", keeps], DeltaLakeIOManager(lake=lake))}
    made = build_correction_definitions(daily_orders, watch=[reconcile(compare)])
    defs = dg.Definitions.merge(made, dg.Definitions(resources=resources, executor=dg.in_process_executor))

    ran = defs.resolve_job_def("daily_orders__reconcile").execute_in_process(raise_on_error=False)

    assert not ran.success
    assert [one.step_key for one in ran.get_step_failure_events()] == ["daily_orders__reconcile_verdict"]
    (finding,) = ran.output_for_node("daily_orders__reconcile_ledger")["findings"]
    assert (finding["since"], finding["groups"]) == (str(DAYS[4]), ["US"])


def test_ops_hand_each_other_what_they_will_where_every_asset_is_kept_in_the_lake(tmp_path: Path) -> None:
    @dg.op
    def counted() -> dict[str, int]:
        return {"orders": 3}

    @dg.op
    def told(counts: dict[str, int]) -> int:
        return counts["orders"]

    @dg.job(resource_defs=lake_resources("io_manager", root=str(tmp_path)), executor_def=dg.in_process_executor)
    def counting() -> None:
        told(counted())

    assert counting.execute_in_process().output_for_node("told") == 3
