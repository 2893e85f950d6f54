"""The code location: the revenue pipeline, and the machinery of corrections around its fact."""

import dagster as dg

from backfill_assets.orchestration.build import correction_definitions
from backfill_assets.orchestration.io_manager import DeltaLakeIOManager
from backfill_assets.orchestration.resources import LakeResource
from backfill_assets.orchestration.schedules import nightly_definitions
from backfill_assets.revenue.assets import LandingResource
from backfill_assets.revenue.pipeline import DAILY_REVENUE, NIGHTLY, pipeline_definitions

LAKE = LakeResource()

defs = dg.Definitions.merge(
    pipeline_definitions(),
    correction_definitions(DAILY_REVENUE),
    nightly_definitions(NIGHTLY),
    dg.Definitions(
        resources={
            "lake": LAKE,
            "lake_io_manager": DeltaLakeIOManager(lake=LAKE),
            "landing_zone": LandingResource(),
        },
        executor=dg.in_process_executor,
    ),
)
