"""No promise hangs on a process-wide switch of another library: its environment, its global settings, its context."""

import ast
import decimal
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Context, Decimal, localcontext
from pathlib import Path
from typing import Any

import pandera.config
import pandera.polars as pa
import polars as pl
import pytest
from pandera.config import ValidationDepth, config_context

import backfill_assets
from backfill_assets.core.exact import EXACT
from backfill_assets.core.expectation import Estimate
from backfill_assets.core.notice import change
from backfill_assets.core.onset import Cause, Observation, findings
from backfill_assets.orchestration.asset.wave import ComputeSpec
from backfill_assets.pages.formats import growth, money, share
from backfill_assets.revenue.raw_log import TRANSACTIONS
from backfill_assets.revenue.schemas import MODELS, schema_of
from backfill_assets.sources import LandedFile
from backfill_assets.sources.ingestion import frames_of
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from tests.e2e.house import House
from tests.e2e.shop import open_shop, trade
from tests.revenue.shorthands import checked
from tests.scenarios import FRIDAY, KEY, csv_line, drop_csv, drop_ndjson, drop_parquet, fx_rates, landed, transaction

PACKAGE = Path(backfill_assets.__file__).parent
DAYS = [FRIDAY, FRIDAY + timedelta(days=1)]
NOTHING = {FRIDAY: schema_of("raw_transactions").to_frame()}
HUGE = Decimal("123456789012345678901234567890123.4567")


class Positive(pa.DataFrameModel):
    """What an author declares: no price below zero."""

    day: pl.Date
    price: pl.Int64 = pa.Field(ge=0)


@contextmanager
def switched_off_for_good() -> Iterator[None]:
    before = pandera.config.CONFIG.validation_enabled
    pandera.config.CONFIG.validation_enabled = False
    with config_context(validation_enabled=False):
        yield
    pandera.config.CONFIG.validation_enabled = before


PANDERA: dict[str, Callable[[], Any]] = {
    "as it is": config_context,
    "switched off": lambda: config_context(validation_enabled=False),
    "switched off for the process": switched_off_for_good,
    "types only": lambda: config_context(validation_depth=ValidationDepth.SCHEMA_ONLY),
    "values only": lambda: config_context(validation_depth=ValidationDepth.DATA_ONLY),
    "off and types only": lambda: config_context(validation_enabled=False, validation_depth="SCHEMA_ONLY"),
}


@pytest.mark.parametrize("switch", PANDERA.values(), ids=PANDERA)
def test_no_invalid_day_of_an_author_is_computed(tmp_path: Path, switch: Callable[[], Any]):
    def prices() -> pl.DataFrame:
        return pl.DataFrame({"day": DAYS, "price": [-1, -2]})

    compute_spec = ComputeSpec("prices", prices, {}, "1", Positive)

    with switch():
        wave = compute_spec.wave(Records(Lake(str(tmp_path))), DAYS)

    assert (dict(wave.frames), sorted(wave.reasons)) == ({}, DAYS)


@pytest.mark.parametrize("switch", PANDERA.values(), ids=PANDERA)
def test_no_invalid_row_of_the_example_is_taken_in(switch: Callable[[], Any]):
    rows = landed([transaction("t1", currency="eur")])
    with switch():
        kept, reasons = frames_of(
            TRANSACTIONS, [LandedFile(FRIDAY, "transactions/a.csv", "", rows)], {FRIDAY: 1}, {FRIDAY: KEY}, NOTHING
        )
        with pytest.raises(pa.errors.SchemaErrors):
            checked("fx_rates", fx_rates({(FRIDAY, "USD"): "-1"}))
        for table in MODELS:
            with pytest.raises(pa.errors.SchemaErrors):
                checked(table, schema_of(table).to_frame().with_columns(more=1))

    assert (kept, list(reasons)) == ({}, [FRIDAY])
    assert "currency" in str(reasons[FRIDAY])


TRIPLE, THIRD, NEARLY = EXACT.multiply(HUGE, Decimal(3)), Decimal(1) / 3, EXACT.add(HUGE, Decimal("0.0001"))
OBSERVED = [Observation(DAYS[0], "USD", HUGE, Cause.AMOUNTS), Observation(DAYS[1], "USD", NEARLY, Cause.AMOUNTS)]
ARITHMETIC: dict[str, Callable[[], object]] = {
    "an amount on a page": lambda: money(Decimal("1234.5650")),
    "a share on a page": lambda: share(THIRD, HUGE),
    "a growth on a page": lambda: growth(TRIPLE, HUGE),
    "a change in a notice": lambda: change(HUGE, TRIPLE),
    "what an estimate predicts": lambda: Estimate("m", days={DAYS[0]: HUGE, DAYS[1]: NEARLY}).predicts,
    "findings": lambda: [
        (one.difference, one.net, one.largest, one.confidence) for one in findings("prices", OBSERVED)
    ],
}
CONTEXTS = {
    "few digits": Context(prec=3),
    "another rounding": Context(prec=3, rounding=decimal.ROUND_UP),
    "nothing inexact": Context(traps=[decimal.Inexact, decimal.Rounded]),
}


@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
@pytest.mark.parametrize("compute", ARITHMETIC.values(), ids=ARITHMETIC)
def test_figures_do_not_depend_on_the_decimal_context(compute: Callable[[], object], context: Context):
    with localcontext(EXACT):
        right = compute()
    with localcontext(context):
        found = compute()
    assert found == right


