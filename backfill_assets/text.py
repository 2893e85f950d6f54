"""Words for people: what strangers wrote, made harmless; errors, counts and periods as they are told."""

from backfill_assets.core.faults import FAULTS
from backfill_assets.core.plain import is_formula, neutral, one_line
from backfill_assets.core.window import month_of, quarter_of
from backfill_assets.errors.base import as_words, counted, days_listed, fault_told, listed, quoted, verb
from backfill_assets.errors.failure import Failure
from backfill_assets.orchestration.asset.failing_days import said
from backfill_assets.runbook.context import iso

__all__ = [
    "FAULTS",
    "Failure",
    "as_words",
    "counted",
    "days_listed",
    "fault_told",
    "is_formula",
    "iso",
    "listed",
    "month_of",
    "neutral",
    "one_line",
    "quarter_of",
    "quoted",
    "said",
    "verb",
]
