"""Reconciliation and replay audit on real data: nothing found where nothing is wrong, a fault found by its onset."""

import inspect
import shutil
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import dagster as dg
import polars as pl
import pytest

from backfill_assets import runbook
from backfill_assets.core.audited import Verdict
from backfill_assets.core.onset import Cause
from backfill_assets.core.window import Window
from backfill_assets.orchestration.nightly.freshness import rows_of, slots_behind, usual_volume
from backfill_assets.orchestration.watching.audit import audit_table
from backfill_assets.revenue import transforms
from backfill_assets.revenue.reconciling import reconcile
from backfill_assets.runbook.request import read_request_file
from backfill_assets.storage.findings import Findings
from tests.composed import DAILY_REVENUE
from tests.e2e.small_lake import (
    FACT,
    NOW,
    OPENED,
    SmallLake,
    ingest,
    prepared,
    publish,
    real_lake,
    with_rates_of_the_day_before,
)

AROUND = Window(date(2011, 9, 1), date(2011, 10, 31))
WINDOW = Window(date(2011, 9, 19), date(2011, 10, 15))
FRIDAY = date(2011, 10, 14)
TODAY = date(2011, 11, 1)


@cache
def template() -> Path:
    """Built once; every test works on a copy."""
    root = Path(mkdtemp(prefix="reconciliation_"))
    real_lake(root / "one", AROUND.days)
    return root / "one"


def lake(root: Path, monkeypatch: pytest.MonkeyPatch) -> SmallLake:
    shutil.copytree(template(), root / "copy")
    found = SmallLake(root / "copy")
    monkeypatch.setenv("BACKFILL_LANDING", str(found.landing))
    monkeypatch.setenv("BACKFILL_PUBLISHED", str(root / "published"))
    return found


def seen(found: SmallLake, through: date | None = None):
    return reconcile(found.records, found.landing, through, NOW)


def ledger_lines(found: SmallLake) -> list[str]:
    return (found.landing / "ledger/ledger.csv").read_text().splitlines()


def write_ledger(found: SmallLake, lines: list[str]) -> None:
    (found.landing / "ledger/ledger.csv").write_text("\n".join(lines) + "\n")


# ---- reconciliation


def test_nothing_is_found_where_live_equals_the_ledger(tmp_path, monkeypatch):
    found = seen(lake(tmp_path, monkeypatch))

    assert found.as_json()["findings"] == []
    assert (found.through, found.days) == (AROUND.last, len(AROUND))


def test_rates_of_the_day_before_are_found_by_onset_currencies_and_window(tmp_path, monkeypatch):
    planted = lake(tmp_path, monkeypatch)
    publish(planted, WINDOW.days, with_rates_of_the_day_before(planted, WINDOW))

    (finding,) = seen(planted).findings

    assert finding["since"] == str(WINDOW.first)
    assert finding["last"] == str(FRIDAY)
    assert "USD" not in finding["groups"]
    assert {"EUR", "GBP"} <= set(finding["groups"])
    assert 0.5 < finding["confidence"] < 1
    assert abs(Decimal(finding["net"])) < Decimal(finding["difference"]) / 2  # the errors nearly cancel
    proposed = read_request_file(Path(finding["request"]))
    assert proposed.window == WINDOW


def test_the_proposed_correction_passes_every_check_and_closes_the_finding(tmp_path, monkeypatch):
    planted = lake(tmp_path, monkeypatch)
    right = planted.live()
    publish(planted, WINDOW.days, with_rates_of_the_day_before(planted, WINDOW))
    (finding,) = seen(planted).findings

    plan = prepared(planted, read_request_file(Path(finding["request"])))
    validation = runbook.validate(planted.step_context(), plan.correction)
    runbook.approve(planted.step_context(), plan.correction, "as proposed")
    runbook.cut_over(planted.step_context(), plan.correction)
    after = reconcile(planted.records, planted.landing, None, OPENED)

    assert validation.failed == ()
    assert planted.live().equals(right)
    assert after.findings == ()
    assert after.closed == (finding["id"],)
    assert [stored.state for stored in Findings(planted.records.lake).latest(FACT)] == ["closed"]


def test_a_look_that_ends_before_a_finding_does_not_close_it(tmp_path, monkeypatch):
    planted = lake(tmp_path, monkeypatch)
    publish(planted, WINDOW.days, with_rates_of_the_day_before(planted, WINDOW))
    seen(planted)

    early = seen(planted, through=WINDOW.first - timedelta(days=1))

    assert early.findings == ()
    assert early.closed == ()
    assert len(Findings(planted.records.lake).open(FACT)) == 1


