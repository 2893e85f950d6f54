"""What changes, as validation found it, drawn once for each certificate: in time, by key, by month; and its proofs."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

import polars as pl

from backfill_assets.core.check import Check
from backfill_assets.core.day_comparison import NOTHING
from backfill_assets.core.figures import ROWS, Figures, Line
from backfill_assets.core.formats import amount, percent, period_told
from backfill_assets.core.sampling import Sample, SampledRow
from backfill_assets.core.slots import Grain
from backfill_assets.pages.charts import Drawing
from backfill_assets.pages.correction_charts import Moved, bars_both_ways, changes_in_time, lines_in_time
from backfill_assets.pages.formats import count, money
from backfill_assets.pages.shell import rendered
from backfill_assets.pages.words import coded, named, told

MOST_DAYS = 120
LINES_SHOWN = 8
MOST_MEASURES = 20


@dataclass(frozen=True, slots=True)
class Column:
    """A column's head, text or a name of code; those of one group stand side by side under its name."""

    label: object
    group: object = ""
    is_number: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under columns; the title is what a screen reader calls it."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[object]]

    @property
    def groups(self) -> list[tuple[object, list[Column]]]:
        """Neighbours of one group together."""
        return [(name, list(columns)) for name, columns in groupby(self.columns, lambda column: column.group)]

    @property
    def is_grouped(self) -> bool:
        """Whether the heads are in two rows."""
        return any(column.group for column in self.columns)


def table_of_lines(lines: Sequence[Line], figures: Figures, name: object, title: str) -> Table:
    """Old, new, change and share of every measure that moves, a row a line, with the total below."""
    has_rows, measures = _shows_rows(figures), _shown(figures)
    columns = [Column(name, is_number=False), *[Column(f"rows {side}") for side in ("before", "now") if has_rows]]
    heads = ("before", "now", "change", "share")
    columns += [Column(side, coded(measure)) for measure in measures for side in heads]
    return Table(title, columns, [_row(line, measures, has_rows=has_rows) for line in [*lines, figures.total]])


def table_of_days(figures: Figures, grain: Grain) -> Table:
    """Every day that changes, oldest first; the hundred and twenty that change most when there are more."""
    moving = _ranked(figures)
    ranked = moving[:MOST_DAYS]
    shown = sorted(ranked, key=lambda day: day.name)
    left = f", the {MOST_DAYS} of {len(moving):,} that change most" if len(moving) > MOST_DAYS else ""
    return table_of_lines(shown, figures, grain.value, f"{grain.worded('Days')} that change{left}")


def _ranked(figures: Figures) -> list[Line]:
    """The days that change, those first that change most."""
    measure = figures.main_measure
    moving = [day for day in figures.days if day.moves]
    return sorted(moving, key=lambda day: -abs(day.of(measure).change))


def table_of_checks(checks: Sequence[Check], grain: Grain = Grain.DAY) -> Table:
    """Every check with its verdict and its sentence."""
    columns = [Column(name, is_number=False) for name in ("check", "", "found")]
    rows = [
        (named(check.name, grain), "✓ passed" if check.passed else "✗ failed", told(check.sentence)) for check in checks
    ]
    return Table("Checks", columns, rows)


def table_of_sample(sample: Sample) -> Table:
    """The sampled rows with every cell twice: as derived from the source, and as staged."""
    keys = list(dict.fromkeys(name for row in sample.rows for name in row.key))
    cells = list(dict.fromkeys(cell.column for row in sample.rows for cell in row.cells))
    columns = [
        *[Column(coded(name), is_number=False) for name in keys],
        *[Column(coded(name)) for name in cells],
        Column("staged", is_number=False),
        Column("tick"),
    ]
    rows: list[list[object]] = []
    for row in sample.rows:
        derived = {cell.column: coded(cell.derived or "none") for cell in row.cells}
        differing = [f"{cell.column} {cell.staged}" for cell in row.cells if not cell.agrees]
        found = [*[coded(row.key.get(name, "")) for name in keys], *[derived.get(name, "") for name in cells]]
        rows.append([*found, "equal" if row.agrees else coded("; ".join(differing)), "☐"])
    return Table("Sample, derived a second time", columns, rows)


def table_of_source_rows(row: SampledRow) -> Table:
    """The first source rows behind a sampled row."""
    columns = list(dict.fromkeys(name for line in row.lines for name in line))
    rows = [[coded(line.get(name, "")) for name in columns] for line in row.lines[:LINES_SHOWN]]
    return Table(f"Source rows of {' '.join(row.key.values())}", [Column(coded(name)) for name in columns], rows)


def _row(line: Line, measures: Sequence[str], *, has_rows: bool) -> list[object]:
    cells: list[object] = [period_told(line.name), *([count(line.rows_old), count(line.rows_new)] if has_rows else [])]
    for measure in measures:
        sums = line.sums[measure]
        change = money(sums.change, sign=True, places=None) if sums.change else "="
        share = percent(sums.share) if sums.change else ""
        cells += [money(sums.old, places=None), money(sums.new, places=None), change, share]
    return cells


def _shown(figures: Figures) -> list[str]:
    """The measures that move most, in their order, or the main one when none does."""
    moved = _moved(figures)
    most = set(sorted(moved, key=lambda name: -moved[name])[:MOST_MEASURES])
    return [name for name in moved if name in most] or list(figures.measures[-1:])


def _moved(figures: Figures) -> dict[str, Decimal]:
    """By how much each measure that moves does, all days together and either way, in their order."""
    moved = {name: sum((abs(day.sums[name].change) for day in figures.days), NOTHING) for name in figures.measures}
    return {name: amount for name, amount in moved.items() if amount}


