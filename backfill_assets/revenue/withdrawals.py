"""What files take back: those that wait for a person's word, the word itself, and what was withdrawn so far."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.withdrawals import FixingWithdrawalWaits, NothingWaits, WithdrawalWaits
from backfill_assets.revenue import fixing_log, raw_log
from backfill_assets.revenue.declared import Declaration, Words
from backfill_assets.revenue.landing import fixing_files, read_day
from backfill_assets.storage.records import Records


@dataclass(frozen=True, slots=True)
class Waiting:
    """A landed file that waits: how a person calls it (a day, or the path of a file of fixings), and why."""

    what: str
    path: str
    sha256: str
    why: str


def waiting(records: Records, landing: Path, declaration: Declaration) -> tuple[Waiting, ...]:
    """The files that take more back than they may without a person's word, as they lie in the landing now."""
    found: list[Waiting] = []
    known = set(raw_log.arrivals(records)["day"])
    words = Words(records.lake).current()
    for day in sorted(raw_log.changed_days(records, landing, known)):
        try:
            arrival = read_day(landing, day)
        except BackfillAssetsError:
            continue  # nightly names it; no word could help
        try:
            standing = raw_log.standing_on(records.snapshot(raw_log.RAW), [day])[day]
            raw_log.lost_by(arrival, standing, words, declaration)
        except WithdrawalWaits as error:
            found.append(Waiting(str(day), arrival.path, arrival.sha256, str(error)))
    for file in fixing_files(landing):
        try:
            fixing_log.look_at(records, landing, file, declaration)
        except FixingWithdrawalWaits as error:
            path = file.relative_to(landing).as_posix()
            sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
            found.append(Waiting(path, path, sha256, str(error)))
        except BackfillAssetsError:
            continue
    return tuple(found)


def decide(  # noqa: PLR0913 - a word and everything that stands behind it
    records: Records, there: tuple[Waiting, ...], what: str, *, accepted: bool, by: str, note: str, at: datetime
) -> Waiting:
    """Write down what a person says about a file that waits; the next ingestion goes by it.

    Raises:
        NameNeeded: when it is nobody who decides.
        NothingWaits: when nothing of that name waits.
    """
    for one in there:
        if what in {one.what, one.path}:
            Words(records.lake).say(one.what, one.sha256, accepted=accepted, by=by, note=note, at=at)
            return one
    raise NothingWaits(what, [one.what for one in there])
