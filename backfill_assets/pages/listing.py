"""Every correction in three lists: those under way, those that can be taken back, and those that are closed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backfill_assets.core.chain import others_in_chain
from backfill_assets.core.next_step import NextStep, next_step
from backfill_assets.core.progress import Progress
from backfill_assets.pages.page import deadline_of, next_told, state_of
from backfill_assets.pages.places import INDEX, RETENTION, STORAGE_COST, Link
from backfill_assets.pages.shell import rendered
from backfill_assets.storage.outbox import Delivery
from backfill_assets.storage.replacing import replace_text

OPEN, PUBLISHED, CLOSED = "Open", "Published, can be taken back", "Closed"


@dataclass(frozen=True, slots=True)
class Listed:
    """A correction in a list: where it stands, what is next, why it is stuck, and the notices about it."""

    progress: Progress
    state: str
    tone: str
    sentence: str
    reason: str
    until: datetime | None
    place: str
    notices: tuple[Link, ...] = ()


Find = Callable[[str], str]
"""The place of the page of a correction or of a notice by its name, empty where there is none."""


def lists_of(
    known: Mapping[str, Progress],
    deliveries: Collection[Delivery],
    page_of: Find,
    notice_of: Find,
    steps: Mapping[str, NextStep] | None = None,
) -> dict[str, list[Listed]]:
    """All corrections, newest first, by the list that each is in; those that are known come in their order.

    ``steps`` are the next ones where they are known. Without them a list is the same for as long as the ledger is,
    because it does not know what time it is.
    """
    lists: dict[str, list[Listed]] = {OPEN: [], PUBLISHED: [], CLOSED: []}
    for progress in reversed([*known.values()]):
        name = progress.plan.correction
        told = next_told(progress, (steps or {}).get(name) or _next(progress, known))
        notices = tuple(_notices(name, deliveries, notice_of))
        one = Listed(progress, *state_of(progress), *told, deadline_of(progress), page_of(name), notices)
        lists[_list_of(one)].append(one)
    return lists


def _list_of(one: Listed) -> str:
    """What was changed by hand is live, and waits for a person all the same."""
    if one.progress.is_closed:
        return CLOSED
    return PUBLISHED if one.until and not one.progress.publication.moved else OPEN


def _next(progress: Progress, known: Mapping[str, Progress]) -> NextStep:
    return next_step(progress, progress.plan.opened_at, chain=others_in_chain(progress, known))


def _notices(correction: str, deliveries: Collection[Delivery], notice_of: Find) -> Sequence[Link]:
    mine = {one.notice.name: one.notice for one in deliveries if one.notice.correction == correction}
    return [
        Link(f"{notice.event.replace('_', ' ')}, {notice.audience}", place)
        for name, notice in mine.items()
        if (place := notice_of(name))
    ]


def pages_in(root: Path) -> frozenset[str]:
    """The corrections that have a page below the published root."""
    return frozenset(page.parent.name for page in (root / "corrections").glob(f"*/{INDEX}"))


def write_index(root: Path, known: Mapping[str, Progress], deliveries: Collection[Delivery], now: datetime) -> Path:
    """Write the page of all corrections, which every page of one links."""
    target = root / "corrections" / INDEX

    def page_of(correction: str) -> str:
        return f"{correction}/{INDEX}" if (target.parent / correction / INDEX).is_file() else ""

    def notice_of(name: str) -> str:
        return f"../notices/{name}.html" if (root / "notices" / f"{name}.html").is_file() else ""

    lists = lists_of(known, deliveries, page_of, notice_of)
    home = f"../{INDEX}" if (root / INDEX).is_file() else ""
    cost = f"../{STORAGE_COST}" if (root / STORAGE_COST).is_file() else ""
    kept = f"../{RETENTION}" if (root / RETENTION).is_file() else ""
    shown = {"lists": lists, "home": home, "cost": cost, "kept": kept, "now": now}
    page = rendered("corrections.html", title="Corrections", attributes={}, **shown)
    replace_text(target, page)
    return target
