"""What the data costs to keep, as a page below the published root."""

from pathlib import Path

from backfill_assets.core.formats import percent
from backfill_assets.core.storage_cost import StorageCost, cost_a_year, hot_of, hours_told, size_told
from backfill_assets.pages.places import STORAGE_COST
from backfill_assets.pages.shell import rendered
from backfill_assets.storage.replacing import replace_text

YEARS = (1, 3, 7, 10)
MOST_CORRECTIONS = 5


def storage_cost_page(found: StorageCost) -> str:
    """The whole page, self-contained."""
    newest = sorted(found.corrections, key=lambda one: one.opened_at, reverse=True)
    return rendered(
        "storage_cost.html",
        title="What keeping the data costs",
        attributes={},
        found=found,
        corrections=newest[:MOST_CORRECTIONS],
        years=YEARS,
        hot=hot_of(found.prices),
        size=size_told,
        cost=found.told,
        took=hours_told,
        a_year=cost_a_year,
        share=lambda growth: "" if growth is None else percent(growth, signed=True),
    )


def write_storage_cost(found: StorageCost, root: Path) -> Path:
    """Write it below the published root; returns where it lies."""
    target = root / STORAGE_COST
    replace_text(target, storage_cost_page(found))
    return target
