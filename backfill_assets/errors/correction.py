"""Refusals on the way of a correction: its gate, its guard, its steps."""

from collections.abc import Collection, Mapping
from datetime import date

from backfill_assets.errors.base import (
    MOST_CULPRITS,
    BackfillAssetsError,
    BadInput,
    Refused,
    corrections_listed,
    counted,
    days_listed,
    listed,
    verb,
)


class LiveWriteRefused(Refused):
    """A run wanted to rewrite published days of a correctable table."""

    def __init__(self, table: str, days: Collection[date], why: str, noun: str = "day") -> None:
        super().__init__(
            f"This run would overwrite {days_listed(days, noun=noun)} of {table} that {verb(len(days), 'is', 'are')} "
            f"published, {why}. Nothing was computed or written, and live is untouched. "
            f"To recompute history, launch the same partitions on backfill/{table}, which stages them for a correction."
        )


class ReportFrozen(Refused):
    """A report was asked to rebuild while a correction holds it."""

    def __init__(self, report: str, partitions: Collection[str], corrections: Collection[str]) -> None:
        by = corrections_listed(corrections)
        super().__init__(
            f"{report} is frozen by {by}, so {listed(partitions)} cannot be built now. "
            "The report keeps its last good state, and what was refused is recorded. "
            f"It is built by itself when {by} {verb(len(corrections), 'has', 'have')} rebuilt downstream or "
            f"{verb(len(corrections), 'is', 'are')} abandoned."
        )


class SourceDayMissing(BackfillAssetsError):
    """A day is not there in a source it is computed from."""

    def __init__(self, source: str, day: date) -> None:
        super().__init__(
            f"{source} has no {day}. The day was not written and keeps what it had. "
            f"Materialize {source} for {day} first; a day without rows is enough."
        )


class SourceUnfit(Refused):
    """The source of some days is not complete or was altered."""

    def __init__(
        self, correction: str, problems: Mapping[str, Collection[date]], recoverable: str, noun: str = "day"
    ) -> None:
        shown = "; ".join(
            f"{problem} on {days_listed(days, noun=noun)}" for problem, days in list(problems.items())[:MOST_CULPRITS]
        )
        super().__init__(
            f"The source of correction {correction} cannot be used, because {shown}. "
            "Nothing was staged and live is untouched. "
            f"Repair the source and run {correction} again, or open a correction for {recoverable}."
        )


class StagingIncomplete(Refused):
    """Days of the plan are not in the staged version."""

    def __init__(self, correction: str, missing: Collection[date], of: int, noun: str = "day") -> None:
        super().__init__(
            f"{days_listed(missing, of, noun)} of correction {correction} {verb(len(missing), 'is', 'are')} not "
            "staged yet. "
            f"Live is untouched. Run {correction} to stage {verb(len(missing), 'it', 'them')}."
        )


class StagingClosed(Refused):
    """A launch names a correction that accepts no stagings any more."""

    exit_code = 2

    def __init__(self, correction: str, state: str) -> None:
        super().__init__(
            f"Correction {correction} is {state} and accepts no further days. Nothing was computed or written. "
            "Launch without the tag to open a new correction, or name one that is still being staged."
        )


class DaysOutsideCorrection(BadInput):
    """A launch wants to stage days that its correction does not have."""

    def __init__(self, correction: str, days: Collection[date], window: object, noun: str = "day") -> None:
        super().__init__(
            f"{days_listed(days, noun=noun)} {verb(len(days), 'lies', 'lie')} outside correction {correction}, "
            "whose window is "
            f"{window}. "
            f"Nothing was computed or written. Launch {noun}s inside the window, or open another correction."
        )


class ValidationFailed(Refused):
    """Checks of a correction failed."""

    def __init__(self, version: str, failed: Collection[str], sentences: Collection[str], correction: str) -> None:
        super().__init__(
            f"{version} failed {listed(failed)}. {' '.join(sentences)} Live is untouched. "
            f"Look at the checks of correction {correction}, then stage the days again, "
            "or approve it with an override that names you and the reason."
        )


class NotApproved(Refused):
    """The gate of a cut over is closed."""

    def __init__(self, correction: str, why: str) -> None:
        super().__init__(
            f"Correction {correction} cannot be cut over, because {why}. Live is untouched. "
            f"Approve {correction} with your name and a note."
        )


class GateClosed(Refused):
    """The row of the gate was launched, and nobody has approved the correction."""

    def __init__(self, correction: str, table: str) -> None:
        super().__init__(
            f"Correction {correction} is not approved. A launch of this row only looks, and changed nothing. "
            f"Approve {correction} by the job {table}__decide_approve, in the console or by backfill-assets approve."
        )


class ApprovalPremature(Refused):
    """There is nothing to approve yet, or what there is has failed."""

    def __init__(self, correction: str, why: str, move: str) -> None:
        super().__init__(f"Correction {correction} cannot be approved, because {why}. Nothing was recorded. {move}.")


class CertificateUnknown(Refused):
    """A certificate that an approval or a cut over names is not on record."""

    def __init__(self, digest: str) -> None:
        super().__init__(
            f"There is no certificate {digest[:12] or '(none)'}. Live is untouched. Validate the correction again."
        )


