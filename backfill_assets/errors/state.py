"""Refusals of tables that carry state from slot to slot."""

from collections.abc import Collection
from datetime import date

from backfill_assets.errors.base import BackfillAssetsError, BadInput, Refused, days_listed, verb


class LaterSlotsCarry(Refused):
    """A run wanted to write a live slot whose state later published ones carry on."""

    def __init__(self, table: str, first: date, later: Collection[date], noun: str = "day") -> None:
        super().__init__(
            f"This run would write {first} of {table}, whose state {days_listed(later, noun=noun)} that "
            f"{verb(len(later), 'is', 'are')} published already {verb(len(later), 'carries', 'carry')} on. "
            "Nothing was written, and live is untouched. "
            f"To recompute history, launch {first} and everything after it on backfill/{table}."
        )


class StateMissing(BackfillAssetsError):
    """The slot is not there whose state another is computed from; ``where`` is the table that lacks it."""

    def __init__(self, where: str, slot: date, before: date) -> None:
        super().__init__(
            f"{slot} of {where} is computed from {before}, which is not there. Nothing of {slot} was written. "
            f"Compute {before} first."
        )


class StateFailed(BackfillAssetsError):
    """The slot failed in the same run whose state another is computed from."""

    def __init__(self, table: str, slot: date, before: date) -> None:
        super().__init__(
            f"{slot} of {table} is computed from {before}, which could not be computed. Nothing of {slot} was written. "
            f"Repair the cause of {before}, and run both again."
        )


class StateMoved(Refused):
    """The slot was written by somebody else meanwhile from which another had been computed."""

    def __init__(self, table: str, before: date) -> None:
        super().__init__(
            f"{before} of {table} was written by somebody else while what follows it was computed. "
            "Nothing was written. Run it again, which computes it from what is there now."
        )


class WindowEndsEarly(BadInput):
    """A correction of a table that carries state was asked for some slots without all that come after them."""

    def __init__(self, table: str, newest: date, window: object) -> None:
        super().__init__(
            f"{table} carries state from slot to slot, so a correction of it reaches without a gap to the newest "
            f"published one, which is {newest}. Nothing was opened. Ask for {window}."
        )


class NothingBefore(BadInput):
    """The slot is not live from which the first one of a correction is to be computed."""

    def __init__(self, table: str, first: date, before: date, window: object) -> None:
        super().__init__(
            f"{table} carries state from slot to slot, and {before}, from which {first} is computed, is not published. "
            f"Nothing was opened. Ask for {window}."
        )


class StateOutOfOrder(Refused):
    """A staged slot was computed from another state than the one before it holds now."""

    def __init__(self, correction: str, slot: date) -> None:
        self.slot = slot
        super().__init__(
            f"{slot} of correction {correction} was computed from another state than what is staged before it. "
            f"Live is untouched. Run {correction}, which stages it and everything after it again."
        )


class LaterSlotsPublished(Refused):
    """Slots were published after a correction was staged, computed from what it is about to replace."""

    def __init__(self, correction: str, slots: Collection[date], noun: str = "day") -> None:
        were = verb(len(slots), "was", "were")
        super().__init__(
            f"{days_listed(slots, noun=noun)} {were} published after correction {correction} was staged, computed from "
            f"what it replaces. Live is untouched. Run {correction}, which stages and validates "
            f"{verb(len(slots), 'it', 'them')} as well before it is cut over."
        )


class LaterSlotsLeft(Refused):
    """A roll back would leave slots live that were computed from what it takes back."""

    def __init__(self, correction: str, left: Collection[date], first: date, last: date, noun: str = "day") -> None:
        super().__init__(
            f"A roll back of correction {correction} reaches from a slot to the end, because each is computed from the "
            f"one before it, and {days_listed(left, noun=noun)} would stay. Nothing was changed. "
            f"Call roll-back {correction} --day {first}..{last}."
        )
