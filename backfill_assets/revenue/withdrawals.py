"""Landed files of transactions and fixings that wait for a person's decision."""

import hashlib
from pathlib import Path

from backfill_assets import BackfillAssetsError
from backfill_assets.lake import Records
from backfill_assets.revenue import fixing_log, raw_log
from backfill_assets.revenue.declared import Declaration
from backfill_assets.revenue.errors import FixingWithdrawalWaits
from backfill_assets.revenue.landing import fixing_files, read_day
from backfill_assets.sources import WaitingFile, WithdrawalDecisions, WithdrawalWaits


def waiting(records: Records, landing: Path, declaration: Declaration) -> tuple[WaitingFile, ...]:
    """The files that take more back than they may without a person's decision, as they lie in the landing now."""
    found: list[WaitingFile] = []
    known = set(raw_log.arrivals(records)["day"])
    decisions = WithdrawalDecisions(records.lake).current()
    for day in sorted(raw_log.changed_days(records, landing, known)):
        try:
            arrival = read_day(landing, day)
        except BackfillAssetsError:
            continue  # nightly names it; no decision could help
        try:
            standing = raw_log.standing_on(records.snapshot(raw_log.RAW), [day])[day]
            raw_log.lost_by(arrival, standing, decisions, declaration)
        except WithdrawalWaits as error:
            found.append(WaitingFile(str(day), arrival.path, arrival.sha256, str(error)))
    for file in fixing_files(landing):
        try:
            fixing_log.look_at(records, landing, file, declaration)
        except FixingWithdrawalWaits as error:
            path = file.relative_to(landing).as_posix()
            sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
            found.append(WaitingFile(path, path, sha256, str(error)))
        except BackfillAssetsError:
            continue
    return tuple(found)
