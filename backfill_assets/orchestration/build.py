"""One builder call around anyone's own asset."""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import dagster as dg
import yaml

from backfill_assets.core.audiences import Audience
from backfill_assets.core.board import BOARD
from backfill_assets.errors.setup import ArgumentUnusable, SourcesUnknown
from backfill_assets.orchestration.asset.arguments import (
    MADE_HERE,
    asset_given,
    described,
    refuse_assets,
    refuse_list,
    refuse_options_of_corrections,
    refuse_reports,
)
from backfill_assets.orchestration.asset.declared import attached
from backfill_assets.orchestration.asset.executors import Wide
from backfill_assets.orchestration.asset.frames import refuse_inputs
from backfill_assets.orchestration.asset.lateness import lateness_check
from backfill_assets.orchestration.asset.options import IO_MANAGER
from backfill_assets.orchestration.asset.own_checks import refuse_checks_alike
from backfill_assets.orchestration.asset.siblings import Declaration, declaration_of, link
from backfill_assets.orchestration.asset.source_limits import declared_limits
from backfill_assets.orchestration.asset.staging import staged_sibling
from backfill_assets.orchestration.asset.surroundings import Render
from backfill_assets.orchestration.asset.table_definition import TableDefinition, link_tables, linked
from backfill_assets.orchestration.asset.wide import refuse_executor
from backfill_assets.orchestration.correction.board import closed_asset
from backfill_assets.orchestration.correction.manual_jobs import manual_jobs
from backfill_assets.orchestration.correction.opening import opening_asset
from backfill_assets.orchestration.correction.steps import job_name, step_assets, step_key
from backfill_assets.orchestration.driving.sensor import driver_sensor, staging_job_name
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.columns import column_of
from backfill_assets.orchestration.instance.naming import refuse_names, table_of
from backfill_assets.orchestration.nightly.jobs import nightly_definitions, sweep_definitions
from backfill_assets.orchestration.nightly.pipeline import NightlySpec, Pipeline, refuse_nightly
from backfill_assets.orchestration.reports.hold import hold
from backfill_assets.orchestration.reports.honoured import refuse_report, refuse_source
from backfill_assets.orchestration.reports.outside import OutsideReport, assets_of, refuse_outside
from backfill_assets.orchestration.reports.reach import Reports, in_order
from backfill_assets.orchestration.watching.keeping import keeping_definitions
from backfill_assets.orchestration.watching.maintenance import maintenance_definitions
from backfill_assets.orchestration.watching.watches import Watch, refuse_watches
from backfill_assets.runbook.correctable_table import Consumers, Prove, Verify
from backfill_assets.sources.keeping import Keeping


@dataclass(frozen=True, slots=True)
class Looks:
    """What looks at the sources at step 2, and at the staged days at step 5."""

    verify: tuple[Verify, ...] = ()
    prove: tuple[Prove, ...] = ()


NOBODY, NONE = Consumers(), Looks()


