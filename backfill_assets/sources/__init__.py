"""What any source of raw data can have: a raw log of landed files, files that wait for a person's decision, tokens."""

from backfill_assets.errors.landing import (
    AmbiguousDay,
    ArrivalUnannounced,
    BadLanding,
    DeclarationUnknown,
    DuplicateRows,
    MissingDays,
    MissingKey,
    MissingValues,
    NotRead,
    SeveralProblems,
    UnfitFile,
    UnforeseenInFile,
    UnreadableFile,
    UnusableValues,
    WithdrawalWaits,
    WrongColumns,
    WrongTypes,
)
from backfill_assets.sources.arrivals import MANIFEST, arrived, file_hashes, raw_manifest
from backfill_assets.sources.formats import csv_frame, damage, names_given_twice, ragged_lines, short_lines
from backfill_assets.sources.ingestion import Ingested
from backfill_assets.sources.landed import LandedFile, within_precision
from backfill_assets.sources.log_rows import ControlTotals, tokenised
from backfill_assets.sources.raw_log import RawLog
from backfill_assets.sources.reading import named_in, read_whole
from backfill_assets.sources.verifying import Verified
from backfill_assets.sources.withdrawals import (
    ADDITION,
    MOST_WITHDRAWN,
    WHOLE_DAY,
    Declaration,
    WaitingFile,
    WithdrawalDecisions,
    decide,
    declared,
)

__all__ = [
    "ADDITION",
    "MANIFEST",
    "MOST_WITHDRAWN",
    "WHOLE_DAY",
    "AmbiguousDay",
    "ArrivalUnannounced",
    "BadLanding",
    "ControlTotals",
    "Declaration",
    "DeclarationUnknown",
    "DuplicateRows",
    "Ingested",
    "LandedFile",
    "MissingDays",
    "MissingKey",
    "MissingValues",
    "NotRead",
    "RawLog",
    "SeveralProblems",
    "UnfitFile",
    "UnforeseenInFile",
    "UnreadableFile",
    "UnusableValues",
    "Verified",
    "WaitingFile",
    "WithdrawalDecisions",
    "WithdrawalWaits",
    "WrongColumns",
    "WrongTypes",
    "arrived",
    "csv_frame",
    "damage",
    "decide",
    "declared",
    "file_hashes",
    "named_in",
    "names_given_twice",
    "ragged_lines",
    "raw_manifest",
    "read_whole",
    "short_lines",
    "tokenised",
    "within_precision",
]
