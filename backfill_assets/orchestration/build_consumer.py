"""One builder call around anyone's own log: a consumer that keeps a table, and everything that makes it correctable."""

from dataclasses import replace
from typing import Any

import dagster as dg

from backfill_assets.errors.setup import ArgumentUnusable
from backfill_assets.orchestration.asset.arguments import asset_given, described
from backfill_assets.orchestration.asset.siblings import declaration_of, version_of
from backfill_assets.orchestration.asset.table_definition import tables_in
from backfill_assets.orchestration.asset.transform import Compute, as_annotated, refuse_strange, taken_by
from backfill_assets.orchestration.build import build_correction_definitions
from backfill_assets.orchestration.consuming.consumer import ConsumerDefinition
from backfill_assets.orchestration.consuming.jobs import SECONDS, consumer_definitions
from backfill_assets.sources.log import Log


def build_consumer_definitions(
    asset: dg.AssetsDefinition | None = None,
    *,
    log: Log,
    seconds: int = SECONDS,
    until_switched: Compute | None = None,
    **corrections: Any,
) -> dg.Definitions:
    """A correctable table that is kept from a log, minutes behind it, without resources; merge it with your own.

    The function of the asset computes a slot whenever the log touches it, from all its records that count and from its
    other sources as they are then. The bookmark lies in the table, in the same commits as the rows. Its history is
    corrected like any other table's.

    Args:
        asset: what ``correctable_asset`` made; the log is one of its sources.
        log: what it reads on, such as ``DeltaLog(RawLog(...))``.
        seconds: how often it is asked whether anything is new.
        until_switched: the function that is live, where the asset's is the corrected one that is read beside it first
            (``replay --beside``): the cut over of that correction switches the consumer to it, by the same commit.
        corrections: everything else that ``build_correction_definitions`` takes.

    Raises:
        ArgumentUnusable, AssetNotCorrectable: when something is given that cannot be used.
    """
    asset = asset_given(asset)
    declaration = declaration_of(asset)
    if log.name not in declaration.compute_spec.sources.values():
        instead = f"Name one of its sources, such as {next(iter(declaration.compute_spec.sources.values()), 'none')}."
        raise ArgumentUnusable(declaration.table, "log", f"{described(log)} of {log.name}", instead)
    made = build_correction_definitions(asset, **corrections)
    definition = tables_in(made)[declaration.table]
    before = None
    if until_switched is not None:
        refuse_strange(until_switched)
        spec = definition.compute_spec
        compute = as_annotated(until_switched, taken_by(declaration.table, until_switched))
        before = replace(spec, compute=compute, code_version=version_of(declaration.table, until_switched))
    return dg.Definitions.merge(made, consumer_definitions(ConsumerDefinition(definition, log, before), seconds))
