"""A share of a wave as data, and what a worker does with it: it writes files that nobody sees yet, and says which."""

import importlib
import logging
import os
import socket
import sys
import threading
from collections.abc import Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self

import dagster as dg
import polars as pl

from backfill_assets.core.partition_column import PartitionColumn
from backfill_assets.core.reads import Reads
from backfill_assets.core.slots import Slot
from backfill_assets.errors.executing import TransformNotSendable, VariableNotSet, WorkerOfOtherCode
from backfill_assets.errors.failure import Failure
from backfill_assets.orchestration.asset.alone import tried_alone
from backfill_assets.orchestration.asset.siblings import declaration_of
from backfill_assets.orchestration.asset.stopwatch import Stopwatch
from backfill_assets.orchestration.asset.wave import ComputeSpec
from backfill_assets.orchestration.asset.writing import as_table_keeps, target_of
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.overlaid import Overlay
from backfill_assets.storage.records import Records

MOST_LINES, LONGEST_LINE = 1_000, 2_000


@dataclass(frozen=True, slots=True)
class LakeAddress:
    """Where the lake is: its root, the options that are no secret, and the variables that the others are read from."""

    root: str
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    variables: Mapping[str, str] = field(default_factory=dict[str, str])

    def records(self) -> Records:
        """The records of the lake, with the options that the environment of this process has.

        Raises:
            VariableNotSet: when it lacks one.
        """
        if missing := {name for name in self.variables.values() if name not in os.environ}:
            raise VariableNotSet(missing)
        read = {option: dg.EnvVar(name) for option, name in self.variables.items()}
        return LakeResource(root=self.root, storage_options={**self.options, **read}).records()


@dataclass(frozen=True, slots=True)
class TablesKnown:
    """How tables keep their slots, and which slots of them are read from staged versions."""

    partitions: Mapping[str, PartitionColumn] = field(default_factory=dict[str, PartitionColumn])
    overlays: Mapping[str, Overlay] = field(default_factory=dict[str, Overlay])

    @classmethod
    def of(cls, records: Records) -> Self:
        """What some records know."""
        return cls(dict(records.partitions), dict(records.overlays))

    def on(self, lake: LakeAddress) -> Records:
        """The records of a lake that know the same, in this process; raises as :meth:`LakeAddress.records`."""
        return lake.records().knowing(self.partitions).staged_over(self.overlays)


@dataclass(frozen=True, slots=True)
class StagingJob:
    """A share of a wave: everything that a worker needs to stage it, and nothing but data.

    ``asset`` is the correctable asset as ``module:attribute``. ``reads`` say which slots of each source are read,
    ``known`` what the run knows of tables. Of a share that ``tries_alone`` some are computed alone as well.
    """

    asset: str
    code_version: str
    lake: LakeAddress
    correction: str
    slots: tuple[Slot, ...]
    pins: Mapping[str, int]
    reads: Mapping[str, Reads]
    known: TablesKnown
    tries_alone: bool = False

    def shares(self, shares: Iterable[tuple[Slot, ...]], tried: Collection[Slot]) -> list[Self]:
        """A job for each share; those that hold one of the ``tried`` slots compute one alone as well."""
        return [replace(self, slots=share, tries_alone=not set(tried).isdisjoint(share)) for share in shares]

    def records(self) -> Records:
        """The lake as the run of the wave reads it."""
        return self.known.on(self.lake)


@dataclass(frozen=True, slots=True)
class DayStaged:
    """A day of a share: its file, what it was computed from, and the sums of its measures."""

    file: DataFile
    inputs: Mapping[str, str]
    sums: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a worker's log."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class ShareStaged:
    """What a worker has made of a share, for so many core-seconds of its own.

    ``schema`` is that of the rows, as the table keeps them.
    """

    days: Mapping[Slot, DayStaged]
    reasons: Mapping[Slot, Failure]
    alone: Mapping[Slot, str]
    schema: pl.Schema
    partition: PartitionColumn
    worker: str
    lines: tuple[Line, ...] = ()
    core_seconds: float = 0.0


