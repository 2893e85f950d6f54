"""The ledger: the append-only record of what happened in every correction, in ``_control/ledger``."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import polars as pl

from backfill_assets.core.events import Event, fact_of
from backfill_assets.core.fold import SEQUENCE, history
from backfill_assets.core.progress import Progress
from backfill_assets.core.requirements import Histories, Nothing, Requirement, holds
from backfill_assets.core.sealed import digest_of, head_of
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.request import CorrectionUnknown
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable, frame_of, in_utc, row_schema
from backfill_assets.storage.swap import Manifest


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as it is stored; ``manifest`` is the JSON of a planned swap's, empty for every other event.

    ``previous`` is the digest of the event before it in its correction, ``digest`` its own; None in rows of before.
    """

    correction: str
    sequence: int
    table: str
    step: Step
    outcome: Outcome
    at: datetime
    actor: str
    run_id: str
    detail: Mapping[str, Any]
    manifest: str = ""
    previous: str | None = None
    digest: str | None = None

    @classmethod
    def of(cls, event: Event, table: str, manifest: Manifest | None) -> "Entry":
        """How an event is stored."""
        return cls(
            correction=event.correction,
            sequence=event.sequence,
            table=table,
            step=event.step,
            outcome=event.outcome,
            at=event.at,
            actor=event.actor,
            run_id=event.run_id,
            detail=event.detail,
            manifest=json.dumps(manifest.as_json()) if manifest else "",
        )

    def after(self, previous: str) -> "Entry":
        """The same event, once it is known what it follows."""
        row = frame_of(Entry, [self]).row(0, named=True)
        return replace(self, previous=previous, digest=digest_of(previous, row))


@dataclass(frozen=True, slots=True)
class Writing:
    """An event to be written, what it requires of the ledger, its table, and the manifest of a planned swap."""

    event: Event
    required: Requirement
    table: str
    manifest: Manifest | None = None


EVENT = ["correction", "sequence", "step", "outcome", "at", "actor", "run_id", "detail", "digest"]
WITHOUT_MANIFEST = [name for name in row_schema(Entry) if name not in {"manifest", "previous"}]


class Ledger:
    """Events of all corrections of a lake, in the order they were appended.

    The manifests of swaps, which may be large, are kept beside the events and read only when asked for.
    """

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "ledger", Entry)

    def histories(self) -> Histories:
        """The events of every correction, by id, in the order in which they were opened, each in sequence."""
        return self._rows.made_of_rows(WITHOUT_MANIFEST, _histories)

    def all_progress(self) -> Mapping[str, Progress]:
        """Where every correction stands, by id, in the order in which they were opened."""
        return self._rows.made_of_rows(WITHOUT_MANIFEST, _progress_by_correction)

    def places(self) -> Mapping[tuple[str, int], int]:
        """The place of each event among those of all corrections, by its correction and sequence."""
        return self._rows.made_of_rows(["correction", "sequence"], _places)

    def progress(self, correction: str) -> Progress:
        """Where one correction stands.

        Raises:
            CorrectionUnknown: when the ledger has none of that id.
        """
        found = self.all_progress()
        if correction not in found:
            raise CorrectionUnknown(correction, found)
        return found[correction]

    def events(self, correction: str) -> tuple[Event, ...]:
        """The events of one correction, in sequence.

        Raises:
            CorrectionUnknown: when the ledger has none.
        """
        histories = self.histories()
        if correction not in histories:
            raise CorrectionUnknown(correction, histories)
        return histories[correction]

    def record(
        self, event: Event, required: Requirement, *, table: str, manifest: Manifest | None = None
    ) -> Event | None:
        """Append an event by compare and swap, if what it requires is true of the newest events.

        Returns it with its sequence, which is given here; None, and nothing written, when the requirement does not
        hold any more.
        """
        written = self.record_all([Writing(event, required, table, manifest)])
        return written[0] if written else None

    def record_all(self, writings: Sequence[Writing]) -> tuple[Event, ...] | None:
        """Append events of several corrections, at most one of each, in one commit; as :meth:`record`, all or none."""

        def decide(known: pl.DataFrame) -> Decision[Sequence[Entry], tuple[Event, ...] | None]:
            histories = _histories(known)
            if not all(holds(one.required, histories) for one in writings):
                return Decision((), None)
            numbers = [len(histories.get(one.event.correction, ())) + 1 for one in writings]
            events = [replace(one.event, sequence=number) for one, number in zip(writings, numbers, strict=True)]
            told = zip(events, writings, strict=True)
            entries = [Entry.of(event, one.table, one.manifest) for event, one in told]
            return Decision([entry.after(_head(known, entry.correction)) for entry in entries], tuple(events))

        return self._rows.append_decided(decide)

    def append(self, event: Event, *, table: str, manifest: Manifest | None = None) -> Event:
        """Append an event that is true whatever else was written; returns it with its sequence."""
        return self.record(event, Nothing(), table=table, manifest=manifest) or event

    def head(self, correction: str) -> str:
        """The digest of the last event of a correction; empty where it was written before there were digests."""
        events = self.histories().get(correction, ())
        return events[-1].digest if events else ""

    def manifests_of(self, correction: str) -> tuple[Manifest, ...]:
        """The manifests of a correction's planned swaps and roll backs, in sequence."""
        return self.manifests(correction).get(correction, ())

    def manifests(self, correction: str | None = None) -> dict[str, tuple[Manifest, ...]]:
        """The manifests of every planned swap and roll back by correction, in sequence; of one only, when named."""
        rows = self._rows.rows(["correction", "sequence", "manifest"]).filter(pl.col("manifest") != "")
        if correction is not None:
            rows = rows.filter(pl.col("correction") == correction)
        manifests: dict[str, tuple[Manifest, ...]] = {}
        for row in rows.sort("correction", "sequence").iter_rows(named=True):
            read = Manifest.from_json(json.loads(row["manifest"]))
            manifests[row["correction"]] = (*manifests.get(row["correction"], ()), read)
        return manifests


