"""The command ``storage-cost``: what keeping the data costs, and what corrections cost with it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from backfill_assets.command_line.session import Answer, Json, Session

if TYPE_CHECKING:
    from backfill_assets.core.storage_cost import StorageCost


def storage_cost(
    prices: Annotated[Path | None, typer.Option(help="A file of prices; those of the library when left out.")] = None,
    page: Annotated[bool, typer.Option("--page", help="Write it as a page among the published ones too.")] = False,
    json: Json = False,
) -> None:
    """Measure bytes a day by table, and price years of raw beside the last corrections; changes no table."""
    from backfill_assets.orchestration.asset.surroundings import published_root
    from backfill_assets.pages.storage_cost import write_storage_cost
    from backfill_assets.runbook import storage_cost as runbook
    from backfill_assets.runbook.storage_prices import prices_of

    answer = Answer(as_json=json)
    with answer.refusals():
        told = prices_of(prices)
        session = Session()
        ctxs = [one.step_context(session.lake, "command line") for one in session.tables.values()]
        found = runbook.storage_cost(ctxs, told)
        if page:
            write_storage_cost(found, published_root())
        answer.give(_told(found), lambda console: _print(console, found))


def _told(found: "StorageCost") -> dict[str, Any]:
    return {
        "at": found.at.isoformat(),
        "told": found.answer(),
        "tables": [
            {
                "table": one.name,
                "kind": one.kind.value,
                "bytes": one.size,
                "bytes_a_day": one.a_day,
                "growth": None if one.growth is None else float(one.growth),
            }
            for one in found.tables
        ],
        "raw_bytes_a_year": found.raw_bytes_a_year,
        "raw_year": f"{found.raw_year:f}",
        "broker_year": f"{found.broker_year:f}",
        "kept_twice": [
            {
                "correction": one.correction,
                "bytes": one.size,
                "until": one.until.isoformat() if one.until else None,
            }
            for one in found.kept_twice
        ],
        "kept_twice_cost": f"{found.twice():f}",
        "corrections": [
            {
                "correction": one.correction,
                "table": one.table,
                "days": one.days,
                "changed": one.changed,
                "run_seconds": one.run_seconds,
            }
            for one in found.corrections
        ],
        "not_measured": list(found.outside),
        "prices": {
            "as_of": str(found.prices.as_of),
            "source": found.prices.source,
            "currency": found.prices.currency,
            "raw": found.prices.raw,
            "per_gb_month": {tier: f"{price:f}" for tier, price in found.prices.tiers.items()},
        },
    }


def _print(console: Console, found: "StorageCost") -> None:
    from backfill_assets.core.formats import percent
    from backfill_assets.core.storage_cost import Kind, size_told

    console.print(found.answer(), soft_wrap=True)
    table = Table("table", box=None)
    for name in ("size", "a day", "growth"):
        table.add_column(name, justify="right")
    for one in found.tables:
        if one.kind is not Kind.RECORD:
            growth = "" if one.growth is None else percent(one.growth, signed=True)
            table.add_row(one.name, size_told(one.size), size_told(one.a_day) if one.by_day else "", growth)
    records = [one for one in found.tables if one.kind is Kind.RECORD]
    table.add_row(f"{len(records)} control tables", size_told(sum(one.size for one in records)), "", "")
    console.print(table)
    console.print(f"The same events of a year in a broker would cost {found.told(found.broker_year)}.", soft_wrap=True)
    if found.kept_twice:
        size = size_told(sum(one.size for one in found.kept_twice))
        console.print(f"Corrections keep {size} beside live for a way back, at {found.told(found.twice())}.")
    console.print(f"Prices as of {found.prices.as_of}. {found.prices.source}", soft_wrap=True)
