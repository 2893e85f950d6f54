"""Refusals of a preview: what cannot be computed in memory, beside a run."""

from backfill_assets.errors.base import BadInput, Refused, at_rate, counted


class NothingToPreview(BadInput):
    """There are no live slots in the window of a preview."""

    def __init__(self, table: str, noun: str, first: object = None, last: object = None) -> None:
        ends = [f"since {first}"] if first is not None else []
        ends += [f"until {last}"] if last is not None else []
        where = f" {' '.join(ends)}" if ends else ""
        super().__init__(
            f"{table} has no live {noun}{where}. Nothing was computed. "
            f"Name a window that holds published {noun}s, or publish some by backfill-assets nightly."
        )


class NothingRecomputed(Refused):
    """None of the drawn slots could be computed."""

    def __init__(self, table: str, drawn: int, noun: str, reason: str) -> None:
        which = f"The {noun}" if drawn == 1 else f"None of the {drawn:,} {noun}s"
        could = "could not" if drawn == 1 else "could"
        why = reason.rstrip(".").replace(". ", "; ")
        super().__init__(
            f"{which} of {table} that {'was' if drawn == 1 else 'were'} drawn {could} be computed ({why}). "
            "Nothing is said of the others, and nothing was opened. "
            "Repair the cause, or draw others by --seed."
        )


class SourceBearsFewer(BadInput):
    """More slots are asked for than a source with a limit bears in a minute."""

    def __init__(self, table: str, source: str, days_per_minute: float, asked: int, noun: str) -> None:
        super().__init__(
            f"A preview of {counted(asked, noun)} of {table} would read more at once of "
            f"{at_rate(source, days_per_minute, noun)}. Nothing was computed. "
            f"Ask for fewer by --days {max(1, int(days_per_minute))}."
        )


class StateNeedsWhole(BadInput):
    """A table carries state, so that no slot says anything alone."""

    def __init__(self, table: str, slots: int, noun: str) -> None:
        super().__init__(
            f"{table} carries state from {noun} to {noun}, so that what one {noun} changes goes on in all after it and "
            f"a few drawn ones tell nothing of the rest. Nothing was computed. "
            f"Compute all of them by --days {slots}."
        )