def test_lost_rows_and_wrong_rates_are_two_findings(tmp_path, monkeypatch):
    planted = lake(tmp_path, monkeypatch)
    publish(planted, WINDOW.days, with_rates_of_the_day_before(planted, WINDOW))
    publish(planted, [AROUND.first], lambda rows: rows.filter(pl.col("currency") != "EUR"))

    rows, amounts = seen(planted).findings

    assert (rows["cause"], rows["since"], rows["groups"]) == (Cause.ROWS, str(AROUND.first), ["EUR"])
    assert amounts["cause"] == Cause.AMOUNTS


def test_a_missing_ledger_day_is_no_match(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch)
    write_ledger(found, [line for line in ledger_lines(found) if not line.startswith(str(FRIDAY))])

    (finding,) = seen(found).findings

    assert (finding["cause"], finding["since"], finding["days"]) == (Cause.LEDGER_MISSING, str(FRIDAY), 1)
    assert finding["request"] == ""  # computing the day again would not bring finance's line


def test_a_day_that_lost_all_rows_is_found_although_the_ledger_has_none_either(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch)
    write_ledger(found, [line for line in ledger_lines(found) if not line.startswith(str(FRIDAY))])
    publish(found, [FRIDAY], lambda rows: rows.clear())

    (finding,) = seen(found).findings

    assert (finding["cause"], finding["since"]) == (Cause.ROWS, str(FRIDAY))


def test_a_malformed_line_is_listed_and_its_day_incomplete_where_it_does_not_match(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch)
    lines = [
        line.rsplit(",", 1)[0] + ",12.3.4" if line.startswith(f"{FRIDAY},GBP") else line for line in ledger_lines(found)
    ]
    write_ledger(found, [*lines, "nonsense"])

    reconciled = seen(found)

    assert len(reconciled.bad_lines) == 2
    assert [finding["cause"] for finding in reconciled.findings] == [Cause.LEDGER_INCOMPLETE]


def test_a_difference_within_the_tolerance_of_its_currency_is_none(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch)
    gbp = (pl.col("currency") == "GBP") & (pl.col("country") == "United Kingdom")
    raised = pl.when(gbp).then(pl.col("revenue_usd") + 1).otherwise("revenue_usd").cast(pl.Decimal(38, 4))
    publish(found, [FRIDAY], lambda rows: rows.with_columns(revenue_usd=raised))

    strict = reconcile(found.records, found.landing, None, NOW, {"*": Decimal("0.99")})
    lenient = reconcile(found.records, found.landing, None, NOW, {"*": Decimal(0), "GBP": Decimal(1)})

    assert [finding["difference"] for finding in strict.findings] == ["1.0000"]
    assert lenient.findings == ()


def test_a_lake_without_anything_is_looked_at_without_complaint(tmp_path):
    found = reconcile(SmallLake(tmp_path).records, tmp_path, None, NOW)

    assert found.as_json()["findings"] == []


# ---- replay audit


def audited(found: SmallLake, days: int = 6, seed: str = "1"):
    return audit_table(DAILY_REVENUE, found.records, days=days, seed=seed, today=TODAY)


def test_history_comes_out_as_it_was_published(tmp_path, monkeypatch):
    audit = audited(lake(tmp_path, monkeypatch))

    assert len(audit.replays) == 6
    assert audit.differing == ()


