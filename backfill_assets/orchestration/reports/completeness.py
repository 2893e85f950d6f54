"""Of which days a report is built: measured at every build, written down, and shown beside it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import cast

import dagster as dg

from backfill_assets.errors.base import counted
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.naming import table_of
from backfill_assets.orchestration.reports.lineage import correctable_parents, days_read
from backfill_assets.storage.completeness import Basis, Completeness, measure
from backfill_assets.storage.records import Records


def begin_reading(context: dg.AssetExecutionContext, records: Records) -> None:
    """Note, before anything is read, at which commit each correctable table is that the run's assets read.

    What they read is that commit or a later one; a build that may be of an earlier one is never called newer.
    """
    selected = context.selected_asset_keys
    commits = {
        table: records.snapshot(table).commit
        for table in sorted(correctable_parents(context, selected))
        if records.exists(table)
    }
    for key in selected:
        context.add_output_metadata({tags.READ: commits}, output_name=context.output_for_asset_key(key))


def complete(
    context: dg.OutputContext, records: Records, partitions: Collection[str], begun: Mapping[str, int], at: datetime
) -> list[Completeness]:
    """Measure and write down what partitions of a report were built from; nothing for assets that are no report.

    ``begun`` are the commits at which tables were read through the IO manager.
    """
    running = dg.AssetExecutionContext.get()
    noted = context.output_metadata.get(tags.READ)
    commits = {**cast("Mapping[str, int]", getattr(noted, "data", None) or {}), **begun}
    measured: list[Completeness] = []
    for table, reads in days_read(running, context.asset_key, partitions, records.completeness).items():
        if not records.exists(table):
            continue
        known = [commit for commit in (commits.get(table), *(read.commit for read in reads.values())) if commit]
        source = records.snapshot(table, min(known, default=None))
        days = {partition: read.days for partition, read in reads.items()}
        lacking = {partition: read.lacking for partition, read in reads.items()}
        report, run = table_of(context.asset_key), context.run_id
        measured += measure(report, days, table, source, records.builds, run_id=run, at=at, lacking=lacking)
    records.completeness.record(measured)
    return measured


def shown(measured: Collection[Completeness]) -> dict[str, dg.MetadataValue]:
    """What a build says of itself: how complete it is, and on which basis."""
    if not measured:
        return {}
    expected, present = sum(len(one.expected) for one in measured), sum(one.present_days for one in measured)
    bases = {one.basis for one in measured}
    basis = bases.pop() if len(bases) == 1 else Basis.MIXED
    days = sorted({day for one in measured for day in one.expected if day not in one.missing})
    corrections = sorted({name for one in measured for name in one.corrections})
    span = f" {days[0]}..{days[-1]}," if days else ""
    sentence = f"Built of{span} {present} of {counted(expected, 'day')} that its partitions read, {basis}."
    return {
        tags.COMPLETE: dg.MetadataValue.bool(present == expected),
        tags.DAYS_PRESENT: dg.MetadataValue.int(present),
        tags.DAYS_EXPECTED: dg.MetadataValue.int(expected),
        tags.BASIS: dg.MetadataValue.text(str(basis)),
        tags.BUILT_OF: dg.MetadataValue.text(sentence),
        **({tags.CORRECTIONS: dg.MetadataValue.text(", ".join(corrections))} if corrections else {}),
    }
