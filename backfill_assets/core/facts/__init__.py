"""Everything that can have happened to a correction: a closed union of values, each with its one sentence.

The ledger keeps a fact as ``step``, ``outcome`` and ``detail``; ``events`` knows how. Sensor, command line, pages
and notices print ``summary_of(fact, grain)``. Days are days of the table, sums exact decimals as text, times UTC.
"""

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
    Notified,
    PartitionsBuilt,
    ReportsRebuilt,
    SwapCommit,
    Swapped,
    SwapPlanned,
    SwapRefused,
)
from backfill_assets.core.facts.runs import RunEnded, RunFailed, RunRequested, StepFailed
from backfill_assets.core.facts.staging import (
    DaysFailed,
    DaysStaged,
    DaysToRestage,
    LaunchPostponed,
    Paced,
    StagingCompleted,
    StagingStopped,
)
from backfill_assets.core.slots import Grain

PreparationFact = (
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
)
StagingFact = DaysStaged | DaysFailed | StagingStopped | DaysToRestage | LaunchPostponed | Paced | StagingCompleted
GateFact = Validated | ValidationVoided | Approved | CutOverHeld
PublicationFact = SwapPlanned | SwapRefused | Swapped | DecommissionStarted | Decommissioned
DownstreamFact = PartitionsBuilt | ReportsRebuilt | Notified
RunFact = RunRequested | RunEnded | RunFailed | StepFailed

Fact = PreparationFact | StagingFact | GateFact | PublicationFact | DownstreamFact | RunFact

OfSlots = (
    Opened
    | SourceVerified
    | HoldersAdvanced
    | DaysStaged
    | DaysFailed
    | DaysToRestage
    | LaunchPostponed
    | StagingCompleted
    | Validated
    | SwapPlanned
    | Swapped
)


def summary_of(fact: Fact, grain: Grain) -> str:
    """The sentence of a fact, in which slots of the table are called what they are."""
    return fact.summary(grain.value) if isinstance(fact, OfSlots) else fact.summary()


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
    "DownstreamFact",
    "Fact",
    "GateFact",
    "HolderWaived",
    "HoldersAdvanced",
    "LaunchPostponed",
    "Measured",
    "Notified",
    "Opened",
    "Paced",
    "PartitionsBuilt",
    "PreparationFact",
    "PublicationFact",
    "ReportOwed",
    "ReportsFrozen",
    "ReportsRebuilt",
    "RetryRequested",
    "RunEnded",
    "RunFact",
    "RunFailed",
    "RunRequested",
    "SourceUnfit",
    "SourceVerified",
    "StagingCompleted",
    "StagingFact",
    "StagingStopped",
    "StepFailed",
    "SwapCommit",
    "SwapPlanned",
    "SwapRefused",
    "Swapped",
    "Validated",
    "ValidationVoided",
    "WatermarksReset",
    "summary_of",
]