def half_up(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    return (numerator * 2 + denominator) // (denominator * 2)


def test_half_up_for_half_even_is_reported_and_the_first_version_that_differs_is_named(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch)
    monkeypatch.setattr(transforms, "divided_half_even", half_up)
    compute_spec = DAILY_REVENUE.compute_spec
    published_by = compute_spec.code_version
    object.__setattr__(compute_spec, "code_version", "refactored")
    try:
        audit = audited(found, days=20)
    finally:
        object.__setattr__(compute_spec, "code_version", published_by)

    assert {replay.verdict for replay in audit.differing} == {Verdict.DIFFERS}
    assert audit.changed_by == "refactored"
    assert audit.window == AROUND
    assert published_by in audit.differing[0].sentence


def test_a_job_that_reads_other_days_is_found_out(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch)
    original = transforms.daily_revenue
    monkeypatch.setattr(
        inspect.unwrap(DAILY_REVENUE.compute_spec.compute),
        "__code__",
        (lambda raw_transactions, fx_rates: transforms.nosy(raw_transactions, fx_rates)).__code__,  # noqa: PLW0108
    )

    def nosy(raw: pl.LazyFrame, rates: pl.LazyFrame) -> pl.DataFrame:
        rows = original(raw, rates)
        return rows.with_columns(transactions=pl.col("transactions") + rows["day"].n_unique() - 1)

    monkeypatch.setattr(transforms, "nosy", nosy, raising=False)

    assert {replay.verdict for replay in audited(found).differing} == {Verdict.READS_OTHER_DAYS}


def test_a_job_that_is_not_deterministic_is_found_out(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch)
    original, calls = transforms.daily_revenue, iter(range(1000))
    monkeypatch.setattr(
        inspect.unwrap(DAILY_REVENUE.compute_spec.compute),
        "__code__",
        (lambda raw_transactions, fx_rates: transforms.fickle(raw_transactions, fx_rates)).__code__,  # noqa: PLW0108
    )

    def fickle(raw: pl.LazyFrame, rates: pl.LazyFrame) -> pl.DataFrame:
        return original(raw, rates).with_columns(transactions=pl.col("transactions") + next(calls))

    monkeypatch.setattr(transforms, "fickle", fickle, raising=False)

    assert {replay.verdict for replay in audited(found).differing} == {Verdict.NOT_DETERMINISTIC}


def test_late_data_is_not_blamed_on_the_code(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch)
    landed = found.landing / f"transactions/{FRIDAY}.parquet"
    pl.read_parquet(landed).with_columns(pl.col("amount") * 2).write_parquet(landed)
    ingest(found, [FRIDAY])

    audit = audited(found, days=len(AROUND))

    assert audit.differing == ()
    assert [replay.day for replay in audit.replays if replay.verdict is Verdict.INPUTS_MOVED] == [FRIDAY]


def test_a_day_that_somebody_altered_is_reported(tmp_path, monkeypatch):
    found = lake(tmp_path, monkeypatch)
    publish(found, [FRIDAY], with_rates_of_the_day_before(found, Window(FRIDAY, FRIDAY)))

    audit = audited(found, days=len(AROUND))

    assert [replay.day for replay in audit.differing] == [FRIDAY]
    assert audit.changed_by == ""


# ---- freshness


def test_a_correction_makes_no_day_newer():
    assert slots_behind(AROUND.last, AROUND.last) == 0
    assert slots_behind(AROUND.last, AROUND.last + timedelta(days=3)) == 3


def test_freshness_and_volume_are_the_same_before_and_after_a_cut_over(tmp_path, monkeypatch):
    planted = lake(tmp_path, monkeypatch)
    publish(planted, WINDOW.days, with_rates_of_the_day_before(planted, WINDOW))
    (finding,) = seen(planted).findings
    live = planted.records.snapshot(FACT)
    before = (slots_behind(max(live.days), TODAY), rows_of(live, [AROUND.last]))

    plan = prepared(planted, read_request_file(Path(finding["request"])))
    runbook.validate(planted.step_context(), plan.correction)
    runbook.approve(planted.step_context(), plan.correction, "as proposed")
    runbook.cut_over(planted.step_context(), plan.correction)

    live = planted.records.snapshot(FACT)
    assert (slots_behind(max(live.days), TODAY), rows_of(live, [AROUND.last])) == before


def test_the_usual_volume_is_that_of_the_weekday():
    rows = {FRIDAY - timedelta(weeks=week): 100 + week for week in range(1, 9)}

    assert usual_volume(rows, FRIDAY) == (20, 540)
    assert usual_volume({FRIDAY - timedelta(weeks=1): 100}, FRIDAY) is None


# ---- as Dagster runs it


@pytest.mark.dagster
def test_jobs_report_to_the_checks_of_the_live_asset(tmp_path, monkeypatch):
    from backfill_assets.revenue.definitions import defs

    found = lake(tmp_path, monkeypatch)
    publish(found, WINDOW.days, with_rates_of_the_day_before(found, WINDOW))
    monkeypatch.setenv("BACKFILL_LAKE", str(found.root / "lake"))
    monkeypatch.setenv("BACKFILL_NOW", "2011-11-01T06:00:00+00:00")
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        jobs = {
            name: defs.resolve_job_def(name).execute_in_process(instance=instance, raise_on_error=False)
            for name in (f"{FACT}__reconcile", f"{FACT}__audit")
        }
        keys = [
            dg.AssetCheckKey(dg.AssetKey(FACT), name)
            for name in ("agrees_with_ledger", "replays_to_what_was_published")
        ]
        records = [instance.event_log_storage.get_asset_check_execution_history(key, limit=1)[0] for key in keys]

    assert [job.success for job in jobs.values()] == [
        False,
        not records[1].event.asset_check_evaluation.metadata["differing"].value,
    ]
    assert len(jobs[f"{FACT}__reconcile"].output_for_node(f"{FACT}__reconcile_ledger")["findings"]) == 1
    assert records[0].event.asset_check_evaluation.passed is False
    told = jobs[f"{FACT}__audit"].output_for_node(f"{FACT}__audit_days")
    assert records[1].event.asset_check_evaluation.passed is (not told["differing"])
    assert jobs[f"{FACT}__audit"].success is (not told["differing"])
