"""How complete a page is, and what it stands on: the line that each page shows."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from markupsafe import Markup

from backfill_assets.pages.formats import money
from backfill_assets.pages.words import coded, day_told, days_counted, said
from backfill_assets.revenue.pages.state import State


@dataclass(frozen=True, slots=True)
class Basis:
    """The days of one page: expected and present, and by correction how many of them it wrote.

    ``half`` are corrections that changed some of the page's days and not (or no longer) others that they should:
    such a page mixes days before and after a correction, and its sum is neither. ``paged`` have a page to be linked.
    """

    expected: tuple[date, ...]
    present: tuple[date, ...]
    corrected: dict[str, int]
    half: tuple[str, ...]
    code: tuple[str, ...]
    commit: int | None
    paged: frozenset[str] = frozenset()

    @property
    def is_complete(self) -> bool:
        """Whether every expected day is there."""
        return len(self.present) == len(self.expected) > 0

    @property
    def as_of(self) -> date | None:
        """The last day there is."""
        return max(self.present, default=None)

    @property
    def missing(self) -> list[date]:
        """The expected days that are not there."""
        return sorted(set(self.expected) - set(self.present))

    @property
    def name(self) -> str:
        """Original, corrected, or mixed."""
        if self.half:
            return "mixed"
        return "corrected" if self.corrected else "original"

    def line(self, up: str = "../") -> Markup:
        """What people have to know of it, in one line; ``up`` leads to the index."""
        number = len(self.present)
        days: Markup | str = f"{number:,} of {days_counted(len(self.expected))}"
        if self.missing and self.expected:
            lacking = ", ".join(day_told(day) for day in self.missing[:3]) + (" …" if self.missing[3:] else "")
            days += f" (without {lacking})"
        parts = [days, {"original": "as first published", "corrected": "corrected", "mixed": "mixed basis"}[self.name]]
        for one, changed in self.corrected.items():
            parts.append(Markup("{} by {}").format(days_counted(changed), self.link(one, up)))
        return Markup(" · ").join(parts)

    def link(self, correction: str, up: str = "../") -> Markup:
        """A correction, with the way to its page where it has one."""
        told = Markup("correction {}").format(said(correction))
        if correction not in self.paged:
            return told
        return Markup('<a href="{}corrections/{}/index.html">{}</a>').format(up, correction, told)

    def built(self) -> Markup:
        """What it was computed from, for who looks into it."""
        parts = [Markup("fact commit <code>{}</code>").format(self.commit)] if self.commit is not None else []
        if self.code:
            parts.append(Markup("code {}").format(Markup(", ").join(coded(one[:12]) for one in self.code)))
        return Markup(", ").join(parts)


def dollars(value: Decimal) -> Markup:
    """An amount as a headline has it: whole dollars, exact in its value."""
    return Markup("<small>$</small>{}").format(money(value, places=0))


def basis_of(state: State, expected: Iterable[date]) -> Basis:
    """What the pages of these days stand on."""
    wanted = tuple(sorted(expected))
    snapshot = state.fact.snapshot
    there = snapshot.days if snapshot else frozenset[date]()
    present = tuple(day for day in wanted if day in there)
    made = {day: state.builds[day] for day in present if day in state.builds}
    corrected: dict[str, int] = {}
    for build in made.values():
        if build.correction:
            corrected[build.correction] = corrected.get(build.correction, 0) + 1
    return Basis(
        expected=wanted,
        present=present,
        corrected=dict(sorted(corrected.items())),
        half=_half(state, present, {day: build.correction for day, build in made.items()}),
        code=tuple(sorted({build.code_version for build in made.values()})),
        commit=snapshot.commit if snapshot else None,
        paged=state.paged,
    )


def _half(state: State, present: Collection[date], by: dict[date, str]) -> tuple[str, ...]:
    """Corrections of which some changed days are on the page and others are not, by the files that are live."""
    half: list[str] = []
    order = [*state.corrections]
    for name, progress in state.corrections.items():
        changed = progress.gate.changed & set(present)
        if not progress.publication.swap_count or not changed:
            continue
        later = order[order.index(name) + 1 :]
        done = {day for day in changed if by.get(day) == name or by.get(day) in later}
        if done and done != changed:
            half.append(name)
    return tuple(half)