def _shows_rows(figures: Figures) -> bool:
    """Whether the numbers of rows say anything."""
    return not figures.measures or any(day.rows_old != day.rows_new for day in figures.days)


SAMPLE_FILE = "sample.csv"
MOST_DAYS_DRAWN = 400
MOST_FAILED = 4
"""Checks that failed and are told without being unfolded."""
MOST_VALUES_DRAWN = 20
VISIBLE = 0.01
"""The part of a drawing's height by which two lines have to lie apart to be seen as two."""


def changes(figures: Figures, grain: Grain = Grain.DAY) -> str:
    """The change in time, by the values of each key, by month and quarter; every line below it."""
    moving = any(day.moves for day in figures.days)
    return rendered(
        "changes.html",
        grain=grain,
        figures=figures,
        measure=figures.main_measure,
        largest=figures.largest_day(figures.main_measure),
        empty=[day for day in figures.days if not (day.rows_old or day.rows_new)],
        in_time=chart_of_changes(figures, grain) if moving else None,
        lines=chart_of_lines(figures, grain),
        by_day=_is_drawn_by_day(figures),
        days=table_of_days(figures, grain) if moving else None,
        measures_moved=len(_moved(figures)),
        measures_shown=MOST_MEASURES,
        months=table_of_lines(figures.months, figures, "month", "Months"),
        quarters=table_of_lines(figures.quarters, figures, "quarter", "Quarters"),
        keys=[
            (
                key,
                chart_per_value(lines, figures.main_measure, key),
                table_of_lines(lines, figures, coded(key), f"By {key}"),
            )
            for key, lines in figures.keys.items()
        ],
    )


def proofs(checks: Sequence[Check], sample: Sample | None, grain: Grain, *, has_file: bool) -> dict[str, object]:
    """What ``proofs.html`` shows: the checks, of those that failed the first unfolded, and the sample.

    ``has_file`` is whether the rows of the sample lie beside the page.
    """
    failed = [check for check in checks if not check.passed]
    return {
        "failed": table_of_checks(failed[:MOST_FAILED], grain),
        "failed_too": table_of_checks(failed[MOST_FAILED:], grain),
        "passed": table_of_checks([check for check in checks if check.passed], grain),
        "sample": sample,
        "sample_table": table_of_sample(sample) if sample else None,
        "source_rows": [(row, table_of_source_rows(row)) for row in (sample.rows if sample else ()) if row.lines],
        "lines_shown": LINES_SHOWN,
        "sample_file": SAMPLE_FILE if has_file else "",
    }


def _is_drawn_by_day(figures: Figures) -> bool:
    return len(figures.days) <= MOST_DAYS_DRAWN


def _drawn(figures: Figures) -> list[Moved]:
    """Every slot as a drawing has it; every month when there are too many."""
    lines = figures.days if _is_drawn_by_day(figures) else figures.months
    found = [(line, line.of(figures.main_measure)) for line in lines]
    return [
        Moved(line.name, float(sums.old), float(sums.new), float(sums.change), bool(line.rows_old or line.rows_new))
        for line, sums in found
    ]


def chart_of_changes(figures: Figures, grain: Grain) -> Drawing:
    """The change of the main measure per slot, with the largest named and slots without rows marked."""
    lines = figures.days if _is_drawn_by_day(figures) else figures.months
    most = max(lines, key=lambda line: abs(line.of(figures.main_measure).change))
    change = amount(most.of(figures.main_measure).change, signed=True)
    per = grain.value if _is_drawn_by_day(figures) else "month"
    about = f"Change of {figures.main_measure or ROWS} per {per}"
    return changes_in_time(_drawn(figures), largest=f"{period_told(most.name)}, {change}", about=about)


def chart_of_lines(figures: Figures, grain: Grain) -> Drawing | None:
    """The main measure before and now; None where nobody could tell the two lines apart."""
    drawn = _drawn(figures)
    ends = [end for one in drawn for end in (one.before, one.now)]
    height = max([0.0, *ends]) - min([0.0, *ends])
    if not height or max(abs(one.change) for one in drawn) < VISIBLE * height:
        return None
    per = grain.value if _is_drawn_by_day(figures) else "month"
    return lines_in_time(drawn, about=f"{figures.main_measure or ROWS} per {per}, before and now")


def chart_per_value(lines: Sequence[Line], measure: str | None, column: str) -> Drawing | None:
    """By how much each value of a key moves; None when none does."""
    moving = [line for line in lines if line.of(measure).change][:MOST_VALUES_DRAWN]
    if not moving:
        return None
    changed = [(line.name, float(line.of(measure).change)) for line in moving]
    return bars_both_ways(changed, about=f"Change of {measure or ROWS} per {column}")


def sample_csv(sample: Sample) -> str:
    """Every single source row behind the sample, with its key, to be ticked off."""
    frames = [_source_rows(row) for row in sample.rows if row.lines]
    return pl.concat(frames, how="diagonal").select(_harmless(pl.all())).write_csv() if frames else ""


def _source_rows(row: SampledRow) -> pl.DataFrame:
    """The source rows behind one row, each with its key."""
    lines = pl.from_dicts([*row.lines], infer_schema_length=None)
    key = [pl.lit(value).alias(name) for name, value in row.key.items() if name not in lines.columns]
    return lines.select([*key, pl.all()])


def _harmless(values: pl.Expr) -> pl.Expr:
    """Texts that no spreadsheet takes for a formula; amounts stay as they are."""
    is_number = values.str.contains(r"^[+-]*([0-9]+\.?[0-9]*|\.[0-9]+)$")
    return (
        pl.when(values.str.contains(r"^[=+\-@\t\r]") & ~is_number).then(values.str.replace("^", "'")).otherwise(values)
    )
