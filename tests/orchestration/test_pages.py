"""The reconciliation page is one file that needs nothing else, and tells what the ledger and the certificate say."""

import csv
import io
import logging
import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html import unescape
from pathlib import Path

import polars as pl

from backfill_assets import runbook
from backfill_assets.core.check import Check, Clause
from backfill_assets.core.events import Event, fact_of
from backfill_assets.core.figures import OTHERS, Figures, figures
from backfill_assets.core.formats import span_told
from backfill_assets.core.next_step import next_step
from backfill_assets.core.plan import Request
from backfill_assets.core.sampling import Cell, Sample, SampledRow
from backfill_assets.core.sentences import sentence_of
from backfill_assets.core.steps import NINE_STEPS, Outcome, Step
from backfill_assets.core.window import Window
from backfill_assets.pages.changes import sample_csv
from backfill_assets.pages.publishing import page_path, publish_page, write_page
from backfill_assets.pages.words import told
from backfill_assets.runbook import CorrectableTable, StepContext
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.proofs import Samples
from backfill_assets.storage.records import Records
from tests.runbook.world import InMemory

TABLE = "daily_orders"
NOW = datetime(2026, 1, 23, 8, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script> & more"
DAYS = tuple(date(2025, 12, 28) + timedelta(days=n) for n in range(8))
SCHEMA = pl.Schema({"day": pl.Date(), "market": pl.String(), "orders": pl.Int64(), "revenue": pl.Decimal(38, 4)})


def orders(factor: str, days: tuple[date, ...] = DAYS) -> pl.DataFrame:
    rows = [
        {"day": day, "market": market, "orders": 2, "revenue": Decimal(100 + n) * Decimal(factor)}
        for n, day in enumerate(days)
        for market in ("EU", HOSTILE)
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


@dataclass
class WithPages(InMemory):
    """Surroundings whose only output are the pages of corrections."""

    published: Path = Path()

    def publish_page(self, ctx: StepContext, event: Event) -> None:
        publish_page(ctx, event, self.published)

    def around(self, ctx: StepContext) -> dict[str, StepContext]:
        return {}


def ctx(root: Path) -> StepContext:
    """A ctx at a table that has pages, some days of it published."""
    records = Records(Lake(str(root / "lake")))
    write(records.table(TABLE, SCHEMA), orders("0.99"))
    table = CorrectableTable(
        name=TABLE,
        keys=("market",),
        measures=("orders", "revenue"),
        prove=(lambda _evidence: [Check.passing(Clause.CONTROL_TOTALS, f"All equal, {HOSTILE}.")],),
    )
    return StepContext(records, table, WithPages(published=root / "published"), "ada", NOW)


def write(table, frame: pl.DataFrame) -> None:
    table.create()
    table.replace_days({day: frame.filter(pl.col("day") == day) for day in frame["day"].unique()})


def validated(at: StepContext) -> str:
    """A correction taken through validation; returns its id."""
    request = Request(TABLE, Window(DAYS[0], DAYS[-1]), HOSTILE, watchers=("finance",))
    plan = runbook.open_correction(at, request)
    runbook.freeze_reports(at, plan.correction)
    runbook.verify_source(at, plan.correction)
    runbook.reset_watermarks(at, plan.correction)
    write(at.records.staged(TABLE, plan.correction, SCHEMA), orders("1"))
    at.record(plan.correction, fact_of(Step.STAGE, Outcome.PROGRESSED, {"days": [str(day) for day in DAYS]}))
    runbook.stage(at, plan.correction)
    Samples(at.records.lake).keep(a_sample(plan.correction))
    runbook.validate(at, plan.correction)
    return plan.correction


def a_sample(correction: str) -> Sample:
    line = {"transaction": "=cmd|calc", "amount": "-1.0000"}
    row = SampledRow({"day": "2026-01-01", "market": HOSTILE}, (Cell("revenue", "1.0000", "1.0000"),), (line,))
    return Sample(correction, 2, 2, 40, (row,))


def read(root: Path, correction: str) -> str:
    return page_path(root / "published", correction).read_text(encoding="utf-8")


def test_a_page_follows_its_correction_from_validation_to_the_end(tmp_path):
    at = ctx(tmp_path)
    correction = validated(at)
    states = [state_in(read(tmp_path, correction))]

    runbook.approve(at, correction, HOSTILE)
    states.append(state_in(read(tmp_path, correction)))
    runbook.cut_over(at, correction)
    states.append(state_in(read(tmp_path, correction)))
    live = read(tmp_path, correction)
    runbook.roll_back(at, correction, all_days=True)
    states.append(state_in(read(tmp_path, correction)))

    assert states == ["waits for approval", "approved", "live", "rolled back"]
    assert "may be rolled back until" in live
    assert "may be rolled back until" not in read(tmp_path, correction)


def test_the_page_tells_everything_that_happened_and_what_is_next_in_the_words_of_the_ledger(tmp_path):
    at = ctx(tmp_path)
    correction = validated(at)
    events = at.records.ledger.events(correction)

    shown = re.sub(r"<[^>]+>|\s+", " ", unescape(read(tmp_path, correction)))

    assert len(events) > 4
    for event in events:
        assert read_as(event.fact.summary()) in " ".join(shown.split())
    largest = at.progress(correction).plan.inputs.largest
    assert largest is not None
    told = span_told(largest.days)
    assert f"Could be corrected when it was opened {told}" in " ".join(shown.split())
    assert read_as(sentence_of(correction, next_step(at.progress(correction), at.now))) in " ".join(shown.split())


def read_as(sentence: str) -> str:
    """A sentence of the ledger as a page has it."""
    return " ".join(told(sentence).striptags().split())


def state_in(html: str) -> str:
    found = re.search(r'data-state="([^"]*)"', html)
    assert found
    return found[1]


def test_the_page_keeps_the_old_numbers_after_they_are_retired(tmp_path):
    at = ctx(tmp_path)
    correction = validated(at)
    before = read(tmp_path, correction)
    runbook.approve(at, correction, "fine")
    runbook.cut_over(at, correction)
    for drawn in page_path(tmp_path / "published", correction).parent.glob(".changes-*"):
        drawn.unlink()

    write_page(at, correction, tmp_path / "published")

    total = Decimal("1656.0000") * Decimal("0.99")
    for page in (before, read(tmp_path, correction)):
        assert f'<data value="{total:.4f}">{total:,.2f}</data>' in page


def test_the_page_needs_nothing_but_itself_and_says_everything_once(tmp_path):
    at = ctx(tmp_path)
    correction = validated(at)

    html = read(tmp_path, correction)

    outside = [link for link in re.findall(r'(?:src|href)="([^"]*)"', html) if link != "sample.csv"]
    assert outside == ["data:,", "../index.html", "exposure.html", "exposure.csv"]
    assert not re.search(r"<script|@import|url\(", html)
    assert "https://" not in re.sub(r'xmlns(:xlink)?="[^"]*"', "", html)
    assert len(html.encode()) < 2_000_000
    for step in NINE_STEPS:
        assert str(step).replace("_", " ").capitalize() in html
    for word in ("December 2025", "Q4 2025", "Q1 2026", "Control totals", "<svg", "prefers-color-scheme"):
        assert word in html


def test_hostile_text_is_shown_and_not_obeyed(tmp_path):
    at = ctx(tmp_path)
    correction = validated(at)
    runbook.approve(at, correction, HOSTILE)

    html = read(tmp_path, correction)

    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "'=cmd|calc" in sample_csv(a_sample(correction))
    assert ",-1.0000" in sample_csv(a_sample(correction))


SHOWN = {
    "=1+1": "'=1+1",
    "+49 30": "'+49 30",
    "-x": "'-x",
    "@a": "'@a",
    "\tx": "'\tx",
    "\rx": "'\rx",
    "-1.0000": "-1.0000",
    "+.5": "+.5",
    "-": "'-",
    "a,b": "a,b",
    'a "b"': 'a "b"',
    "two\nlines": "two\nlines",
    "": "",
}


def test_a_spreadsheet_takes_no_source_row_for_a_formula():
    lines = tuple({"text": text, "n": str(n)} if n else {"text": text} for n, text in enumerate(SHOWN))
    sample = Sample("c", 1, 1, len(lines), (SampledRow({"day": "2026-01-05", "text": "of the key"}, (), lines),))

    rows = [*csv.DictReader(io.StringIO(sample_csv(sample)))]

    assert [row["text"] for row in rows] == [*SHOWN.values()]
    assert {row["day"] for row in rows} == {"2026-01-05"}
    assert [row["n"] for row in rows] == ["", *map(str, range(1, len(SHOWN)))]


def test_a_page_that_cannot_be_written_stops_no_step(tmp_path, caplog):
    at = ctx(tmp_path)
    (tmp_path / "published").write_text("a file where a folder should be")

    with caplog.at_level(logging.ERROR):
        correction = validated(at)

    assert Step.VALIDATE in at.progress(correction).done
    assert correction in caplog.text


def test_a_page_before_any_validation_says_so(tmp_path):
    at = ctx(tmp_path)
    quiet = replace(at, surroundings=InMemory())
    plan = runbook.open_correction(quiet, Request(TABLE, Window(DAYS[0], DAYS[0]), "why"))

    html = write_page(quiet, plan.correction, tmp_path / "published").read_text()

    assert "Nothing has been validated yet" in html


def test_figures_survive_json_and_add_up():
    found = figures(
        orders("0.99").lazy(), orders("1").lazy(), keys=["market"], measures=["orders", "revenue"], days=DAYS
    )

    assert Figures.from_json(found.as_json()) == found
    assert found.main_measure == "revenue"
    assert [line.name for line in found.months] == ["2025-12", "2026-01"]
    assert sum(line.sums["revenue"].new for line in found.quarters) == found.total.sums["revenue"].new
    assert found.mean_absolute_share("revenue") == Decimal(1) / Decimal(99)


def test_many_values_of_a_key_are_shortened_to_those_that_move_most():
    def side(factor: int) -> pl.LazyFrame:
        rows = [{"day": DAYS[0], "market": f"m{n:03}", "orders": 1, "revenue": Decimal(n * factor)} for n in range(90)]
        return pl.DataFrame(rows, schema=SCHEMA).lazy()

    found = figures(side(1), side(2), keys=["market"], measures=["revenue"], days=[DAYS[0]])

    assert len(found.keys["market"]) == 61
    assert found.keys["market"][0].name == "m089"
    assert found.keys["market"][-1].name == OTHERS
    assert sum(line.sums["revenue"].change for line in found.keys["market"]) == found.total.sums["revenue"].change


def test_a_day_without_rows_has_a_line():
    found = figures(
        orders("1").lazy(), orders("1", DAYS[1:]).lazy(), keys=[], measures=["revenue"], days=[*DAYS, date(2026, 2, 1)]
    )

    assert [line.name for line in found.days][-1] == "2026-02-01"
    assert found.days[0].moves
    assert found.days[0].rows_new == 0


def test_loading_the_code_location_imports_nothing_that_only_drawing_or_an_object_store_needs():
    import subprocess
    import sys

    heavy = {"altair", "great_tables", "jinja2", "vl_convert", "pyarrow"}
    code = f"import backfill_assets.revenue.definitions, sys; print(*sorted({heavy} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == []
