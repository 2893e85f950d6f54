"""Whether corrections give way to a nightly, which may miss its deadline."""

from datetime import datetime, timedelta

from backfill_assets.core.nightly_due import WaitForNightly
from backfill_assets.orchestration.asset.table_definition import TableDefinition, tables_around
from backfill_assets.storage.records import Records

LOOK_AGAIN = timedelta(seconds=30)


def nightly_at_risk(definition: TableDefinition, records: Records, now: datetime) -> WaitForNightly | None:
    """The first deadline that is near while the newest slot that is over is not published; None where all are kept.

    It is of the table, or of one that it is computed from or that is computed from it. What an open correction has
    claimed is not nightly's to publish.
    """
    waits: list[WaitForNightly] = []
    for table, one in tables_around(definition.asset).items():
        due = one.consumers.nightly_due
        deadline = due.deadline_near(now) if due else None
        if deadline is None:
            continue
        newest, known = one.slots.newest_over(now), one.knowing(records)
        ours = (other for other in known.ledger.all_progress().values() if other.plan.table == table)
        if newest not in known.days(table) and not any(other.claims_of([newest]) for other in ours):
            waits.append(WaitForNightly(table, deadline, min(deadline, now + LOOK_AGAIN)))
    return min(waits, key=lambda wait: wait.deadline, default=None)
