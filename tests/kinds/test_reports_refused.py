"""What step 7 could not rebuild, or no freeze hold, is refused when definitions load. The next case is one line."""

from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg
import pytest

from backfill_assets import OutsideReport, build_correction_definitions, correctable_asset
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.setup import ArgumentUnusable, ReportUnreachable
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds.reports import DAYS, TABLE, orders_log


@correctable_asset(partitions_def=DAYS, keys=[], measures=["revenue"], code_version="v1")
def daily_orders(orders_log: Any) -> Any:
    return orders_log


class Needed(dg.Config):
    market: str


def report(**options: Any) -> dg.AssetsDefinition:
    @dg.asset(**{"name": "report", "partitions_def": DAYS, "deps": [TABLE], **options})
    def made() -> None: ...

    return made


def with_config_that_is_needed() -> dg.AssetsDefinition:
    @dg.asset(partitions_def=DAYS, deps=[TABLE])
    def report(config: Needed) -> None: ...

    return report


def another_table() -> dg.AssetsDefinition:
    @correctable_asset(partitions_def=DAYS, keys=[], measures=["revenue"], code_version="v1")
    def report(daily_orders: Any) -> Any:
        return daily_orders

    return report


def several_that_do_not_read_the_table() -> dg.AssetsDefinition:
    @dg.multi_asset(specs=[dg.AssetSpec("report"), dg.AssetSpec("report_too")], partitions_def=DAYS)
    def made() -> tuple[Any, Any]: ...

    return made


def through_what_has_no_partitions() -> list[Any]:
    whole = report(name="whole", partitions_def=None)
    return [OutsideReport(whole), report(deps=["whole"])]


def takes_more(report: object, other: object) -> None:
    """A function that nobody here could call."""


REFUSED: dict[str, tuple[Callable[[], Any], type[BackfillAssetsError], str]] = {
    "without partitions": (lambda: report(partitions_def=None), ReportUnreachable, "report"),
    "of another table": (lambda: report(deps=["other"]), ReportUnreachable, "report"),
    "several that do not read the table": (several_that_do_not_read_the_table, ReportUnreachable, "report"),
    "read through what has no partitions": (through_what_has_no_partitions, ReportUnreachable, "report"),
    "built only with config": (with_config_that_is_needed, ArgumentUnusable, "config"),
    "another correctable table": (another_table, ArgumentUnusable, "report"),
    "made elsewhere": (
        lambda: dg.AssetsDefinition(specs=[dg.AssetSpec("report", deps=[TABLE])]), ArgumentUnusable, "report"
    ),
    "outside, refreshed by nothing": (lambda: OutsideReport(None), ArgumentUnusable, "refresh"),  # type: ignore[arg-type]
    "outside, by a function that takes more": (lambda: OutsideReport(takes_more), ArgumentUnusable, "context"),
    "outside, by an asset with partitions": (lambda: OutsideReport(report()), ArgumentUnusable, "partitions"),
    "outside, by an asset that is renamed": (
        lambda: OutsideReport(report(partitions_def=None), "other"), ArgumentUnusable, "name"
    ),
    "outside, without a name": (lambda: OutsideReport(lambda: None), ArgumentUnusable, "name"),
    "outside, without time": (lambda: OutsideReport(print, "report", 0), ArgumentUnusable, "minutes"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_not_be_rebuilt_is_refused_at_load(name: str) -> None:
    make, error, culprit = REFUSED[name]
    made = make()
    with pytest.raises(error, match=culprit) as refused:
        build_correction_definitions(
            daily_orders, sources=[orders_log], reports=made if isinstance(made, Sequence) else [made]
        )
    assert_in_three_sentences(str(refused.value))
