"""Both ways to live with a stream and a batch result: lambda compares them, kappa corrects by reading again."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from typer.testing import CliRunner

from backfill_assets import LakeResource
from backfill_assets.command_line import app
from backfill_assets.errors.runs import ReportsFailed
from backfill_assets.orchestration.watching.reconciliation import reconciliation_job_name
from backfill_assets.runbook.request import request_text
from backfill_assets.storage.findings import Findings
from backfill_assets.watch import LedgerSpec, against_table, reconcile
from tests.kinds.streamed import DAYS, TABLE, Stream, day, usage_with
from tests.kinds.test_replayed import cleaned

BATCH = "usage_by_batch"
SCHEMA = pl.Schema({"day": pl.Date(), "hour": pl.Int64(), "kwh": pl.Decimal(38, 3)})
BESIDE = against_table(BATCH, LedgerSpec(table=TABLE, measure="kwh", group="hour", name="the batch result"))


def with_lambda(stream: Stream) -> Stream:
    return Stream(stream.lake.with_code(usage_with(watch=[reconcile(BESIDE)])), stream.landing)


def batch(stream: Stream, **changed: int) -> None:
    """What the batch path made of the first three days: the same, but for hours that are given another amount."""
    table = stream.lake.records.table(BATCH, SCHEMA)
    table.create()
    rows = stream.lake.rows(TABLE).filter(pl.col("day") < day(3)).select(list(SCHEMA)).cast(SCHEMA)
    for name, amount in changed.items():
        offset, hour = map(int, name.strip("_").split("_"))
        is_it = (pl.col("day") == day(offset)) & (pl.col("hour") == hour)
        value = pl.lit(Decimal(amount), SCHEMA["kwh"])
        rows = rows.with_columns(kwh=pl.when(is_it).then(value).otherwise("kwh"))
    table.replace_days({of: part for (of,), part in rows.partition_by("day", as_dict=True).items()})


def compared(stream: Stream) -> tuple[str, list[str]]:
    """What the morning's comparison says, and the first days of the findings that are open then."""
    name = reconciliation_job_name(TABLE)
    with stream.lake.entered():
        ran = stream.lake.runner.run_op(name, f"{name}_ledger", {"through": ""})
        opened = [str(one.since) for one in Findings(stream.lake.records.lake).open(TABLE)]
    return ran.output["sentence"], opened


def test_lambda_finds_where_the_stream_and_the_batch_result_differ(tmp_path: Path) -> None:
    stream = with_lambda(Stream.at(tmp_path))
    for offset in range(4):
        stream.lands(offset, a="1", bb=str(offset))
    stream.consumes()
    batch(stream)
    agreed, nothing = compared(stream)
    assert agreed.startswith("Live agrees with the ledger in 6 sums")  # the fourth day is not over for the batch path
    assert nothing == []

    batch(stream, _1_2=9)
    differing, opened = compared(stream)
    assert "disagree" in differing
    assert opened == [str(day(1))]

    batch(stream)
    assert compared(stream)[1] == []


def test_lambda_finds_what_only_one_of_them_has(tmp_path: Path) -> None:
    stream = with_lambda(Stream.at(tmp_path))
    for offset in range(3):
        stream.lands(offset, a="1", bb="2")
    stream.consumes()
    table = stream.lake.records.table(BATCH, SCHEMA)
    table.create()
    whole = stream.lake.rows(TABLE).select(list(SCHEMA)).cast(SCHEMA)
    table.replace_days({day(0): whole.filter(pl.col("day") == day(0)), day(2): whole.filter(pl.col("day") == day(2))})

    assert compared(stream)[1] == [str(day(1))]


@pytest.fixture
def kappa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stream:
    """A stream with a bug for four days, and the code that has none."""
    wrong = Stream.at(tmp_path, factor=3)
    for offset in range(4):
        wrong.lands(offset, a="1")
        wrong.consumes()
    right = wrong.with_code(1)
    monkeypatch.setattr("backfill_assets.command_line.session.load_code_location", lambda _: right.lake.definitions)
    return right


def requested(folder: Path, table: str = TABLE) -> Path:
    window = {"first": day(1), "last": day(3)}
    file = folder / "correction.yaml"
    file.write_text(request_text("# Kept.", {"table": table, "window": window, "reason": "The factor."}))
    return file


def answered(stream: Stream, *given: str):
    with stream.lake.entered():
        return CliRunner().invoke(app, ["replay", TABLE, *given, "--by", "Ada"])


def test_kappa_does_what_a_request_asks_for_by_reading_again(kappa: Stream, tmp_path: Path) -> None:
    """Here all of it arrived after the first day of the window began."""
    assert [row[2] for row in kappa.rows()] == [3, 3, 3, 3]
    done = answered(kappa, "--to", str(requested(tmp_path)))

    assert done.exit_code == 0, done.output
    assert [row[2] for row in kappa.rows()] == [1, 1, 1, 1]


