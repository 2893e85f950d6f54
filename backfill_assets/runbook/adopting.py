"""Adopting a table that another writer made: looking at it, doing what it lacks, and the way back."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from backfill_assets.core.adoption import Report, Weight
from backfill_assets.core.slots import Hour
from backfill_assets.errors.adoption import (
    AdoptionOvertaken,
    AdoptionWrittenOver,
    ColumnsNotThere,
    CorrectionsInTheWay,
    NotAdoptable,
    NothingToUndo,
    RewriteDiffered,
    RewriteNotNeeded,
    RewriteNotTakenBack,
)
from backfill_assets.runbook.adoption_findings import Asked, judged
from backfill_assets.storage.adopting import Rewrite, differing_days, keep_longer, own_commits, rewrite, take_back
from backfill_assets.storage.adoptions import Adoption, Stage
from backfill_assets.storage.files import Folder
from backfill_assets.storage.foreign import ForeignTable
from backfill_assets.storage.looked import looked_at
from backfill_assets.storage.operations import pause
from backfill_assets.storage.records import Records

MOST_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Adopted:
    """A table that is adopted; ``settled`` says that an adoption which was killed has been brought to its end."""

    adoption: Adoption
    settled: bool = False


def check(folder: Folder, asked: Asked) -> Report:
    """Look at a table of any shape, and write nothing.

    Raises:
        ColumnsNotThere: naming columns that were asked for and are not there.
        TableMissing, LogDamaged, FeatureUnsupported, PartitionUnfit, LakeUnreachable: when it cannot be opened.
    """
    return _report(ForeignTable.at(folder), asked)


def _report(table: ForeignTable, asked: Asked) -> Report:
    options = {"--day": [asked.day] if asked.day else [], "--key": asked.keys, "--measure": asked.measures or ()}
    for option, names in options.items():
        if unknown := [name for name in names if name not in table.columns]:
            raise ColumnsNotThere(table.folder.uri, option, unknown, [*table.columns])
    return judged(table.folder.uri, looked_at(table, asked.day, asked.keys), asked)


@dataclass(frozen=True, slots=True)
class Adopter:
    """Adopts one table of a lake, by name, for a person, at a time (UTC)."""

    records: Records
    table: str
    by: str
    now: datetime

    @property
    def folder(self) -> Folder:
        """Where the table lies."""
        lake = self.records.lake
        return Folder(lake.table_uri(self.table), dict(lake.storage_options))

    def adopt(self, asked: Asked, *, by_rewrite: bool = False) -> Adopted:
        """Do what the table lacks before its days can be swapped, and write down that it is adopted.

        An adoption of it that was killed is brought to its end first.

        Raises:
            NotAdoptable: when something stands in the way that this does not remove.
            RewriteNotNeeded: when a rewrite is asked for, and nothing calls for one.
            CorrectionsInTheWay: when a rewrite would take corrections their way on or back.
            AdoptionOvertaken: when another writer came first.
            RewriteDiffered: when the rows of before and after differ; the table is restored then.
        """
        if done := self._settle():
            return Adopted(done, settled=True)
        table = ForeignTable.at(self.folder)
        report = _report(table, asked)
        self._refuse(report, by_rewrite=by_rewrite)
        known = self.standing()
        if known and report.is_possible and not report.with_weight(Weight.ADOPT):
            return Adopted(known)
        begun = self._begun(report, by_rewrite=by_rewrite)
        self.records.adoptions.record(begun)
        if by_rewrite:
            days = report.look.days
            rewrite(table, _rewrite_of(begun), len(days.slots) if days else 1)
        return Adopted(self._finish(begun))

    def undo(self) -> Adoption:
        """Bring the table back to the commit at which its adoption found it.

        Raises:
            NothingToUndo: when it is not adopted.
            AdoptionWrittenOver: when it was written since.
            CorrectionsInTheWay: when corrections of it are open.
            FilesOfBeforeGone: when files of that commit were deleted.
        """
        self._settle()
        standing = self.standing()
        if standing is None:
            raise NothingToUndo(self.folder.uri)
        table = ForeignTable.at(self.folder)
        since = table.handle.version() - standing.after
        if since and since != own_commits(self.folder, standing.after, standing.adoption):
            raise AdoptionWrittenOver(self.folder.uri, standing.before, since)
        after = table.handle.version()
        if not since and standing.after != standing.before:
            self._refuse_corrections()
            after = take_back(table, standing.before, standing.adoption)
        return self._record(standing, Stage.UNDONE, after)

    def standing(self) -> Adoption | None:
        """The adoption of the table that holds; None when it is not adopted."""
        known = self.records.adoptions.of_table(self.table)
        return next((one for one in reversed(known) if one.stage is Stage.ADOPTED), None)

    def _refuse(self, report: Report, *, by_rewrite: bool) -> None:
        if by_rewrite and report.is_possible:
            raise RewriteNotNeeded(report.uri)
        if not report.is_possible and not (by_rewrite and report.is_rewritable):
            in_the_way = (*report.with_weight(Weight.CHANGE), *report.with_weight(Weight.REWRITE))
            subjects = {finding.subject for finding in in_the_way}
            raise NotAdoptable(report.uri, subjects, rewritable=report.is_rewritable)
        if by_rewrite:
            self._refuse_corrections()

    def _refuse_corrections(self) -> None:
        all_progress = self.records.ledger.all_progress().items()
        if standing := [name for name, one in all_progress if one.plan.table == self.table and not one.is_closed]:
            raise CorrectionsInTheWay(self.folder.uri, standing)

    def _begun(self, report: Report, *, by_rewrite: bool) -> Adoption:
        column = report.look.days.column if report.look.days else ""
        made = report.made_column if by_rewrite else None
        return Adoption(
            adoption=uuid.uuid4().hex,
            table=self.table,
            stage=Stage.BEGUN,
            before=report.look.commit,
            after=report.look.commit,
            column=made or column,
            made_of=column if made else "",
            rewritten=by_rewrite,
            by=self.by,
            at=self.now,
        )

    def _settle(self) -> Adoption | None:
        """Bring adoptions that were killed to their end; the one that is adopted now, if any is."""
        done: Adoption | None = None
        for left in self._left():
            if own_commits(self.folder, left.before, left.adoption):
                done = self._finish(left)
            elif left.stage is Stage.BEGUN:
                self._record(left, Stage.ABANDONED, left.before)
        return done

    def _left(self) -> Iterator[Adoption]:
        known: Sequence[Adoption] = self.records.adoptions.of_table(self.table)
        return (one for one in known if one.stage in {Stage.BEGUN, Stage.ABANDONED})

    def _finish(self, begun: Adoption) -> Adoption:
        """Compare what was rewritten, set what is lacking, and write down that the table is adopted."""
        if begun.rewritten:
            self._compare(begun)
        self._keep_longer(begun)
        after = begun.before + own_commits(self.folder, begun.before, begun.adoption)
        days = looked_at(ForeignTable.at(self.folder), begun.column, ()).days
        if days and days.slots:
            first = days.slots[0]
            self.records.first_days.note(self.table, first.date() if isinstance(first, Hour) else first, self.now)
        return self._record(begun, Stage.ADOPTED, after)

    def _compare(self, begun: Adoption) -> None:
        """Hold the rewritten commit against the one of before, row by row, and go back when they differ."""
        before, after = (ForeignTable.at(self.folder, commit) for commit in (begun.before, begun.before + 1))
        differing = differing_days(before, after, _rewrite_of(begun))
        if not differing:
            return
        newest = ForeignTable.at(self.folder)
        own = own_commits(self.folder, begun.before, begun.adoption)
        if newest.handle.version() != begun.before + own:
            raise RewriteNotTakenBack(self.folder.uri, begun.before, differing)
        self._record(begun, Stage.RESTORED, take_back(newest, begun.before, begun.adoption))
        raise RewriteDiffered(self.folder.uri, begun.before, differing)

    def _keep_longer(self, begun: Adoption) -> None:
        """Set the retention; others may write at the same time, and lose nothing by it."""
        for attempt in range(MOST_ATTEMPTS):
            try:
                keep_longer(ForeignTable.at(self.folder), begun.adoption)
            except AdoptionOvertaken:
                if attempt + 1 == MOST_ATTEMPTS:
                    raise
                pause(attempt)
            else:
                return

    def _record(self, adoption: Adoption, stage: Stage, after: int) -> Adoption:
        come = adoption.come_to(stage, after, self.now)
        self.records.adoptions.record(come)
        return come


def _rewrite_of(adoption: Adoption) -> Rewrite:
    return Rewrite(adoption.adoption, adoption.column, adoption.made_of)
