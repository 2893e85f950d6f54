"""Charts as inline SVG, drawn by Altair and coloured by the page: light, dark and print are one drawing."""

import json
import re
import zlib
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, wraps
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ParamSpec

import polars as pl
from markupsafe import Markup

from backfill_assets.core.plain import visible
from backfill_assets.errors.setup import ExtraMissing, needs_extra

P = ParamSpec("P")
# What the extra "pages" installs.
DRAWN_BY = ("altair", "vl_convert")
# Altair needs real colours; each stands for a custom property of the page and is replaced in the drawing.
COLOURS = {
    "#010101": "var(--ink)",
    "#020202": "var(--quiet)",
    "#030303": "var(--rule)",
    "#040404": "var(--bar)",
    "#050505": "var(--accent)",
    "#060606": "var(--mark)",
    "#070707": "var(--up)",
    "#080808": "var(--down)",
}
INK, QUIET, RULE, BAR, ACCENT, MARK, UP, DOWN = COLOURS
FONT = "sans-serif"
FULL, WIDE, HALF, NARROW = 1040, 720, 500, 340
PADDING = {"left": 8, "right": 4, "top": 4, "bottom": 4}
"""A browser's letters may be wider than those that the drawing was measured with."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """One chart at two widths, or one that fits everywhere; ``about`` says what it shows to who does not see it.

    ``missing`` says why there is none, where what draws it is not installed.
    """

    wide: Markup
    narrow: Markup
    about: str
    missing: str = ""


def or_told(draw: Callable[P, Drawing]) -> Callable[P, Drawing]:
    """A chart that cannot be drawn is told in a sentence in its place; the page has its figures as a table too."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Drawing:
        try:
            with needs_extra("pages", "Drawing a chart"):
                for name in DRAWN_BY:
                    import_module(name)
        except ExtraMissing as error:
            return Drawing(Markup(), Markup(), str(kwargs.get("about", kwargs.get("title"))), str(error))
        return draw(*args, **kwargs)

    return drawn


@or_told
def bars_by_day(frame: pl.DataFrame, *, value: str, line: str, marked: Collection[date], about: str) -> Drawing:
    """A value of each ``day`` as bars, another as a line over them; marked days have another colour."""
    import altair as alt

    rows = _floats(frame, value, line).with_columns(
        state=pl.when(pl.col("day").is_in(list(marked))).then(pl.lit("marked")).otherwise(pl.lit("day"))
    )
    days = alt.X("day:T", axis=bare_axis(format="%-d %b", tickCount=7, labelOverlap=True))
    colours = alt.Scale(domain=["day", "marked"], range=[BAR, MARK])
    height = alt.Y(f"{value}:Q", axis=bare_axis(format="~s", grid=True, tickCount=4))

    def layers(width: int) -> Any:
        size = max(1.5, min(width / max(rows.height, 1) * 0.68, 14))
        bars = alt.Chart(rows).mark_bar(size=size)
        bars = bars.encode(x=days, y=height, color=alt.Color("state:N", scale=colours, legend=None))
        mean = alt.Chart(rows).mark_line(color=ACCENT, strokeWidth=2.2, interpolate="monotone", strokeJoin="round")
        return bars + mean.encode(x=days, y=f"{line}:Q")

    return _fitted(layers, 230, about)


@or_told
def lines_by_day_of_month(frame: pl.DataFrame, *, now: str, then: str, about: str) -> Drawing:
    """The ``total`` of each ``number`` of day, this ``month`` over the one before."""
    import altair as alt

    rows = _floats(frame, "total")
    days = alt.X("number:Q", axis=bare_axis(tickCount=6, format="d"), scale=alt.Scale(domain=[1, 31], nice=False))
    value = alt.Y("total:Q", axis=bare_axis(format="~s", grid=True, tickCount=4))
    colours = alt.Color("month:N", scale=alt.Scale(domain=[then, now], range=[QUIET, ACCENT]), legend=None)
    widths = alt.StrokeWidth("month:N", scale=alt.Scale(domain=[then, now], range=[1.4, 2.6]), legend=None)

    def layers(_width: int) -> Any:
        lines = alt.Chart(rows).mark_line(strokeJoin="round").encode(x=days, y=value, color=colours, strokeWidth=widths)
        ends = alt.Chart(rows.filter(pl.col("number") == pl.col("number").max().over("month")))
        dots = ends.mark_point(filled=True, size=42, opacity=1).encode(x=days, y=value, color=colours)
        return lines + dots

    return _fitted(layers, 210, about, HALF)