def build_correction_definitions(  # noqa: PLR0913 - a public builder, keyword-only, each with one meaning
    asset: dg.AssetsDefinition | None = None,
    *,
    sources: Sequence[dg.AssetsDefinition] = (),
    reports: Sequence[dg.AssetsDefinition | OutsideReport] = (),
    rollback_days: int = 14,
    verify: Sequence[Verify] = (),
    prove: Sequence[Prove] = (),
    holders: Sequence[str] = (),
    audiences: Sequence[Audience] = (),
    render: Render | None = None,
    nightly: NightlySpec | None = None,
    watch: Sequence[Watch] = (),
    keeping: Keeping | None = None,
    executor: str | Wide = "",
) -> dg.Definitions:
    """Everything that makes a table's history correctable, without resources; merge it with your own definitions.

    Both siblings, the nine steps as assets, and their job. Resources ``lake`` and ``lake_io_manager`` are yours to
    give.

    Args:
        asset: what ``correctable_asset`` made.
        sources: the assets it is computed from.
        reports: the assets computed from it, directly or through each other, that step 7 rebuilds, and what something
            outside keeps.
        rollback_days: how long retired days are kept after a cut over.
        verify: further looks at the sources, at step 2.
        prove: further checks of the staged days against the source, at step 5; ``from_check(...)`` of your own.
        holders: consumers outside that keep a watermark on the table; a correction asks them to read again.
        audiences: watchers whom notices address in words of their own.
        render: brings what people read in line with tables and ledger; called before a freeze or thaw is written down.
        nightly: how its days are published each night; None where something else publishes them.
        watch: what looks at published days: ``audit()``, ``freshness()``, ``reconcile(...)``.
        keeping: how long its sources are kept, by what duty; with it files are scrubbed and the landing is purged.
        executor: where its waves are computed, as ``BACKFILL_EXECUTOR`` says it, which goes first; or a ``Wide``.

    Raises:
        ArgumentUnusable, AssetNotCorrectable: when something is given that cannot be used.
        TableNameUnfit, TablesAlike, SourcesUnknown, ReportUnreachable: when these definitions cannot work.
        PartitionsUnusable, PartitionsApart: when their partitions cannot.
    """
    asset = asset_given(asset)
    table = declaration_of(asset).table
    refuse_options_of_corrections(
        table, rollback_days, render, verify=verify, prove=prove, holders=holders, audiences=audiences
    )
    refuse_checks_alike(table, prove)
    refuse_nightly(table, nightly)
    refuse_watches(table, watch)
    refuse_executor(declaration_of(asset).compute_spec, executor)
    due = nightly.due if nightly else None
    definition = build_table_definition(
        asset,
        sources=sources,
        reports=reports,
        rollback_days=rollback_days,
        looks=Looks(tuple(verify), tuple(prove)),
        consumers=Consumers(
            holders=tuple(holders), audiences=tuple(audiences), has_nightly=nightly is not None, nightly_due=due
        ),
        render=render,
        keeping=keeping,
    )
    made = [correction_definitions(definition, executor), *(watched(definition) for watched in watch)]
    if keeping is not None:
        made.append(keeping_definitions(definition))
    if nightly is not None:
        made.append(_nightly(nightly.pipeline(definition, sources), nightly.cron))
    elif linked(definition.asset).reads:
        made.append(dg.Definitions(asset_checks=[lateness_check(definition)]))
    return dg.Definitions.merge(*made)


def _nightly(pipeline: Pipeline, cron: str) -> dg.Definitions:
    try:
        return nightly_definitions(pipeline, cron)
    except dg.DagsterInvalidDefinitionError as error:
        found, instead = f"the schedule {cron!r}", "Give cron as five fields, such as '15 2 * * *'."
        raise ArgumentUnusable(pipeline.definition.table, "nightly", found, instead) from error


def correction_definitions(definition: TableDefinition, executor: str | Wide = "") -> dg.Definitions:
    """The definitions of an definition: both siblings, the nine steps, their jobs, and the driver."""
    warn_without_limits()
    steps = step_assets(definition, executor)
    jobs = _asset_jobs(definition)
    by_hand = manual_jobs(definition)
    made = dg.Definitions(
        assets=[
            definition.asset,
            staged_sibling(definition, executor),
            opening_asset(definition),
            *steps,
            closed_asset(definition.table),
            *definition.reports.made,
        ],
        jobs=[*jobs, *by_hand],
        sensors=[driver_sensor(definition, [*jobs, *by_hand])],
    )
    return dg.Definitions.merge(made, sweep_definitions(definition), maintenance_definitions(definition))


def _asset_jobs(definition: TableDefinition) -> list[Any]:
    """The jobs that the driver launches: the steps, and the waves."""
    table = definition.table
    return [
        dg.define_asset_job(
            job_name(table),
            selection=[step_key(table, step) for step in BOARD],
            description=f"Where corrections of {table} stand. Its partitions show a row a step and a column each.",
            tags=tags.BOARD,
        ),
        dg.define_asset_job(
            staging_job_name(table),
            selection=[definition.staged_key],
            description=f"The waves of the corrections of {table}, as their sensor requests them.",
            tags=tags.ROUTINE,
        ),
    ]


