"""Everything that can have happened to a correction: a closed union of values, each with its one sentence.

The ledger keeps a fact as ``step``, ``outcome`` and ``detail``; ``fact_codec`` knows how. Sensor, command line, pages
and notices print ``summary()``. Days are days of the table, sums exact decimals as text, times UTC.
"""

from backfill_assets.core.facts.downstream import Notified, PartitionsBuilt, ReportsRebuilt
from backfill_assets.core.facts.gate import (
    Approved,
    CheckResult,
    Compared,
    CutOverHeld,
    Measured,
    Validated,
    ValidationVoided,
)
from backfill_assets.core.facts.preparation import (
    Abandoned,
    HoldersAdvanced,
    HolderWaived,
    Opened,
    ReportOwed,
    ReportsFrozen,
    RetryRequested,
    SourceUnfit,
    SourceVerified,
    WatermarksReset,
)
from backfill_assets.core.facts.publication import (
    Decommissioned,
    DecommissionStarted,
    SwapCommit,
    Swapped,
    SwapPlanned,
    SwapRefused,
)
from backfill_assets.core.facts.runs import RunEnded, RunFailed, RunRequested, StepFailed
from backfill_assets.core.facts.staging import DaysFailed, DaysStaged, DaysToRestage, StagingCompleted, StagingStopped

Fact = (
    Opened
    | RetryRequested
    | ReportsFrozen
    | ReportOwed
    | SourceVerified
    | SourceUnfit
    | WatermarksReset
    | HoldersAdvanced
    | HolderWaived
    | Abandoned
    | DaysStaged
    | DaysFailed
    | StagingStopped
    | DaysToRestage
    | StagingCompleted
    | Validated
    | Approved
    | CutOverHeld
    | SwapPlanned
    | SwapRefused
    | Swapped
    | DecommissionStarted
    | Decommissioned
    | PartitionsBuilt
    | ReportsRebuilt
    | Notified
    | RunRequested
    | RunEnded
    | StepFailed
    | ValidationVoided
    | RunFailed
)

__all__ = [
    "Abandoned",
    "Approved",
    "CheckResult",
    "Compared",
    "CutOverHeld",
    "DaysFailed",
    "DaysStaged",
    "DaysToRestage",
    "DecommissionStarted",
    "Decommissioned",
    "Fact",
    "HolderWaived",
    "HoldersAdvanced",
    "Measured",
    "Notified",
    "Opened",
    "PartitionsBuilt",
    "ReportOwed",
    "ReportsFrozen",
    "ReportsRebuilt",
    "RetryRequested",
    "RunEnded",
    "RunFailed",
    "RunRequested",
    "SourceUnfit",
    "SourceVerified",
    "StagingCompleted",
    "StagingStopped",
    "StepFailed",
    "SwapCommit",
    "SwapPlanned",
    "SwapRefused",
    "Swapped",
    "Validated",
    "ValidationVoided",
    "WatermarksReset",
]
