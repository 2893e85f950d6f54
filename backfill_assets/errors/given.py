"""Refusals of what people write into a command, a form or the environment: days, times, months, numbers, ids."""

from collections.abc import Collection
from datetime import date, datetime

from backfill_assets.errors.base import BadInput, days_listed, listed, verb


class DaysUnreadable(BadInput):
    """A text is no day of the calendar, or not written as one."""

    def __init__(self, given: Collection[str], field: str = "") -> None:
        where = f" of {field}" if field else ""
        noun, verb = ("The day", "is") if len(given) == 1 else ("The days", "are")
        super().__init__(
            f"{noun} {listed([repr(one) for one in given])}{where} {verb} not in the calendar or not written as one. "
            "Nothing was changed. Write year, month and day as YYYY-MM-DD, and an hour in UTC as YYYY-MM-DDTHH:00Z."
        )


class TimeUnreadable(BadInput):
    """A text is no time, or leaves the time zone open."""

    def __init__(self, given: str, field: str) -> None:
        super().__init__(
            f"{field} is {given!r}, which is not a time with its offset from UTC. Nothing was done. "
            "Write it as YYYY-MM-DDThh:mm:ss+00:00."
        )


class NumberUnreadable(BadInput):
    """A text is no whole number, or one that is too small."""

    def __init__(self, given: object, field: str, least: int) -> None:
        super().__init__(
            f"{field} is {given!r}, which is not a whole number of at least {least}. Nothing was changed. "
            f"Write a number of at least {least} in digits."
        )


class CorrectionUnnamed(BadInput):
    """A job or command about a correction was not told which."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"It is not stated which correction to {what}. Nothing was changed. "
            "Launch the job for the partition that bears the correction's id."
        )


class OtherCorrectionMeant(BadInput):
    """A form was filled in for one correction and launched for another."""

    def __init__(self, what: str, launched: str, meant: str) -> None:
        super().__init__(
            f"The form to {what} was filled in for correction {meant} and launched for {launched}. "
            "Nothing was changed. "
            "Choose the partition of the correction that is meant, and write its id into the field correction."
        )


class CommandMisused(BadInput):
    """A command was called with words that it does not take."""

    def __init__(self, why: str, command: str) -> None:
        super().__init__(f"{why} Nothing was done. See {command} --help.")


class PlaceUnusable(BadInput):
    """A folder that the environment names cannot be used."""

    def __init__(self, variable: str, place: str, why: str) -> None:
        super().__init__(
            f"{variable} names {place}, which cannot be used as a folder ({why}). Nothing was done. "
            f"Let {variable} name a folder that can be written to."
        )


class BudgetUnreadable(BadInput):
    """A text was to be a budget and is none."""

    def __init__(self, text: str, wanted: str) -> None:
        super().__init__(f"{text!r} is no budget. Nothing was changed. Give {wanted}.")


class PricesUnusable(BadInput):
    """A file of prices cannot be used."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(
            f"{file} cannot be used as prices ({why}). Nothing was measured or opened. "
            "Give currency, as_of, source, raw, tiers and broker, as runbook/storage_prices.toml does."
        )


class StoragesUnknown(BadInput):
    """The environment asks for storages of Dagster's records that there are not."""

    def __init__(self, variable: str, told: str, known: Collection[str]) -> None:
        super().__init__(
            f"{variable} is {told!r}, which is none of {listed(known)}. Nothing was done. "
            f"Let {variable} name one of them, or leave it out."
        )


class SwitchUnknown(BadInput):
    """A switch of the environment is set to something else than it can be."""

    def __init__(self, variable: str, told: str, known: Collection[str]) -> None:
        super().__init__(
            f"{variable} is {told!r}, which is none of {listed(known)}. Nothing was written. "
            f"Let {variable} be one of them, or leave it out."
        )


class DayBeforeFirst(BadInput):
    """Days landed, or were asked for, that lie before the first day of the definitions."""

    def __init__(self, days: Collection[date], first: date, noun: str = "day") -> None:
        super().__init__(
            f"{days_listed(days, noun=noun)} {verb(len(days), 'lies', 'lie')} before {first}, the first {noun} "
            "of the loaded "
            "definitions. Nothing of them was published. Set BACKFILL_FIRST_DAY to the earliest of them where it is "
            "set, reload the code location where it is not, or take their files out of the landing."
        )


class DayNotOver(BadInput):
    """Days landed, or were asked for, that are not over yet by the clock."""

    def __init__(self, days: Collection[date], now: datetime, noun: str = "day") -> None:
        super().__init__(
            f"{days_listed(days, noun=noun)} {verb(len(days), 'is', 'are')} not over at {now:%Y-%m-%d %H.%M} UTC. "
            f"Nothing of them was published. Wait until they are over, or correct the {noun} in their name."
        )