def test_no_promise_hangs_on_an_assert_statement():
    """``python -O`` and ``PYTHONOPTIMIZE`` leave them out."""
    asserting = {
        f"{file.relative_to(PACKAGE)}:{node.lineno}"
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Assert)
    }

    assert asserting == set()


def test_files_are_read_and_written_in_utf8_whatever_the_locale():
    """Text is opened with an encoding that is said, or as bytes."""
    silent = {
        f"{file.relative_to(PACKAGE)}:{node.lineno}"
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) in {"read_text", "write_text"}
        and not any(
            isinstance(one, ast.Constant) and one.value in {"utf-8", "utf-8-sig", "ascii"} for one in ast.walk(node)
        )
    }

    assert silent == set()


FIRST, BAD, HALF, GOOD = (date(2026, 1, day) for day in (7, 8, 9, 10))
HOSTILE = {
    "PANDERA_VALIDATION_ENABLED": "False",
    "PANDERA_VALIDATION_DEPTH": "SCHEMA_ONLY",
    "POLARS_ENGINE_AFFINITY": "streaming",
    "POLARS_FMT_MAX_ROWS": "1",
    "PYTHONOPTIMIZE": "1",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONUTF8": "0",
    "LC_ALL": "C",
    "TZ": "Pacific/Kiritimati",
}
SCRIPT = """
import decimal
decimal.setcontext(decimal.Context(prec=3, rounding=decimal.ROUND_UP))
decimal.DefaultContext.prec, decimal.DefaultContext.rounding = 3, decimal.ROUND_UP
from backfill_assets.command_line import app
app()
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> House:
    return open_shop(tmp_path_factory.mktemp("switches") / "house", [FIRST], "2026-01-20T06:00:00+00:00")


@pytest.mark.dagster
def test_nightly_comes_out_the_same_in_a_hostile_process(shop: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    houses = [shop.copy(tmp_path / name) for name in ("friendly", "hostile")]
    for house in houses:
        file = drop_parquet(house.landing, BAD, trade(BAD))
        file.write_bytes(file.read_bytes()[:100])
        drop_ndjson(house.landing, HALF, ['{"transaction_id": "\\ud83d"}'])
        drop_csv(
            house.landing, GOOD, [csv_line("t1", GOOD, amount="0.0001"), csv_line("t2", GOOD, country="Österreich")]
        )
    friendly = houses[0].run("nightly", "--through", str(GOOD))
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    hostile = houses[1].python(SCRIPT, "nightly", "--through", str(GOOD), "--json")

    assert friendly.told["published"] == [str(GOOD)]
    assert (hostile.code, hostile.told) == (friendly.code, friendly.told), hostile.text
    assert houses[1].fact().equals(houses[0].fact())


@pytest.mark.dagster
def test_a_correction_its_notices_and_pages_come_out_the_same_in_any_decimal_context(shop: House, tmp_path: Path):
    outcomes = []
    for name, context in (("friendly", EXACT), ("hostile", Context(prec=3, rounding=decimal.ROUND_UP))):
        house = shop.copy(tmp_path / name)
        drop_parquet(house.landing, FIRST, trade(FIRST, "98765432101.1234"))
        (house.landing / "ledger").mkdir()
        booked = f"{FIRST},EUR,1,116.1234\n{FIRST},GBP,1,132612345678.5678\n"
        (house.landing / "ledger/2026.csv").write_text(f"day,currency,transactions,revenue_usd\n{booked}")
        with localcontext(context):
            house.run("nightly", "--through", str(FIRST))
            reconciled = house.run("reconcile").told["findings"]
            correction = house.opened(FIRST, FIRST, expect={"estimate": {"measure": "revenue_usd", "total": "1"}})
            for command in (("run",), ("approve", "--by", "Ada", "--note", "late", "--override"), ("run",)):
                assert house.run(command[0], correction, *command[1:]).code in {0, 3, 4}
        outcomes.append(([{**one, "request": ""} for one in reconciled], texts(house), events(house, correction)))

    assert "98,765,432,088.62<" in json.dumps(outcomes[0][1])
    for friendly, hostile in zip(*outcomes, strict=True):
        assert hostile == friendly


UNLIKE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{12,64}|20\d\d-\d\d-\d\dT[\d:.+Z]*|\.changes-\w+|\d\d:\d\d"
    r"|[\d.,]+(?= core-seconds)|(?<= core-seconds of )[\d.,]+"
)


def texts(house: House) -> dict[str, str]:
    """What readers see, without what differs from run to run."""
    files = [file for file in (house.root / "published").rglob("*") if file.suffix in {".html", ".csv", ".md", ".yaml"}]
    told = {
        UNLIKE.sub("*", str(file.relative_to(house.root))): UNLIKE.sub("*", file.read_text("utf-8")) for file in files
    }
    return {name: text for name, text in told.items() if "/*" not in name}


def events(house: House, correction: str) -> list[object]:
    """The ledger, without what differs from run to run."""
    kept = [dict(event.detail) for event in house.records.ledger.events(correction)]
    varying = {
        "seconds",
        "core_seconds",
        "milliseconds",
        "certificate",
        "swapped_at",
        "planned",
        "manifest",
        "page",
        "version",
        "run",
    }
    return [
        {
            name: UNLIKE.sub("*", json.dumps(value, default=str)).replace(str(house.root), "")
            for name, value in detail.items()
            if name not in varying
        }
        for detail in kept
    ]
