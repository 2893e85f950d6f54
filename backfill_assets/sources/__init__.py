"""What any source of raw data can have: files that wait for a person's decision, and tokens for personal data."""

from backfill_assets.errors.withdrawals import ArrivalUnannounced, DeclarationUnknown, MissingKey, WithdrawalWaits
from backfill_assets.sources.tokens import tokenised
from backfill_assets.sources.withdrawals import WaitingFile, WithdrawalDecisions, decide

__all__ = [
    "ArrivalUnannounced",
    "DeclarationUnknown",
    "MissingKey",
    "WaitingFile",
    "WithdrawalDecisions",
    "WithdrawalWaits",
    "decide",
    "tokenised",
]
