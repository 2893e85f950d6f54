"""Pages from templates: whatever stands in them is escaped unless it was made here, and nothing may be missing.

A page extends ``shell.html`` or, for a report, ``report.html``, takes what it shows from ``parts.html``, and is one
file that needs no other. A package keeps its own templates in a folder ``templates``.
"""

import hashlib
import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING

from backfill_assets.core.plain import visible
from backfill_assets.errors.base import counted
from backfill_assets.pages import formats, words
from backfill_assets.pages.charts import are_drawn

if TYPE_CHECKING:
    from jinja2 import Environment

OWN = "backfill_assets.pages"
# ``count`` is Jinja's own.
FILTERS = {
    "money": formats.money,
    "amount": formats.amount,
    "number": formats.count,
    "counted": counted,
    "said": words.said,
    "told": words.told,
    "coded": words.coded,
    "named": words.named,
    "lines": words.lines,
    "day_told": words.day_told,
    "month_told": words.month_told,
    "moment_told": words.moment_told,
    "period_told": words.period_told,
    "span_told": words.span_told,
    "days_counted": words.days_counted,
}


def rendered(template: str, package: str = OWN, **values: object) -> str:
    """A template of a package with these values, as HTML.

    Raises:
        jinja2.UndefinedError: when the template names a value that is not given.
    """
    page = _environment(package).get_template(template).render(**values)
    # The lines of a template end between tags; no value holds a line's end, see ``_finalized``.
    return re.sub(r">\n+\s*<", "><", page)


@cache
def drawn_by(*packages: str) -> str:
    """What identifies the code and the templates that draw the pages of these packages: others draw other pages.

    Where charts cannot be drawn yet, pages are drawn anew once they can.
    """
    sources = [part for package in (OWN, *packages) for part in _parts(files(package))]
    parts = [part.read_bytes() for part in sources]
    return hashlib.sha256(b"".join([*parts, b"" if are_drawn() else b"without charts"])).hexdigest()


@cache
def _environment(package: str) -> "Environment":
    import jinja2  # noqa: PLC0415 - only who draws a page needs it

    places = [jinja2.PackageLoader(name) for name in dict.fromkeys((package, OWN))]
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.ChoiceLoader(places),
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    environment.filters |= FILTERS
    return environment


def _finalized(value: object) -> object:
    """Text on one line, without marks that turn the direction of what stands after it."""
    return value if hasattr(value, "__html__") else visible(value)


def _parts(folder: Traversable) -> list[Traversable]:
    found = [*folder.iterdir(), *(folder / "templates").iterdir()]
    return sorted((part for part in found if part.name.endswith((".py", ".html", ".css"))), key=str)
