"""What looks at published days: audit, freshness, reconciliation with somebody else's figures, and sensors of users."""

from backfill_assets.core.onset import Cause, Finding, Observation, findings, tolerance_of
from backfill_assets.orchestration.watching.against import against
from backfill_assets.orchestration.watching.books import Book, Books, Figure, LedgerSpec, books_of, observe
from backfill_assets.orchestration.watching.cursors import CursorMark, report_use
from backfill_assets.orchestration.watching.ledger_comparison import reconciled
from backfill_assets.orchestration.watching.of_table import against_table
from backfill_assets.orchestration.watching.reconciliation import Reconciled
from backfill_assets.orchestration.watching.watches import audit, freshness, reconcile
from backfill_assets.runbook.request import request_text
from backfill_assets.storage.findings import Findings, Stored

__all__ = [
    "Book",
    "Books",
    "Cause",
    "CursorMark",
    "Figure",
    "Finding",
    "Findings",
    "LedgerSpec",
    "Observation",
    "Reconciled",
    "Stored",
    "against",
    "against_table",
    "audit",
    "books_of",
    "findings",
    "freshness",
    "observe",
    "reconcile",
    "reconciled",
    "report_use",
    "request_text",
    "tolerance_of",
]
