"""The console's pages, drawn with the pages' own templates."""

import secrets
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from backfill_assets.core.next_step import Stuck, WaitForPerson
from backfill_assets.core.pace import BudgetSpent, Paused
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.orchestration.asset.table_definition import definition_in
from backfill_assets.pages.exposure import exposure_csv, exposure_page
from backfill_assets.pages.listing import lists_of
from backfill_assets.pages.notices import blocks_of
from backfill_assets.pages.page import page_values
from backfill_assets.pages.places import INDEX
from backfill_assets.pages.publishing import content_of
from backfill_assets.pages.shell import rendered
from backfill_assets.runbook import StepContext
from backfill_assets.runbook.exposure import exposure
from backfill_assets.runbook.standing import standings
from backfill_assets.storage.records import Records
from backfill_assets.web.case import Case
from backfill_assets.web.deciding import Desk, refuse_unoffered
from backfill_assets.web.decisions import Decision, offered
from backfill_assets.web.forms import Form
from backfill_assets.web.requests import Access

OWN = "backfill_assets.web"


def index(records: Records, now: datetime, published: Path) -> str:
    """Every correction, newest first: those under way, those that can be taken back, and those that are closed."""
    found = {one.progress.plan.correction: one for one in standings(records, now)}
    steps = {name: one.next_step for name, one in found.items()}
    known = {name: found[name].progress for name in records.ledger.all_progress()}

    def page_of(correction: str) -> str:
        return f"/corrections/{correction}/"

    def notice_of(name: str) -> str:
        return f"/notices/{name}.html" if (published / "notices" / f"{name}.html").is_file() else ""

    lists = lists_of(known, records.outbox.deliveries(), page_of, notice_of, steps)
    has_reports = (published / INDEX).exists()
    return rendered("console_index.html", OWN, lists=lists, has_reports=has_reports, now=now, **_shell("Corrections"))


def correction(desk: Desk, wanted: str, published: Path) -> str:
    """One correction: its page as it would be published now, the decisions that are offered, and its notices."""
    case = desk.case(wanted)
    ctx = _step_context(desk, case)
    told = page_values(*content_of(ctx, wanted, published))
    bodies = {one.notice.message_id: blocks_of(one.notice.body) for one in told["notices"]}
    more = {"offered": offered(case), "case": case, "waits": _waits(case), "bodies": bodies, "has_script": True}
    return rendered("console_correction.html", OWN, **{**told, **more})


def _step_context(desk: Desk, case: Case) -> StepContext:
    return definition_in(desk.tables, case.progress.plan.table).step_context(desk.lake, "console")


def _waits(case: Case) -> bool:
    """Whether nothing happens until somebody decides."""
    return isinstance(case.standing.next_step, WaitForPerson | Paused | BudgetSpent | Stuck)


def exposed(desk: Desk, wanted: str, *, as_csv: bool) -> str:
    """Who has seen the wrong numbers of a correction, as is known now."""
    ctx = _step_context(desk, desk.case(wanted))
    found = exposure(ctx, wanted)
    return exposure_csv(found) if as_csv else exposure_page(found, ctx.table.partition.grain, ctx.now)


def form(desk: Desk, access: Access, wanted: str, decision: Decision, session: str, person: str) -> str:
    """The form of a decision, with what it would change."""
    case = desk.case(wanted)
    refuse_unoffered(case, decision)
    token = desk.token(access.secret, session, case, decision)
    return _decision_page(case, decision, Form(by=person, token=token), is_named=bool(person))


def confirmation(desk: Desk, wanted: str, decision: Decision, given: Form) -> str:
    """The decision once more, as it would be taken, with the one button that takes it."""
    return _decision_page(desk.case(wanted), decision, given, is_confirmation=True)


def _decision_page(
    case: Case, decision: Decision, given: Form, *, is_named: bool = False, is_confirmation: bool = False
) -> str:
    wanted, plan = case.progress.plan.correction, case.progress.plan
    return rendered(
        "console_decision.html",
        OWN,
        decision=decision,
        plan=plan,
        grain=plan.window.grain,
        consequences=list(decision.consequences(case, given)),
        choices=decision.choices(case.progress),
        given=given,
        is_named=is_named,
        is_confirmation=is_confirmation,
        **_shell(f"{decision.label}, correction {wanted}"),
    )


def refusal(error: BackfillAssetsError, wanted: str) -> str:
    """What was refused, in its own sentences, and the way back."""
    return rendered("console_refusal.html", OWN, sentences=str(error), wanted=wanted, **_shell("Not done"))


def nothing_there() -> str:
    """What is shown where there is no page."""
    told = "There is no page at this address. Nothing was changed. Go on from the list of corrections."
    return rendered("console_refusal.html", OWN, sentences=told, wanted="", **_shell("Not found"))


def script() -> str:
    """What makes an open page follow the ledger."""
    return (files(OWN) / "console.js").read_text("utf-8")


def new_session() -> str:
    """What tells a browser from others, so that no other can send its forms."""
    return secrets.token_urlsafe(24)


def _shell(title: str) -> dict[str, object]:
    return {"title": title, "attributes": {}, "has_script": False}
