"""A correctable table as two assets with one compute function: live, which is published, and its staged sibling."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, get_args

import dagster as dg
import polars as pl

from backfill_assets.core.slots import Grain, Slot
from backfill_assets.errors.base import fault_told, verb
from backfill_assets.errors.setup import AssetNotCorrectable
from backfill_assets.errors.transform import TransformUnusable
from backfill_assets.orchestration.asset.arguments import refuse_declared, refuse_key, refuse_sources
from backfill_assets.orchestration.asset.declared import Declared, attach, attached, refuse_wrong_columns
from backfill_assets.orchestration.asset.guard import LOOK_BACK_DAYS, Guard, unpublished_by
from backfill_assets.orchestration.asset.options import (
    IO_MANAGER,
    about_live,
    range_policy,
    refuse_config,
    refuse_options,
)
from backfill_assets.orchestration.asset.source import AnySource, carried_by, reads_of, source_of
from backfill_assets.orchestration.asset.transform import Compute, as_annotated, refuse_strange, taken_by
from backfill_assets.orchestration.asset.wave import ComputeSpec, FrameSchema, Wave, source_version
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.columns import column_by_time, name_told, records_of_run
from backfill_assets.orchestration.instance.jobs import logging_refusals
from backfill_assets.orchestration.instance.naming import SourceKey, key_of, refuse_name, table_of
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.instance.slots import TableSlots, slots_of
from backfill_assets.orchestration.reports.honoured import regular
from backfill_assets.storage.layout import DAY

DAYS_PER_RUN = 15


@dataclass(frozen=True)
class Declaration:
    """What :func:`correctable_asset` was told: all that the staged sibling and the corrections of a table need."""

    key: dg.AssetKey
    compute_spec: ComputeSpec
    slots: TableSlots
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    has_nightly: bool = False

    @property
    def table(self) -> str:
        """The table's name, of all parts of the live asset's key."""
        return self.compute_spec.table

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that identify a row of a slot."""
        return self.compute_spec.columns.keys

    @property
    def measures(self) -> tuple[str, ...]:
        """The columns that are summed and compared."""
        return self.compute_spec.columns.measures

    @property
    def staged_key(self) -> dg.AssetKey:
        """The key under which history is recomputed."""
        return dg.AssetKey(["backfill", *self.key.path])


class CorrectableAsset(dg.AssetsDefinition):
    """The live asset that :func:`correctable_asset` makes. Called with frames, it computes rows without a run.

    What Dagster makes of it, as by ``map_asset_specs``, is a plain asset of the same op: still correctable, but not to
    be called with frames.
    """

    def __call__(self, *sources: object, **named: object) -> Any:
        """Rows for the days of the sources' rows, as the function returns them; eager frames are read as lazy ones."""
        compute = declaration_of(self).compute_spec.compute
        return compute(*map(_lazy, sources), **{name: _lazy(frame) for name, frame in named.items()})


def declaration_of(asset: dg.AssetsDefinition) -> Declaration:
    """What was declared of a correctable asset, also when Dagster has made another of it meanwhile.

    Raises:
        AssetNotCorrectable: when :func:`correctable_asset` did not make it, or its key was changed afterwards.
    """
    declaration = attached(asset, Declaration)
    if declaration is None:
        named = ", ".join(sorted(key.to_user_string() for key in asset.keys))
        raise AssetNotCorrectable(named, f"{verb(len(asset.keys), 'was', 'were')} not made by correctable_asset")
    if asset.key != declaration.key:
        why = f"was declared as {declaration.key.to_user_string()} and renamed afterwards"
        raise AssetNotCorrectable(asset.key.to_user_string(), why)
    return declaration


def link(
    asset: dg.AssetsDefinition, partitions: Mapping[str, dg.PartitionsDefinition | None], *, has_nightly: bool
) -> None:
    """Let a correctable asset know how its sources are partitioned, by table, and whether a nightly publishes it.

    It reads whole slots of its sources.
    """
    declaration = declaration_of(asset)
    spec, slots = declaration.compute_spec, declaration.slots
    reads = {
        table: replace(read, within=partial(slots.within, source=known))
        if isinstance(known := partitions.get(table), dg.TimeWindowPartitionsDefinition) and slots.hold(known)
        else read
        for table, read in spec.read.reads.items()
    }
    linked = replace(spec, read=replace(spec.read, reads=reads))
    attach(asset, replace(declaration, compute_spec=linked, has_nightly=has_nightly))


