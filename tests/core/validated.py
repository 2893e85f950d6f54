"""A validation as the runbook makes it, of frames."""

from collections.abc import Collection
from datetime import date

import polars as pl

from backfill_assets.core.check import Check
from backfill_assets.core.expectation import Expectation
from backfill_assets.core.proofs import Control, closer_to_ledger, control_totals, sample_rederived
from backfill_assets.core.reconciliation import Comparison
from backfill_assets.core.validation import validate_days


def validate(
    expectation: Expectation,
    comparison: Comparison,
    old: pl.LazyFrame,
    new: pl.LazyFrame,
    *,
    days: Collection[date],
    excluded: Collection[date] = (),
    control: Control | None = None,
    ledger: pl.LazyFrame | None = None,
    sample: pl.LazyFrame | None = None,
) -> tuple[Check, ...]:
    """All the checks that a validation makes; evidence that is not given yields none."""
    checks = list(validate_days(expectation, comparison, old, new, days=days, excluded=excluded))
    if control is not None:
        checks.append(control_totals(new, control, by=comparison.by, days=days))
    if ledger is not None:
        measures = [name for name in comparison.measures if name in ledger.collect_schema()]
        checks.append(closer_to_ledger(old, new, ledger, measures=measures, by=comparison.by, excluded=excluded))
    if sample is not None:
        checks.append(sample_rederived(sample, by=comparison.by, nothing_to_sample=not comparison.rows_new))
    return tuple(checks)
