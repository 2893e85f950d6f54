"""The tables of ``docs/scale.md``, each between its marks; the measured constants are read back from theirs."""

import math
import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from backfill_assets.core.storage_cost import Prices, price_told
from backfill_assets.runbook.storage_prices import prices_of
from scripts.scaling.cluster import Replayed
from scripts.scaling.constants import ASSUMED, MEASURED, TAKEN, Constants, Given
from scripts.scaling.limits import LIMITS, Asking, Limit
from scripts.scaling.model import BIG, LAKES, LONE, Bill, Ledgers, Logs, Nights, Swap
from scripts.scaling.plans import DAYS, HOURS, SLOTS, ending, replayed
from scripts.scaling.telling import HOUR, amount, as_table, plainly, seconds, size, times

DOCUMENT = Path(__file__).parents[2] / "docs" / "scale.md"
NAMED = ("dagster", "deltalake", "polars")
PLAIN, LONG_WAVES = "30 slots, waves of one day", "waves of 6 days"


def marks(name: str) -> tuple[str, str]:
    """Where a table begins and ends."""
    return f"<!-- scale: {name} -->", f"<!-- /scale: {name} -->"


def between(text: str, name: str) -> str:
    """What stands in a place of the document."""
    begins, ends = marks(name)
    return text.split(begins)[1].split(ends, maxsplit=1)[0].strip("\n")


def with_tables(text: str, tables: Mapping[str, str]) -> str:
    """The document with other tables in their places."""
    for name, table in tables.items():
        begins, ends = marks(name)
        before, rest = text.split(begins)
        text = f"{before}{begins}\n{table}\n{ends}{rest.split(ends)[1]}"
    return text


# ---- constants


def constants_of(text: str) -> Constants:
    """The measured constants that the document has."""
    rows = re.findall(r"^\| `(\w+)` \| ([-+.,\de]+) \|", between(text, "measured"), re.MULTILINE)
    return Constants({name: float(value.replace(",", "")) for name, value in rows})


