"""The code location: the revenue pipeline, and the machinery of corrections around its fact."""

from functools import lru_cache

import dagster as dg

from backfill_assets import DeltaLakeIOManager, LakeResource, correction_definitions, nightly_definitions
from backfill_assets.revenue.assets import LandingResource
from backfill_assets.revenue.pipeline import Revenue, pipeline_definitions, revenue_now

LAKE = LakeResource()
RESOURCES = {"lake": LAKE, "lake_io_manager": DeltaLakeIOManager(lake=LAKE), "landing_zone": LandingResource()}


def load_definitions() -> dg.Definitions:
    """The definitions over the days that can be by now; the same ones for as long as these are the same.

    The command line asks for each command, a server of Dagster's when it loads the location, and each of its runs.
    """
    return _definitions(revenue_now())


@lru_cache(maxsize=4)
def _definitions(revenue: Revenue) -> dg.Definitions:
    return dg.Definitions.merge(
        pipeline_definitions(revenue),
        correction_definitions(revenue.definition),
        nightly_definitions(revenue.nightly),
        dg.Definitions(
            resources=RESOURCES,
            executor=dg.in_process_executor,
        ),
    )


defs = load_definitions()
