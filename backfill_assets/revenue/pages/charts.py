"""Charts as inline SVG: drawn by Altair, coloured by the page, so that light, dark and print are one drawing."""

import html
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl

# Altair needs real colours; each stands for a custom property of the page and is replaced in the drawing.
COLOURS = {
    "#010101": "var(--ink)",
    "#020202": "var(--quiet)",
    "#030303": "var(--rule)",
    "#040404": "var(--bar)",
    "#050505": "var(--accent)",
    "#060606": "var(--mark)",
    "#070707": "var(--paper)",
}
INK, QUIET, RULE, BAR, ACCENT, MARK, PAPER = COLOURS
FONT = "sans-serif"
WIDE, HALF, NARROW = 720, 500, 340


@dataclass(frozen=True, slots=True)
class Drawing:
    """One chart at two widths; ``about`` says in a sentence what it shows, for those who do not see it."""

    wide: str
    narrow: str
    about: str

    def html(self, caption: str) -> str:
        """The figure: the page shows the drawing that fits."""
        about = html.escape(self.about, quote=True)
        parts = [
            f'<div class="{name}" role="img" aria-label="{about}">{svg}</div>'
            for name, svg in (("wide", self.wide), ("narrow", self.narrow))
        ]
        return f"<figure>{''.join(parts)}<figcaption>{caption}</figcaption></figure>"


def daily_chart(frame: pl.DataFrame, corrected: Sequence[Any]) -> Drawing:
    """Revenue of each day as bars, its trailing mean as a line; corrected days have another colour."""
    import altair as alt  # noqa: PLC0415 - a second of imports that loading the code location does not need

    rows = _floats(frame, "revenue_usd", "trailing_mean_7d_usd").with_columns(
        state=pl.when(pl.col("day").is_in(list(corrected))).then(pl.lit("corrected")).otherwise(pl.lit("day"))
    )
    days = alt.X("day:T", axis=_axis(format="%-d %b", tickCount=7, labelOverlap=True))
    colours = alt.Scale(domain=["day", "corrected"], range=[BAR, MARK])
    value = alt.Y("revenue_usd:Q", axis=_axis(format="~s", grid=True, tickCount=4))

    def layers(width: int) -> Any:
        size = max(1.5, min(width / max(rows.height, 1) * 0.68, 14))
        bars = alt.Chart(rows).mark_bar(size=size)
        bars = bars.encode(x=days, y=value, color=alt.Color("state:N", scale=colours, legend=None))
        line = alt.Chart(rows).mark_line(color=ACCENT, strokeWidth=2.2, interpolate="monotone", strokeJoin="round")
        return bars + line.encode(x=days, y="trailing_mean_7d_usd:Q")

    about = f"Revenue in US dollars for each of {rows.height} days, with the mean of the trailing seven days."
    return _drawn(layers, 230, about)


def month_to_date_chart(frame: pl.DataFrame, now: str, then: str) -> Drawing:
    """Revenue of this month so far, day by day added up, over the month before."""
    import altair as alt  # noqa: PLC0415

    rows = _floats(frame, "total")
    days = alt.X("number:Q", axis=_axis(tickCount=6, format="d"), scale=alt.Scale(domain=[1, 31], nice=False))
    value = alt.Y("total:Q", axis=_axis(format="~s", grid=True, tickCount=4))
    colours = alt.Color("month:N", scale=alt.Scale(domain=[then, now], range=[QUIET, ACCENT]), legend=None)
    widths = alt.StrokeWidth("month:N", scale=alt.Scale(domain=[then, now], range=[1.4, 2.6]), legend=None)

    def layers(_width: int) -> Any:
        lines = alt.Chart(rows).mark_line(strokeJoin="round").encode(x=days, y=value, color=colours, strokeWidth=widths)
        ends = alt.Chart(rows.filter(pl.col("number") == pl.col("number").max().over("month")))
        dots = ends.mark_point(filled=True, size=42, opacity=1).encode(x=days, y=value, color=colours)
        return lines + dots

    return _drawn(layers, 210, f"Revenue added up day by day, {now} beside {then}.", HALF)


