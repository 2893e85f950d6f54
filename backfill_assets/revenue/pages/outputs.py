"""Every file that readers get, what it is made of, and how it is made."""

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache, partial
from importlib.resources import files

import polars as pl

from backfill_assets.pages.formats import amount
from backfill_assets.pages.shell import drawn_by
from backfill_assets.pages.words import day_told, days_counted, moment_told
from backfill_assets.revenue import exports
from backfill_assets.revenue.pages.basis import Basis, basis_of
from backfill_assets.revenue.pages.dashboard import render_dashboard
from backfill_assets.revenue.pages.pack import Month, board_months, month_days, render_pack
from backfill_assets.revenue.pages.report import PACKAGE, banner_of
from backfill_assets.revenue.pages.state import Hold, Shown, State, summed
from backfill_assets.text import month_of, quarter_of

MIXED = "BACKFILL_BOARD_PACK_MIXED"
EXPORTS = "finance_reconciliation_export"
DASHBOARD = "executive_dashboard"


@dataclass(frozen=True, slots=True)
class Output:
    """A file below the published folder; ``digest`` is of all that it is made of. ``prints`` makes a PDF of it.

    ``made_of`` are the partitions of reports that it shows.
    """

    path: str
    digest: str
    make: Callable[[], bytes]
    prints: bool = False
    made_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


def outputs(state: State) -> Iterator[Output]:
    """Every file as it has to be now, but the index, which links what there is of them."""
    yield from (*_days(state), *_books(state), *_packs(state, board_months(state)), _dashboard(state))


def _dashboard(state: State) -> Output:
    parts = [
        _whole(state.dashboard),
        _whole(state.export),
        _whole(state.fact),
        _held(state.dashboard.hold, state),
        _swaps(state),
        basis_of(state, state.dashboard.days).line(),
    ]
    made_of = {DASHBOARD: _keys(state.dashboard.days), EXPORTS: _keys(state.export.days)}
    return Output(f"{DASHBOARD}/index.html", _digest(*parts), lambda: render_dashboard(state).encode(), made_of=made_of)


def _keys(days: Collection[date]) -> tuple[str, ...]:
    """The partitions of a report by day."""
    return tuple(str(day) for day in sorted(days))


def _days(state: State) -> Iterator[Output]:
    shown = state.export

    def rows(day: date) -> pl.DataFrame:
        return shown.frame.filter(pl.col("day") == day)

    for day in shown.days:
        digest = _digest(shown.fingerprint(day))
        for ending, make in (("parquet", exports.day_parquet), ("csv", exports.day_csv)):
            path, made_of = f"{EXPORTS}/days/{day}.{ending}", {EXPORTS: _keys([day])}
            yield Output(path, digest, lambda day=day, make=make: make(rows(day)), made_of=made_of)


def _books(state: State) -> Iterator[Output]:
    shown = state.export
    entries = state.entries.with_columns(month=pl.col("day").dt.strftime("%Y-%m"))
    there = {*shown.days}
    for month in sorted({month_of(day) for day in there}):
        days = [day for day in month_days(month) if day in there]
        mine = entries.filter(pl.col("month") == month)
        parts = [*(shown.fingerprint(day) for day in days), _held(shown.hold, state), _rows(mine), _facts(state, month)]
        digest = _digest(*parts, _swaps(state))
        make = partial(_book, state, month, mine)
        yield Output(f"{EXPORTS}/{month}.xlsx", digest, make, made_of={EXPORTS: _keys(days)})


def _book(state: State, month: str, entries: pl.DataFrame) -> bytes:
    basis = basis_of(state, month_days(month))
    hold = state.export.hold
    rows = state.export.frame.filter(pl.col("day").dt.strftime("%Y-%m") == month)
    return exports.workbook(
        exports.Book(
            month=month,
            cover=_cover(basis, rows, entries),
            banner=_plain_banner(hold, basis) if hold else None,
            rows=rows,
            entries=entries,
        )
    )


