"""What all reports share: what they say of themselves to people and to programs, and the banner of a frozen one."""

from dataclasses import dataclass

from markupsafe import Markup

from backfill_assets.pages.shell import rendered
from backfill_assets.pages.words import day_told, moment_told, said
from backfill_assets.revenue.pages.basis import Basis
from backfill_assets.revenue.pages.state import Hold

PACKAGE = "backfill_assets.revenue.pages"


def rendered_report(template: str, basis: Basis, hold: Hold | None, up: str = "../", /, **values: object) -> str:
    """A report as one document, with the line of completeness, and the banner while it is frozen.

    ``up`` leads from where it lies to the index.
    """
    attributes = {
        "as-of": basis.as_of or "",
        "complete": "true" if basis.is_complete else "false",
        "basis": basis.name,
        **({"frozen-by": " ".join(hold.corrections)} if hold else {}),
    }
    banner = banner_of(hold, basis) if hold else None
    told = {"attributes": attributes, "basis": basis, "line": basis.line(up), "built": basis.built(), "banner": banner}
    return rendered(template, PACKAGE, **told, **values)


@dataclass(frozen=True, slots=True)
class Banner:
    """What a frozen report says of itself: which state it shows, since when, why, and until when."""

    heading: str
    sentence: Markup


def banner_of(hold: Hold, basis: Basis) -> Banner:
    """The banner of a report that is frozen."""
    shown = basis.as_of
    sentence = Markup(
        "Frozen since {} by {}. {} These are the last good numbers, up to {}. They stay until the "
        "correction is published here or abandoned{}."
    ).format(
        moment_told(hold.since),
        Markup(", ").join(basis.link(one) for one in hold.corrections),
        said(hold.reason),
        day_told(shown),
        f", expected by {moment_told(hold.until)}" if hold.until else "",
    )
    return Banner(f"As of {day_told(shown) if shown else 'no day'}, correction in flight", sentence)
