"""What a person sees of a step in the Dagster UI: Markdown tables and bars, numbers that Dagster plots, links."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import dagster as dg

from backfill_assets.core.check import Check
from backfill_assets.core.day_comparison import DayComparison, Sums, percent
from backfill_assets.core.events import Event
from backfill_assets.core.exact import exactly
from backfill_assets.core.facts import CheckResult, Notified, Swapped
from backfill_assets.core.progress import Progress
from backfill_assets.core.reconciliation import Comparison
from backfill_assets.core.slots import Grain
from backfill_assets.core.steps import Step
from backfill_assets.errors.base import days_listed
from backfill_assets.orchestration.asset.surroundings import page_shown, published_root
from backfill_assets.pages.publishing import page_path
from backfill_assets.runbook.validating import Validation

Shown = dict[str, dg.MetadataValue]
DAYS_SHOWN = 10
DAYS_DRAWN = 90
BAR = 24


def metadata_of(detail: Mapping[str, Any]) -> Shown:
    """A detail of the ledger as Dagster shows it: numbers as numbers, records as tables, places as links."""
    return {str(name): shown(value) for name, value in detail.items() if value not in (None, "", [], {})}


def shown(value: object) -> dg.MetadataValue:
    """One value of a detail."""
    match value:
        case bool():
            return dg.MetadataValue.bool(value)
        case int():
            return dg.MetadataValue.int(value)
        case float():
            return dg.MetadataValue.float(value)
        case str():
            return dg.MetadataValue.text(value)
        case Mapping() if value and all(isinstance(one, str | int | float) for one in value.values()):
            return dg.MetadataValue.md(table_of([{"": name, "value": one} for name, one in value.items()]))
        case _:
            return dg.MetadataValue.json(cast("Any", value))


def progress_metadata(progress: Progress) -> Shown:
    """What every step shows: which correction of which days, and why."""
    plan = progress.plan
    return {
        "correction": dg.MetadataValue.text(plan.correction),
        "window": dg.MetadataValue.text(str(plan.window)),
        "days": dg.MetadataValue.int(len(plan.days)),
        "reason": dg.MetadataValue.text(plan.request.reason),
        "staged_version": dg.MetadataValue.text(plan.version_name),
        **(page_shown(plan.correction) or _page_file(plan.correction)),
    }


def _page_file(correction: str) -> Shown:
    """Where the file of its page is, once there is one: a browser opens no file from a page of Dagster."""
    page = page_path(published_root(), correction)
    return {"page_file": dg.MetadataValue.path(str(page))} if page.exists() else {}


def approval_metadata(progress: Progress) -> Shown:
    """Who has let the correction through, and why."""
    approval = progress.gate.approval
    if approval is None:
        return metadata_of({"by": "the expectation, which was met"})
    return metadata_of({"by": approval.by, "note": approval.note, "override": approval.override or None})


def notices_metadata(fact: Notified) -> Shown:
    """The notices that went out: each as it reads, and where it lies."""
    told = metadata_of({"event": str(fact.kind), "events": [str(kind) for kind in fact.told_of]})
    for place in fact.notices:
        path = Path(str(place))
        told[path.stem] = dg.MetadataValue.path(path)
        if path.exists():
            told[f"{path.stem} text"] = dg.MetadataValue.md(path.read_text(encoding="utf-8"))
    return told


@exactly
def validation_metadata(found: Validation) -> Shown:
    """Totals old and new, the checks, the largest days, and a bar for each day that changed."""
    comparison, certificate = found.comparison, found.certificate
    told: Shown = {
        "totals": dg.MetadataValue.md(_totals(comparison.totals, "live", "staged")),
        **checks_metadata(found.checks),
        "largest_days": dg.MetadataValue.md(
            table_of([_narrow(row, comparison.grain) for row in comparison.as_rows(DAYS_SHOWN)])
        ),
        "change_by_day": dg.MetadataValue.md(_bars(comparison)),
        "days_changed": dg.MetadataValue.int(len(certificate.changed_days)),
        "days_unchanged": dg.MetadataValue.int(len(certificate.unchanged_days)),
        "rows_changed": dg.MetadataValue.int(comparison.differing),
        "checks_failed": dg.MetadataValue.int(len(found.failed)),
        "certificate": dg.MetadataValue.text(certificate.digest),
    }
    told |= {f"change_{name}": dg.MetadataValue.float(float(sums.change)) for name, sums in comparison.totals.items()}
    named = {"built_on_other_inputs": found.other_inputs, "written_by_others": found.foreign, "late_data": found.late}
    return told | {
        name: dg.MetadataValue.text(days_listed(days, noun=comparison.grain.value))
        for name, days in named.items()
        if days
    }


def table_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table; nested values as short text, missing ones as a dash."""
    if not rows:
        return "none"
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_cell(row.get(name)) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case Mapping():
            text = ", ".join(f"{name} {_cell(one)}" for name, one in value.items())
        case list() | tuple():
            text = " → ".join(_cell(one) for one in value)
        case _:
            text = str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def checks_metadata(checks: Iterable[Check | CheckResult]) -> Shown:
    """Every check that was asked, with what it found."""
    rows = [
        {"": "passed" if check.passed else "FAILED", "check": check.name, "found": check.sentence} for check in checks
    ]
    return {"checks": dg.MetadataValue.md(table_of(rows))}


