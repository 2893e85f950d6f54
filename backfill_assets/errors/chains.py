"""Refusals about correctable tables that read each other."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from backfill_assets.errors.base import BadInput, Refused, days_listed, listed, verb


class TablesReadEachOther(BadInput):
    """Correctable tables are computed from each other in a circle."""

    def __init__(self, tables: Sequence[str]) -> None:
        super().__init__(
            f"The tables {' read by '.join([*tables, tables[0]])} are computed from each other in a circle. "
            "Nothing was loaded. Let one of them read what is before the others."
        )


class ReadersCorrected(Refused):
    """Days are to be rolled back from which another table's corrected days were computed."""

    def __init__(
        self, correction: str, table: str, days: Collection[date], readers: Collection[str], noun: str = "day"
    ) -> None:
        calls = " and ".join(f"backfill-assets roll-back {one} --all" for one in sorted(readers))
        super().__init__(
            f"Correction {correction} cannot be rolled back, because {verb(len(readers), 'correction', 'corrections')} "
            f"{listed(readers)} of {table} computed {days_listed(days, noun=noun)} from what it brought. "
            f"Nothing was written. Call {calls} first, or correct {table} again afterwards."
        )


class NothingStale(BadInput):
    """A request is asked for the stale days of a table that has none."""

    def __init__(self, table: str, noun: str = "day") -> None:
        super().__init__(
            f"Every published {noun} of {table} was computed from what its sources hold now. Nothing was opened. "
            f"Name the {noun}s yourself, in a request of your own."
        )


class DownstreamUnread(BadInput):
    """A table is to be corrected with another that it does not read, as far as is known."""

    def __init__(self, table: str, downstream: str, readers: Collection[str]) -> None:
        known = f"{listed(readers)} {verb(len(readers), 'does', 'do')}" if readers else "no correctable table does"
        super().__init__(
            f"{downstream} cannot be corrected downstream of {table}, because it does not read it or stands there "
            f"twice ({known}). Nothing was opened. Name each table that reads it once, and give what it reads as "
            "sources where its corrections are built."
        )


class DownstreamUntouched(BadInput):
    """A table is to be corrected with another, of whose window it reads nothing."""

    def __init__(self, downstream: str, sources: Mapping[str, object]) -> None:
        read = " and ".join(f"{source} {window}" for source, window in sources.items())
        super().__init__(
            f"{downstream} has nothing published that is computed from {read}. Nothing was opened. "
            f"Leave {downstream} out of downstream, or widen the window."
        )


class DownstreamBusy(Refused):
    """A table is to be corrected with another while a correction of its own is open on the same days."""

    def __init__(self, downstream: str, window: object, correction: str, other: object) -> None:
        super().__init__(
            f"{downstream} {window} cannot be corrected downstream, because its own correction {correction} of "
            f"{other} is open. Nothing was opened. Finish or abandon {correction} first, or leave {downstream} out."
        )


class TableNotAround(Refused):
    """A chain has a table of which the code location does not say any more that it is read, or reads."""

    def __init__(self, table: str, other: str) -> None:
        super().__init__(
            f"{table} and {other} are corrected together, but are no longer built as tables that read each other. "
            "Nothing was written. Give the one that reads the other among its sources again."
        )


class LedByAnother(Refused):
    """One correction of a chain is to be decided on by itself; ``what`` is the decision."""

    def __init__(self, correction: str, table: str, lead: str, what: str) -> None:
        super().__init__(
            f"Correction {correction} of {table} belongs to the chain of {lead}, which is decided on as a whole. "
            f"Nothing was written. Call backfill-assets {what} {lead} instead."
        )


class OutOfTurn(Refused):
    """A correction of a chain is to be cut over before its turn; ``why`` is a sentence without its full stop."""

    def __init__(self, correction: str, why: str) -> None:
        super().__init__(f"{why}. Live is untouched by correction {correction}. Call backfill-assets run {correction}.")


class UpstreamNotValidated(Refused):
    """A table is to be staged from another that is not validated yet."""

    def __init__(self, correction: str, table: str, upstream: str, source: str) -> None:
        super().__init__(
            f"{table} is staged in correction {correction} from what {source} is validated with, and correction "
            f"{upstream} of {source} is not validated. Nothing was staged. Run {upstream} first."
        )


class InputsStagedAgain(Refused):
    """Staged days were computed from days of another table that were staged again since."""

    def __init__(self, correction: str, table: str, days: Collection[date], noun: str = "day") -> None:
        super().__init__(
            f"What {days_listed(days, noun=noun)} of {table} were staged from in correction {correction} was staged "
            "again since. Live is untouched. They are staged again by themselves, and validated after that."
        )
