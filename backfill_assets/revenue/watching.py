"""What looks at published revenue day after day: reconciliation, replay audit, freshness and volume."""

from datetime import date

import dagster as dg

from backfill_assets import (
    LakeResource,
    TableDefinition,
    audit_definitions,
    freshness_definitions,
    reconciliation_definitions,
)
from backfill_assets.revenue.assets import LandingResource
from backfill_assets.revenue.reconciling import reconcile
from backfill_assets.watch import Reconciled


def reconcile_lake(lake: LakeResource, through: date | None) -> Reconciled:
    """Hold the lake's live fact against the ledger that has landed."""
    return reconcile(lake.records(), LandingResource().path(), through, lake.now())


def watching_definitions(definition: TableDefinition) -> dg.Definitions:
    """The jobs, schedules and checks that look for what is wrong before anybody asks."""
    return dg.Definitions.merge(
        reconciliation_definitions(definition, reconcile_lake),
        audit_definitions(definition),
        freshness_definitions(definition),
    )
