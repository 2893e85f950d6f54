"""The code location: the revenue pipeline, what makes its fact correctable, and a consumer of its raw log."""

from datetime import date
from functools import lru_cache

import dagster as dg

from backfill_assets import DeltaLakeIOManager, LakeResource, build_correction_definitions
from backfill_assets.revenue import audiences, keeping, pipeline
from backfill_assets.revenue.assets import LandingResource, revenue_assets

LAKE = LakeResource()
RESOURCES = {"lake": LAKE, "lake_io_manager": DeltaLakeIOManager(lake=LAKE), "landing_zone": LandingResource()}


def load_definitions() -> dg.Definitions:
    """The definitions over the days that can be by now; the same ones for as long as these are the same."""
    return _definitions(*pipeline.days_now())


@lru_cache(maxsize=4)
def _definitions(first: date, today: date | None) -> dg.Definitions:
    made = revenue_assets(first, today)
    built = build_correction_definitions(
        made.fact,
        sources=made.sources,
        reports=made.reports,
        verify=pipeline.VERIFY,
        prove=pipeline.PROVE,
        audiences=audiences.AUDIENCES,
        render=pipeline.render,
        nightly=pipeline.nightly(made),
        watch=pipeline.WATCH,
        keeping=keeping.KEEPING,
    )
    others = dg.Definitions(pipeline.beside(made, built), resources=RESOURCES, executor=dg.in_process_executor)
    return dg.Definitions.merge(built, pipeline.intraday(made), others)


defs = load_definitions()
