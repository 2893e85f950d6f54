"""A table of somebody else is spoken of in its own words: nothing of the example's is in anything that people read.

A table of river levels without a nightly goes from a request through its gate, is live, rolled back in part and
decommissioned. Every notice, page, banner, description, run log and answer of a command is scanned.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from html import unescape
from typing import Any

import dagster as dg
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from backfill_assets import DeltaLakeIOManager, LakeResource, build_correction_definitions, correctable_asset
from backfill_assets.command_line import app
from backfill_assets.command_line.session import Session
from backfill_assets.orchestration.nightly.publish import MARKED
from backfill_assets.pages.places import STORAGE_COST
from backfill_assets.watch import Reconciled, audit, freshness, reconcile
from tests.e2e.house import House
from tests.kinds.stranger import Stranger, stranger_at

pytestmark = pytest.mark.dagster

TABLE, SOURCE, REPORT = "river_levels", "gauge_readings", "weekly_levels"
FIRST = date(2026, 1, 5)
DAYS = [FIRST + timedelta(days=number) for number in range(3)]
WATCHERS = ["financial-aid-of-floods", "executors", "boardwalk"]
"""Their names begin like those of the example's audiences, and they are none of these."""
MILLIMETRES = [2]
FOREIGN = [
    *("finance", "board", "executives", "dashboard", "pack", "workbook", "journal", "restatement", "export"),
    *("dollar", "USD", "currency", "currencies", "fixing", "FX", "ECB", "rate", "revenue", "amount of money"),
    *("transaction", "customer", "country", "refund", "trade", "shop", "fact table", "xlsx", "PDF"),
    *("fct_daily_revenue", "raw_transactions", "executive_dashboard", "board_pack"),
]
NEVER_HERE = ["nightly"]
"""What a table without it does not have, although the library knows it."""


def location() -> dg.Definitions:
    """River levels by station and day, from the readings of gauges; nothing publishes them each night."""
    days = dg.DailyPartitionsDefinition(str(FIRST))
    weeks = dg.WeeklyPartitionsDefinition(str(FIRST), day_offset=1)
    lake = LakeResource()
    kept: dict[str, Any] = {
        "backfill_policy": dg.BackfillPolicy.single_run(),
        "io_manager_key": "lake_io_manager",
    }

    @dg.asset(partitions_def=days, **kept)
    def gauge_readings() -> pl.DataFrame:
        raise NotImplementedError

    @correctable_asset(partitions_def=days, keys=["day", "station"], measures=["millimetres"])
    def river_levels(gauge_readings: pl.LazyFrame) -> pl.LazyFrame:
        return gauge_readings.group_by("day", "station").agg(millimetres=pl.col("level").sum() * MILLIMETRES[0])

    @dg.asset(partitions_def=weeks, **kept)
    def weekly_levels(river_levels: pl.LazyFrame) -> pl.LazyFrame:
        return river_levels.group_by(pl.col("day").dt.truncate("1w")).agg(pl.col("millimetres").max())

    resources = {"lake": lake, "lake_io_manager": DeltaLakeIOManager(lake=lake)}
    return dg.Definitions.merge(
        dg.Definitions(assets=[gauge_readings, weekly_levels], resources=resources),
        build_correction_definitions(
            river_levels,
            sources=[gauge_readings],
            reports=[weekly_levels],
            watch=[audit(), freshness(), reconcile(beside_the_survey)],
        ),
    )


def beside_the_survey(_lake: LakeResource, through: date | None) -> Reconciled:
    """What a survey of the same stations found."""
    found = {"cause": "amounts", "since": str(FIRST), "last": str(FIRST), "days": 1, "groups": ["upper bridge"]}
    told = {**found, "difference": "3", "confidence": 0.9, "request": ""}
    return Reconciled(TABLE, through or DAYS[-1], 3, (told,), compared=3, grouped_by="stations")


def published(found: Stranger) -> None:
    """Three days with twice the level that they had, and the week that they are in."""
    readings = [{"day": day, "station": name, "level": 7} for day in DAYS for name in ("upper bridge", "weir")]
    frame = pl.DataFrame(readings, schema={"day": pl.Date, "station": pl.String, "level": pl.Int64})
    table = found.house.records.table(SOURCE, frame.schema)
    table.create()
    table.replace_days({day: frame.filter(pl.col("day") == day) for day in DAYS})
    MILLIMETRES[0] = 2
    for key in (TABLE, REPORT):
        ran = found.runner().run_keys([dg.AssetKey(key)], str(FIRST), str(DAYS[-1 if key == TABLE else 0]), MARKED)
        assert ran.success, ran.errors
    MILLIMETRES[0] = 1


def printed(*arguments: str) -> str:
    """What a command prints for people."""
    ended = CliRunner().invoke(app, [*arguments], env={"COLUMNS": "400"})
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return ended.output


