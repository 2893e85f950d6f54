"""What any source of raw data can have: files that take something back wait for a person's decision."""

from backfill_assets.errors.withdrawals import ArrivalUnannounced, DeclarationUnknown, WithdrawalWaits
from backfill_assets.sources.withdrawals import WaitingFile, WithdrawalDecisions, decide

__all__ = [
    "ArrivalUnannounced",
    "DeclarationUnknown",
    "WaitingFile",
    "WithdrawalDecisions",
    "WithdrawalWaits",
    "decide",
]
