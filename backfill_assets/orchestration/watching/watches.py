"""What may look at a table day after day, as it is given to the builder."""

from collections.abc import Callable, Sequence

import dagster as dg

from backfill_assets.errors.setup import ArgumentUnusable
from backfill_assets.orchestration.asset.arguments import described, refuse_list
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.nightly.freshness import MOST_DAYS_OLD, freshness_definitions
from backfill_assets.orchestration.watching.against import Against
from backfill_assets.orchestration.watching.audit import audit_definitions
from backfill_assets.orchestration.watching.reconciliation import EVERY_MORNING, Reconcile, reconciliation_definitions

Watch = Callable[[TableDefinition], dg.Definitions]


def audit() -> Watch:
    """Compute a few published days again each night and compare them with live; the command ``audit`` does it too."""
    return audit_definitions


def freshness(most_days_old: int = MOST_DAYS_OLD) -> Watch:
    """Check that the newest published day is there and has as many rows as its weekday usually has."""
    return lambda definition: freshness_definitions(definition, most_days_old=most_days_old)


def reconcile(compare: Against | Reconcile, cron: str = EVERY_MORNING) -> Watch:
    """Compare live with figures that somebody else keeps, each morning and by the command ``reconcile``.

    Args:
        compare: what ``against(...)`` makes of an outside table, files, a query or a function; or a function that is
            given the lake and the last slot to look at (None for the newest published one), and returns what it found.
        cron: when it runs, UTC.

    Raises:
        ArgumentUnusable: when it is neither.
    """
    if not callable(compare) or isinstance(compare, type):
        raise ArgumentUnusable("reconcile", "compare", described(compare), "Give against(LedgerSpec(...), ...).")

    def watched(definition: TableDefinition) -> dg.Definitions:
        of_table = compare.of(definition) if isinstance(compare, Against) else compare
        try:
            return reconciliation_definitions(definition, of_table, cron)
        except dg.DagsterInvalidDefinitionError as error:
            found, instead = f"the schedule {cron!r}", "Give cron as five fields, such as '0 7 * * *'."
            raise ArgumentUnusable(definition.table, "watch", found, instead) from error

    return watched


def refuse_watches(table: str, given: object) -> None:
    """Refuse what is no list of different watches, and one that was named instead of called.

    Raises:
        ArgumentUnusable: naming it.
    """
    uncalled: tuple[object, ...] = (audit, freshness, reconcile)
    instead = "Give a list of audit(), freshness() and reconcile(...), each once."
    refuse_list(table, "watch", given, lambda one: callable(one) and one not in uncalled, instead)
    watches: list[object] = [*given] if isinstance(given, Sequence) else []
    if doubled := [one for one in watches if watches.count(one) > 1]:
        raise ArgumentUnusable(table, "watch", f"{described(doubled[0])} twice", instead)
