"""Tables: Great Tables lays them out, the page's own style sheet dresses them, so that they follow light and dark."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from html import escape

import polars as pl

from backfill_assets.core.check import Check
from backfill_assets.core.figures import Figures, Line
from backfill_assets.core.sampling import Sample, SampledRow

MOST_DAYS = 120
LINES_SHOWN = 8


def table_of_lines(lines: Sequence[Line], figures: Figures, name: str, title: str) -> str:
    """Old, new, change and share of every measure, a row a line, with the total below."""
    rows = [_row(line, figures.measures, name) for line in [*lines, figures.total]]
    spanners = {
        measure: [f"{measure} {side}" for side in ("before", "now", "change", "share")] for measure in _shown(figures)
    }
    return laid_out(rows, title=title, name_of_rows=name, spanners=spanners, hidden=_hidden(figures))


def table_of_days(figures: Figures) -> str:
    """Every day that moves, oldest first; the hundred and twenty that move most when there are more."""
    measure = figures.main_measure
    moving = [day for day in figures.days if day.moves]
    ranked = sorted(moving, key=lambda day: -abs(day.of(measure).change))[:MOST_DAYS]
    shown = sorted(ranked, key=lambda day: day.name)
    left = f", the {MOST_DAYS} that move most of {len(moving)}" if len(moving) > MOST_DAYS else ""
    return table_of_lines(shown, figures, "day", f"Days that move{left}")


def table_of_checks(checks: Sequence[Check]) -> str:
    """Every check with its verdict and its sentence."""
    rows = [
        {"check": check.name, "": "✓ passed" if check.passed else "✗ failed", "found": check.sentence}
        for check in checks
    ]
    return laid_out(rows, title="Checks", name_of_rows="check", left=("", "found"))


def table_of_sample(sample: Sample) -> str:
    """The sampled rows with every cell twice: as derived from the source, and as staged."""
    rows = [
        {
            **row.key,
            **{cell.column: cell.derived or "none" for cell in row.cells},
            "staged": "equal" if row.agrees else "; ".join(f"{c.column} {c.staged}" for c in row.cells if not c.agrees),
            "tick": "☐",
        }
        for row in sample.rows
    ]
    keys = list(sample.rows[0].key) if sample.rows else []
    return laid_out(
        rows, title="Sample, derived a second time", name_of_rows=keys[0] if keys else "", left=(*keys, "staged")
    )


def table_of_transactions(row: SampledRow) -> str:
    """The first single transactions behind a sampled row: many small tables, so written without a layout engine."""
    columns = list(dict.fromkeys(name for line in row.lines for name in line))
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f'<td class="gt_right">{escape(line.get(name, ""))}</td>' for name in columns) + "</tr>"
        for line in row.lines[:LINES_SHOWN]
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def laid_out(  # noqa: PLR0913 - keyword-only
    rows: Sequence[Mapping[str, str]],
    *,
    title: str,
    name_of_rows: str,
    spanners: Mapping[str, Sequence[str]] | None = None,
    left: Sequence[str] = (),
    hidden: Sequence[str] = (),
) -> str:
    """Rows of text as an HTML table that may be scrolled sideways; Great Tables escapes the text."""
    from great_tables import GT  # noqa: PLC0415 - half a second of imports that only a page needs

    if not rows:
        return ""
    frame = pl.DataFrame([{name: str(value) for name, value in row.items()} for row in rows])
    frame = frame.drop([name for name in hidden if name in frame.columns])
    table = GT(frame, id="t" + hashlib.sha256(repr((title, rows[0])).encode()).hexdigest()[:10])
    numbers = [name for name in frame.columns if name not in {*left, name_of_rows}]
    table = table.cols_align(align="left", columns=[name for name in frame.columns if name not in numbers])
    table = table.cols_align(align="right", columns=numbers)
    for label, columns in (spanners or {}).items():
        table = table.tab_spanner(label=label, columns=list(columns))
        table = table.cols_label({name: name.removeprefix(f"{label} ") for name in columns})
    html = re.sub(r"<style>.*?</style>", "", table.as_raw_html(), flags=re.DOTALL)
    html = re.sub(r' style="[^"]*"', "", html)
    html = html.replace("<table ", f'<table aria-label="{escape(title)}" ', 1) if title else html
    return f'<div class="scroll" tabindex="0">{html}</div>'


def amount(value: Decimal, *, signed: bool = False) -> str:
    """An amount with thousands set apart."""
    return f"{value:+,f}" if signed else f"{value:,f}"


def _row(line: Line, measures: Sequence[str], name: str) -> dict[str, str]:
    cells = {name: line.name, "rows before": f"{line.rows_old:,}", "rows now": f"{line.rows_new:,}"}
    for measure in measures:
        sums = line.sums[measure]
        change = amount(sums.change, signed=True) if sums.change else "="
        cells |= {f"{measure} before": amount(sums.old), f"{measure} now": amount(sums.new)}
        cells |= {f"{measure} change": change, f"{measure} share": _share(line, measure)}
    return cells


def _share(line: Line, measure: str) -> str:
    share = line.sums[measure].share
    return "from nothing" if share is None else f"{float(share):.2%}" if share else ""


def _shown(figures: Figures) -> list[str]:
    """The measures that move, or the main one when none does."""
    moving = [name for name in figures.measures if any(day.sums[name].change for day in figures.days)]
    return moving or list(figures.measures[-1:])


def _hidden(figures: Figures) -> list[str]:
    """Columns that say nothing: measures that do not move, and the rows where their number does not."""
    still = [name for name in figures.measures if name not in _shown(figures)]
    rows = (
        []
        if not figures.measures or any(day.rows_old != day.rows_new for day in figures.days)
        else ["rows before", "rows now"]
    )
    return rows + [f"{name} {side}" for name in still for side in ("before", "now", "change", "share")]
