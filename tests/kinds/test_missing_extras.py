"""What an extra installs is missing: nothing else of the library needs it, and each use names it in a sentence."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from typer.testing import CliRunner

from backfill_assets import ExtraMissing, correctable_sql
from backfill_assets.command_line import app
from backfill_assets.command_line.session import instance_of_home
from backfill_assets.core.notice import Notice
from backfill_assets.orchestration.asset.executors import executor_chosen
from backfill_assets.orchestration.instance.delivery import Post
from backfill_assets.pages import correction_charts
from backfill_assets.revenue.exports import Book, workbook
from backfill_assets.runbook import stating
from backfill_assets.storage.files import Folder
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.parquet_pages import refuse_without_reader
from backfill_assets.storage.records import Records
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.installed import ROOT, Shop
from tests.postgres import Database
from tests.topics import KEY, payments

NOT_INSTALLED = [
    *("altair", "vl_convert", "apprise", "xlsxwriter", "starlette", "uvicorn", "dagster_webserver"),
    *("pandera", "currency_converter", "duckdb", "pyarrow", "pandas", "numpy", "confluent_kafka"),
    *("dask", "distributed", "ray", "dagster_postgres"),
]
BLOCKED = f"""
import sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {NOT_INSTALLED}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, NotInstalled())
"""
NOTHING_OF_IT = f"\nassert not {set(NOT_INSTALLED)} & sys.modules.keys()\n"
NOW = datetime(2026, 1, 23, 9, tzinfo=UTC)


def notice_sent(house: Path) -> str:
    post = Post(Records(Lake(str(house / "lake"))), house / "notices", NOW)
    post.publish(Notice("20260123", "published", "exec-ops", "Revenue is corrected", "The body."))
    with pytest.raises(ExtraMissing) as refused:
        post.deliver()
    (waiting,) = post.records.outbox.pending()
    assert waiting.why == "Apprise is not installed"
    return str(refused.value)


def store_read(_house: Path) -> str:
    with pytest.raises(ExtraMissing) as refused:
        Folder("s3://bucket/lake", {"aws_region": "eu-central-1"}).listing()
    return str(refused.value)


def book_made(_house: Path) -> str:
    with pytest.raises(ExtraMissing) as refused:
        workbook(Book("2026-01", [], None, pl.DataFrame(), pl.DataFrame()))
    return str(refused.value)


def bars_drawn(_house: Path) -> str:
    return correction_charts.bars_both_ways([("EU", 1.0)], about="revenue").missing


def lines_drawn(_house: Path) -> str:
    return correction_charts.lines_in_time(
        [correction_charts.Moved("2026-01-05", 1.0, 2.0, 1.0)], about="revenue"
    ).missing


def query_declared(_house: Path) -> str:
    days = dg.DailyPartitionsDefinition("2026-01-05")
    with pytest.raises(ExtraMissing) as refused:
        correctable_sql("SELECT 1 AS day", name="daily", sources=[], partitions_def=days, keys=[], measures=[])
    return str(refused.value)


def console_served(_house: Path) -> str:
    answered = CliRunner().invoke(app, ["serve", "--port", "1"])
    assert answered.exit_code == 2, answered.output
    return " ".join(answered.output.split())


def statement_signed(house: Path) -> str:
    with pytest.raises(ExtraMissing) as refused:
        stating._signed(b"{}", house / "key.pem")
    return str(refused.value)


def topic_read(house: Path) -> str:
    with pytest.raises(ExtraMissing) as refused:
        payments("payments").feed(Records(Lake(str(house / "lake"))), KEY, NOW)
    return str(refused.value)


def cluster_reached(told: str) -> str:
    chosen = executor_chosen("daily", told)
    assert chosen is not None
    with pytest.raises(ExtraMissing) as refused, chosen.open():
        pass
    return str(refused.value)


def records_in_postgres(house: Path) -> str:
    (house / "dagster.yaml").write_text((ROOT / "docs/dagster-postgres.yaml").read_text())
    told = {**Database(1).environment, "DAGSTER_HOME": str(house)}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in told.items():
            patch.setenv(name, value)
        with pytest.raises(ExtraMissing) as refused:
            instance_of_home()
    return str(refused.value)


def pages_searched(_house: Path) -> str:
    with pytest.raises(ExtraMissing) as refused:
        refuse_without_reader()
    return str(refused.value)


USES: dict[str, tuple[str, str, Callable[[Path], str]]] = {
    "bars": ("pages", "altair", bars_drawn),
    "lines": ("pages", "vl_convert", lines_drawn),
    "a notice": ("notify", "apprise", notice_sent),
    "a query": ("sql", "duckdb", query_declared),
    "an object store": ("object-store", "pyarrow", store_read),
    "the console": ("console", "uvicorn", console_served),
    "a signed statement": ("attest", "cryptography", statement_signed),
    "the bytes of Parquet files": ("personal-data", "pyarrow", pages_searched),
    "a topic": ("kafka", "confluent_kafka", topic_read),
    "a cluster of Dask": ("dask", "distributed", lambda _: cluster_reached("dask:tcp://127.0.0.1:1")),
    "a cluster of Ray": ("ray", "ray", lambda _: cluster_reached("ray:127.0.0.1:1")),
    "Dagster's records in PostgreSQL": ("postgres", "dagster_postgres", records_in_postgres),
    "a workbook": ("demo", "xlsxwriter", book_made),
}


@pytest.mark.parametrize("use", USES)
def test_a_use_without_its_extra_says_which_it_is(use: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    extra, module, told = USES[use]
    for name in [name for name in sys.modules if name.partition(".")[0] == module or name == "deltalake.fs"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setenv("BACKFILL_NOTIFY_EXEC_OPS", "json://127.0.0.1:1")

    sentence = told(tmp_path)

    assert f"takes {module}" in sentence
    assert f"Install backfill-assets[{extra}] " in sentence
    assert_in_three_sentences(sentence)


def test_every_extra_that_is_for_users_has_a_use_here():
    import tomllib

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {extra for extra, _, _ in USES.values()} == declared.keys() - {"test"}


def test_pages_are_drawn_anew_once_there_is_something_to_draw_charts_with(monkeypatch: pytest.MonkeyPatch):
    from backfill_assets.pages.shell import drawn_by

    with_charts = drawn_by.__wrapped__()
    monkeypatch.setitem(sys.modules, "vl_convert", None)

    assert drawn_by.__wrapped__() != with_charts


@pytest.mark.dagster
def test_the_example_without_its_extra_says_so(tmp_path: Path):
    shop = Shop(tmp_path, ROOT, sys.executable, BLOCKED)
    environment = shop.environment | {"BACKFILL_DEFINITIONS": ""}
    code = f"{BLOCKED}\nfrom backfill_assets.command_line import app\napp(['status'])"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith("ExtraMissing The example takes pandera")
    assert "backfill-assets[demo]" in ended.stderr


@pytest.mark.dagster
@pytest.mark.slow
def test_a_table_is_corrected_where_no_extra_is_installed(tmp_path: Path):
    """Its page has every figure, and a sentence where a chart would be."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "backfill_assets").symlink_to(ROOT / "backfill_assets")
    shop = Shop(tmp_path, code, sys.executable, BLOCKED, NOTHING_OF_IT)

    shop.correct_and_roll_back(shop.publish_wrong_days())

    (page,) = (tmp_path / "published/corrections").glob("*/index.html")
    text = page.read_text()
    assert "Drawing a chart takes altair, which is not installed." in text
    assert "2026-01-06" in text
    assert "<svg" not in text
