"""The code location: the revenue pipeline, and the machinery of corrections around its fact."""

from datetime import date
from functools import lru_cache

import dagster as dg

from backfill_assets import DeltaLakeIOManager, LakeResource, build_correction_definitions
from backfill_assets.revenue import audiences, pipeline
from backfill_assets.revenue.assets import LandingResource, revenue_assets

LAKE = LakeResource()
RESOURCES = {"lake": LAKE, "lake_io_manager": DeltaLakeIOManager(lake=LAKE), "landing_zone": LandingResource()}


def load_definitions() -> dg.Definitions:
    """The definitions over the days that can be by now; the same ones for as long as these are the same."""
    return _definitions(*pipeline.days_now())


@lru_cache(maxsize=4)
def _definitions(first: date, today: date | None) -> dg.Definitions:
    made = revenue_assets(first, today)
    corrections = build_correction_definitions(
        made.fact,
        sources=made.sources,
        reports=made.reports,
        verify=pipeline.VERIFY,
        prove=pipeline.PROVE,
        audiences=audiences.AUDIENCES,
        render=pipeline.render,
        nightly=pipeline.nightly(made),
        watch=pipeline.WATCH,
    )
    assets = [*made.sources, *made.undated, *made.reports, pipeline.published_pages(corrections, made.reports)]
    others = dg.Definitions(assets, resources=RESOURCES, executor=dg.in_process_executor)
    return dg.Definitions.merge(corrections, others)


defs = load_definitions()
