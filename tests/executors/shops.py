"""Modules of strangers, written into a folder from which this process and every worker imports them."""

import importlib
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType

import dagster as dg
import polars as pl

from backfill_assets import LakeResource
from backfill_assets.orchestration.asset.staging_job import StagingJob, TablesKnown, address_of, reference_of
from backfill_assets.testing import TestCorrection, TestLake
from tests.stores import InBucket

FIRST = date(2026, 1, 5)
NOW = "2026-03-20T06:00:00+00:00"
TABLE = "daily_orders"
WHOLE = pl.DataFrame(
    {"day": [FIRST + timedelta(days=at) for at in range(8) for _ in range(2)], "market": ["EU", "US"] * 8}
).with_columns(price=pl.int_range(100, 116))

SHOP = '''
"""A table of orders whose transform does what files beside it ask of it, each once."""

import logging
import os
import signal
import time
import uuid
from pathlib import Path

import dagster as dg
import polars as pl

from backfill_assets import Wide, build_correction_definitions, correctable_asset, lake_resources
from backfill_assets.storage.files import Folder

DAYS = dg.DailyPartitionsDefinition("2026-01-05")
HERE = Path(__file__).parent
ASKED = HERE / "asked" / Path(__file__).stem
LOG = logging.getLogger("shop")
COUNTED = [0]


def is_asked(what, remove=True):
    """Whether something was asked, and this is the one process that does it."""
    if not remove:
        return (ASKED / what).exists()
    try:
        (ASKED / what).rename(ASKED / f"{what}.{uuid.uuid4()}.done")
    except FileNotFoundError:
        return False
    return True


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def write_and_die(self, path, frame, write=Folder.write):
    """Write a file; the process dies once two of its files are there."""
    size = write(self, path, frame)
    COUNTED[0] += "_backfill_" in self.uri
    if COUNTED[0] > 1 and is_asked("die-writing"):
        die()
    return size


if is_asked("die-writing", remove=False):
    Folder.write = write_and_die


@dg.asset(partitions_def=DAYS, metadata=METADATA)
def orders_log():
    raise NotImplementedError


@correctable_asset(partitions_def=DAYS, keys=["market"], measures=["revenue"])
def daily_orders(orders_log: pl.LazyFrame) -> pl.DataFrame:
    rows = orders_log.collect()
    held = ASKED / f"{uuid.uuid4()}.held"
    held.touch()
    readers = len(list(ASKED.glob("*.held")))
    (ASKED / f"{readers}.readers").touch()
    time.sleep(0.2)
    held.unlink()
    LOG.info("computing %s days", rows["day"].n_unique())
    if is_asked("die"):
        die()
    if is_asked("die-always", remove=False):
        die()
    if is_asked("die-of-one", remove=False) and "2026-01-07" in rows["day"].cast(pl.String):
        die()
    if is_asked("fail", remove=False) and "2026-01-07" in rows["day"].cast(pl.String):
        raise ValueError("no rate of that day")
    if is_asked("differ", remove=False) and "2026-01-07" in rows["day"].cast(pl.String):
        rows = rows.with_columns(pl.col("price").cast(pl.Int32))
    return rows.select("day", "market", revenue=pl.col("price") * 2)


defs = dg.Definitions.merge(
    dg.Definitions(assets=[orders_log], resources=lake_resources()),
    build_correction_definitions(daily_orders, sources=[orders_log], EXECUTOR),
)
'''


@dataclass(frozen=True)
class Shop:
    """A module of a stranger, which was imported in this process, and its published table on a lake."""

    module: ModuleType
    lake: TestLake

    @property
    def asked(self) -> Path:
        return Path(str(self.module.ASKED))

    def ask(self, *what: str) -> None:
        """Ask the transform for something; each worker, or the first one, will do it."""
        for one in what:
            (self.asked / one).touch()

    @property
    def most_readers(self) -> int:
        """How many computed at the same time, as they counted themselves."""
        return max(int(file.stem) for file in self.asked.glob("*.readers"))

    def opened(self) -> TestCorrection:
        """A correction of all that was published wrong."""
        waves = {"order": "oldest", "attempts": 1}
        return self.lake.correct(FIRST, FIRST + timedelta(days=7), reason="Prices were doubled twice.", waves=waves)

    def staged_files(self, correction: str) -> tuple[set[str], set[str]]:
        """The data files of a staged version: those that are there, and those that its newest commit names."""
        uri = self.lake.records.lake.staged_uri(TABLE, correction)
        folder = self.lake.bucket.at(uri) if isinstance(self.lake, LakeInBucket) else Path(uri)
        there = {str(file).removeprefix(f"{folder}/") for file in folder.rglob("*.parquet")}
        there = {path for path in there if path.startswith("day=")}
        has_log = (folder / "_delta_log").exists()
        snapshot = self.lake.records.staged(TABLE, correction).snapshot() if has_log else None
        named = {file.path for of in snapshot.files.values() for file in of} if snapshot else set[str]()
        return there, named

    def job(self, correction: TestCorrection) -> StagingJob:
        """All days of a correction as one share."""
        definition, plan = self.lake.definition(TABLE), correction.progress.plan
        spec = definition.compute_spec
        asset, lake = reference_of(definition.asset, TABLE, spec.compute), address_of(self.lake.lake)
        known = TablesKnown()
        return StagingJob(asset, spec.code_version, lake, correction.id, plan.days, plan.pins, spec.read.reads, known)

    def lines(self) -> list[str]:
        """Every line of every run's log."""
        instance = self.lake.instance
        return [entry.user_message for run in instance.get_runs() for entry in instance.all_logs(run.run_id)]


class LakeInBucket(TestLake):
    """A lake whose tables lie in a bucket; what else is kept is in a folder."""

    def __init__(self, folder: Path, bucket: InBucket, definitions: dg.Definitions, now: str) -> None:
        self.bucket = bucket
        super().__init__(folder, definitions, now=now)

    @property
    def lake(self) -> LakeResource:
        return LakeResource(root=str(self.bucket))

    @property
    def _environment(self) -> dict[str, str]:
        return {**super()._environment, "BACKFILL_LAKE": str(self.bucket)}


def new_shop(
    folder: Path,
    root: Path,
    rows: pl.DataFrame = WHOLE,
    *,
    executor: str = "",
    metadata: str = "{}",
    asked: Collection[str] = (),
    bucket: InBucket | None = None,
    days: int = 8,
) -> Shop:
    """A module below a folder that is imported from, with what it is asked from its import on, and its lake."""
    name = f"shop_{uuid.uuid4().hex}"
    given = f"executor={executor}" if executor else ""
    (folder / f"{name}.py").write_text(SHOP.replace("EXECUTOR", given).replace("METADATA", metadata))
    (folder / "asked" / name).mkdir(parents=True)
    for one in asked:
        (folder / "asked" / name / one).touch()
    importlib.invalidate_caches()
    module = importlib.import_module(name)
    lake = LakeInBucket(root, bucket, module.defs, NOW) if bucket else TestLake(root, module.defs, now=NOW)
    lake.write("orders_log", rows)
    last = FIRST + timedelta(days=days - 1)
    lake.publish(FIRST, last)
    lake.plant(FIRST, last, lambda found: found.with_columns(pl.col("revenue") * 2))
    return Shop(module, lake)
