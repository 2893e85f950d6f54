"""Who reads a table, how far each has come, and what a swap asks it to read again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """What a correction asks a holder to read again: the days after ``before``, up to ``through``.

    They count as read when they were read at its swap's ``commit`` or a later one; from before commits were recorded
    there is none, and any reading counts.
    """

    before: date
    through: date
    commit: int | None = None

    def with_(self, other: "Hold") -> "Hold":
        """Both together."""
        commit = max((one for one in (self.commit, other.commit) if one is not None), default=None)
        return Hold(min(self.before, other.before), max(self.through, other.through), commit)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader says of its reading: the commit that it has read, and the mark after which it began, if it does."""

    commit: int | None = None
    after: date | None = None


UNSAID = Reading()


@dataclass(frozen=True, slots=True)
class Use:
    """Days that a reader has taken from a commit of the table: those after ``before``, up to ``through``.

    Without ``before`` from the first one there was, without ``through`` all. ``commit`` None was not recorded.
    """

    before: date | None
    through: date | None
    commit: int | None
    at: datetime

    def missed_of(self, hold: Hold) -> Hold | None:
        """The days of a hold that it has read from an earlier commit than the hold asks for; None when there are none.

        Of what commit it was, it may not have said; then nothing is known to be missed.
        """
        if self.commit is None or self.reads_again(hold):
            return None
        before = hold.before if self.before is None else max(hold.before, self.before)
        through = hold.through if self.through is None else min(hold.through, self.through)
        return Hold(before, through, hold.commit) if before < through else None

    def reads_again(self, hold: Hold) -> bool:
        """Whether it was read from a commit that has what the hold asks to be read."""
        return hold.commit is None or (self.commit is not None and self.commit >= hold.commit)

    def rest_of(self, hold: Hold, mark: date | None) -> Hold | None:
        """What of a hold is still to be read after it; None when nothing is.

        What lies after the holder's ``mark`` it has never read, and reads anew in any case.
        """
        if not self.reads_again(hold) or (self.before is not None and self.before > hold.before):
            return hold
        last = hold.through if mark is None else min(hold.through, mark)
        if self.through is None or self.through >= last:
            return None
        return replace(hold, before=max(hold.before, self.through))


@dataclass(frozen=True, slots=True)
class Swap:
    """A swap of a correction in the table: its commit, and its days as a hold has them."""

    correction: str
    hold: Hold


@dataclass(frozen=True, slots=True)
class Holder:
    """How far one holder is: the last day it has processed, and by correction what holds it back.

    Nightly and the reports are internal: their holds are released by the correction. An external holder moves its
    own mark, and works its holds off by moving it again through the days that changed. ``uses`` are the days that an
    external one has read, oldest report first. One that is ``registered`` is waited for by corrections.
    """

    name: str
    table: str
    mark: date | None = None
    holds: Mapping[str, Hold] = field(default_factory=dict[str, Hold])
    external: bool = False
    uses: tuple[Use, ...] = ()
    registered: bool = False

    @property
    def effective(self) -> date | None:
        """The day after which the holder reads next: the minimum of mark and holds."""
        if self.mark is None:
            return None
        return min([self.mark, *(hold.before for hold in self.holds.values())])

    def moved(self, day: date, use: Use | None = None, swaps: Sequence[Swap] = ()) -> "Holder":
        """The holder after it has processed everything up to a day. A mark never goes back, holds do that.

        An external one has read the days by ``use``, which is held where it is of a commit before one of the swaps.
        """
        far = day if self.mark is None else max(self.mark, day)
        if not self.external or use is None:
            return replace(self, mark=far)
        return replace(self.used(use, swaps), mark=far)

    def used(self, use: Use, swaps: Sequence[Swap] = ()) -> "Holder":
        """The holder after it has read some days: what it still has to read again of them, by their commit."""
        rests = {correction: use.rest_of(hold, self.mark) for correction, hold in self.holds.items()}
        holds = {correction: hold for correction, hold in rests.items() if hold is not None}
        for swap in swaps:
            if missed := use.missed_of(swap.hold):
                holds[swap.correction] = missed.with_(holds.get(swap.correction, missed))
        is_nothing = use.before is not None and use.before == use.through
        return replace(self, holds=holds, uses=self.uses if is_nothing else (*self.uses, use))

    def to_read_again(self, swap: Swap) -> Hold | None:
        """What an external holder has to read again after a swap; None when it has not read its days, or has again.

        One that has not come to them yet reads their new content in any case. One that is waited for and never told
        its mark may have read everything.
        """
        wanted = swap.hold
        if not self.external or any(use.commit is not None and self._has_read(use, wanted) for use in self.uses):
            return None
        if self.registered and (self.mark is None or self.mark > wanted.before):
            return wanted
        missed = [one for use in self.uses if (one := use.missed_of(wanted))]
        return (
            Hold(min(one.before for one in missed), max(one.through for one in missed), wanted.commit)
            if missed
            else None
        )

    def _has_read(self, use: Use, wanted: Hold) -> bool:
        return wanted.commit is not None and use.rest_of(wanted, self.mark) is None