def has_nightly(asset: dg.AssetsDefinition) -> bool:
    """Whether a nightly publishes an asset."""
    known = attached(asset, Declaration)
    return known is not None and known.has_nightly


def spec_of(asset: dg.AssetsDefinition, declared: ComputeSpec) -> ComputeSpec:
    """How an asset is computed, as it has been linked to its sources meanwhile."""
    known = attached(asset, Declaration)
    return known.compute_spec if known is not None else declared


def correctable_asset(  # noqa: PLR0913 - a public builder, keyword-only, each with one meaning
    compute: Compute | None = None,
    /,
    *,
    partitions_def: dg.TimeWindowPartitionsDefinition | None = None,
    keys: Sequence[str] | None = None,
    measures: Sequence[str] | None = None,
    day: str = DAY,
    schema: FrameSchema | type[Any] | None = None,
    sources: Mapping[str, SourceKey | AnySource] | None = None,
    code_version: str | None = None,
    look_back_days: int = LOOK_BACK_DAYS,
    days_per_run: int = DAYS_PER_RUN,
    carries_state: str | Mapping[str, Mapping[str, Any]] | None = None,
    **options: Any,
) -> Callable[[Compute], CorrectableAsset]:
    """Turn a function over lazy frames into a live asset whose history can be corrected.

    Each parameter of the function is a source: the asset of that name, or the one that ``sources`` maps it to. It is
    given as a lazy frame, or as the frame of Polars, pandas or Arrow that the parameter is annotated as. The
    function is given the days of the run and returns rows for them, with a ``day`` column, or the one
    that ``day`` names.

    Args:
        compute: nothing; here to say so where the decorator stands without brackets.
        partitions_def: every hour, day, week or month, without exclusions; keys, time zone, offsets and end are yours.
        keys: the columns that identify a row, ``day`` among them or not; with none, a day has one row.
        measures: decimal or integer columns that are summed and compared; with none, only rows and cells are.
        day: the column that keeps the partitions, as dates, text or timestamps; hours are timestamps in UTC. When it
            is not given, the one that ``metadata`` names as ``partition_expr``, as for Dagster's own IO managers.
        schema: anything with ``validate(frame)``, such as a Pandera model; nothing invalid is ever written.
        sources: parameter name to asset key, where they differ: ``"finance/orders"``, its parts, or a key; or to a
            :class:`Source`, where slots from before the run's are read as well.
        code_version: what lineage records; a hash of the function's source when not given.
        look_back_days: how far back nightly may rewrite published days.
        days_per_run: how many days one run of a Dagster backfill recomputes.
        carries_state: the parameter that is given the table's own rows of the slot before, with the columns that the
            schema declares; or it is mapped to the columns and their types. The first slot is given none. Slots are
            then computed in order, all those of a launch by one run.
        options: passed to ``dagster.asset`` for both siblings, such as owners, tags, kinds and ``retry_policy``;
            ``automation_condition`` and ``freshness_policy`` for the live one alone. ``name``, ``key_prefix`` or
            ``key`` say how the live asset is called; its whole key names the table and all else.

    Raises:
        TableNameUnfit: when the key cannot name a table.
        PartitionsIrregular: when the partitions are not every hour, day, week or month.
        ColumnsDeclaredWrongly: when keys or measures cannot be what they are declared to be.
    """
    if compute is not None:
        refuse_strange(compute)
        why = "the decorator stands without its arguments"
        raise TransformUnusable(
            getattr(compute, "__name__", "It"), why, "Give it partitions_def, keys and measures in brackets."
        )

    counts = {"look_back_days": look_back_days, "days_per_run": days_per_run}

    def made(compute: Compute) -> CorrectableAsset:
        refuse_strange(compute)
        refuse_key(getattr(compute, "__name__", ""), options)
        key, others = _key(compute, options)
        name = table_of(key)
        refuse_name(key)
        slots = regular(name, partitions_def)
        refuse_declared(name, {"schema": schema, "code_version": code_version, **counts})
        refuse_options(name, others)
        column = name_told(others.get("metadata") or {}) if day == DAY else day
        refuse_wrong_columns(name, keys, measures, schema, column)
        taken = taken_by(name, compute)
        carried = carried_by(name, carries_state, taken.sources, schema, slots)
        taken = taken.without(carried.parameter) if carried else taken
        refuse_sources(name, sources or {}, taken.sources, get_args(AnySource))
        read = {parameter: source_of(name, parameter, sources) for parameter in taken.sources}
        tables = {parameter: source.table for parameter, source in read.items()}
        version = code_version or version_of(name, compute)
        by = tuple(one for one in keys or () if one != column)
        columns = Declared(by, tuple(measures or ()), column_by_time(slots.partitions_def, column))
        read_as = replace(reads_of(slots, read), carried=carried)
        given = as_annotated(compute, taken)
        compute_spec = ComputeSpec(name, given, tables, version, schema, look_back_days, columns, taken, read_as)
        shared = {
            "partitions_def": partitions_def,
            "backfill_policy": dg.BackfillPolicy.single_run() if carried else range_policy(days_per_run),
            "io_manager_key": IO_MANAGER,
            "code_version": version,
            "kinds": {"deltalake", "polars"},
            **others,
            "description": about_live(key, slots.grain, others.get("description") or inspect.getdoc(compute)),
            "deps": [*(source.dep for source in read.values()), *(others.get("deps") or ())],
            "required_resource_keys": {"lake", *taken.resources, *(others.get("required_resource_keys") or ())},
        }
        live = _accepted(key, compute_spec, slots.grain, shared)
        refuse_config(name, live)
        return _correctable(live, Declaration(key, compute_spec, slots, shared))

    return made


