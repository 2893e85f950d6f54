"""Every clause is a blocking check, and what it found can be read where it is shown."""

from datetime import date

import dagster as dg

from backfill_assets.core.check import Check, Clause
from backfill_assets.orchestration.correction.checks import ABOUT, check_keys, check_results, check_specs

VALIDATE = dg.AssetKey(["fact__correction", "validate"])
ROW = {"kind": "changed", "key": {"currency": "GBP", "country": "UK"}, "values": {"revenue_usd": ["1", "2"]}}


def found(*checks):
    return {result.check_name: result for result in check_results(VALIDATE, checks, "20260123")}


def test_every_clause_is_a_blocking_check_that_says_what_it_is_about():
    specs = check_specs(VALIDATE)
    assert {spec.name for spec in specs} == set(Clause) == set(ABOUT)
    assert all(spec.blocking and spec.description for spec in specs)
    assert check_keys(VALIDATE) == [spec.key for spec in specs]


def test_a_clause_that_was_not_declared_passes_and_says_so():
    results = found()
    assert all(result.passed for result in results.values())
    assert {result.description for result in results.values()} == {"not declared"}


def test_a_failed_clause_shows_its_days_and_example_rows():
    sentence = "revenue_usd moves by 3% on 2026-01-02."
    days = (date(2026, 1, 2),)
    result = found(Check(Clause.CHANGE_PER_DAY, False, sentence, days, {"examples": [ROW]}))["change_per_day"]
    assert not result.passed
    assert result.description == sentence
    assert result.metadata["offending_days"].value == 1
    assert "2026-01-02" in result.metadata["days"].value
    assert "| changed | currency GBP, country UK | revenue_usd 1 → 2 |" in result.metadata["examples"].value


def test_two_checks_of_one_name_pass_only_together():
    passed = Check.passing(Clause.CONTROL_TOTALS, "Amounts agree.")
    failed = Check.failing(Clause.CONTROL_TOTALS, "Counts do not.", [date(2026, 1, 2)], {})
    result = found(passed, failed)["control_totals"]
    assert not result.passed
    assert result.description == "Amounts agree. Counts do not."