def test_kappa_takes_the_batch_path_where_the_log_does_not_reach(kappa: Stream, tmp_path: Path) -> None:
    cleaned(kappa)
    file = requested(tmp_path)
    refused = answered(kappa, "--to", str(file))

    assert refused.exit_code == 4
    assert refused.stdout.strip() == file.read_text("utf-8").strip()
    assert [row[2] for row in kappa.rows()] == [3, 3, 3, 3]


def test_a_request_for_another_table_is_not_done_by_reading_again(kappa: Stream, tmp_path: Path) -> None:
    refused = answered(kappa, "--to", str(requested(tmp_path, table="orders")))
    assert refused.exit_code == 2
    assert "does not keep" in " ".join(refused.output.split())


BROKEN: list[str] = []


@dg.asset(partitions_def=DAYS, deps=[TABLE], backfill_policy=dg.BackfillPolicy.single_run(), io_manager_key="shown")
def bills(context: dg.AssetExecutionContext, lake: LakeResource) -> dict[str, float]:
    """A report that reads what the stream says of each of its days."""
    if BROKEN:
        raise ConnectionError(BROKEN[0])
    records = lake.records()
    of = records.snapshot(TABLE).scan([date.fromisoformat(key) for key in context.partition_keys]).collect()
    return {
        key: float(of.filter(pl.col("day") == date.fromisoformat(key))["kwh"].sum()) for key in context.partition_keys
    }


class Shown(dg.IOManager):
    """Where readers look."""

    def __init__(self) -> None:
        self.pages: dict[str, float] = {}
        self.written: list[str] = []

    def handle_output(self, context: dg.OutputContext, obj: dict[str, float]) -> None:
        self.pages |= obj
        self.written += sorted(obj)

    def load_input(self, context: dg.InputContext) -> None: ...


def reported(stream: Stream, factor: int, shown: Shown) -> Stream:
    """The same stream, with a report of what it says."""
    resources = dg.Definitions(assets=[bills], resources={"shown": shown})
    located = dg.Definitions.merge(usage_with(factor, reports=[bills]), resources)
    return Stream(stream.lake.with_code(located), stream.landing)


@pytest.fixture
def read_by_a_report(tmp_path: Path) -> tuple[Stream, Shown]:
    shown = Shown()
    return reported(Stream.at(tmp_path), 1, shown), shown


def test_kappa_reports_follow_the_stream_and_nothing_is_built_twice(read_by_a_report: tuple[Stream, Shown]) -> None:
    stream, shown = read_by_a_report
    stream.lands(0, a="1")
    stream.lands(1, a="2")
    stream.consumes()
    assert shown.pages == {str(day(0)): 1, str(day(1)): 2}
    shown.written.clear()

    stream.lands(1, a="5")
    stream.consumes()
    assert (shown.pages, shown.written) == ({str(day(0)): 1, str(day(1)): 5}, [str(day(1))])
    stream.consumes()
    assert shown.written == [str(day(1))]


def test_a_report_that_fails_keeps_nothing_from_the_stream_and_is_built_by_the_next_turn(
    read_by_a_report: tuple[Stream, Shown], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, shown = read_by_a_report
    monkeypatch.setattr(f"{__name__}.BROKEN", ["no such host"])
    stream.lands(0, a="1")
    with pytest.raises(ReportsFailed, match="bills"):
        stream.consumes()
    assert stream.rows() == [(day(0), 1, 1.0)]
    assert stream.asked() == 1

    monkeypatch.setattr(f"{__name__}.BROKEN", [])
    stream.lands(1, a="2")
    stream.consumes()
    assert shown.pages == {str(day(0)): 1, str(day(1)): 2}


def test_a_report_that_is_frozen_waits_for_the_correction(tmp_path: Path) -> None:
    shown = Shown()
    wrong = reported(Stream.at(tmp_path), 3, shown)
    for offset in range(2):
        wrong.lands(offset, a="1")
    wrong.consumes()
    assert shown.pages == {str(day(0)): 3, str(day(1)): 3}
    stream = reported(wrong, 1, shown)
    correction = stream.lake.correct(day(0), day(0), reason="The factor.")
    correction.to_gate()
    shown.written.clear()
    stream.lands(0, a="2")
    stream.lands(1, a="9")

    stream.consumes()
    assert [row[2] for row in stream.rows()] == [3, 9]
    assert shown.written == []
    correction.through()
    stream.consumes()
    assert shown.pages == {str(day(0)): 2, str(day(1)): 9}