@exactly
def swap_metadata(event: Event, grain: Grain) -> Shown:
    """Which days a cut over or a roll back swapped, and from what to what it moved them, in all and by day."""
    fact, detail = event.fact, event.detail
    if not isinstance(fact, Swapped):
        return metadata_of(detail)
    shown = {name: value for name, value in detail.items() if name not in {"days", "reach", "sums"}}
    reached = {report: len(keys) for report, keys in fact.reach.items()}
    days = fact.swap.days
    ends = {"first_day": str(days[0]), "last_day": str(days[-1])} if days else {}
    told = metadata_of({"days_swapped": len(days), **ends, **shown, "report_partitions_reached": reached or None})
    moved = {day: {name: _moved(fact.step, sums) for name, sums in of_day.items()} for day, of_day in fact.sums.items()}
    if not moved:
        return told
    totals: dict[str, Sums] = {}
    for of_day in moved.values():
        totals |= {name: totals.get(name, Sums()) + sums for name, sums in of_day.items()}
    return {
        **told,
        "totals": dg.MetadataValue.md(_totals(totals, "before", "after")),
        "largest_days": dg.MetadataValue.md(table_of(_days_moved(moved, grain))),
    }


def _moved(step: Step, sums: Mapping[str, str]) -> Sums:
    """From what to what a swap moves a sum: a roll back goes from what the correction brought to what was before."""
    old, new = Decimal(sums["old"]), Decimal(sums["new"])
    return Sums(new, old) if step is Step.ROLL_BACK else Sums(old, new)


def _days_moved(moved: Mapping[date, Mapping[str, Sums]], grain: Grain) -> list[dict[str, str]]:
    """A row for each of the days that move most."""
    by_size = sorted(
        moved, key=lambda day: -max((abs(sums.change) for sums in moved[day].values()), default=Decimal(0))
    )
    return [
        {grain.value: str(day)}
        | {
            f"{side} {name}": f"{value:{sign},f}"
            for name, sums in moved[day].items()
            if sums.change
            for side, value, sign in (("before", sums.old, ""), ("after", sums.new, ""), ("change", sums.change, "+"))
        }
        for day in by_size[:DAYS_SHOWN]
    ]


def _totals(totals: Mapping[str, Sums], before: str, after: str) -> str:
    return table_of(
        [
            {
                "total": name,
                before: f"{sums.old:,f}",
                after: f"{sums.new:,f}",
                "change": f"{sums.change:+,f}",
                "share": percent(sums.share),
            }
            for name, sums in totals.items()
        ]
    )


def _narrow(row: Mapping[str, str], grain: Grain) -> dict[str, str]:
    """A row of the largest days without the counts that say nothing."""
    told = {name: value for name, value in row.items() if name not in {"rows_old", "equal", "day"}}
    return {grain.value: row["day"], **told}


def _bars(comparison: Comparison) -> str:
    """A bar a day for the last measure, up to ``DAYS_DRAWN`` days; unchanged days have none."""
    if not comparison.measures:
        return "none"
    measure = comparison.measures[-1]
    drawn = [(found, _change(found, measure)) for found in comparison.days[-DAYS_DRAWN:]]
    largest = max((abs(change) for _, change in drawn), default=Decimal(0))
    if not largest:
        return f"No {comparison.grain.value} of {measure} changed."
    return "\n".join([f"Change of {measure} by {comparison.grain.value}", "```", *_lines(drawn, largest), "```"])


def _lines(drawn: Iterable[tuple[DayComparison, Decimal]], largest: Decimal) -> Iterable[str]:
    for found, change in drawn:
        length = round(Fraction(abs(change)) / Fraction(largest) * BAR)
        bar = ("█" if change > 0 else "▒") * length
        yield f"{found.day}  {bar:<{BAR}}  {change:+,f}" if change else f"{found.day}"


def _change(found: DayComparison, measure: str) -> Decimal:
    sums = found.sums.get(measure)
    return sums.change if sums else Decimal(0)