def measured_table(measured: Mapping[str, float]) -> str:
    """The measured constants, where and when they were measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in NAMED)
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}"
    where = f"{machine}; Python {sys.version.split()[0]}, {versions}; {datetime.now(UTC):%d %B %Y}."
    known = {name: given._replace(value=measured[name]) for name, given in MEASURED.items()}
    return f"{where}\n\n{constants_table(known)}"


def constants_table(given: Mapping[str, Given]) -> str:
    """Constants with what they are and where they are from."""
    rows = [f"| `{name}` | {plainly(one.value)} | {one.what} | {one.source} |" for name, one in given.items()]
    return "\n".join(["| constant | value | what | from |", "|---|--:|---|---|", *rows])


# ---- what follows of them


def tables(given: Constants) -> dict[str, str]:
    """Every table that is computed, by its name."""
    plans, prices = replayed(), prices_of()
    events = len(plans[PLAIN].events)
    asking = [Asking(lake, given, events, SLOTS) for lake in LAKES]
    return {
        "given": constants_table({**TAKEN, **ASSUMED}),
        "answer": answer(given, prices, plans, asking),
        "planning": planning(plans),
        "cost": cost(given, prices, plans),
        "raw": raw(given, prices),
        "logs": logs(given),
        "swaps": swaps(given),
        "nights": nights(given),
        "ledgers": ledgers(given, events, len(plans[LONG_WAVES].events)),
        "limits": limits(given, asking),
        "first": first(asking),
    }


def answer(given: Constants, prices: Prices, plans: Mapping[str, Replayed], asking: Sequence[Asking]) -> str:
    """What somebody asks first."""
    bill, plain = Bill(BIG, given, prices), plans[PLAIN]
    rounds, machines = math.ceil(DAYS / SLOTS), price_told(bill.staging(plain.slot_hours))
    (big,) = (one for one in asking if one.lake is BIG)
    worst = worst_of(big)
    staged = (
        f"- {DAYS} days of {HOURS:g} hours each are {plain.slot_hours:,.0f} hours one after the other, and "
        f"{plain.hours:g} hours on {SLOTS} slots: {rounds} rounds, and no slot idle. That is {machines} "
        f"{prices.currency} of machines."
    )
    kept = (
        f"- A petabyte of raw costs {price_told(bill.raw(prices.raw))} {prices.currency} a year in the tier "
        f"`{prices.raw}`, at the prices of [storage-cost.md](storage-cost.md)."
    )
    breaks = (
        f"- With {BIG.tables:,} tables and {BIG.years} years of them in one lake, {worst.what} gives way first: "
        f"{amount(worst, worst.asked(big))}, where {amount(worst, worst.borne(given))} are borne."
    )
    return f"{staged}\n{kept}\n{breaks}"


def planning(plans: Mapping[str, Replayed]) -> str:
    """What the planner makes of 180 days of four hours."""
    head = ("case", "hours", "never more than", "hours of slots", "most at once", "runs", "days staged")
    return as_table(head, *(_planned(name, found) for name, found in plans.items()))


def _planned(name: str, found: Replayed) -> tuple[str, ...]:
    slots, runs = f"{found.slot_hours:,.0f}", f"{len(found.runs)}"
    bound = "" if found.cluster.told or found.cluster.seconds_a_tick else f"{found.bound:.0f}"
    return name, f"{found.hours:.4g}", bound, slots, str(found.at_once), runs, ending(found)


def cost(given: Constants, prices: Prices, plans: Mapping[str, Replayed]) -> str:
    """What the runs of each case cost."""
    names = ("one slot", PLAIN, "one day in ten fails once", "every day fails once", "one day in twenty does")
    bill = Bill(BIG, given, prices)
    rows = [
        (
            name,
            f"{plans[name].hours:g}",
            f"{plans[name].slot_hours:,.0f}",
            price_told(bill.staging(plans[name].slot_hours)),
        )
        for name in names
    ]
    return as_table(("case", "hours", "hours of slots", prices.currency), *rows)


def raw(given: Constants, prices: Prices) -> str:
    """What keeping raw costs, and what a correction keeps twice."""
    head = ("lake", *(f"a year, {tier}" for tier in prices.tiers), f"all years as it grows, {prices.raw}", "kept twice")
    bills = [Bill(lake, given, prices) for lake in LAKES]
    rows = [
        (
            bill.lake.name,
            *(price_told(bill.raw(tier)) for tier in prices.tiers),
            price_told(bill.raw_as_it_grows(prices.raw)),
            price_told(bill.twice),
        )
        for bill in bills
    ]
    return as_table(head, *rows)


def logs(given: Constants) -> str:
    """The log of one table."""
    head = (
        "lake",
        "files of a table",
        "all its entries",
        "newest checkpoint",
        "all checkpoints",
        "to open it",
        "memory",
    )
    return as_table(head, *(_logged(Logs(lake, given)) for lake in LAKES))


def _logged(one: Logs) -> tuple[str, ...]:
    sizes = (size(value) for value in (one.entries, one.checkpoint, one.checkpoints))
    return one.lake.name, f"{one.files:,}", *sizes, seconds(one.seconds), size(one.memory)


def nights(given: Constants) -> str:
    """The nights of all tables."""
    head = (
        *("lake", "rows of builds", "on disk", "an append", "its memory", "rewritten a night", "replaced, kept"),
        *("commits", "appends of builds", "in one process", "launching", "cores of idle drivers"),
    )
    return as_table(head, *(_night(Nights(lake, given)) for lake in LAKES))


def _night(one: Nights) -> tuple[str, ...]:
    an_append = (f"{one.rows:,}", size(one.size), seconds(one.append), size(one.memory))
    written, commits = (size(one.rewritten), size(one.replaced)), f"{one.commits:,.0f}"
    taken = (one.hours * HOUR, one.alone, one.launching * HOUR)
    return one.lake.name, *an_append, *written, commits, *map(seconds, taken), f"{one.cores:.2g}"


def ledgers(given: Constants, short: int, long: int) -> str:
    """The ledger of all corrections, by how long waves are."""
    head = (
        "lake",
        "corrections",
        "events",
        "on disk",
        "its log",
        "to add up",
        "memory",
        "of it manifests",
        "events, waves of 6",
    )
    found = [(Ledgers(lake, given, short), Ledgers(lake, given, long)) for lake in LAKES]
    rows = [
        (
            one.lake.name,
            f"{one.corrections:,}",
            f"{one.events:,}",
            size(one.size),
            size(one.log),
            seconds(one.seconds),
            size(one.memory),
            size(one.manifests),
            f"{other.events:,}, {seconds(other.seconds)}",
        )
        for one, other in found
    ]
    return as_table(head, *rows)


def swaps(given: Constants) -> str:
    """Cut overs of some days."""
    found = [Swap(lake, given, days) for lake, days in ((BIG, DAYS), (BIG, BIG.days), (LONE, DAYS), (LONE, LONE.days))]
    rows = [
        (
            f"{one.days:,} days of a table of {one.lake.name}",
            f"{one.files:,}",
            size(one.entry),
            seconds(one.seconds),
            size(one.manifest),
        )
        for one in found
    ]
    return as_table(("cut over", "files", "log entry", "takes", "manifest in the ledger"), *rows)


def worst_of(asking: Asking) -> Limit:
    """What is exceeded most."""
    return max(LIMITS, key=lambda one: one.times(asking))


def first(asking: Sequence[Asking]) -> str:
    """What gives way first in each lake."""
    found = [(one, worst_of(one)) for one in asking]
    rows = [
        (
            one.lake.name,
            worst.what,
            amount(worst, worst.asked(one)),
            amount(worst, worst.borne(one.given)),
            times(worst.times(one)),
        )
        for one, worst in found
    ]
    return as_table(("lake", "gives way first, or is the nearest to it", "asked", "borne", "times"), *rows)


def limits(given: Constants, asking: Sequence[Asking]) -> str:
    """How many times each limit is asked for by each lake, the worst first."""
    head = ("what", "borne", *(one.lake.name for one in asking), "what to do then")
    ordered = sorted(LIMITS, key=lambda one: max(map(one.times, asking)), reverse=True)
    rows = [
        (one.what, amount(one, one.borne(given)), *(times(one.times(of)) for of in asking), one.then) for one in ordered
    ]
    return as_table(head, *rows)