def stage_days(job: StagingJob) -> ShareStaged:
    """Compute the days of a share together and write a file for each, which nobody sees until the run commits them.

    Done again it writes files anew, beside those that it wrote before.

    Raises:
        TransformNotSendable: when the asset cannot be imported.
        WorkerOfOtherCode: when it is of another version than the run's.
        VariableNotSet: when an option of the lake is not in the environment.
    """
    stopwatch = Stopwatch()
    with lines_logged() as lines:
        spec, records = _spec_of(job), job.records()
        pins = dict(job.pins)
        wave = spec.wave(records, job.slots, correction=job.correction, pins=pins)
        tried = tried_alone(spec, records, wave, pins=pins) if job.tries_alone else None
        records = records.knowing({wave.table: wave.partition})
        wave = as_table_keeps(records, wave)
        files: Mapping[Slot, DataFile] = {}
        if wave.frames:
            target = target_of(records, wave)
            target.create()
            files = wave.write_into(target)
    return ShareStaged(
        {day: DayStaged(file, wave.inputs[day], wave.sums_of(day)) for day, file in files.items()},
        wave.reasons,
        tried.alone if tried is not None else {},
        next((frame.schema for frame in wave.frames.values()), pl.Schema()),
        wave.partition,
        this_worker(),
        tuple(lines),
        stopwatch.core_seconds,
    )


def this_worker() -> str:
    """How people know this process."""
    return f"{socket.gethostname()}, process {os.getpid()}"


def _spec_of(job: StagingJob) -> ComputeSpec:
    """How the table is computed, by this process' code, reading what the run reads."""
    module, _, attribute = job.asset.partition(":")
    table = job.asset
    try:
        asset = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise TransformNotSendable(table, f"a worker has no {job.asset} ({error})") from error
    spec = declaration_of(asset).compute_spec
    if spec.code_version != job.code_version:
        raise WorkerOfOtherCode(spec.table, job.code_version, spec.code_version)
    return replace(spec, read=replace(spec.read, reads=job.reads))


def address_of(lake: LakeResource) -> LakeAddress:
    """The lake of a run, as it is told to a worker: never with an option that is read from the environment.

    Options that this process was given by variables are named by these.
    """
    plain = {name: value for name, value in lake.storage_options.items() if name not in lake.variables}
    return LakeAddress(lake.lake().root, plain, dict(lake.variables))


def reference_of(asset: dg.AssetsDefinition, table: str, compute: Any) -> str:
    """The module and the name by which a worker imports a correctable asset.

    Raises:
        TransformNotSendable: when there is none by which it could.
    """
    own = getattr(compute, "__module__", "")
    refuse_unimportable(table, own)
    names = [own, *(name for name in list(sys.modules) if name != own)]
    for name in names:
        for attribute, value in list(vars(sys.modules.get(name, object)).items()):
            if isinstance(value, dg.AssetsDefinition) and value.is_executable and value.node_def is asset.node_def:
                refuse_unimportable(table, name)
                return f"{name}:{attribute}"
    raise TransformNotSendable(table, "no module has a name for it, as where a function made it")


def refuse_unimportable(table: str, module: str) -> None:
    """Refuse a module that another process would not find by its name.

    Raises:
        TransformNotSendable: saying why.
    """
    if module == "__main__":
        raise TransformNotSendable(table, "it is of __main__, which is another module in each process")
    there = getattr(sys.modules.get(module), "__file__", None)
    if there is None or not _leads_to(module, there):
        raise TransformNotSendable(table, f"its module {module} was loaded by its path and not by its name")


def _leads_to(module: str, file: str) -> bool:
    """Whether an import of a module, by whoever has not imported it yet, would find a file."""
    path, name, found = None, "", None
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        specs = (finder.find_spec(name, path) for finder in sys.meta_path)
        found = next((spec for spec in specs if spec is not None), None)
        if found is None:
            return False
        path = found.submodule_search_locations
    return found is not None and found.origin is not None and os.path.realpath(found.origin) == os.path.realpath(file)


class _Kept(logging.Handler):
    """Keeps what one thread logs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[Line] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread and len(self.lines) < MOST_LINES:
            self.lines.append(Line(record.levelno, f"{record.name} {record.getMessage()}"[:LONGEST_LINE]))


@contextmanager
def lines_logged() -> Generator[Collection[Line]]:
    """What this thread logs meanwhile, from information upwards, the first thousand lines of it."""
    kept, root = _Kept(), logging.getLogger()
    level = root.level
    root.addHandler(kept)
    root.setLevel(min(level, logging.INFO))
    try:
        yield kept.lines
    finally:
        root.removeHandler(kept)
        root.setLevel(level)
