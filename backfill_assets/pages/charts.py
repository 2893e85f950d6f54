"""Charts as inline SVG: Altair describes them, vl-convert draws them, nothing reaches for the network."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from backfill_assets.core.figures import ROWS, Figures, Line

WIDE, NARROW = 860, 330
MOST_DAYS = 400
# Colours that the style sheet decides on: Vega wants them fixed, so each stands in for a custom property.
INK, FAINT, OLD, NEW, UP, DOWN = "#010101", "#020202", "#030303", "#040404", "#050505", "#060606"
PROPERTIES: Mapping[str, str] = {
    INK: "var(--ink)",
    FAINT: "var(--line)",
    OLD: "var(--old)",
    NEW: "var(--new)",
    UP: "var(--up)",
    DOWN: "var(--down)",
}
FONT = "system-ui, sans-serif"


def charts_per_day(figures: Figures) -> str:
    """Old and new of the main measure per day above their difference; per month when there are too many days."""
    lines = figures.days if len(figures.days) <= MOST_DAYS else figures.months
    measure = figures.main_measure
    span = "day" if lines is figures.days else "month"
    what = f"{measure or ROWS} per {span}, live before and corrected, and the change"
    drawn = [(_per_day(lines, measure, width), size) for width, size in ((WIDE, "wide"), (NARROW, "narrow"))]
    return "".join(_figure(chart, what, size) for chart, size in drawn)


def chart_per_value(lines: Sequence[Line], measure: str | None, column: str) -> str:
    """By how much each value of a key moves, both ways from zero; empty when none does."""
    moving = [line for line in lines if line.of(measure).change][:20]
    if not moving:
        return ""
    import altair as alt  # noqa: PLC0415 - a second of imports that only a page needs

    rows = [{"name": line.name, "change": float(line.of(measure).change)} for line in moving]
    chart = (
        alt.Chart(alt.Data(values=rows), height=alt.Step(17), width=NARROW - 60)
        .mark_bar()
        .encode(
            x=alt.X("change:Q", title=f"change of {measure or ROWS}"),
            y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=96)),
            color=alt.condition("datum.change >= 0", alt.value(UP), alt.value(DOWN)),
        )
    )
    return _figure(chart, f"Change of {measure or ROWS} per {column}", "any")


def _per_day(lines: Sequence[Line], measure: str | None, width: int) -> Any:
    import altair as alt  # noqa: PLC0415

    rows = [
        {"day": line.name, "side": side, "value": float(value)}
        for line in lines
        for side, value in (("live before", line.of(measure).old), ("corrected", line.of(measure).new))
    ]
    changes = [{"day": line.name, "change": float(line.of(measure).change)} for line in lines]
    days = alt.X("day:T", title=None, axis=alt.Axis(format="%d %b %y", labelAngle=0, tickCount=width // 110))
    sides = alt.Scale(domain=["live before", "corrected"], range=[OLD, NEW])
    both = (
        alt.Chart(alt.Data(values=rows), height=190, width=width - 70)
        .mark_line(strokeWidth=1.8)
        .encode(
            x=days,
            y=alt.Y("value:Q", title=measure or ROWS, axis=alt.Axis(format="~s")),
            color=alt.Color("side:N", scale=sides, legend=alt.Legend(title=None, orient="top")),
            strokeDash=alt.StrokeDash("side:N", legend=None, scale=alt.Scale(range=[[4, 3], [1, 0]])),
        )
    )
    change = (
        alt.Chart(alt.Data(values=changes), height=110, width=width - 70)
        .mark_bar(size=max(1.5, min(14.0, 0.7 * (width - 70) / max(len(lines), 1))))
        .encode(
            x=days,
            y=alt.Y("change:Q", title="change", axis=alt.Axis(format="~s")),
            color=alt.condition("datum.change >= 0", alt.value(UP), alt.value(DOWN)),
        )
    )
    return alt.vconcat(both, change, spacing=14)


def _figure(chart: Any, what: str, size: str) -> str:
    """The chart as SVG in a figure that a screen reader hears as one sentence."""
    import vl_convert  # noqa: PLC0415

    configured = chart.configure(background="transparent", font=FONT).configure_view(stroke=None)
    axis = {"labelColor": INK, "titleColor": INK, "domainColor": FAINT, "tickColor": FAINT, "gridColor": FAINT}
    configured = configured.configure_axis(**axis, labelFontSize=11, titleFontSize=11, titlePadding=12)
    configured = configured.configure_legend(labelColor=INK, labelFontSize=12, symbolStrokeWidth=2.5)
    svg: str = vl_convert.vegalite_to_svg(configured.to_dict(validate=False))
    for stand_in, custom in PROPERTIES.items():
        svg = svg.replace(stand_in, custom)
    svg = re.sub(r' (?:aria-[a-z]+|role)="[^"]*"', "", svg)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(what)}" ', 1)
    return f'<figure class="{size}">{svg}<figcaption>{escape(what)}.</figcaption></figure>'