def _cover(basis: Basis, rows: pl.DataFrame, entries: pl.DataFrame) -> list[tuple[str, str]]:
    differing = rows.filter(pl.col("reason") != "equal").height
    told = [
        ("Data as of", day_told(basis.as_of) if basis.as_of else ""),
        (
            "Complete",
            "yes" if basis.is_complete else f"no, {len(basis.present)} of {days_counted(len(basis.expected))}",
        ),
        (
            "Basis",
            f"{basis.name}{''.join(f', {days_counted(days)} by {one}' for one, days in basis.corrected.items())}",
        ),
        ("Built from", f"fact commit {basis.commit}, code {', '.join(basis.code)}"),
        ("Days and currencies", f"{rows.height}, {differing} of them other than in the ledger"),
    ]
    for part in entries.partition_by("correction", "version", maintain_order=True):
        first = part.row(0, named=True)
        delta = summed(part, "delta_usd")
        told.append(
            (
                f"{first['entry'].capitalize()} {first['correction']}",
                f"{amount(delta, signed=True)} USD, {first['reason']}",
            )
        )
    return told


def _plain_banner(hold: Hold, basis: Basis) -> tuple[str, str]:
    until = f", expected by {moment_told(hold.until)}" if hold.until else ""
    return banner_of(hold, basis).heading, (
        f"Frozen since {moment_told(hold.since)} by correction {', '.join(hold.corrections)}. {hold.reason} "
        f"These numbers stay until the correction is published here or abandoned{until}."
    )


def _packs(state: State, months: dict[str, Month]) -> Iterator[Output]:
    allow = os.environ.get(MIXED) == "allow"
    for name, month in months.items():
        beside = [one for one in months if one[:4] >= str(int(name[:4]) - 1) and _counts(one, name)]
        parts = [state.board.fingerprint(date.fromisoformat(f"{one}-01")) for one in beside]
        parts += [f"{months[one].restated_by}{months[one].basis.line()}" for one in beside]
        parts += [state.dashboard.fingerprint(day) for one in beside for day in month_days(one)]
        parts += [_held(state.board.hold, state), str(allow), _rows(_entries(state, name)), _facts(state, name)]
        digest = _digest(*parts, month.name)
        make = lambda name=name: render_pack(state, months, name, allow_mixed=allow).encode()  # noqa: E731 - binds the name of this turn
        shown = [day for one in beside for day in month_days(one)]
        of = {"board_pack": tuple(f"{one}-01" for one in beside), DASHBOARD: _keys(shown)}
        yield Output(f"board_pack/{name}.html", digest, make, prints=True, made_of=of)


def _counts(one: str, name: str) -> bool:
    """Whether a month is told of in the pack of another: those before it, and the rest of its quarter."""
    return one <= name or quarter_of(one) == quarter_of(name)


def _entries(state: State, month: str) -> pl.DataFrame:
    return state.entries.filter(pl.col("day").dt.strftime("%Y-%m") == month)


def _facts(state: State, month: str) -> str:
    """What the completeness of a month is told from."""
    days = [day for day in month_days(month) if day in state.builds]
    return "".join(f"{state.fact.fingerprint(day)}{state.builds[day].code_version}" for day in days)


def _swaps(state: State) -> str:
    """How far each correction has come, as far as it shows in a basis."""
    return "".join(
        f"{name}{one.publication.swap_count}{sorted(one.publication.swapped)}"
        for name, one in state.corrections.items()
    )


def _held(hold: Hold | None, state: State) -> str:
    return f"{hold!r}{sorted(state.paged.intersection(hold.corrections)) if hold else ''}"


def _whole(shown: Shown) -> str:
    return "".join(shown.fingerprint(day) for day in shown.days)


def _rows(frame: pl.DataFrame) -> str:
    return frame.write_json()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join((_drawn_by(), *parts)).encode()).hexdigest()


@cache
def _drawn_by() -> str:
    """The code that makes the files: another code makes other files."""
    book = (files("backfill_assets.revenue") / "exports.py").read_bytes()
    return hashlib.sha256(drawn_by(PACKAGE).encode() + book).hexdigest()