@or_told
def bars_by_month(frame: pl.DataFrame, *, value: str, chosen: str, about: str, half: bool = False) -> Drawing:
    """A value of each ``month``, which begins on ``day``: the chosen one accented, those not ``complete`` paler."""
    import altair as alt

    rows = _floats(frame, value).with_columns(
        kind=pl.when(pl.col("month") == chosen)
        .then(pl.lit("chosen"))
        .when(pl.col("complete"))
        .then(pl.lit("month"))
        .otherwise(pl.lit("partial"))
    )
    colours = alt.Scale(domain=["chosen", "month", "partial"], range=[ACCENT, BAR, RULE])
    months = alt.X("yearmonth(day):O", axis=bare_axis(format="%b %y", labelAngle=0, labelOverlap="parity"))

    def layers(width: int) -> Any:
        size = min(width / max(rows.height, 1) * 0.62, 34)
        bars = alt.Chart(rows).mark_bar(size=size)
        height = alt.Y(f"{value}:Q", axis=bare_axis(format="~s", grid=True, tickCount=4))
        return bars.encode(x=months, y=height, color=alt.Color("kind:N", scale=colours, legend=None))

    return _fitted(layers, 210, about, HALF if half else WIDE)


def are_drawn() -> bool:
    """Whether what draws charts is installed."""
    with suppress(ModuleNotFoundError):
        return all(find_spec(name) is not None for name in DRAWN_BY)
    return False


def spark(values: Sequence[float]) -> Markup:
    """A line without axes, as wide as its place; decoration beside the numbers."""
    if len(values) <= 1 or not any(values):
        return Markup('<svg class="spark" viewBox="0 0 100 28" aria-hidden="true"></svg>')
    top, low = max(values), min(0.0, *values)
    height = (top - low) or 1.0
    points = [(100 * i / (len(values) - 1), 26 - 24 * (value - low) / height) for i, value in enumerate(values)]
    return Markup(
        '<svg class="spark" viewBox="0 0 100 28" preserveAspectRatio="none" aria-hidden="true">'
        '<polygon points="0,28 {0} 100,28"/><polyline points="{0}"/></svg>'
    ).format(" ".join(f"{x:.1f},{y:.1f}" for x, y in points))


def _floats(frame: pl.DataFrame, *names: str) -> pl.DataFrame:
    return frame.with_columns(pl.col(*names).cast(pl.Float64))


def bare_axis(*, grid: bool = False, **options: Any) -> Any:
    """Labels and nothing else."""
    import altair as alt

    return alt.Axis(
        title=None,
        domain=False,
        ticks=False,
        grid=grid,
        gridColor=RULE,
        labelPadding=7,
        **{"labelColor": QUIET, **options},
    )


def _fitted(layers: Callable[[int], Any], height: int, about: str, wide: int = WIDE) -> Drawing:
    """A chart that fits into its width."""
    return drawing_of(lambda width: fitting(layers(width), width, height), wide, about)


def drawing_of(chart: Callable[[int], Any], wide: int, about: str) -> Drawing:
    """A chart at two widths."""
    return Drawing(_svg(chart(wide)), _svg(chart(NARROW)), about)


def fitting(chart: Any, width: int, height: int) -> Any:
    """A chart that fits into a width and a height, its labels included."""
    fit = {"type": "fit", "contains": "padding"}
    return chart.properties(width=width, height=height, padding=PADDING, autosize=fit)


def _svg(chart: Any) -> Markup:
    spec = {**chart.to_dict(validate=False), "background": "transparent"}
    spec["config"] = {
        "aria": False,
        "font": FONT,
        "view": {"stroke": None},
        "axis": {"labelFontSize": 11.5, "labelFlush": True},
    }
    # What Vega drew is markup, in which it has escaped every label.
    return Markup(_for_page(_converted(json.dumps(_visible(spec)))))  # noqa: S704 - an SVG of our own


def _visible(spec: Any) -> Any:
    """The specification with nothing but visible text: a null character in a label aborts the whole process."""
    if isinstance(spec, dict):
        return {name: _visible(value) for name, value in spec.items()}
    if isinstance(spec, list):
        return [_visible(value) for value in spec]
    return visible(spec) if isinstance(spec, str) else spec


@lru_cache(maxsize=64)
def _converted(spec: str) -> str:
    """The SVG of a Vega-Lite specification. Most pages are made again because a banner came or went."""
    import vl_convert

    return vl_convert.vegalite_to_svg(spec, vl_version="6.1")


def _for_page(svg: str) -> str:
    """The page's colours and font, no size of its own, and no name that another drawing has too."""
    number = format(zlib.crc32(svg.encode()), "x")
    # Tag by tag: a label may hold what looks like an attribute.
    svg = re.sub(r"<[^>]*>", lambda tag: _tag_for_page(tag[0], number), svg)
    return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def _tag_for_page(tag: str, number: str) -> str:
    for colour, variable in COLOURS.items():
        tag = tag.replace(colour, variable)
    tag = re.sub(r'(id="|url\(#)(clip|gradient)', rf"\g<1>d{number}\g<2>", tag)
    tag = re.sub(r' (class|role|aria-[a-z]+|pointer-events|xmlns:xlink|version)="[^"]*"', "", tag)
    tag = re.sub(r'<path d="[^"]*" display="none"/>', "", tag)
    tag = re.sub(r"(\.\d\d)\d+", r"\1", tag)
    tag = re.sub(r'<svg ([^>]*?)width="[\d.]+" height="[\d.]+"', r"<svg \1", tag)
    return re.sub(r'font-family="[^"]*"', 'font-family="inherit"', tag)
