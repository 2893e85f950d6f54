"""The ledger: the append-only record of what happened in every correction, in ``_control/ledger``."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from backfill_assets.core.events import Event
from backfill_assets.core.progress import Progress, history
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.request import CorrectionUnknown
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.swap import Manifest

SCHEMA = pl.Schema(
    {
        "correction": pl.String(),
        "sequence": pl.Int64(),
        "table": pl.String(),
        "step": pl.String(),
        "outcome": pl.String(),
        "at": pl.Datetime("us", "UTC"),
        "actor": pl.String(),
        "run_id": pl.String(),
        "detail": pl.String(),
        "manifest": pl.String(),
    }
)
WITHOUT_MANIFEST = [name for name in SCHEMA if name != "manifest"]

Histories = Mapping[str, tuple[Event, ...]]


class Ledger:
    """Events of all corrections of a lake, in the order they were appended.

    The manifests of swaps, which may be large, are kept beside the events and read only when asked for.
    """

    def __init__(self, lake: Lake) -> None:
        self._rows = ControlTable(lake, "ledger", SCHEMA)

    def histories(self) -> Histories:
        """The events of every correction, by id, each in sequence."""
        return self._rows.made_of_rows(WITHOUT_MANIFEST, _histories)

    def standings(self) -> Mapping[str, Progress]:
        """Where every correction stands, by id."""
        return self._rows.made_of_rows(WITHOUT_MANIFEST, _standings)

    def standing(self, correction: str) -> Progress:
        """Where one correction stands.

        Raises:
            CorrectionUnknown: when the ledger has none of that id.
        """
        standings = self.standings()
        if correction not in standings:
            raise CorrectionUnknown(correction, standings)
        return standings[correction]

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
        self, decide: Callable[[Histories], Event | None], *, table: str, manifest: Manifest | None = None
    ) -> Event | None:
        """Append the event that ``decide`` makes of the newest histories, by compare and swap.

        The sequence is given here. ``decide`` raises to refuse, and returns None when there is nothing to add.
        """
        recorded: list[Event | None] = [None]

        def rows(known: pl.DataFrame) -> pl.DataFrame | None:
            histories = _histories(known)
            event = decide(histories)
            if event is None:
                recorded[0] = None
                return None
            numbered = replace(event, sequence=len(histories.get(event.correction, ())) + 1)
            recorded[0] = numbered
            return pl.DataFrame([_row(numbered, table, manifest)], schema=SCHEMA)

        self._rows.append(rows)
        return recorded[0]

    def append(self, event: Event, *, table: str, manifest: Manifest | None = None) -> Event:
        """Append one event whatever the histories are; returns it with its sequence."""
        recorded = self.record(lambda _: event, table=table, manifest=manifest)
        return recorded or event

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


def _row(event: Event, table: str, manifest: Manifest | None) -> dict[str, Any]:
    return {
        "correction": event.correction,
        "sequence": event.sequence,
        "table": table,
        "step": str(event.step),
        "outcome": str(event.outcome),
        "at": event.at,
        "actor": event.actor,
        "run_id": event.run_id,
        "detail": json.dumps(event.detail),
        "manifest": json.dumps(manifest.as_json()) if manifest else "",
    }


def _standings(rows: pl.DataFrame) -> dict[str, Progress]:
    return {correction: history(events) for correction, events in _histories(rows).items()}


def _histories(rows: pl.DataFrame) -> dict[str, tuple[Event, ...]]:
    histories: dict[str, list[Event]] = {}
    for row in rows.sort("correction", "sequence").iter_rows(named=True):
        event = Event(
            correction=row["correction"],
            step=Step(row["step"]),
            outcome=Outcome(row["outcome"]),
            at=row["at"],
            actor=row["actor"],
            run_id=row["run_id"],
            detail=json.loads(row["detail"]),
            sequence=row["sequence"],
        )
        histories.setdefault(event.correction, []).append(event)
    return {correction: tuple(events) for correction, events in histories.items()}
