"""Landed files that take back more than they may, and what people decide about them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from backfill_assets.core.given import is_person, written
from backfill_assets.errors.deciding import NameNeeded
from backfill_assets.errors.withdrawals import NothingWaits
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from backfill_assets.storage.row_table import RowTable, values_of


@dataclass(frozen=True, slots=True)
class WithdrawalDecision:
    """What a person decided about one content of one file."""

    what: str
    sha256: str
    accepted: bool
    by: str
    note: str
    at: datetime
    sequence: int


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
        self._rows = RowTable(lake, "withdrawal_words", WithdrawalDecision)

    def current(self) -> Mapping[tuple[str, str], bool]:
        """Whether it was accepted, by what a file speaks of (a day, or the path of a file) and its SHA-256."""
        decisions = values_of(WithdrawalDecision, self._rows.rows().sort("sequence"))
        return {(one.what, one.sha256): one.accepted for one in decisions}

    def record(self, what: str, sha256: str, *, accepted: bool, by: str, note: str, at: datetime) -> None:
        """Write a decision down.

        Raises:
            NameNeeded: when it is nobody who decides.
        """
        if not is_person(by):
            raise NameNeeded(f"decide on what was taken back in {what}", by)
        decided = partial(WithdrawalDecision, what, sha256, accepted, written(by), note, at)
        self._rows.append_decided(lambda known: Decision([decided(known.height + 1)], None))


def decide(
    records: Records, there: Collection[WaitingFile], what: str, *, accepted: bool, by: str, note: str, at: datetime
) -> WaitingFile:
    """Write down what a person decides about a file that waits; the next ingestion follows it.

    Raises:
        NameNeeded: when it is nobody who decides.
        NothingWaits: when nothing of that name waits.
    """
    for one in there:
        if what in {one.what, one.path}:
            WithdrawalDecisions(records.lake).record(one.what, one.sha256, accepted=accepted, by=by, note=note, at=at)
            return one
    raise NothingWaits(what, [one.what for one in there])
