"""The Delta Lake IO manager: waves of a correctable table, and any other frame, as days of a Delta table."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, cast

import dagster as dg
import polars as pl
from pydantic import PrivateAttr

from backfill_assets.core import facts as core_facts
from backfill_assets.core.delta_types import as_kept
from backfill_assets.core.events import Event
from backfill_assets.core.slots import Slot
from backfill_assets.errors.correction import StagingClosed
from backfill_assets.errors.failure import DaysFailed
from backfill_assets.errors.setup import PartitionsUnusable
from backfill_assets.errors.state import StateMoved
from backfill_assets.errors.transform import InputKindUnknown
from backfill_assets.orchestration.asset.alone import TriedWave
from backfill_assets.orchestration.asset.failing_days import said
from backfill_assets.orchestration.asset.frames import FRAMES_GIVEN, giver_of, kind_told, storable
from backfill_assets.orchestration.asset.guard import Guard
from backfill_assets.orchestration.asset.options import IO_MANAGER
from backfill_assets.orchestration.asset.siblings import has_nightly
from backfill_assets.orchestration.asset.surroundings import page_shown
from backfill_assets.orchestration.asset.wave import Wave, spelled_in, split_days, without_frames
from backfill_assets.orchestration.asset.writing import as_table_keeps, target_of
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.columns import records_of_run
from backfill_assets.orchestration.instance.materializing import log_materializations
from backfill_assets.orchestration.instance.naming import table_of
from backfill_assets.orchestration.instance.resources import LakeResource, actor_of, git_commit
from backfill_assets.orchestration.instance.slots import is_odd, slots_of
from backfill_assets.orchestration.reports.completeness import Built, complete, graph_of, noted, shown
from backfill_assets.orchestration.reports.freeze import Freezer, keys_of_run
from backfill_assets.orchestration.reports.reach import WHOLE
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.builds import Build
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.completeness import Completeness
from backfill_assets.storage.records import Records
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.table import Change, Commit, Table


class DeltaLakeIOManager(dg.ConfigurableIOManager):
    """Keeps each asset as one Delta table of the lake, partitioned by ``day``, named by its whole key.

    A partition is kept under the day that it begins with, whatever the format of its key. What a correctable asset
    returns goes to its live table, guarded, or to the staged version of its correction. A frame of any other asset
    replaces its partitions, where they changed, unless a correction holds the asset frozen; whoever's frame it is, its
    columns are kept in types that Delta has. ``None`` is left alone: the asset wrote by itself. Inputs arrive as the
    frame that the parameter is annotated as, of Polars, pandas or Arrow, and as ``pl.LazyFrame`` where it is not. What
    ops hand each other, which are no assets, is kept as Dagster itself would keep it.
    """

    lake: LakeResource
    _tags: dict[str, str] = PrivateAttr(default_factory=dict)
    _read: dict[tuple[dg.AssetKey, str], int] = PrivateAttr(default_factory=dict)
    _between_ops: Any = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Keep the run's tags: the marker of nightly and the correction are among them."""
        self._tags = dict(context.run.tags) if context.run else {}
        self._between_ops = dg.FilesystemIOManager().create_io_manager(context) if context.instance else None

    def load_input(self, context: dg.InputContext) -> Any:
        """The partitions of an upstream table that the run asks for; refused while a correction holds the reader.

        Raises:
            InputKindUnknown: when they are asked for as what no table can be given as.
        """
        if not context.has_asset_key:
            return self._between_ops.load_input(context)
        kind = context.dagster_type.typing_type
        give = giver_of(kind)
        if give is None:
            by = context.op_def.name if context.has_input_name else "The run"
            raise InputKindUnknown(by, context.asset_key.to_user_string(), kind_told(kind), FRAMES_GIVEN)
        reader = dg.AssetExecutionContext.get()
        records = records_of_run(reader, self.lake.records())
        if reader.has_assets_def:
            self._freezer(records).refuse_run(reader.selected_asset_keys, keys_of_run(reader))
        days = _days(context) if context.has_asset_partitions else None
        source = records.snapshot(table_of(context.asset_key))
        for key in reader.selected_asset_keys if reader.has_assets_def else ():
            self._read[key, table_of(context.asset_key)] = source.commit
        return give(source.scan(days))

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Write the run's partitions in one commit: a wave, or anybody's frame.

        Raises:
            FrameUnknown, TypesUnfit: when it is no frame, or holds what no Delta table can.
        """
        if not context.has_asset_key:
            self._between_ops.handle_output(context, obj)
        elif isinstance(obj, Wave):
            self._write_wave(context, obj)
        elif obj is not None:
            self._write_frame(context, storable(table_of(context.asset_key), obj))

    def _write_wave(self, context: dg.OutputContext, wave: Wave) -> None:
        records = self.lake.records().knowing({wave.table: wave.partition})
        wave = as_table_keeps(records, wave)
        try:
            commit = self._commit_wave(records, wave, context.run_id) if wave.frames else None
        except StateMoved as error:
            commit, wave = None, without_frames(wave, said(error))
        metadata = _metadata(wave.name, commit, wave.rows)
        if wave.correction:
            metadata = {**metadata, tags.CORRECTION: dg.MetadataValue.text(wave.correction)}
            metadata |= page_shown(wave.correction)
            self._tell(records, wave, context.run_id)
        if not wave.reasons:
            context.add_output_metadata(metadata)
            return
        # The run fails for the failed days only: what was written is reported before the failure is.
        reporter = dg.AssetExecutionContext.get()
        keys = _slots(context)
        told = [key for key, slot in keys.items() if slot in wave.frames]
        log_materializations(
            reporter, [dg.AssetMaterialization(context.asset_key, partition=key, metadata=metadata) for key in told]
        )
        raise DaysFailed(wave.name, wave.reasons, len(wave.frames), wave.partition.grain.value)

    def _commit_wave(self, records: Records, wave: Wave, run_id: str) -> Commit | None:
        target = target_of(records, wave)
        target.create()
        carried, today = wave.guarded.carried, self.lake.now().date()
        nightly = has_nightly(dg.AssetExecutionContext.get().assets_def)
        known = (wave.guarded.look_back_days, wave.partition.grain, carried is not None, nightly)
        guard = Guard(records, wave.table, self._tags, today, *known)
        files = wave.write_into(target)
        with target.unless_refused(files.values()):
            records.builds.record([(file, self._build(wave, file, run_id)) for file in files.values()])

        def decide(live: Snapshot) -> Decision[Change, None]:
            if not wave.correction:
                guard.refuse(wave.frames.keys(), live.days)
            _refuse_closed(records, wave)
            for slot, names in (carried.read if carried else {}).items():
                if live.names(slot) != names:
                    raise StateMoved(wave.name, slot)
            removes = tuple(file for of_day in live.files_of(wave.frames.keys()).values() for file in of_day)
            return Decision(Change(tuple(files.values()), removes, metadata=self._commit_metadata(wave, run_id)), None)

        return target.commit_written(decide, files.values()).commit

    def _build(self, wave: Wave, file: DataFile, run_id: str) -> Build:
        day = cast("date", file.day)  # waves are by day
        return Build(
            table=wave.table,
            day=day,
            inputs=wave.inputs[day],
            code_version=wave.code_version,
            git_commit=git_commit(),
            run_id=run_id,
            correction=wave.correction,
            at=self.lake.now(),
            seconds=wave.seconds_per_day,
            content=carried.contents[day] if (carried := wave.guarded.carried) else "",
            rows=file.rows,
            sums=wave.sums_of(day),
        )

    def _commit_metadata(self, wave: Wave, run_id: str) -> dict[str, str]:
        return {
            tags.RUN: run_id,
            tags.CORRECTION: wave.correction,
            tags.CODE_VERSION: wave.code_version,
            tags.GIT_COMMIT: git_commit(),
        }

    def _tell(self, records: Records, wave: Wave, run_id: str) -> None:
        facts: list[core_facts.Fact] = []
        cost = wave.core_seconds_per_day
        if wave.frames:
            seconds, spent = (round(a_day * len(wave.frames), 3) for a_day in (wave.seconds_per_day, cost))
            alone = wave.alone if isinstance(wave, TriedWave) else {}
            facts.append(
                core_facts.DaysStaged(tuple(sorted(wave.frames)), wave.code_version, wave.rows, seconds, alone, spent)
            )
        if wave.reasons:
            reasons = {day: str(why) for day, why in sorted(wave.reasons.items())}
            facts.append(core_facts.DaysFailed(reasons, round(cost * len(reasons), 3)))
        for fact in facts:
            event = Event(wave.correction, fact, self.lake.now(), actor_of(self._tags), run_id)
            records.ledger.append(event, table=wave.table)
        _refuse_closed(records, wave)

    def _write_frame(self, context: dg.OutputContext, frame: pl.DataFrame) -> None:
        name = table_of(context.asset_key)
        records = records_of_run(dg.AssetExecutionContext.get(), self.lake.records())
        frame = as_kept(frame, records.snapshot(name).schema) if records.exists(name) else frame
        if not context.has_asset_partitions:
            self._freezer(records).refuse(name, [WHOLE])
            commit = _replace_all(records.table(name, frame.schema), frame)
            measured = self._complete(context, records, [WHOLE])
            context.add_output_metadata({**_metadata(name, commit, len(frame)), **shown(records, measured)})
            return
        keys, days = list(context.asset_partition_keys), _days(context)
        freezer, column = self._freezer(records), spelled_in(frame, name, records.partition_of(name))
        table = records.knowing({name: column}).table(name, frame.schema)
        table.create()
        commit = table.replace_days(
            split_days(frame, days, name, column),
            allow=lambda _: freezer.refuse(name, keys),
            metadata={tags.RUN: context.run_id, tags.GIT_COMMIT: git_commit()},
            skip_equal=True,
        )
        measured = self._complete(context, records, keys)
        context.add_output_metadata({**_metadata(name, commit, len(frame)), **shown(records, measured)})

    def _complete(self, context: dg.OutputContext, records: Records, keys: Sequence[str]) -> list[Completeness]:
        """Write down what was built, and of what; a correction that has asked for it hears of it."""
        read = {table: number for (reader, table), number in self._read.items() if reader == context.asset_key}
        built = Built(context.asset_key, tuple(keys), context.run_id, {**noted(context), **read})
        measured = complete(graph_of(dg.AssetExecutionContext.get()), records, built, self.lake.now())
        self._freezer(records).tell_built(table_of(context.asset_key), keys, context.run_id)
        return measured

    def _freezer(self, records: Records) -> Freezer:
        return Freezer(records, self._tags, self.lake.now())


def lake_resources(*keys: str, root: str = "") -> dict[str, dg.ConfigurableResource | dg.ConfigurableIOManager]:
    """The resources that correctable tables need, for your own ``dg.Definitions``.

    Args:
        keys: further keys of the IO manager, such as ``io_manager`` for every asset that names none.
        root: the lake, a path or URI; ``BACKFILL_LAKE`` when not given.
    """
    lake = LakeResource(root=root)
    return {"lake": lake, **dict.fromkeys([IO_MANAGER, *keys], DeltaLakeIOManager(lake=lake))}


def _days(context: dg.InputContext | dg.OutputContext) -> list[Slot]:
    """The slots under which the lake keeps the partitions of an asset that a run reads or writes."""
    return [*_slots(context).values()]


def _slots(context: dg.InputContext | dg.OutputContext) -> dict[str, Slot]:
    """The same by partition key."""
    name, partitions = table_of(context.asset_key), context.asset_partitions_def
    if isinstance(partitions, dg.TimeWindowPartitionsDefinition) and is_odd(partitions):
        raise PartitionsUnusable(
            name, "partitioned by parts of days that are no hours", "Partition it by hours or days"
        )
    return slots_of(name, partitions, context.asset_partition_keys)


def _refuse_closed(records: Records, wave: Wave) -> None:
    """Fail a run whose correction was closed while it computed: nothing would be compared with what it staged."""
    if wave.correction and (progress := records.ledger.progress(wave.correction)).is_closed:
        raise StagingClosed(wave.correction, str(progress.publication.ending))


def _replace_all(table: Table, frame: pl.DataFrame) -> Commit | None:
    table.create()
    written = table.write_files({None: frame})
    adds = tuple(written.values())
    return table.commit_written(
        lambda there: Decision(Change(adds, tuple(there.files.get(None, ()))), None), adds
    ).commit


def _metadata(name: str, commit: Commit | None, rows: int) -> Mapping[str, dg.MetadataValue]:
    told: dict[str, dg.MetadataValue] = {tags.TABLE: dg.MetadataValue.text(name), tags.ROWS: dg.MetadataValue.int(rows)}
    if commit is not None:
        told[tags.COMMIT] = dg.MetadataValue.int(commit.number)
    return told
