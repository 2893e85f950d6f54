"""A whole correction in the Dagster UI and nothing else: opened, approved, taken back in two parts, and abandoned.

Every form is filled in where it is empty, and launched otherwise as it comes.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from backfill_assets.core.board import BOARD
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Ending, Step
from backfill_assets.testing import TestLake
from tests.e2e import corner_shop
from tests.e2e.browser import Analyst, chromium_page, is_launch
from tests.e2e.server import Server, dagster_dev, wait_until
from tests.e2e.story import environment_at

pytestmark = [pytest.mark.dagster, pytest.mark.browser, pytest.mark.timeout(600)]

TABLE = "takings"
LOCATION = f"/locations/{corner_shop.__name__}"
STEP = f"/assets/{TABLE}__correction"
BOARD_PAGE = f"{LOCATION}/jobs/{TABLE}__correction/partitions"
FIRST, LAST, BACK_FIRST = "2026-01-07", "2026-01-10", "2026-01-08"
WORK = 200
"""Seconds for a few ticks of the driver and the runs that they ask for, on a busy machine."""
ROW = """%s: assetNodeOrError(assetKey: {path: ["%s__correction", "%s"]}) { ... on AssetNode { assetPartitionStatuses {
  ... on DefaultPartitionStatuses { materializedPartitions failedPartitions unmaterializedPartitions } } } }"""
ROWS = " ".join(ROW % (row, TABLE, row) for row in (*BOARD, "closed"))
UP_TO_THE_GATE = [*BOARD[: BOARD.index(Step.APPROVE)]]


def test_a_correction_is_opened_approved_taken_back_and_abandoned_by_the_forms_of_dagster(tmp_path):
    lake = TestLake(tmp_path, corner_shop.defs, now="2026-01-16T06:00:00+00:00")
    lake.publish("2026-01-05", "2026-01-12")
    right = lake.rows(TABLE).rows()
    lake.plant(FIRST, LAST, lambda rows: rows.with_columns(rows["revenue"] * 2))
    planted = lake.rows(TABLE).rows()
    with dagster_dev(environment_at(tmp_path, lake.now), corner_shop.__name__) as server, chromium_page() as page:
        analyst = Analyst(page, server.url, "ui-alone")

        def wait(step: Step, what: str) -> Progress:
            return analyst.wait(lambda: standing(lake, step), WORK, what)

        correction = opened(analyst, lake)
        wait(Step.VALIDATE, "the validation")
        assert_board(server, correction, UP_TO_THE_GATE)
        assert lake.rows(TABLE).rows() == planted
        see_validation(analyst, correction, totals_of(lake, correction))

        decided(analyst, server, "approve", correction, by="Grace", note="looked at all four days")
        wait(Step.COMMUNICATE, "the end of the correction")
        assert_board(server, correction, [step for step in BOARD if step is not Step.DECOMMISSION])
        assert lake.rows(TABLE).rows() == right
        see_what_was_done(analyst, correction)

        decided(
            analyst, server, "roll_back", correction, by="Bob", note="not agreed", days=f"[{BACK_FIRST}..2026-01-09]"
        )
        told = wait(Step.COMMUNICATE, "the notice of the part that went back")
        assert sorted(map(str, told.publication.swapped)) == [FIRST, LAST]
        assert_board(server, correction, [step for step in BOARD if step is not Step.DECOMMISSION])

        decided(
            analyst, server, "roll_back", correction, by="Bob", note="not agreed either", days="[]", all_days="true"
        )
        wait(Step.COMMUNICATE, "the notice of the rest")
        assert_board(server, correction, UP_TO_THE_GATE)
        assert lake.rows(TABLE).rows() == planted
        see_board(analyst, "rolled-back")

        decided(analyst, server, "abandon", correction, by="Bob", note="another way is better")
        analyst.wait(lambda: statuses(server)["closed"]["materializedPartitions"], WORK, "the end of it")
        rows = statuses(server)
        assert rows["closed"]["materializedPartitions"] == [correction]
        assert not any(names for step in BOARD for names in rows[step].values())
        assert lake.records.ledger.progress(correction).publication.ending is Ending.ABANDONED
        assert {run["status"] for run in server.runs()} == {"SUCCESS"}


def opened(analyst: Analyst, lake: TestLake) -> str:
    """Open a correction by the form of its asset, which refuses what cannot be before there is a run."""
    page = analyst.page
    analyst.go(f"/assets/{TABLE}__correction/open_correction")
    page.get_by_role("button", name=re.compile("Materialize")).first.click(modifiers=["Shift"])
    dialog = page.get_by_role("dialog").filter(has_text="Launchpad")
    launch = dialog.get_by_role("button", name=re.compile("Materialize")).last
    request = {"first": FIRST, "last": LAST, "reason": "Every price was rung up twice."}
    form = filled(analyst, dialog, request)
    typed(analyst, dialog, form.replace("approval: manual", "approval: perhaps"))
    dialog.get_by_text(re.compile("perhaps.*Approving|Approving.*perhaps", re.DOTALL)).first.wait_for()
    assert launch.is_disabled()
    analyst.see("refused-by-the-form")
    typed(analyst, dialog, form.replace("order: canary", "order: oldest"))
    dialog.get_by_text("No errors").wait_for()
    analyst.see("open")
    launch.click()
    return analyst.wait(lambda: max(lake.records.ledger.all_progress(), default=""), WORK, "the correction")


def decided(analyst: Analyst, server: Server, what: str, correction: str, **fields: str) -> None:
    """Decide by the form of a job, and see its run end well."""
    page = analyst.page
    analyst.choose(f"{LOCATION}/jobs/{TABLE}__decide_{what}/playground", correction)
    typed(analyst, page, filled(analyst, page, {**fields, "correction": f'"{correction}"'}))
    launch = page.locator("button:enabled", has_text="Launch Run").last
    launch.wait_for()
    analyst.see(what)
    with page.expect_response(is_launch) as launched:
        launch.click()
    run = launched.value.json()["data"]["launchPipelineExecution"]["run"]["id"]
    assert analyst.wait(lambda: server.ended(run), WORK, f"the end of {what}")["status"] == "SUCCESS"


def filled(analyst: Analyst, where: Any, fields: Mapping[str, str]) -> str:
    """The form as it comes, with values where it is empty; it asks for nothing of resources."""
    editor = where.locator(".CodeMirror").first
    form = wait_until(lambda: _form(editor), WORK, "the form")
    assert not re.search(r"^resources:\n +\w", form, re.MULTILINE), form
    for name, value in fields.items():
        # Empty as the form comes; a launchpad remembers what was typed into it for the decision before.
        there = rf"""^( +){name}:(?: .*)?(?:\n\1  - .*)*$"""
        form, count = re.subn(there, rf"\1{name}: {value}", form, flags=re.MULTILINE)
        assert count == 1, (name, form)
    return form


def _form(editor: Any) -> str:
    editor.wait_for()
    told = editor.evaluate("editor => editor.CodeMirror.getValue()")
    return told if "config:" in told else ""


def typed(analyst: Analyst, where: Any, form: str) -> None:
    where.locator(".CodeMirror").first.click()
    analyst.page.keyboard.press("Control+a")
    analyst.page.keyboard.insert_text(form)


def totals_of(lake: TestLake, correction: str) -> list[Decimal]:
    """What the ledger says of the table before and after."""
    events = lake.records.ledger.events(correction)
    totals = next(event.detail["totals"] for event in reversed(events) if "totals" in event.detail)
    return [Decimal(totals["revenue"][side]) for side in ("old", "new")]


def see_validation(analyst: Analyst, correction: str, totals: list[Decimal]) -> None:
    """The checks passed, and the totals on the screen are those of the ledger."""
    page = analyst.page
    analyst.go(f"{STEP}/validate?view=checks")
    page.get_by_text("control_totals").first.click()
    page.get_by_text("Passed").first.wait_for()
    assert page.get_by_text("Failed", exact=True).count() == 0
    analyst.see("checks")
    analyst.go(f"{STEP}/validate?view=partitions&partition={correction}")
    for amount in totals:
        page.get_by_text(f"{amount:,f}").first.wait_for()
    analyst.see("validation")


def see_what_was_done(analyst: Analyst, correction: str) -> None:
    """The swap, the notice, and what the driver says of it."""
    page = analyst.page
    analyst.go(f"{STEP}/cut_over?view=partitions&partition={correction}")
    page.get_by_text("days_swapped").first.wait_for()
    analyst.see("swap")
    analyst.go(f"{STEP}/communicate?view=partitions&partition={correction}")
    page.get_by_text("published").first.wait_for()
    analyst.see("notice")


def standing(lake: TestLake, step: Step) -> Progress | None:
    """Where the correction stands, once a step is done and nobody is owed a word."""
    (progress,) = lake.records.ledger.all_progress().values()
    assert not progress.failures, progress.failures
    return progress if step in progress.done and not progress.downstream.owes_notice else None


def statuses(server: Server) -> Mapping[str, Mapping[str, list[str]]]:
    """What Dagster counts in each row of the board, and among the closed ones."""
    return {row: told["assetPartitionStatuses"] for row, told in server.ask(f"{{ {ROWS} }}").items()}


def assert_board(server: Server, correction: str, green: list[Step]) -> None:
    """The rows that are green for the correction, within a tick or two, and that none is red."""

    def shown() -> bool:
        rows = statuses(server)
        assert not any(rows[step]["failedPartitions"] for step in BOARD)
        return [step for step in BOARD if correction in rows[step]["materializedPartitions"]] == green

    wait_until(shown, 60, f"green for {' '.join(green)} and nothing else")


def see_board(analyst: Analyst, name: str) -> None:
    analyst.go(BOARD_PAGE)
    analyst.page.get_by_role("button", name="Show per-asset status").click()
    analyst.page.get_by_text(re.compile("freeze_reports")).first.wait_for()
    analyst.page.wait_for_timeout(1000)
    analyst.see(f"board-{name}")
