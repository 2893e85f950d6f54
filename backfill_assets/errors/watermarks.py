"""Refusals about watermarks: who holds one, and how it may move."""

from collections.abc import Collection
from datetime import date

from backfill_assets.errors.base import BadInput, Refused, listed


class HolderUnknown(BadInput):
    """Nobody of that name keeps a watermark on the table."""

    def __init__(self, holder: str, table: str, known: Collection[str]) -> None:
        super().__init__(
            f"{holder} keeps no watermark on {table}. Nothing was recorded. "
            f"Register it first{f', or name one of {listed(known)}' if known else ''}."
        )


class HolderUnnamed(BadInput):
    """A reader is to be known by what is no name."""

    def __init__(self, table: str, given: str, most: int) -> None:
        shown = given if len(given) <= most else f"{given[:40]}…"
        super().__init__(
            f"A reader of {table} cannot be called {shown!r}. Nothing was recorded. Give it a readable name of at most "
            f"{most} letters, digits, spaces and the signs . _ - / @ ( ), which begins with a letter or digit."
        )


class HolderInternal(BadInput):
    """Nightly and the reports move their marks themselves."""

    def __init__(self, holder: str, table: str) -> None:
        super().__init__(
            f"{holder} is a part of {table}'s own pipeline and moves its mark itself. Nothing was recorded. "
            "Advance external holders only."
        )


class MarkBeyondData(BadInput):
    """A holder says it has processed days that are not published."""

    def __init__(self, holder: str, table: str, day: date, newest: date | None) -> None:
        there = f"whose newest day is {newest}" if newest else "which has no published day"
        super().__init__(
            f"{holder} cannot have processed {table} up to {day}, {there}. Its mark is as it was. "
            "Advance it to a day that is published."
        )


class MarkBackwards(BadInput):
    """A holder says it has processed less than it reported before."""

    def __init__(self, holder: str, table: str, day: date, effective: date) -> None:
        super().__init__(
            f"{holder} has already reported that it processed {table} up to {effective}, so {day} would set it back. "
            "Its mark is as it was. Marks only move forward; a correction sets them back by itself."
        )


class HolderNotAwaited(Refused):
    """Somebody waives a holder that the correction does not wait for."""

    def __init__(self, correction: str, holder: str, awaited: Collection[str]) -> None:
        super().__init__(
            f"Correction {correction} does not wait for {holder}. Nothing was recorded. "
            f"It waits for {listed(awaited) or 'no holder'}."
        )


class WaiverUnsigned(BadInput):
    """A waiver needs a name and a reason."""

    def __init__(self, correction: str, holder: str) -> None:
        super().__init__(
            f"Waiving {holder} for correction {correction} needs a name and a reason. Nothing was recorded. Give both."
        )


class CommitUnsaid(BadInput):
    """A reader does not say which commit it has read, and days of it were swapped."""

    def __init__(self, holder: str, table: str, corrections: Collection[str]) -> None:
        super().__init__(
            f"{holder} does not say which commit of {table} it has read, and days that it has read were swapped by "
            f"{listed(corrections)}. Its mark is as it was. Name the commit with --commit, the newest one at the time "
            "when it began to read."
        )


class CommitUnmade(BadInput):
    """A reader says it has read a commit that there is not."""

    def __init__(self, holder: str, table: str, commit: int, newest: int | None) -> None:
        there = "was never published" if newest is None else f"has commits from 0 to {newest} so far"
        super().__init__(
            f"{holder} cannot have read commit {commit} of {table}, which {there}. Nothing was recorded. "
            "Name the commit that it has read, as the table's log numbers it."
        )


class DaysUnused(BadInput):
    """A reader says it has used days that a commit does not have."""

    def __init__(self, holder: str, table: str, commit: int, days: str) -> None:
        super().__init__(
            f"{holder} cannot have used {days} of {table} at commit {commit}, which has no slot of it. "
            "Nothing was recorded. Name the days that it has used."
        )
