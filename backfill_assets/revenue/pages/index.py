"""The index: the reports and their state, corrections that are open, and what past ones did."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl
from markupsafe import Markup

from backfill_assets.corrections import NINE_STEPS, Progress, Step, Window, next_step, others_in_chain, sentence_of
from backfill_assets.lake import Delivery
from backfill_assets.pages.formats import money
from backfill_assets.pages.words import day_told, days_counted
from backfill_assets.revenue.pages.basis import basis_of
from backfill_assets.revenue.pages.pack import Month
from backfill_assets.revenue.pages.report import rendered_report
from backfill_assets.revenue.pages.state import Shown, State, summed


def render_index(
    state: State, months: Mapping[str, Month], files: Collection[str], deliveries: Collection[Delivery]
) -> str:
    """The page, as one document; ``files`` are the paths that may be linked, relative to it."""
    days = state.dashboard.days
    newest_first = [*reversed(state.corrections.values())]
    told = [(one.is_closed, _correction(one, state, deliveries)) for one in newest_first]
    return rendered_report(
        "index.html",
        basis_of(state, Window.spanning(days) if days else ()),
        None,
        title="Revenue reports",
        reports=[
            ReportLine("Executive dashboard", "executive_dashboard/index.html", state.dashboard),
            ReportLine("Finance reconciliation export", "", state.export),
            ReportLine("Board pack", "", state.board),
        ],
        months=[(month, _links(name, files)) for name, month in reversed(list(months.items()))],
        open_corrections=[one for is_closed, one in told if not is_closed],
        past_corrections=[one for is_closed, one in told if is_closed],
    )


@dataclass(frozen=True, slots=True)
class ReportLine:
    """A report and what it shows; ``place`` is what it links to."""

    name: str
    place: str
    shown: Shown

    @property
    def newest(self) -> str:
        """Up to when it shows."""
        last = self.shown.days[-1]
        return day_told(last) if self.shown.report != "board_pack" else f"{last:%B %Y}"


def _links(month: str, files: Collection[str]) -> list[tuple[str, str]]:
    known = {
        "board pack": f"board_pack/{month}.html",
        "PDF": f"board_pack/{month}.pdf",
        "workbook": f"finance_reconciliation_export/{month}.xlsx",
    }
    return [(name, path) for name, path in known.items() if path in files]


@dataclass(frozen=True, slots=True)
class CorrectionLines:
    """A correction as the index tells of it: how far it is, what is next, its effect, who was told."""

    progress: Progress
    how_far: str
    next: str
    effect: Markup | str
    told: list[tuple[str, list[str]]]


def _correction(progress: Progress, state: State, deliveries: Collection[Delivery]) -> CorrectionLines:
    name = progress.plan.correction
    effect = state.entries.filter(pl.col("correction") == name)
    # The page is the same for as long as the ledger is: it does not know what time it is.
    next_is = sentence_of(
        name, next_step(progress, progress.plan.opened_at, chain=others_in_chain(progress, state.corrections))
    )
    return CorrectionLines(progress, _how_far(progress), next_is, _effect(effect), _told(name, deliveries))


def _how_far(progress: Progress) -> str:
    """How far it is; nothing of one that has ended or was changed by hand, whose next step says it all."""
    if progress.publication.ending or progress.publication.moved:
        return ""
    done = [step for step in NINE_STEPS if step in progress.done]
    if Step.CUT_OVER in progress.done:
        live = days_counted(len(progress.publication.swapped))
        return f"Published, {live} live; step {len(done)} of {len(NINE_STEPS)} is done."
    if progress.publication.swapped:
        live, back = days_counted(len(progress.publication.swapped)), days_counted(len(progress.taken_back))
        return f"Published in part, {live} live and {back} rolled back."
    after = f" after {done[-1].replace('_', ' ')}" if done else ""
    return f"Not published, step {len(done)} of {len(NINE_STEPS)}{after}."


def _effect(entries: pl.DataFrame) -> Markup | str:
    if not entries.height:
        return ""
    moved = entries.group_by("day", "currency").agg(pl.col("delta_usd").sum()).filter(pl.col("delta_usd") != 0)
    if not moved.height:
        return "What it restated was rolled back."
    days, delta = moved["day"].n_unique(), summed(moved, "delta_usd")
    return Markup("It restates {} by {}.").format(days_counted(days), money(delta, sign=True))


def _told(correction: str, deliveries: Collection[Delivery]) -> list[tuple[str, list[str]]]:
    """Who was told of what, and who was not."""
    mine = [one for one in deliveries if one.notice.correction == correction]
    sent = sorted({one.notice.audience for one in mine if one.sent_at})
    waits = sorted({f"{one.notice.audience} ({one.notice.event.replace('_', ' ')})" for one in mine if one.is_pending})
    only = sorted({one.notice.audience for one in mine if not one.channel} - set(sent))
    parts = [("Told", sent), ("Not told yet", waits), ("In the notices folder only", only)]
    return [(what, names) for what, names in parts if names]
