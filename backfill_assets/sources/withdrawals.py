"""Landed files that take back more than they may, and what people decide about them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from backfill_assets.core.people import is_person, written
from backfill_assets.errors.deciding import NameNeeded
from backfill_assets.errors.withdrawals import NothingWaits
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records

DECISIONS = pl.Schema(
    {
        "what": pl.String(),
        "sha256": pl.String(),
        "accepted": pl.Boolean(),
        "by": pl.String(),
        "note": pl.String(),
        "at": pl.Datetime("us", "UTC"),
        "sequence": pl.Int64(),
    }
)


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A landed file that waits: how a person calls it (a day, or the path of a file), its content's hash, and why."""

    what: str
    path: str
    sha256: str
    why: str


class WithdrawalDecisions:
    """What people decided about files that wait, in ``_control/withdrawal_words``: append-only, the latest counts.

    A decision is about one content of one file: a file that changes again waits again.
    """

    def __init__(self, lake: Lake) -> None:
        self._rows = ControlTable(lake, "withdrawal_words", DECISIONS)

    def current(self) -> Mapping[tuple[str, str], bool]:
        """Whether it was accepted, by what a file speaks of (a day, or the path of a file) and its SHA-256."""
        rows = self._rows.rows().sort("sequence")
        return {(what, sha256): accepted for what, sha256, accepted in rows.select(*DECISIONS.names()[:3]).iter_rows()}

    def record(self, what: str, sha256: str, *, accepted: bool, by: str, note: str, at: datetime) -> None:
        """Write a decision down.

        Raises:
            NameNeeded: when it is nobody who decides.
        """
        if not is_person(by):
            raise NameNeeded(f"decide on what was taken back in {what}", by)
        decided = {"what": what, "sha256": sha256, "accepted": accepted, "by": written(by), "note": note, "at": at}
        self._rows.append(lambda known: pl.DataFrame([{**decided, "sequence": known.height + 1}], schema=DECISIONS))


def decide(
    records: Records, there: Collection[WaitingFile], what: str, *, accepted: bool, by: str, note: str, at: datetime
) -> WaitingFile:
    """Write down what a person decides about a file that waits; the next ingestion goes by it.

    Raises:
        NameNeeded: when it is nobody who decides.
        NothingWaits: when nothing of that name waits.
    """
    for one in there:
        if what in {one.what, one.path}:
            WithdrawalDecisions(records.lake).record(one.what, one.sha256, accepted=accepted, by=by, note=note, at=at)
            return one
    raise NothingWaits(what, [one.what for one in there])
