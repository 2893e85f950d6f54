"""Writing the page: after a validation with its figures, and again whenever the ledger moves on."""

import logging
import re
from collections.abc import Sequence
from html import unescape
from pathlib import Path

from markupsafe import Markup

from backfill_assets.core.certificate import Certificate
from backfill_assets.core.events import Event, last_of
from backfill_assets.core.exact import exactly
from backfill_assets.core.facts import Validated
from backfill_assets.core.figures import Figures, figures
from backfill_assets.core.fold import history
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.pages.changes import SAMPLE_FILE, changes, sample_csv
from backfill_assets.pages.exposure import write_exposure
from backfill_assets.pages.listing import write_index
from backfill_assets.pages.page import PageContent, page, state_of
from backfill_assets.pages.shell import drawn_by
from backfill_assets.runbook import StepContext
from backfill_assets.runbook.chains import linked
from backfill_assets.runbook.looking import chain_of, looked
from backfill_assets.storage.proofs import KeptFigures, Samples
from backfill_assets.storage.replacing import replace_text

STATE = re.compile(r'data-state="([^"]*)"')
LONGEST_HEAD = 400
LOG = logging.getLogger(__name__)
SHOWN: dict[Step, frozenset[Outcome]] = {
    Step.OPEN: frozenset({Outcome.DONE}),
    Step.VALIDATE: frozenset({Outcome.DONE, Outcome.FAILED}),
    Step.APPROVE: frozenset({Outcome.DONE}),
    Step.CUT_OVER: frozenset({Outcome.DONE, Outcome.REFUSED}),
    Step.REBUILD_DOWNSTREAM: frozenset({Outcome.DONE}),
    Step.COMMUNICATE: frozenset({Outcome.DONE}),
    Step.DECOMMISSION: frozenset({Outcome.DONE}),
    Step.ROLL_BACK: frozenset({Outcome.DONE}),
    Step.ABANDON: frozenset({Outcome.DONE}),
}


def page_path(root: Path, correction: str) -> Path:
    """Where the page of a correction lies below the published root."""
    return root / "corrections" / correction / "index.html"


def publish_page(ctx: StepContext, event: Event, root: Path) -> None:
    """Write the page of the event's correction, when the event is one that it shows.

    What happened has happened, and a page that cannot be drawn does not undo it: that is only logged.
    """
    is_begun = event.outcome is Outcome.PLANNED
    if not is_begun and event.outcome not in SHOWN.get(event.step, frozenset()):
        return
    plan = ctx.records.ledger.progress(event.correction).plan
    # Before a swap of one of several tables happens, the pages say that they may disagree.
    if is_begun and not plan.chain:
        return
    try:
        write_page(ctx, event.correction, root, fresh=event.step is Step.VALIDATE)
        for one in linked(ctx, plan) if plan.chain else ():
            if one.correction != event.correction and page_path(root, one.correction).exists():
                write_page(one.ctx, one.correction, root)
    except Exception:
        LOG.exception("The page of correction %s is not up to date, but its ledger is.", event.correction)


def show_moved(ctx: StepContext, root: Path) -> None:
    """Write the pages anew of corrections whose days somebody has changed in live, or put back, since they were drawn.

    No event tells of it, so the pages say themselves what they last said.
    """
    for correction, progress in ctx.records.ledger.all_progress().items():
        target = page_path(root, correction)
        if progress.plan.table != ctx.table.name or not progress.publication.swap_count or progress.is_closed:
            continue
        if not target.exists() or _state_on(target) == state_of(looked(ctx.records, progress))[0]:
            continue
        try:
            write_page(ctx, correction, root)
        except Exception:
            LOG.exception("The page of correction %s is not up to date, but its ledger is.", correction)


def _state_on(page: Path) -> str:
    """The state that a page says its correction is in."""
    with page.open(encoding="utf-8") as text:
        head = text.read(LONGEST_HEAD)
    found = STATE.search(head)
    return unescape(found[1]) if found else ""


def write_page(ctx: StepContext, correction: str, root: Path, *, fresh: bool = False) -> Path:
    """Write the page as the ledger stands; with ``fresh`` the figures are taken anew from live and staged."""
    target = page_path(root, correction)
    write_exposure(ctx, correction, target.parent)  # the page links it
    replace_text(target, page(*content_of(ctx, correction, root, fresh=fresh)))
    known = {name: looked(ctx.records, one) for name, one in ctx.records.ledger.all_progress().items()}
    write_index(root, known, ctx.records.outbox.deliveries(), ctx.now)
    return target


@exactly
def content_of(ctx: StepContext, correction: str, root: Path, *, fresh: bool = False) -> tuple[PageContent, Markup]:
    """What the page shows as the ledger stands, and the part of it that validation fixes.

    Raises:
        CorrectionUnknown: when the ledger has none of that id.
    """
    events = ctx.records.ledger.events(correction)
    progress = looked(ctx.records, history(events))
    digest = progress.gate.certificate or _last_certificate(events)
    certificate = ctx.records.certificates.find(digest) if digest else None
    found = _figures(ctx, certificate, fresh=fresh) if certificate else None
    sample = Samples(ctx.records.lake).latest(correction)
    target = page_path(root, correction)
    html = _changes(target, found, certificate, ctx) if found and certificate else Markup()
    notices = ctx.records.outbox.deliveries(correction)
    chain = chain_of(ctx.records, progress)
    return PageContent(progress, events, certificate, found, sample, ctx.now, chain, notices, root), html


def _last_certificate(events: Sequence[Event]) -> str:
    validated = last_of(events, Validated)
    return validated.certificate if validated else ""


def _figures(ctx: StepContext, certificate: Certificate, *, fresh: bool) -> Figures | None:
    """What validation compared: taken from live and staged right after it, and kept, because live is retired then."""
    kept = KeptFigures(ctx.records.lake)
    known = kept.find(certificate.correction, certificate.digest)
    if known or not fresh:
        return known
    table, plan = ctx.table, ctx.progress(certificate.correction).plan
    staged = ctx.records.staged(plan.table, plan.correction)
    both = [one.snapshot().scan(plan.days) for one in (ctx.records.table(plan.table, staged.schema), staged)]
    sides, by = [table.partition.as_slots(side) for side in both], table.partition.name
    found = figures(*sides, keys=table.keys, measures=table.measures, days=plan.days, by=by)
    kept.keep(plan.correction, certificate.digest, found)
    return found


def _changes(target: Path, found: Figures, certificate: Certificate, ctx: StepContext) -> Markup:
    """The part that validation fixes, drawn once for each certificate and kept beside the page."""
    drawn = target.with_name(f".changes-{certificate.digest[:16]}-{drawn_by()[:8]}.html")
    if not drawn.exists():
        sample = Samples(ctx.records.lake).latest(certificate.correction)
        if sample:
            replace_text(target.with_name(SAMPLE_FILE), sample_csv(sample))
        replace_text(drawn, changes(found, ctx.table.partition.grain))
    # A template made it, by this very code.
    return Markup(drawn.read_text(encoding="utf-8"))  # noqa: S704 - our own drawing, escaped when it was made
