"""Refusals of the example: landed files, fixings, rates, finance's ledger, and the printed pack."""

from collections.abc import Collection, Mapping
from datetime import date

from backfill_assets import BackfillAssetsError, BadInput
from backfill_assets.sources import BadLanding
from backfill_assets.text import counted, days_listed, listed, quoted


class DuplicateTransactions(BadLanding):
    """Transaction ids occur more than once in one file."""

    def __init__(self, file: str, day: date, ids: Collection[str]) -> None:
        super().__init__(file, day, f"holds {counted(len(ids), 'transaction id')} more than once ({listed(ids)})")


class UnusableAmounts(BadLanding):
    """Amounts that are not finite numbers of at most 14 digits and four decimals."""

    advice = "Ask upstream for exact amounts, at most 14 digits before the point and four after it."

    def __init__(self, file: str, day: date, culprits: Collection[str]) -> None:
        super().__init__(file, day, f"holds {counted(len(culprits), 'unusable amount')} ({listed(culprits)})")


class UnknownCurrencies(BadLanding):
    """Currency codes that are not three capital letters."""

    def __init__(self, file: str, day: date, codes: Collection[str]) -> None:
        super().__init__(file, day, f"holds {counted(len(codes), 'unknown currency code')} ({listed(codes)})")


class UnusableTimes(BadLanding):
    """Text that is no time with an offset from UTC; the culprits are transactions."""

    advice = "Ask upstream for ISO 8601 times that end in Z or an offset."

    def __init__(self, file: str, day: date, culprits: Collection[str]) -> None:
        super().__init__(file, day, f"holds {counted(len(culprits), 'unusable time')} ({listed(culprits)})")


class OutsideDay(BadLanding):
    """Transactions occurred on another UTC day than the file's."""

    def __init__(self, file: str, day: date, culprits: Collection[str]) -> None:
        super().__init__(
            file, day, f"holds {counted(len(culprits), 'transaction')} of another UTC day ({listed(culprits)})"
        )


class UnusableFixings(BadInput):
    """A file of fixings holds something else than days, currencies and positive rates."""

    def __init__(self, file: str, culprits: Collection[str]) -> None:
        super().__init__(
            f"`{quoted(file)}` holds {counted(len(culprits), 'unusable fixing')} ({quoted(listed(culprits))}). "
            "The fixings known before stay in force. Land the ECB's history file again, as published."
        )


class SeveralFixings(BadInput):
    """Several files of fixings cannot be used, each for its own reason."""

    def __init__(self, problems: Mapping[str, BackfillAssetsError]) -> None:
        self.problems = dict(problems)
        super().__init__(
            f"{counted(len(problems), 'file')} of fixings cannot be used ({listed(problems)}). "
            "The other files were read, and nothing of these was appended. Repair each of them. "
            f"{' '.join(map(str, problems.values()))}"
        )


class StaleFixings(BadInput):
    """A file of fixings ends before the newest fixing that is already known."""

    def __init__(self, arrived: date | None, known: date, file: str = "") -> None:
        self.arrived, self.known = arrived, known
        end = "hold no day" if arrived is None else f"end on {arrived}"
        where = f" in `{file}`" if file else ""
        super().__init__(
            f"The fixings that landed{where} {end}, but those known reach {known}. Nothing was appended. "
            "Land the current file; an older one could take back what was corrected since."
        )


class MissingRates(BadInput):
    """Money was traded in a currency for which no rate is in force; ``gaps`` are days and currencies."""

    def __init__(self, gaps: Collection[tuple[date, str]]) -> None:
        self.gaps = frozenset(gaps)
        named = listed([f"{currency} on {day}" for day, currency in self.gaps])
        super().__init__(
            f"No rate is in force for {counted(len(self.gaps), 'traded currency-day')} ({named}). "
            "No revenue was computed. Land the fixings of these days, or of the last day before on which any were "
            "published, or correct the currency in a new file."
        )


class AmbiguousRates(BadInput):
    """A currency has more than one rate on a day."""

    def __init__(self, culprits: Collection[tuple[date, str]]) -> None:
        named = listed([f"{currency} on {day}" for day, currency in culprits])
        super().__init__(
            f"More than one rate is in force for {counted(len(culprits), 'currency-day')} ({named}). "
            "No revenue was computed. Rebuild fx_rates for these days."
        )


class RevenueTooLarge(BadInput):
    """Amounts so large that sums of revenue could leave decimal(38,4)."""

    def __init__(self, days: Collection[date]) -> None:
        super().__init__(
            f"The revenue of {days_listed(days)} may reach 10^29 USD. No revenue was computed. "
            "Look for absurd amounts or rates in these days and land corrected files."
        )


class UnusableLedger(BadInput):
    """A file of finance's ledger lacks its header, or cannot be read; ``why`` is the rest of a sentence then."""

    def __init__(self, file: str, expected: str, why: str = "") -> None:
        super().__init__(
            f"`{quoted(file)}` {why or f'does not begin with the header {expected}'}. "
            "No line of finance's ledger was used. Ask finance for the file in that format."
        )


class FixingWithdrawalWaits(BackfillAssetsError):
    """A file of fixings says N/A for so many known ones of a currency that a person has to say that this is meant.

    ``lost`` maps a currency to the number of its fixings that would go, and that of those known.
    """

    exit_code = 3

    def __init__(self, file: str, lost: Mapping[str, tuple[int, int]]) -> None:
        named = listed([f"{gone:,} of {known:,} of {currency}" for currency, (gone, known) in lost.items()])
        super().__init__(
            f"`{file}` says N/A for fixings that are known ({named}). Nothing of the file was taken in and what was "
            "known stays. Land the ECB's file again, as published, or say that it is meant with "
            f'`backfill-assets withdrawals --accept {file} --by "your name"`.'
        )


class PrintingFailed(BackfillAssetsError):
    """The browser could not make a PDF."""

    def __init__(self, pages: Collection[str], why: str) -> None:
        super().__init__(
            f"The browser did not print {listed(pages)} ({why}). The earlier PDF stays as it is. "
            "Render the pages again, or set BACKFILL_CHROMIUM to a browser that runs here."
        )


class SettingUnreadable(BadInput):
    """A variable of the environment says something that it cannot mean."""

    def __init__(self, name: str, value: str, wanted: str) -> None:
        super().__init__(
            f"{name} is {value!r}, which is not {wanted}. Nothing was compared with it. "
            "Set it as the README says, or leave it out."
        )