class CertificateOutdated(Refused):
    """Live, staged or input files are not those that passed validation."""

    def __init__(self, correction: str, days: Collection[date], noun: str = "day") -> None:
        self.days = frozenset(days)
        super().__init__(
            f"{days_listed(days, noun=noun)} of correction {correction} changed since validation. Live is untouched. "
            f"Run {correction}, which stages and validates exactly these {noun}s again."
        )


class SwappedDaysMoved(Refused):
    """Days that a correction had swapped, or brought back, were restored, overwritten or deleted by somebody."""

    def __init__(self, correction: str, days: Collection[date], *, swapped: bool, noun: str = "day") -> None:
        self.days = frozenset(days)
        are, them = verb(len(days), "is", "are"), verb(len(days), "it", "them")
        if swapped:
            what = f"of correction {correction} in live {are} not what it swapped in, because somebody changed {them}"
            move = (
                f"Swap {them} in again with cut-over {correction}, accept the change with roll-back {correction} "
                "--day, "
                f"or correct {them} with a new correction."
            )
        else:
            what = (
                f"that correction {correction} rolled back {are} not what {verb(len(days), 'it was', 'they were')} "
                f"before it, because somebody changed {them}"
            )
            move = f"Bring {them} back once more with roll-back {correction} --all."
        super().__init__(
            f"{days_listed(days, noun=noun)} {what}. Its reports and notices wait, and nothing was built, sent "
            f"or deleted. {move}"
        )


class ManifestsMissing(Refused):
    """The ledger says that days were swapped, and holds no manifest that says which files."""

    def __init__(self, correction: str, days: Collection[date], noun: str = "day") -> None:
        super().__init__(
            f"The ledger holds no manifest of the swap of {days_listed(days, noun=noun)} by correction {correction}. "
            f"Live is untouched. Correct {verb(len(days), f'this {noun}', f'these {noun}s')} with a new correction."
        )


class NothingToRollBack(Refused):
    """No day of the correction is live."""

    def __init__(self, correction: str, days: Collection[date], noun: str = "day") -> None:
        which = f"None of {days_listed(days, noun=noun)}" if days else f"No {noun}"
        super().__init__(
            f"{which} of correction {correction} is live. Nothing was changed. See its status for the {noun}s "
            "it swapped."
        )


class RollBackClosed(Refused):
    """The retired files are being deleted or are gone."""

    def __init__(self, correction: str) -> None:
        super().__init__(
            f"Correction {correction} is decommissioned or about to be decommissioned, so its retired files may be "
            "gone. "
            "Live is untouched. Open a new correction to change these days again."
        )


class RetirementPremature(Refused):
    """The rollback window is still open."""

    def __init__(self, correction: str, why: str) -> None:
        super().__init__(
            f"Correction {correction} cannot be decommissioned, because {why}. Nothing was deleted. "
            "Wait, or decommission it now with --now."
        )


class StillLive(Refused):
    """A correction cannot be abandoned while days of it are live."""

    def __init__(self, correction: str, days: Collection[date], noun: str = "day") -> None:
        super().__init__(
            f"Correction {correction} has {days_listed(days, noun=noun)} live and cannot be abandoned. Nothing "
            "was changed. "
            f"Roll back {correction} first."
        )


class CorrectionClosed(Refused):
    """A correction is over and cannot be abandoned any more."""

    def __init__(self, correction: str, state: str) -> None:
        super().__init__(
            f"Correction {correction} is {state} already. Nothing was changed. "
            "Open a new correction to change these days again."
        )


class StepsMissing(Refused):
    """A step was asked for before those that come first."""

    def __init__(self, correction: str, step: str, missing: Collection[str]) -> None:
        super().__init__(
            f"Correction {correction} cannot {step.replace('_', ' ')} before {listed(missing)}. Nothing was recorded. "
            f"Run {correction}, which takes the steps in their order."
        )


class RebuildIncomplete(BackfillAssetsError):
    """Report partitions that a change reaches are not rebuilt."""

    def __init__(self, correction: str, owed: Collection[tuple[str, str]]) -> None:
        names = listed([f"{report} {key}" for report, key in owed])
        super().__init__(
            f"Correction {correction} has not rebuilt {names} yet. The reports stay frozen at their last good state. "
            f"Run {correction} again to build them."
        )


class ReportsNotRebuilt(BackfillAssetsError):
    """Runs of reports failed at step 7; ``left`` are the partitions by report, ``errors`` why, as the runs said."""

    def __init__(
        self, correction: str, left: Mapping[str, Collection[str]], rebuilt: int, errors: Collection[str]
    ) -> None:
        of_each = ", ".join(f"{counted(len(keys), 'partition')} of {report}" for report, keys in left.items())
        why = " ".join(dict.fromkeys(errors)) or "Dagster gives no reason."
        super().__init__(
            f"Correction {correction} could not rebuild {of_each}. "
            f"{counted(rebuilt, 'other partition')} {verb(rebuilt, 'is', 'are')} rebuilt, and the reports stay frozen. "
            f"Repair the cause and run {correction} again, which builds only what is left. {why}"
        )


class RunFailed(BackfillAssetsError):
    """A Dagster run of a correction failed before it could write anything down."""

    def __init__(self, correction: str, errors: Collection[str]) -> None:
        shown = " ".join(errors) or "Dagster gives no reason."
        super().__init__(
            f"A run of correction {correction} failed. Live is as its ledger says; see the status of {correction}. "
            f"Repair the cause and run {correction} again. {shown}"
        )
