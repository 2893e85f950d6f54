"""What users may import, listed by hand: a new name is meant to cost a line here."""

from importlib import import_module

import pytest

from backfill_assets import runbook

PUBLIC = {
    "backfill_assets": {
        "IO_MANAGER",
        "BackfillAssetsError",
        "BadInput",
        "CorrectableAsset",
        "DaysFailed",
        "DeltaLakeIOManager",
        "FirstDayUnknown",
        "FirstDayUnreadable",
        "LakeResource",
        "NightlySpec",
        "begin_report",
        "build_correction_definitions",
        "clock_told",
        "correctable_asset",
        "days_of_run",
        "now_utc",
        "place",
        "published_root",
        "refresh_outputs",
        "source_version",
        "validated",
    },
    "backfill_assets.checks": {
        "Cell",
        "Check",
        "Clause",
        "counted",
        "Control",
        "Evidence",
        "Precision",
        "Problem",
        "Sample",
        "SampledRow",
        "Samples",
        "agrees",
        "closer_to_ledger",
        "control_totals",
        "exactly",
        "half_unit",
        "sample_rederived",
        "sample_size",
        "sampling_order",
        "scales_of",
    },
    "backfill_assets.corrections": {
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
        "sentence_of",
    },
    "backfill_assets.lake": {
        "Build",
        "Change",
        "ControlTable",
        "DataFile",
        "Delivery",
        "Folder",
        "Manifest",
        "Records",
        "Snapshot",
        "Table",
        "in_threads",
        "replace_files",
        "replace_text",
    },
    "backfill_assets.sources": {
        "ArrivalUnannounced",
        "DeclarationUnknown",
        "MissingKey",
        "WaitingFile",
        "WithdrawalDecisions",
        "WithdrawalWaits",
        "decide",
        "tokenised",
    },
    "backfill_assets.text": {
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
        "said",
        "verb",
    },
    "backfill_assets.watch": {
        "Cause",
        "CursorMark",
        "Finding",
        "Findings",
        "Observation",
        "Reconciled",
        "audit",
        "freshness",
        "reconcile",
        "Stored",
        "findings",
        "request_text",
        "tolerance_of",
    },
}


@pytest.mark.parametrize("module", PUBLIC)
def test_a_public_module_offers_exactly_these_names(module: str) -> None:
    offered = import_module(module)

    assert set(offered.__all__) == PUBLIC[module]
    assert all(getattr(offered, name) is not None for name in offered.__all__)
    assert len(offered.__all__) == len(set(offered.__all__))


def test_the_runbook_is_ten_functions_in_order() -> None:
    assert [function.__name__ for function in runbook.TEN_FUNCTIONS] == [
        "freeze_reports",
        "verify_source",
        "reset_watermarks",
        "stage",
        "validate",
        "cut_over",
        "rebuild_downstream",
        "communicate",
        "decommission",
        "roll_back",
    ]
