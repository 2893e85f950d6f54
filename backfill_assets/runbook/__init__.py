"""The runbook: the nine steps of a correction and roll back, ten functions in order, and what surrounds them.

Each function takes a :class:`StepContext` and the id of a correction, does its part of the work on the lake, writes
down what happened, and may be called again after a crash at any point.
"""

from backfill_assets.runbook.approving import approve
from backfill_assets.runbook.consuming import catch_up, consume, is_behind
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.correctable_table import CorrectableTable, Evidence, Problem
from backfill_assets.runbook.finishing import communicate, decommission, rebuild_downstream
from backfill_assets.runbook.opening import abandon, join_or_open, named_correction, open_correction, plan_correction
from backfill_assets.runbook.preparing import freeze_reports, reset_watermarks, verify_source
from backfill_assets.runbook.swapping import cut_over, roll_back
from backfill_assets.runbook.validating import stage, validate

TEN_FUNCTIONS = (
    freeze_reports,
    verify_source,
    reset_watermarks,
    stage,
    validate,
    cut_over,
    rebuild_downstream,
    communicate,
    decommission,
    roll_back,
)

__all__ = [
    "TEN_FUNCTIONS",
    "CorrectableTable",
    "Evidence",
    "Problem",
    "StepContext",
    "abandon",
    "approve",
    "catch_up",
    "communicate",
    "consume",
    "cut_over",
    "decommission",
    "freeze_reports",
    "is_behind",
    "join_or_open",
    "named_correction",
    "open_correction",
    "plan_correction",
    "rebuild_downstream",
    "reset_watermarks",
    "roll_back",
    "stage",
    "validate",
    "verify_source",
]
