"""What users may import, listed by hand: a new name is meant to cost a line here."""

import backfill_assets
from backfill_assets import runbook


def test_the_package_offers_exactly_these_names() -> None:
    assert set(backfill_assets.__all__) == {
        "DeltaLakeIOManager",
        "LakeResource",
        "begin_report",
        "build_correction_definitions",
        "correctable_asset",
    }
    assert all(getattr(backfill_assets, name) is not None for name in backfill_assets.__all__)


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