def _places(rows: pl.DataFrame) -> dict[tuple[str, int], int]:
    return {event: place for place, event in enumerate(rows.select("correction", "sequence").iter_rows())}


def _head(known: pl.DataFrame, correction: str) -> str:
    own = known.filter(pl.col("correction") == correction).sort("sequence")
    sealed = own.filter(pl.col("digest").is_not_null())
    return head_of((sealed.tail(1) if len(sealed) else own).iter_rows(named=True))


def _progress_by_correction(rows: pl.DataFrame) -> dict[str, Progress]:
    return {correction: history(events) for correction, events in _histories(rows).items()}


def _histories(rows: pl.DataFrame) -> Histories:
    return _KNOWN.histories(rows.select(EVENT))


class _Known:
    """What was read of ledgers before: rows stay as they are, so that only what came since is made into events."""

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self._read: dict[tuple[Any, ...], tuple[pl.DataFrame, Histories]] = {}

    def histories(self, rows: pl.DataFrame) -> Histories:
        """The events of every correction, each in sequence."""
        if rows.is_empty():
            return {}
        first = rows.row(0)
        nothing: tuple[pl.DataFrame, Histories] = (rows.clear(), {})
        known, found = self._read.get(first, nothing)
        if not rows.head(known.height).equals(known):
            known, found = nothing
        if known.height < rows.height or not found:
            found = _with_more(found, rows.slice(known.height))
            self._read.pop(first, None)
            self._read[first] = (rows, found)
            # Two threads may have come to the same one.
            for oldest in [*self._read][: -self._most]:
                self._read.pop(oldest, None)
        return found


_KNOWN = _Known()


def _with_more(found: Histories, rows: pl.DataFrame) -> Histories:
    more: dict[str, list[Event]] = {}
    for row in rows.iter_rows():
        more.setdefault(row[0], []).append(_event(row))
    return {**found, **{name: _in_sequence((*found.get(name, ()), *events)) for name, events in more.items()}}


def _in_sequence(events: tuple[Event, ...]) -> tuple[Event, ...]:
    return tuple(sorted(events, key=SEQUENCE))


def _event(row: tuple[Any, ...]) -> Event:
    correction, sequence, step, outcome, at, actor, run_id, detail, digest = row
    fact = fact_of(Step(step), Outcome(outcome), json.loads(detail))
    return Event(correction, fact, in_utc(at), actor, run_id, sequence, digest or "")
