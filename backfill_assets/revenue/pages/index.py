"""The index: the reports and their state, corrections that are open, and what past ones did."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date

import polars as pl
from markupsafe import Markup

from backfill_assets.corrections import NINE_STEPS, Progress, Step, Window
from backfill_assets.lake import Delivery
from backfill_assets.pages.formats import money
from backfill_assets.pages.listing import lists_of
from backfill_assets.pages.words import day_told, days_counted
from backfill_assets.revenue.pages.basis import basis_of
from backfill_assets.revenue.pages.pack import board_months
from backfill_assets.revenue.pages.report import rendered_report
from backfill_assets.revenue.pages.state import Shown, State, summed
from backfill_assets.text import month_of


def render_index(state: State, deliveries: Collection[Delivery], is_there: Callable[[str], bool]) -> str:
    """The page, as one document; ``is_there`` says of a path, relative to it, whether it can be linked."""
    days = state.dashboard.days

    def place(path: str) -> str:
        return path if is_there(path) else ""

    lists = lists_of(
        state.corrections,
        deliveries,
        lambda name: place(f"corrections/{name}/index.html"),
        lambda name: place(f"notices/{name}.html"),
    )
    return rendered_report(
        "index.html",
        basis_of(state, Window.spanning(days) if days else ()),
        None,
        "",
        title="Revenue reports",
        reports=[
            ReportLine("Executive dashboard", place("executive_dashboard/index.html"), state.dashboard),
            ReportLine("Finance reconciliation export", "", state.export),
            ReportLine("Board pack", "", state.board),
        ],
        months=[(month, _links(name, is_there)) for name, month in reversed(list(board_months(state).items()))],
        days=_days(state, is_there),
        lists=lists,
        all_corrections=place("corrections/index.html"),
        more=lambda one: _more(one.progress, state, deliveries),
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


def _links(month: str, is_there: Callable[[str], bool]) -> list[tuple[str, str]]:
    known = {
        "board pack": f"board_pack/{month}.html",
        "PDF": f"board_pack/{month}.pdf",
        "workbook": f"finance_reconciliation_export/{month}.xlsx",
    }
    return [(name, path) for name, path in known.items() if is_there(path)]


def _days(state: State, is_there: Callable[[str], bool]) -> dict[str, list[tuple[date, list[tuple[str, str]]]]]:
    """The files of each day by month, newest month first."""
    found: dict[str, list[tuple[date, list[tuple[str, str]]]]] = {}
    for day in sorted(state.export.days, key=lambda day: (-day.year, -day.month, day.day)):
        known = {kind: f"finance_reconciliation_export/days/{day}.{kind.lower()}" for kind in ("CSV", "Parquet")}
        links = [(kind, path) for kind, path in known.items() if is_there(path)]
        if links:
            found.setdefault(month_of(day), []).append((day, links))
    return found


@dataclass(frozen=True, slots=True)
class More:
    """What the index tells of a correction beside where it stands: how far it is, its effect, who was told."""

    how_far: str
    effect: Markup | str
    told: list[tuple[str, list[str]]]


def _more(progress: Progress, state: State, deliveries: Collection[Delivery]) -> More:
    name = progress.plan.correction
    effect = state.entries.filter(pl.col("correction") == name)
    return More(_how_far(progress), _effect(effect), _told(name, deliveries))


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