def told_all_the_way(found: Stranger) -> Iterator[tuple[str, str]]:
    """What the commands print from the plan to the end, and what lies in the published folder meanwhile."""
    request = str(found.house.request(FIRST, DAYS[-1], table=TABLE, reason="Doubled.", watchers=WATCHERS))
    name = re.sub("-", "", found.house.now[:10])
    for command in (
        ["plan", request],
        ["open", request],
        ["run", name],
        ["status", name],
        ["approve", name, "--by", "Ada", "--note", "looked"],
        ["run", name],
        ["watermarks", "list"],
        ["roll-back", name, "--day", str(FIRST), "--by", "Ada", "--note", "not this one"],
        ["run", name],
        ["status", name],
        ["notices", name],
        ["pages"],
        ["months", "--close", "2025-12", "--by", "Ada"],
        ["audit", "--days", "3"],
        ["reconcile"],
        ["decommission", name, "--now", "--by", "Ada"],
        ["status"],
    ):
        yield " ".join(command[:1]), printed(*command)
        yield from written(found.house)
    closed = found.house.run("status", name).told
    assert closed["ending"] == "decommissioned" or closed["waits_for"] == "nothing", closed
    yield "status --json", json.dumps(closed)


def written(house: House) -> Iterator[tuple[str, str]]:
    """Every notice and page that lies in the published folder, as people see it."""
    for file in sorted((house.root / "published").rglob("*")):
        if file.name == STORAGE_COST:
            continue  # what storage costs is in the currency of the list of prices, whatever the tables are of
        if file.suffix in {".md", ".csv", ".yaml"}:
            yield file.name, file.read_text()
        elif file.suffix == ".html":
            without_style = re.sub(r"<style>.*?</style>", " ", file.read_text(), flags=re.DOTALL)
            yield file.name, unescape(re.sub(r"<[^>]*>", " ", without_style))


def described(definitions: dg.Definitions) -> Iterator[tuple[str, str]]:
    """Every description that Dagster shows of a location."""
    for asset in definitions.assets or ():
        if isinstance(asset, dg.AssetsDefinition):
            for spec in asset.specs:
                yield spec.key.to_user_string(), f"{spec.description} {dict(spec.metadata)}"
            for check in asset.check_specs:
                yield check.name, str(check.description)
            yield asset.op.name, fields_of(asset.op)
    for check in definitions.asset_checks or ():
        for spec in check.check_specs:
            yield spec.name, str(spec.description)
    for made in (*(definitions.jobs or ()), *(definitions.sensors or ()), *(definitions.schedules or ())):
        yield made.name, f"{made.name} {made.description}"
        if isinstance(made, dg.JobDefinition):
            for node in made.nodes:
                yield f"{made.name} {node.name}", fields_of(node.definition)


def fields_of(op: Any) -> str:
    """The descriptions of an op and of the fields of its configuration."""
    fields = getattr(op.config_schema.config_type, "fields", {}) if op.has_config_field else {}
    inner = [getattr(field.config_type, "fields", {}) for field in fields.values()]
    every: list[Mapping[str, Any]] = [fields, *inner]
    return " ".join(
        [str(op.description), *(f"{name} {one.description}" for some in every for name, one in some.items())]
    )


def logged(runner: Any) -> Iterator[tuple[str, str]]:
    """What runs wrote into their logs: messages, and the metadata of materializations and of checks."""
    for run in runner.instance.get_runs():
        for entry in runner.instance.all_logs(run.run_id):
            event = entry.dagster_event
            data = str(event.event_specific_data) if event is not None and event.event_type_value in SHOWN else ""
            yield f"run of {run.job_name}", f"{entry.user_message} {data}"


SHOWN = {"ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION", "ASSET_OBSERVATION"}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Everything that is said of the table, and where."""
    definitions = location()
    with stranger_at(tmp_path_factory.mktemp("levels"), definitions) as found:
        published(found)
        told = [*told_all_the_way(found), *logged(Session().runner)]
    return [*told, *described(definitions)]


def helps(command: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The help of every command and of those below it."""
    yield name, printed(*name.split(), "--help")
    for below in getattr(command, "commands", {}):
        yield from helps(command.commands[below], f"{name} {below}".strip())


def used(word: str, texts: list[tuple[str, str]]) -> set[str]:
    """Where a word stands by itself; among digits it may be a part of somebody's hash."""
    pattern = re.compile(rf"(?<![A-Za-z0-9]){re.escape(word)}(?:s|es)?(?![A-Za-z0-9])", re.IGNORECASE)
    return {
        f"{where}: {text[max(0, at.start() - 60) : at.end() + 40]!r}"
        for where, text in texts
        for at in pattern.finditer(text)
    }


@pytest.mark.parametrize("word", [*FOREIGN, *NEVER_HERE])
def test_nothing_that_is_said_of_the_table_has_a_word_of_the_example(said: list[tuple[str, str]], word: str) -> None:
    assert not used(word, said)


@pytest.mark.parametrize("word", [TABLE, REPORT, "millimetres", "station", "upper bridge", "boardwalk", "Rolled back"])
def test_it_is_spoken_of_in_its_own_words(said: list[tuple[str, str]], word: str) -> None:
    assert used(word, said)


@pytest.mark.parametrize("word", FOREIGN)
def test_no_help_of_a_command_has_a_word_of_the_example(word: str) -> None:
    # The name of an option is a contract with scripts.
    told = [(name, text.replace("--customer", "--")) for name, text in helps(typer.main.get_command(app))]
    assert not used(word, told)


def test_each_notice_says_what_happened(said: list[tuple[str, str]]) -> None:
    notices = {where: text for where, text in said if where.endswith(".md")}

    assert {name.split("-")[1] for name in notices} >= {
        "opened",
        "waiting",
        "published",
        "rolled_back",
        "decommissioned",
    }
    assert [name for name, text in notices.items() if "**What happened:**" not in text] == []
