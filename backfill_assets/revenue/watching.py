"""What looks at published revenue day after day: reconciliation, replay audit, freshness and volume."""

from datetime import date

import dagster as dg

from backfill_assets import LakeResource, TableDefinition
from backfill_assets.revenue import reconciling
from backfill_assets.revenue.assets import LandingResource
from backfill_assets.watch import Reconciled, audit, freshness, reconcile


def reconcile_lake(lake: LakeResource, through: date | None) -> Reconciled:
    """Hold the lake's live fact against the ledger that has landed."""
    return reconciling.reconcile(lake.records(), LandingResource().path(), through, lake.now())


WATCH = (reconcile(reconcile_lake), audit(), freshness())


def watching_definitions(definition: TableDefinition) -> dg.Definitions:
    """The jobs, schedules and checks that look for what is wrong before anybody asks."""
    return dg.Definitions.merge(*(watched(definition) for watched in WATCH))
