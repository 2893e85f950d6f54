"""What a correction changes, drawn: in time, before and now, and by the values of a key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from backfill_assets.core.slots import read_slot
from backfill_assets.pages.charts import (
    ACCENT,
    DOWN,
    FULL,
    HALF,
    INK,
    MARK,
    PADDING,
    QUIET,
    UP,
    Drawing,
    bare_axis,
    drawing_of,
    fitting,
    or_told,
)

BEFORE, NOW = "before", "now"
ROOM = 1.2
"""How much farther than its longest bar a drawing goes, where the largest is named."""
NEAR_AN_END = 0.25


@dataclass(frozen=True, slots=True)
class Moved:
    """A slot, or a month, of a drawing: its name as figures have it, both sides, and whether it has rows at all."""

    name: str
    before: float
    now: float
    change: float
    has_rows: bool = True


@or_told
def changes_in_time(moved: Sequence[Moved], *, largest: str, about: str) -> Drawing:
    """The change of each slot as a bar; ``largest`` is written at the longest, a ring marks slots without rows."""
    return drawing_of(lambda width: _changes_in_time(moved, largest, width), FULL, about)


@or_told
def lines_in_time(moved: Sequence[Moved], *, about: str) -> Drawing:
    """Before and now of each slot as two lines."""
    return drawing_of(lambda width: _lines_in_time(moved, width), FULL, about)


@or_told
def bars_both_ways(changes: Sequence[tuple[str, float]], *, about: str) -> Drawing:
    """A change for each name, both ways from zero, in the order given."""
    import altair as alt

    rows = [{"name": name, "change": change} for name, change in changes]

    def bars(width: int) -> Any:
        chart = alt.Chart(alt.Data(values=rows), height=alt.Step(18), width=width, padding=PADDING).mark_bar()
        names = bare_axis(labelLimit=width // 2, labelColor=INK, labelFlush=False)
        encoded = chart.encode(
            x=alt.X("change:Q", axis=bare_axis(format="~s", grid=True, tickCount=4)),
            y=alt.Y("name:N", sort=None, axis=names),
            color=_by_sign(),
        )
        return encoded.properties(autosize={"type": "fit-x", "contains": "padding"})

    return drawing_of(bars, HALF, about)


def _changes_in_time(moved: Sequence[Moved], largest: str, width: int) -> Any:
    import altair as alt

    rows = [{"slot": one.name, "change": one.change} for one in moved]
    ends = [0.0, *(one.change for one in moved)]
    low, high = min(ends) * ROOM, max(ends) * ROOM
    height = alt.Y(
        "change:Q", axis=bare_axis(format="~s", grid=True, tickCount=4), scale=alt.Scale(domain=[low, high or 1])
    )
    days = _time_axis(width, moved)
    bars = alt.Chart(alt.Data(values=rows)).mark_bar(size=_bar_size(width, len(moved)))
    layers = [bars.encode(x=days, y=height, color=_by_sign())]
    if empty := [{"slot": one.name, "change": 0} for one in moved if not one.has_rows]:
        ring = alt.Chart(alt.Data(values=empty)).mark_point(filled=False, size=34, color=QUIET, strokeWidth=1.6)
        layers.append(ring.encode(x=days, y=height))
    named = max(moved, key=lambda one: abs(one.change))
    if named.change:
        at = moved.index(named) / max(len(moved) - 1, 1)
        text = {
            "align": "left" if at < NEAR_AN_END else "right" if at > 1 - NEAR_AN_END else "center",
            "baseline": "bottom" if named.change > 0 else "top",
            "dy": -5 if named.change > 0 else 5,
            "color": INK,
            "fontSize": 12,
        }
        told = alt.Chart(alt.Data(values=[{"slot": named.name, "change": named.change, "told": largest}]))
        layers.append(told.mark_text(**text).encode(x=days, y=height, text="told:N"))
    return fitting(alt.layer(*layers), width, 240 if width == FULL else 165)


def _lines_in_time(moved: Sequence[Moved], width: int) -> Any:
    import altair as alt

    rows = [
        {"slot": one.name, "side": side, "value": value}
        for one in moved
        for side, value in ((BEFORE, one.before), (NOW, one.now))
    ]
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(strokeWidth=2, strokeJoin="round")
        .encode(
            x=_time_axis(width, moved),
            y=alt.Y("value:Q", axis=bare_axis(format="~s", grid=True, tickCount=4)),
            color=alt.Color("side:N", scale=alt.Scale(domain=[BEFORE, NOW], range=[MARK, ACCENT]), legend=None),
            strokeDash=alt.StrokeDash("side:N", legend=None, scale=alt.Scale(range=[[4, 3], [1, 0]])),
        )
    )
    return fitting(chart, width, 210 if width == FULL else 140)


def _time_axis(width: int, moved: Sequence[Moved]) -> Any:
    """Slots in UTC, whatever the time zone of this machine is."""
    import altair as alt

    format_ = "%-d %b, %H:%M" if "T" in moved[0].name else "%-d %b"
    every = max(1, -(-len(moved) // max(width // 120, 1)))
    values = [_milliseconds(one.name) for one in moved[::every]]
    axis = bare_axis(format=format_, values=values, labelOverlap=True, labelAngle=0)
    return alt.X("slot:T", axis=axis, scale=alt.Scale(type="utc", padding=_bar_size(width, len(moved))))


def _milliseconds(name: str) -> float:
    """When a slot begins, or a month, as drawings count time."""
    slot = read_slot(name if name.count("-") > 1 else f"{name}-01")
    return datetime(slot.year, slot.month, slot.day, getattr(slot, "hour", 0), tzinfo=UTC).timestamp() * 1000


def _bar_size(width: int, count: int) -> float:
    return max(1.5, min(22.0, 0.68 * (width - 60) / max(count, 1)))


def _by_sign() -> Any:
    import altair as alt

    return alt.condition("datum.change >= 0", alt.value(UP), alt.value(DOWN))
