"""What a source declares about its files, which of them take back more than they may, and what people decide.

A file holds its whole day or adds to it, and may take a share of what is known back unasked.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from backfill_assets.core.given import refuse_unsigned, written
from backfill_assets.errors.landing import DeclarationUnknown, NothingWaits
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from backfill_assets.storage.row_table import RowTable, values_of

WHOLE_DAY, ADDITION = "whole-day", "addition"
MOST_WITHDRAWN = "10%"
PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?) ?%")
SETTINGS = ("BACKFILL_LANDED_FILES", "BACKFILL_MOST_WITHDRAWN")


@dataclass(frozen=True, slots=True)
class Declaration:
    """How a landed file stands to what is known of its day; ``most_withdrawn`` is a share between 0 and 1."""

    files: str = WHOLE_DAY
    most_withdrawn: Decimal = Decimal("0.1")

    def is_too_much(self, withdrawn: int, known: int) -> bool:
        """Whether a person has to say that so many of what is known are meant to go."""
        return withdrawn > self.most_withdrawn * known


def declared(files: str, most_withdrawn: str, settings: tuple[str, str] = SETTINGS) -> Declaration:
    """The declaration as people write it, such as ``whole-day`` and ``10%``; ``settings`` name the two in an error.

    Raises:
        DeclarationUnknown: when it is none.
    """
    share = PERCENT.fullmatch(most_withdrawn.strip())
    if files not in {WHOLE_DAY, ADDITION}:
        raise DeclarationUnknown(settings[0], files, f"{WHOLE_DAY} or {ADDITION}")
    if share is None or Decimal(share[1]) / 100 > 1:
        raise DeclarationUnknown(settings[1], most_withdrawn, "a share such as 10%")
    return Declaration(files, Decimal(share[1]) / 100)


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
        refuse_unsigned(by, f"decide on what was taken back in {what}")
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
