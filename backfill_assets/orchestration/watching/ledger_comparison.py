"""Live compared with a ledger: findings with their onset, each with the request that would correct it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from backfill_assets.core.exact import exactly
from backfill_assets.core.onset import Cause, Observation, findings
from backfill_assets.core.slots import Grain, Slot
from backfill_assets.core.window import Window
from backfill_assets.errors.request import SlotsOfOtherGrain
from backfill_assets.orchestration.asset.surroundings import published_root
from backfill_assets.orchestration.watching.books import EXACT, Books, BooksByMeasure, LedgerSpec, observe
from backfill_assets.orchestration.watching.proposals import Found, proposal, said_exactly
from backfill_assets.orchestration.watching.reconciliation import Reconciled
from backfill_assets.orchestration.watching.spans import Spans
from backfill_assets.storage.findings import Findings, Stored
from backfill_assets.storage.records import Records
from backfill_assets.storage.replacing import replace_text

ReadBooks = Callable[[Records, Window], Books | BooksByMeasure]


@exactly
def reconciled(
    records: Records,
    ledger: LedgerSpec,
    read: ReadBooks,
    through: date | None,
    now: datetime,
    tolerances: Mapping[str, Decimal] = EXACT,
    *,
    per: Grain | None = None,
) -> Reconciled:
    """Compare every slot from the first published one with the ledger, and write down what is found.

    Args:
        records: the lake, which knows in which column the table keeps its slots.
        ledger: what is compared, and how it is worded.
        read: reads the books of some slots, of one measure or by measure.
        through: the last slot to look at; the last published one when None.
        now: the time, UTC.
        tolerances: how much a group may differ on a slot, ``*`` for all others.
        per: of how long a time each figure is, where that is longer than a slot.

    Raises:
        SlotsOfOtherGrain: when ``through`` is no slot of the table.
    """
    live, column = records.days(ledger.table), records.partition_of(ledger.table)
    if through is not None and not column.grain.names(through):
        raise SlotsOfOtherGrain(ledger.table, [through], column.grain.value)
    if not live or (through is not None and through < min(live)):
        return Reconciled(ledger.table, through, 0, ())
    window = Window(min(live), through or max(live), column.grain)
    spans = Spans.over(window, per, column.zone)
    books = read(records, window)
    by_measure = {ledger.measures[0]: books} if isinstance(books, Books) else books
    seen = {measure: observe(one, tolerances) for measure, one in by_measure.items()}
    found = _found(ledger, by_measure, seen, spans.grain)
    told = _told(records, ledger, found, spans, now)
    stored = [(one["id"], each.finding.since, each.finding.last, one) for each, one in zip(found, told, strict=True)]
    silent = _silent(seen)
    closed = Findings(records.lake).settle(
        ledger.table,
        stored,
        max(spans.days, default=date.min),
        now,
        # What could not be looked at is not gone.
        stays=lambda one: _is_correctable(one) and one.spans_any(silent),
    )
    return Reconciled(
        ledger.table,
        window.last,
        len(window),
        tuple(told),
        closed,
        tuple(dict.fromkeys(line for one in by_measure.values() for line in one.bad_lines)),
        tuple(dict.fromkeys(unit for one in by_measure.values() for unit in one.units)),
        sum(len(one) for one in seen.values()),
        ledger.grouped_by,
    )


def _found(
    ledger: LedgerSpec, books: BooksByMeasure, seen: Mapping[str, Sequence[Observation]], grain: Grain
) -> list[Found]:
    """The findings of all measures; what a further one only says again is left out."""
    found: list[Found] = []
    for measure, observations in seen.items():
        known = {(one.finding.cause, one.finding.since, one.finding.last) for one in found}
        for finding in findings(ledger.table, observations, grain):
            is_again = finding.cause is not Cause.AMOUNTS and (finding.cause, finding.since, finding.last) in known
            if not is_again:
                found.append(Found(measure, finding, books[measure]))
    return found


def _silent(seen: Mapping[str, Sequence[Observation]]) -> frozenset[Slot]:
    """The slots of which the ledger says nothing that could be compared."""
    observations = [one for of_measure in seen.values() for one in of_measure]
    return frozenset(one.day for one in observations if one.cause is not None and not one.cause.is_correctable)


def _is_correctable(found: Stored) -> bool:
    return Cause(found.detail["cause"]).is_correctable


def _told(
    records: Records, ledger: LedgerSpec, found: Sequence[Found], spans: Spans, now: datetime
) -> list[dict[str, Any]]:
    """The findings as the command prints them, each with the file of its request where a correction could help."""
    files: dict[str, str] = {}
    for one in found:
        name = _name(ledger, one)
        if not one.finding.cause.is_correctable or name in files:
            continue
        together = one.together([other for other in found if _name(ledger, other) not in files])
        target = published_root() / "requests" / f"{name}.yaml"
        text = proposal(ledger, together, name, records.snapshot(ledger.table), spans, now)
        replace_text(target, text)
        files |= {_name(ledger, other): str(target) for other in together}
    return [_tell(ledger, one, files.get(_name(ledger, one), "")) for one in found]


def _name(ledger: LedgerSpec, found: Found) -> str:
    """What a finding is called: those of the first measure by table, cause and onset, others by their measure too."""
    finding = found.finding
    if found.measure == ledger.measures[0]:
        return finding.id
    return f"{finding.table}-{found.measure}-{finding.cause}-{finding.since}"


def _tell(ledger: LedgerSpec, found: Found, request: str) -> dict[str, Any]:
    finding = found.finding
    return {
        "table": finding.table,
        "since": str(finding.since),
        "last": str(finding.last),
        "groups": list(finding.groups),
        "days": len(finding.days),
        "difference": f"{finding.difference:f}",
        "confidence": finding.confidence,
        "request": request,
        "id": _name(ledger, found),
        "cause": str(finding.cause),
        "net": f"{finding.net:f}",
        "largest_day": str(finding.largest_day),
        "largest": f"{finding.largest:f}",
        "precision": said_exactly(finding.precision),
        **({"measure": found.measure} if len(ledger.measures) > 1 else {}),
        **({} if finding.grain is Grain.DAY else {"grain": finding.grain.value}),
    }
