"""The index: the reports and their state, corrections that are open, and what past ones did."""

from collections.abc import Collection, Mapping

import polars as pl

from backfill_assets.core.next_step import next_step
from backfill_assets.core.plan import Plan
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import NINE_STEPS, Step
from backfill_assets.core.window import Window
from backfill_assets.revenue.pages.basis import basis_of, span_told
from backfill_assets.revenue.pages.pack import Month
from backfill_assets.revenue.pages.shell import Page, head, table, titled
from backfill_assets.revenue.pages.state import Shown, State, summed
from backfill_assets.revenue.pages.words import count, day_told, days_counted, moment_told, money, month_told, said
from backfill_assets.storage.outbox import Delivery


def render_index(
    state: State, months: Mapping[str, Month], files: Collection[str], deliveries: Collection[Delivery]
) -> str:
    """The page, as one document; ``files`` are the paths that may be linked, relative to it."""
    days = state.dashboard.days
    corrections = state.corrections.values()
    still = [one for one in corrections if not one.is_closed]
    past = [one for one in corrections if one.is_closed]
    sections = [
        _reports(state),
        _corrections("Open corrections", still, state, deliveries, "No correction is open."),
        _months(months, files),
        _corrections("Past corrections", past, state, deliveries, "None yet."),
    ]
    return Page(
        title="Revenue reports",
        eyebrow="Published pages and files",
        lead="Every page carries the state of its data. A page under correction says so at its top.",
        basis=basis_of(state, Window.spanning(days) if days else ()),
        hold=None,
        sections=sections,
        foot="Figures are in US dollars. Notices about corrections are in the folder notices.",
    ).html()


def _reports(state: State) -> str:
    items = [
        ("Executive dashboard", "executive_dashboard/index.html", state.dashboard),
        ("Finance reconciliation export", "", state.export),
        ("Board pack", "", state.board),
    ]
    told = "".join(
        f'<li><h3>{_linked(name, place)} {_flag(shown)}</h3><p class="basis">{_standing(shown)}</p></li>'
        for name, place, shown in items
    )
    return f'<h2>Reports</h2><ul class="plain">{told}</ul>'


def _linked(name: str, place: str) -> str:
    return f'<a href="{place}">{name}</a>' if place else name


def _flag(shown: Shown) -> str:
    return '<span class="flag">frozen</span>' if shown.hold else ""


def _standing(shown: Shown) -> str:
    if not shown.days:
        return "Never built."
    newest = f"up to {day_told(shown.days[-1])}" if shown.report != "board_pack" else f"up to {shown.days[-1]:%B %Y}"
    if shown.hold is None:
        return f"Shows its newest state, {newest}."
    hold = shown.hold
    return f"Shows the state before correction {said(hold.correction)}, {newest}, since {moment_told(hold.since)}."


def _months(months: Mapping[str, Month], files: Collection[str]) -> str:
    heads = [head("Month"), head("Revenue", "n"), head("Days", "n"), head("Files")]
    rows = [
        f'<tr><th scope="row">{month_told(name)} {month.flags}</th><td class="n">{money(month.revenue)}</td>'
        f'<td class="n">{count(len(month.basis.present))}</td><td><p class="links">{_links(name, files)}</p></td></tr>'
        for name, month in reversed(list(months.items()))
    ]
    if not rows:
        return "<h2>Months</h2><p>None yet.</p>"
    return titled("Months", table(heads, rows, name="Months and their files"))


def _links(month: str, files: Collection[str]) -> str:
    known = {
        "board pack": f"board_pack/{month}.html",
        "PDF": f"board_pack/{month}.pdf",
        "workbook": f"finance_reconciliation_export/{month}.xlsx",
    }
    about = month_told(month)
    return " ".join(
        f'<a href="{path}" aria-label="{name} of {about}">{name}</a>' for name, path in known.items() if path in files
    )


def _corrections(
    title: str, found: Collection[Progress], state: State, deliveries: Collection[Delivery], none: str
) -> str:
    if not found:
        return f"<h2>{title}</h2><p>{none}</p>"
    newest_first = sorted(found, key=lambda one: one.plan.opened_at, reverse=True)
    items = "".join(f"<li>{_correction(one, state, deliveries)}</li>" for one in newest_first)
    return f'<h2>{title}</h2><ul class="plain">{items}</ul>'


def _correction(progress: Progress, state: State, deliveries: Collection[Delivery]) -> str:
    plan = progress.plan
    effect = state.entries.filter(pl.col("correction") == plan.correction)
    told = [
        f"{_window(plan)}, opened {moment_told(plan.opened_at)} by {said(plan.opened_by)}.",
        f"{_step(progress)} {_effect(effect)}",
        _told(plan.correction, deliveries),
    ]
    lines = "".join(f'<p class="basis">{line}</p>' for line in told if line)
    return f"<h3>{said(plan.correction)}: {said(plan.request.reason)}</h3>{lines}"


def _window(plan: Plan) -> str:
    return f"{span_told(plan.days)}, {days_counted(len(plan.days))}"


def _step(progress: Progress) -> str:
    if progress.publication.ending:
        return f"It is {progress.publication.ending}."
    done = [step for step in NINE_STEPS if step in progress.done]
    if progress.publication.moved:
        return said(getattr(next_step(progress, progress.plan.opened_at), "reason", ""))
    if Step.CUT_OVER in progress.done:
        live = days_counted(len(progress.publication.swapped))
        return f"Published, {live} live; step {len(done)} of {len(NINE_STEPS)} is done."
    if progress.publication.swapped:
        live, back = days_counted(len(progress.publication.swapped)), days_counted(len(progress.taken_back))
        return f"Published in part, {live} live and {back} rolled back."
    waiting = next_step(progress, progress.plan.opened_at)
    sentence = getattr(waiting, "sentence", "") or getattr(waiting, "reason", "")
    after = f" after {done[-1].replace('_', ' ')}" if done else ""
    return f"Not published, step {len(done)} of {len(NINE_STEPS)}{after}. {said(sentence) if sentence else ''}"


def _effect(entries: pl.DataFrame) -> str:
    if not entries.height:
        return ""
    moved = entries.group_by("day", "currency").agg(pl.col("delta_usd").sum()).filter(pl.col("delta_usd") != 0)
    if not moved.height:
        return "What it restated was taken back."
    days, delta = moved["day"].n_unique(), summed(moved, "delta_usd")
    return f"It restates {days_counted(days)} by {money(delta, sign=True)}."


def _told(correction: str, deliveries: Collection[Delivery]) -> str:
    """Who was told of what, and who was not."""
    mine = [one for one in deliveries if one.notice.correction == correction]
    if not mine:
        return ""
    sent = sorted({one.notice.audience for one in mine if one.sent_at})
    waits = sorted({f"{one.notice.audience} ({one.notice.event.replace('_', ' ')})" for one in mine if one.is_pending})
    only = sorted({one.notice.audience for one in mine if not one.channel} - set(sent))
    parts = [
        f"Told: {', '.join(said(name) for name in sent)}." if sent else "",
        f"Not told yet: {', '.join(said(name) for name in waits)}." if waits else "",
        f"In the notices folder only: {', '.join(said(name) for name in only)}." if only else "",
    ]
    return " ".join(part for part in parts if part)
