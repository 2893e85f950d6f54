"""What all pages share: one file each, no script, nothing fetched; header, banner, the line of completeness."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files

from backfill_assets.revenue.pages.basis import Basis
from backfill_assets.revenue.pages.state import Hold
from backfill_assets.revenue.pages.words import day_told, moment_told, money, said


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its title, what stands above and below it, and its sections as HTML."""

    title: str
    eyebrow: str
    lead: str
    basis: Basis
    hold: Hold | None
    sections: Sequence[str]
    foot: str = ""

    def html(self) -> str:
        """The whole document."""
        shown = self.basis.as_of
        frozen = f' data-frozen-by="{html.escape(" ".join(self.hold.corrections), quote=True)}"' if self.hold else ""
        complete = "true" if self.basis.is_complete else "false"
        return (
            f'<!doctype html>\n<html lang="en" data-as-of="{shown or ""}" data-complete="{complete}"'
            f' data-basis="{self.basis.name}"{frozen}>\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<link rel="icon" href="data:,">\n'
            f"<title>{html.escape(self.title)}</title>\n<style>\n{stylesheet()}</style>\n</head>\n<body>\n"
            f'<header>\n<p class="eyebrow">{self.eyebrow}</p>\n<h1>{html.escape(self.title)}</h1>\n'
            f'<p class="lead">{self.lead}</p>\n<p class="basis">{self.basis.line()}</p>\n{self._banner()}</header>\n'
            f"<main>\n{''.join(f'<section>{section}</section>' for section in self.sections if section)}</main>\n"
            f"<footer><p>{self.foot}</p></footer>\n</body>\n</html>\n"
        )

    def _banner(self) -> str:
        if self.hold is None:
            return ""
        heading, sentence = banner_sentences(self.hold, self.basis)
        return f'<div class="banner" role="status"><h2>{heading}</h2><p>{sentence}</p></div>\n'


def banner_sentences(hold: Hold, basis: Basis) -> tuple[str, str]:
    """What a frozen report says of itself, as HTML: which state it shows, since when, why, and until when."""
    shown = basis.as_of
    heading = f"As of {shown or 'no day'}, correction in flight"
    by = ", ".join(said(one) for one in hold.corrections)
    until = f", expected by {moment_told(hold.until)}" if hold.until else ""
    sentence = (
        f"Frozen since {moment_told(hold.since)} by correction {by}. {said(hold.reason)} "
        f"These are the last good numbers, up to {day_told(shown)}. They stay until the correction is published here "
        f"or given up{until}."
    )
    return heading, sentence


@cache
def stylesheet() -> str:
    """The style of all pages."""
    return (files("backfill_assets.revenue.pages") / "style.css").read_text(encoding="utf-8")


def titled(title: str, body: str, lead: str = "") -> str:
    """What a section holds: its title, a line about it, and the rest."""
    about = f'<p class="lead">{lead}</p>' if lead else ""
    return f"<h2>{title}</h2>{about}{body}"


def tiles(cells: Sequence[tuple[str, str, str]]) -> str:
    """Figures side by side: name, figure, and what it is held against."""
    told = "".join(
        f'<div class="tile"><h2>{name}</h2><div class="figure">{value}</div><p>{below}</p></div>'
        for name, value, below in cells
    )
    return f'<div class="tiles">{told}</div>'


def dollars(value: Decimal) -> str:
    """An amount as a headline has it: whole dollars, exact in its value."""
    return f"<small>$</small>{money(value, places=0)}"


def table(heads: Sequence[str], rows: Sequence[str], *, name: str, foot: str = "") -> str:
    """A table that scrolls inside its place on a narrow screen and can be reached by keyboard to do so."""
    label = html.escape(name, quote=True)
    tail = f"<tfoot>{foot}</tfoot>" if foot else ""
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{label}"><table><thead><tr>{"".join(heads)}'
        f"</tr></thead><tbody>{''.join(rows)}</tbody>{tail}</table></div>"
    )


def head(text: str, kind: str = "") -> str:
    """A column's head; ``n`` for numbers."""
    return f'<th scope="col"{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}>{text}</th>'


def row(first: str, *cells: str, kind: str = "") -> str:
    """A row whose first cell names it and whose others are numbers."""
    numbers = "".join(f'<td class="n">{cell}</td>' for cell in cells)
    return f'<tr{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}><th scope="row">{first}</th>{numbers}</tr>'