def build_table_definition(
    asset: dg.AssetsDefinition,
    *,
    sources: Sequence[dg.AssetsDefinition],
    reports: Sequence[dg.AssetsDefinition | OutsideReport],
    rollback_days: int = 14,
    looks: Looks = NONE,
    consumers: Consumers = NOBODY,
    render: Render | None = None,
    keeping: Keeping | None = None,
) -> TableDefinition:
    """The definition behind the definitions; see :func:`build_correction_definitions`.

    ``consumers`` name holders, audiences and nightly; their reports are replaced by those that are given.
    """
    declaration = declaration_of(asset)
    refuse_assets(declaration.table, "sources", sources)
    known = _reports(asset, declaration, reports, sources)
    given = {table_of(key) for source in sources for key in source.keys}
    if sources and (unknown := declaration.compute_spec.tables_in_lake - given):
        raise SourcesUnknown(declaration.table, unknown)
    for source in sources:
        refuse_source(asset, declaration.slots, source, IO_MANAGER)
    partitions = {table_of(key): spec.partitions_def for source in sources for key, spec in source.specs_by_key.items()}
    link(asset, partitions, has_nightly=consumers.has_nightly)
    limits = declared_limits(sources, keeping)
    named = tuple(table_of(report.key) for report in known.assets)
    consumers = replace(consumers, reports=named, tolerant=known.tolerant)
    columns = {
        table_of(key): column
        for source in sources
        for key, one in source.specs_by_key.items()
        if (column := column_of(one.partitions_def, one.metadata)) is not None
    }
    made = TableDefinition(asset, known, rollback_days, looks.verify, looks.prove, consumers, limits, render, columns)
    return link_tables(made, sources)


def _reports(
    asset: dg.AssetsDefinition,
    declaration: Declaration,
    given: Sequence[dg.AssetsDefinition | OutsideReport],
    sources: Sequence[dg.AssetsDefinition],
) -> Reports:
    """The reports of a table, each of which step 7 can rebuild and a freeze can hold."""
    table = declaration.table
    fits = (dg.AssetsDefinition, OutsideReport)
    refuse_list(table, "reports", given, lambda one: isinstance(one, fits), MADE_HERE)
    for one in given:
        _refuse_unbuildable(table, one)
    assets, made, whole = assets_of(asset.key, given)
    refuse_assets(table, "reports", assets, MADE_HERE)
    refuse_reports(asset.key, table, assets, sources)
    read = [key for source in sources for key in source.keys]
    refuse_names(asset.key, [*dict.fromkeys([*read, *(key for report in assets for key in report.keys)])])
    known = Reports(asset.key, declaration.slots, in_order(asset.key, assets, whole), tuple(made))
    definitions: dict[dg.AssetKey, dg.PartitionsDefinition] = {known.table: known.slots.partitions_def}
    for report in known.assets:
        refuse_report(report, definitions)
        refuse_inputs(report.definition, report.name, definitions.keys())
        definitions |= {report.key: report.partitions_def} if report.partitions_def else {}
    for one in assets:
        hold(table, one)
    return known


def _refuse_unbuildable(table: str, given: dg.AssetsDefinition | OutsideReport) -> None:
    """Refuse reports that step 7 could not rebuild."""
    if isinstance(given, OutsideReport):
        refuse_outside(table, given)
    elif attached(given, Declaration) is not None:
        found = f"{described(given)}, whose published days only its own corrections may rewrite,"
        raise ArgumentUnusable(table, "reports", found, "Leave it out of the reports, and correct it after this table.")


LIMITED = (tags.BACKFILL, tags.CORRECTION)


def warn_without_limits() -> None:
    """Warn when the instance in ``DAGSTER_HOME``, if there is one, would let corrections take all of the queue."""
    told = os.environ.get("DAGSTER_HOME", "")
    missing = missing_limits(_settings(Path(told))) if told and Path(told).is_dir() else ()
    if missing:
        message = (
            f"{told}/dagster.yaml sets no {' and no '.join(missing)}, so a large correction may keep nightly waiting. "
            "Copy backfill_assets/orchestration/instance/dagster.yaml there, or set them."
        )
        warnings.warn(message, stacklevel=2)


def missing_limits(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """What is not limited, by name; nothing when nightly always has a place."""
    concurrency = settings.get("concurrency") or {}
    runs = concurrency.get("runs") or {}
    queue = (settings.get("run_coordinator") or {}).get("config") or settings.get("run_queue") or {}
    most = runs.get("max_concurrent_runs") or queue.get("max_concurrent_runs")
    limits = runs.get("tag_concurrency_limits") or queue.get("tag_concurrency_limits") or []
    limited = {limit.get("key"): limit.get("limit", 0) for limit in limits if "value" not in limit}
    missing = [f"limit of runs tagged {key}" for key in LIMITED if key not in limited]
    if not missing and most is not None and sum(limited[key] for key in LIMITED) >= int(most):
        missing.append("max_concurrent_runs above the limits of its tags")
    return tuple(missing)


def _settings(home: Path) -> Mapping[str, Any]:
    try:
        told = yaml.safe_load((home / "dagster.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):  # Dagster says what is wrong with it
        return {}
    return cast("Mapping[str, Any]", told) if isinstance(told, dict) else {}
