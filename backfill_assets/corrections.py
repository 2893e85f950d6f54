"""What a correction is and how far it is: its plan, what happened in it, and what is next."""

from backfill_assets.core.audiences import Audience
from backfill_assets.core.chain import others_in_chain
from backfill_assets.core.events import Event
from backfill_assets.core.facts import Abandoned, ReportsFrozen, ReportsRebuilt, Swapped
from backfill_assets.core.fold import history
from backfill_assets.core.next_step import next_step
from backfill_assets.core.plan import Plan
from backfill_assets.core.progress import Progress
from backfill_assets.core.sentences import sentence_of
from backfill_assets.core.steps import NINE_STEPS, Ending, NoticeKind, Step
from backfill_assets.core.window import ONE_DAY, Window
from backfill_assets.runbook.looking import looked

__all__ = [
    "NINE_STEPS",
    "ONE_DAY",
    "Abandoned",
    "Audience",
    "Ending",
    "Event",
    "NoticeKind",
    "Plan",
    "Progress",
    "ReportsFrozen",
    "ReportsRebuilt",
    "Step",
    "Swapped",
    "Window",
    "history",
    "looked",
    "next_step",
    "others_in_chain",
    "sentence_of",
]
