"""What any source of raw data can have: a raw log of landed files, which consumers read on, decisions, tokens."""

from backfill_assets.core.position import Position
from backfill_assets.core.retention import Kept, Retention
from backfill_assets.errors.landing import (
    AmbiguousDay,
    ArrivalMiswritten,
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
from backfill_assets.sources.archiving import ArchivedFiles, keep_as_landed
from backfill_assets.sources.arrivals import MANIFEST, arrived, file_hashes, raw_manifest
from backfill_assets.sources.delta_log import DeltaLog
from backfill_assets.sources.feeding import Fed
from backfill_assets.sources.formats import csv_frame, damage, names_given_twice, ragged_lines, short_lines
from backfill_assets.sources.ingestion import Ingested
from backfill_assets.sources.keeping import Keeping
from backfill_assets.sources.landed import LandedFile, within_precision
from backfill_assets.sources.log import Log, News
from backfill_assets.sources.log_rows import ControlTotals, tokenised
from backfill_assets.sources.raw_log import RawLog
from backfill_assets.sources.reading import named_in, read_whole
from backfill_assets.sources.restoring import restore
from backfill_assets.sources.set_aside import SetAside
from backfill_assets.sources.token_keys import TokenKeys, token_keys
from backfill_assets.sources.topic_commits import TopicCommits
from backfill_assets.sources.topic_log import TopicLog
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
    "ArchivedFiles",
    "ArrivalMiswritten",
    "ArrivalUnannounced",
    "BadLanding",
    "ControlTotals",
    "Declaration",
    "DeclarationUnknown",
    "DeltaLog",
    "DuplicateRows",
    "Fed",
    "Ingested",
    "Keeping",
    "Kept",
    "LandedFile",
    "Log",
    "MissingDays",
    "MissingKey",
    "MissingValues",
    "News",
    "NotRead",
    "Position",
    "RawLog",
    "Retention",
    "SetAside",
    "SeveralProblems",
    "TokenKeys",
    "TopicCommits",
    "TopicLog",
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
    "keep_as_landed",
    "named_in",
    "names_given_twice",
    "ragged_lines",
    "raw_manifest",
    "read_whole",
    "restore",
    "short_lines",
    "token_keys",
    "tokenised",
    "within_precision",
]