def version_of(name: str, compute: Compute) -> str:
    """The version of a transform whose author gives none: a hash of its source.

    Raises:
        TransformUnusable: when nobody can read its source.
    """
    try:
        return source_version(compute)
    except (OSError, TypeError):
        why = "nobody can read its source, of which its version is made"
        raise TransformUnusable(name, why, "Write it into a module, or give it a code_version.") from None


def days_of_run(context: dg.AssetExecutionContext) -> list[Slot]:
    """The slots a run is about, oldest first, whether it was launched for one or for a range."""
    asset = context.assets_def
    return sorted(slots_of(table_of(asset.key), asset.partitions_def, context.partition_keys).values())


def _key(compute: Compute, options: Mapping[str, Any]) -> tuple[dg.AssetKey, dict[str, Any]]:
    """The live asset's key, and the options that are given and not about it."""
    told = {name: value for name, value in options.items() if value is not None}
    others = {name: value for name, value in told.items() if name not in {"key", "name", "key_prefix"}}
    if options.get("key") is not None:
        return key_of(options["key"]), others
    prefix = options.get("key_prefix") or ()
    parts = [prefix] if isinstance(prefix, str) else [*prefix]
    return dg.AssetKey([*parts, options.get("name") or getattr(compute, "__name__", "")]), others


def _correctable(live: dg.AssetsDefinition, declaration: Declaration) -> CorrectableAsset:
    """The live asset, in the class that can be called with frames."""
    asset = CorrectableAsset.__new__(CorrectableAsset)
    vars(asset).update(vars(live))
    attach(asset, declaration)
    return asset


def _accepted(key: dg.AssetKey, declared: ComputeSpec, grain: Grain, options: Mapping[str, Any]) -> dg.AssetsDefinition:
    """The live asset as Dagster makes it, whose own refusals are told as ours."""
    try:
        return _live(key, declared, grain, options)
    except Exception as error:
        why = f"Dagster refuses its options ({fault_told(error)})"
        raise TransformUnusable(declared.table, why, "Correct the option, or leave it out.") from error


def _lazy(frame: object) -> object:
    return frame.lazy() if isinstance(frame, pl.DataFrame) else frame


def _live(key: dg.AssetKey, declared: ComputeSpec, grain: Grain, options: Mapping[str, Any]) -> dg.AssetsDefinition:
    marked = {tags.CORRECTABLE: True, tags.DAY: declared.columns.partition.name, **options.get("metadata", {})}

    def live(context: dg.AssetExecutionContext, config: Any = None) -> Wave:
        lake: LakeResource = context.resources.lake
        compute_spec = spec_of(context.assets_def, declared)
        records, days = records_of_run(context, lake.records()), days_of_run(context)
        if context.op_execution_context.retry_number:
            days = unpublished_by(context.run.run_id, records, compute_spec.table, days)
        published = records.days(compute_spec.table)
        carries, nightly = compute_spec.read.carried is not None, has_nightly(context.assets_def)
        known = (compute_spec.look_back_days, grain, carries, nightly)
        guard = Guard(records, compute_spec.table, context.run.tags, lake.now().date(), *known)
        with logging_refusals(context):
            guard.refuse(days, published)
        return compute_spec.wave(records, days, given=compute_spec.taken.given(context, config))

    live.__signature__ = declared.taken.signature()  # pyright: ignore[reportFunctionMemberAccess]
    made: dg.AssetsDefinition = dg.asset(key=key, **{**options, "metadata": marked})(live)
    return made
