"""Refusals around personal data: keys of tokens, erasures, and what keeps one from being proven."""

from collections.abc import Collection, Mapping
from datetime import date

from backfill_assets.errors.base import BackfillAssetsError, BadInput, Refused, counted, listed, verb


class KeyFileOpen(BadInput):
    """Others than its owner may read a file of keys, or somebody else owns it; ``why`` ends a sentence."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(
            f"The file of token keys `{file}` {why}. No id was read or written. "
            f"Let nobody but its owner read it with `chmod 600 {file}`, and make a new key where others may have."
        )


class KeyFileUnreadable(BadInput):
    """There is no file of keys where one was named, or it cannot be read."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(
            f"The file of token keys `{file}` cannot be read ({why}). No id was read or written. "
            "Name one that this process may read by BACKFILL_TOKEN_KEY_FILE, with one key a line."
        )


class KeysMissing(Refused):
    """Keys that tokens or tombstones were made with are not among those that are given; all are fingerprints."""

    def __init__(self, lacking: Collection[str], needed_by: str, known: Collection[str]) -> None:
        self.lacking = frozenset(lacking)
        noun = "the key" if len(lacking) == 1 else "the keys"
        there = f"those given are {listed(known)}" if known else "none is given"
        super().__init__(
            f"{needed_by} were made with {noun} {listed(lacking)}, and {there}. No id was read or written. "
            "Put what is missing back behind the key in use, one key a line."
        )


class PersonUnnamed(BadInput):
    """An erasure was asked for nobody."""

    def __init__(self) -> None:
        super().__init__(
            "It is not stated who is to be erased. Nothing was changed. "
            "Write the id after --customer, or - to give it on standard input."
        )


class ReasonMissing(BadInput):
    """Nothing was said about why somebody is to be erased."""

    def __init__(self) -> None:
        super().__init__(
            "It is not stated why the person is to be erased. Nothing was changed. "
            "Write what was asked for, and how, after --reason, without the person's name or id."
        )


class ReasonNamesPerson(BadInput):
    """The reason of an erasure holds the id that is to be erased; it would be kept for ever."""

    def __init__(self) -> None:
        super().__init__(
            "The reason, or the name of whoever asks, holds the id that is to be erased. Nothing was changed. "
            "Write it without, since it is kept for ever."
        )


class NotYetOver(BadInput):
    """Days were to expire that are not over."""

    def __init__(self, before: date, today: date) -> None:
        super().__init__(
            f"The days before {before} are not all over on {today}. Nothing was changed. "
            f"Name {today} or an earlier day after --before."
        )


class NoVault(BadInput):
    """A raw log was named that maps nobody."""

    def __init__(self, table: str, there: Collection[str]) -> None:
        known = f"Those that have are {listed(there)}" if there else "None has one"
        super().__init__(f"{table!r} has no vault. Nothing was changed. {known}.")


class DutyUnclear(BadInput):
    """No day was named up to which people are forgotten, and the code location declares none, or several."""

    def __init__(self, table: str, declared: Mapping[str, int]) -> None:
        of = f" of {table!r}" if table else ""
        known = listed([f"{name} ({counted(days, 'day')})" for name, days in declared.items()])
        there = f"Of several, such as {known}, name one with --table" if declared else "No raw log declares a duty"
        super().__init__(
            f"It is not clear before which day the personal data{of} may be known no longer. Nothing was changed. "
            f"{there}, or name the first day that is still known after --before."
        )


class TracesLeft(BackfillAssetsError):
    """Days have expired, and files still hold people whom only they knew."""

    exit_code = 5

    def __init__(self, files: Collection[str]) -> None:
        super().__init__(
            f"{counted(len(files), 'file')} still {verb(len(files), 'holds', 'hold')} people of expired days, "
            f"or cannot be looked into ({listed(files)}). The vault does not know them any more. "
            "Delete the files, such as by purge-landing, or repair them; nothing else will name them again."
        )