def months_chart(frame: pl.DataFrame, chosen: str, *, half: bool = False) -> Drawing:
    """Revenue of each month; the chosen one in the accent colour, months that lack days paler."""
    import altair as alt  # noqa: PLC0415

    rows = _floats(frame, "revenue_usd").with_columns(
        kind=pl.when(pl.col("month") == chosen)
        .then(pl.lit("chosen"))
        .when(pl.col("complete"))
        .then(pl.lit("month"))
        .otherwise(pl.lit("partial"))
    )
    colours = alt.Scale(domain=["chosen", "month", "partial"], range=[ACCENT, BAR, RULE])
    months = alt.X("yearmonth(day):O", axis=_axis(format="%b %y", labelAngle=0, labelOverlap="parity"))

    def layers(width: int) -> Any:
        size = min(width / max(rows.height, 1) * 0.62, 34)
        bars = alt.Chart(rows).mark_bar(size=size)
        value = alt.Y("revenue_usd:Q", axis=_axis(format="~s", grid=True, tickCount=4))
        return bars.encode(x=months, y=value, color=alt.Color("kind:N", scale=colours, legend=None))

    about = f"Revenue in US dollars of each of {rows.height} months."
    return _drawn(layers, 210, about, HALF if half else WIDE)


def spark(values: Sequence[float]) -> str:
    """A line without axes, as wide as its place; decoration beside the numbers."""
    if len(values) < 2 or not any(values):  # noqa: PLR2004 - a line has two ends
        return '<svg class="spark" viewBox="0 0 100 28" aria-hidden="true"></svg>'
    top, low = max(values), min(0.0, *values)
    height = (top - low) or 1.0
    points = [(100 * i / (len(values) - 1), 26 - 24 * (value - low) / height) for i, value in enumerate(values)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        '<svg class="spark" viewBox="0 0 100 28" preserveAspectRatio="none" aria-hidden="true">'
        f'<polygon points="0,28 {line} 100,28"/><polyline points="{line}"/></svg>'
    )


def _floats(frame: pl.DataFrame, *names: str) -> pl.DataFrame:
    return frame.with_columns(pl.col(*names).cast(pl.Float64))


def _axis(*, grid: bool = False, **options: Any) -> Any:
    import altair as alt  # noqa: PLC0415

    return alt.Axis(
        title=None, domain=False, ticks=False, grid=grid, gridColor=RULE, labelColor=QUIET, labelPadding=7, **options
    )


def _drawn(layers: Any, height: int, about: str, wide: int = WIDE) -> Drawing:
    return Drawing(_svg(layers(wide), wide, height), _svg(layers(NARROW), NARROW, height), about)


def _svg(chart: Any, width: int, height: int) -> str:
    spec = chart.properties(width=width, height=height, background="transparent", padding=2).to_dict(validate=False)
    spec["autosize"] = {"type": "fit", "contains": "padding"}
    spec["config"] = {
        "aria": False,
        "view": {"stroke": None},
        "axis": {"labelFont": FONT, "labelFontSize": 11.5, "labelFlush": True},
    }
    return _for_page(_converted(json.dumps(spec)))


@lru_cache(maxsize=64)
def _converted(spec: str) -> str:
    """The SVG of a Vega-Lite specification. Most pages are made again because a banner came or went."""
    import vl_convert  # noqa: PLC0415

    return vl_convert.vegalite_to_svg(spec, vl_version="6.1")


def _for_page(svg: str) -> str:
    """The page's colours and font, no size of its own, and no name that another drawing has too."""
    for colour, variable in COLOURS.items():
        svg = svg.replace(colour, variable)
    number = format(zlib.crc32(svg.encode()), "x")
    svg = re.sub(r'(id="|url\(#)(clip|gradient)', rf"\g<1>d{number}\g<2>", svg)
    svg = re.sub(r' (class|role|aria-[a-z]+|pointer-events|xmlns:xlink|version)="[^"]*"', "", svg)
    svg = re.sub(r'<path d="[^"]*" display="none"/>', "", svg)
    svg = re.sub(r"(\.\d\d)\d+", r"\1", svg)
    svg = re.sub(r'<svg ([^>]*?)width="[\d.]+" height="[\d.]+"', r"<svg \1", svg, count=1)
    svg = re.sub(r'font-family="[^"]*"', 'font-family="inherit"', svg)
    return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
