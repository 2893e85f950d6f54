"""What live must be, in ten lines, and of each refusal whether it is right.

The model knows rows. The names of files are told to it after each action, because what counts as changed is a matter of
files: it says which days hold other files than somebody has seen, and never which rows they hold.
"""

from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import date

from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Ending, Step
from tests.machine.world import Names, Rows, Seen

Live = dict[date | None, Rows]
Reasons = dict[str, bool]
"""Errors by name, in the order in which they are looked for, and whether there is a reason for each."""
NOTHING = Seen((), frozenset())


@dataclass
class Inside:
    """A day that a correction has in live: what it held before, and what the correction put there."""

    before: Seen | None
    after: Seen


@dataclass
class Left:
    """What a correction left on a day, by which commit of live."""

    seen: Seen | None
    commit: int


@dataclass
class Case:
    """One correction: its days, what it staged and certified, and what it did to live."""

    name: str
    days: tuple[date, ...]
    staged: dict[date, Seen] = field(default_factory=dict)
    certified: dict[date, tuple[Names, Names]] = field(default_factory=dict)
    changed: frozenset[date] = frozenset()
    inside: dict[date, Inside] = field(default_factory=dict)
    left: dict[date, Left] = field(default_factory=dict)

    def as_live(self, of: date) -> Seen:
        """What a staged day is once it is live."""
        seen = self.staged[of]
        return Seen(seen.rows, frozenset(f"_backfill_{self.name}/{name}" for name in seen.names))


@dataclass
class Swap:
    """What one swap will do: days that come in from the staged version, go back, or are put right again.

    Days that were ``so`` already when it was planned are not touched, whatever comes before it is declared.
    """

    case: Case
    into: tuple[date, ...] = ()
    back: tuple[date, ...] = ()
    again: tuple[date, ...] = ()
    so: frozenset[date] = frozenset()


@dataclass
class Model:
    """The source, live, and the corrections."""

    source: dict[date, Rows]
    live: dict[date | None, Seen]
    cases: dict[str, Case] = field(default_factory=dict)
    sources: dict[int, dict[date, Rows]] = field(default_factory=dict)
    past: dict[int, Live] = field(default_factory=dict)
    ours: dict[int, Names] = field(default_factory=dict)
    there: Callable[[Collection[str]], bool] = all

    def copy(self, there: Callable[[Collection[str]], bool]) -> "Model":
        """The same of a lake that is elsewhere."""
        return replace(deepcopy(replace(self, there=all)), there=there)

    # ---- what live must be

    def rows(self) -> Live:
        return {of: seen.rows for of, seen in self.live.items()}

    def put(self, of: date | None, rows: Rows | None) -> None:
        """A day is what somebody writes; None when it is live no more."""
        if rows is None:
            self.live.pop(of, None)
        else:
            self.live[of] = Seen(rows, frozenset())

    def swap(self, swap: Swap, commit: int) -> None:
        """Days come in as they were staged, go back to what they were before, and are again what was left there."""
        case = swap.case
        for of in swap.into:
            came, was, earlier = case.as_live(of), self.live.get(of), case.inside.get(of)
            known = earlier is not None and self.names(of) == earlier.after.names
            case.inside[of] = Inside(earlier.before if earlier and known else was, came)
            self._leave(swap, of, came, commit)
        for of in swap.back:
            self._leave(swap, of, case.inside.pop(of).before, commit)
        for of in swap.again:
            if of in case.inside:
                case.inside[of].before = self.live.get(of)
            self._leave(swap, of, case.left[of].seen, commit)

    def _leave(self, swap: Swap, of: date, seen: Seen | None, commit: int) -> None:
        case = swap.case
        is_let_go = of in case.left and self.names(of) == (seen or NOTHING).names
        case.left[of] = Left(seen, case.left[of].commit if is_let_go else commit)
        if of in swap.so:
            return
        self.live.pop(of, None)
        if seen:
            self.live[of] = seen

    # ---- what others have done to it

    def names(self, of: date | None) -> Names:
        return self.live.get(of, NOTHING).names

    def moved(self, case: Case, progress: Progress) -> frozenset[date]:
        """Days that are not what the correction left there, and that nobody here has written since."""
        if not progress.publication.swap_count or progress.is_closed:
            return frozenset()
        moved = frozenset(of for of, left in case.left.items() if self._has_moved(of, left))
        back = moved - case.inside.keys()
        if not progress.downstream.owes_notice and Step.REBUILD_DOWNSTREAM in progress.done:
            own = f"_backfill_{case.name}/"
            back = frozenset(of for of in back if any(name.startswith(own) for name in self.names(of)))
        return (moved & case.inside.keys()) | back

    def _has_moved(self, of: date, left: Left) -> bool:
        now, names = self.live.get(of), left.seen.names if left.seen else frozenset[str]()
        if self.names(of) == names:
            return False
        since = frozenset().union(*(added for commit, added in self.ours.items() if commit > left.commit))
        if now and now.names <= since:
            return False
        return not (now and left.seen and self.there(names) and now.rows == left.seen.rows)

    # ---- which refusals are right, in the order in which they are looked for

    def opening(self, days: Collection[date], all_progress: Mapping[str, Progress]) -> Reasons:
        live = [of for of in self.live if of is not None]
        claimed = {of for progress in all_progress.values() for of in progress.claimed}
        return {
            "RowsWithoutDay": None in self.live,
            "WindowOutsideData": not live or min(days) < min(live) or max(days) > max(live),
            "LiveKeysDoubled": self.doubled(days),
            "WindowOverlaps": not claimed.isdisjoint(days),
        }

    def doubled(self, days: Collection[date]) -> bool:
        """Whether a key occurs more than once in live on one of the days."""
        shops = [[shop for shop, _ in self.live[of].rows] for of in days if of in self.live]
        return any(len(set(names)) < len(names) for names in shops)

    def publishing(self, of: date, oldest: date, claimed: Collection[date]) -> Reasons:
        return {"LiveWriteRefused": of in self.live and (of < oldest or of in claimed)}

    def cutting_over(self, case: Case, progress: Progress, *, again: bool) -> tuple[Reasons, list[Swap]]:
        """By a driver, or ``again`` by a person, who decides on days that somebody has changed as well."""
        changed = tuple(sorted(self.moved(case, progress) & case.inside.keys()))
        if Step.CUT_OVER in progress.done and not (again and changed):
            return {}, []
        if changed:
            gone = [of for of in changed if (seen := case.left[of].seen) and not self.there(seen.names)]
            reasons = {"SwappedDaysMoved": not again, "StagedFilesMissing": bool(gone)}
            return reasons, [Swap(case, again=changed)]
        outdated = {
            of
            for of, (live, staged) in case.certified.items()
            if of not in case.inside and (self.names(of) != live or case.staged[of].names != staged)
        }
        reasons = {
            "NotApproved": progress.is_closed or not progress.gate.certificate or not progress.is_approved,
            "StepsMissing": Step.FREEZE_REPORTS not in progress.done,
            "CertificateOutdated": bool(outdated),
        }
        return reasons, [Swap(case, into=tuple(sorted(case.changed - case.inside.keys())))]

    def rolling_back(self, case: Case, progress: Progress, days: Collection[date]) -> tuple[Reasons, list[Swap]]:
        """Of some days, or of all without."""
        known = self.moved(case, progress) | case.inside.keys()
        wanted = frozenset(days) or known
        back = tuple(sorted(wanted & case.inside.keys()))
        again = tuple(sorted(wanted - case.inside.keys())) if wanted <= known else ()
        befores = {of: case.inside[of].before or NOTHING for of in back}
        changed = [of for of in back if self.names(of) != befores[of].names]
        strange = [of for of in changed if self.names(of) != case.inside[of].after.names]
        others = [of for of in strange if any(owner not in {"", case.name} for owner in self.owners(of))]
        rewritten = [of for of in strange if not self._holds(of, case.inside[of].after)]
        lefts = [case.left[of].seen or NOTHING for of in again]
        reasons = {
            "RollBackClosed": progress.is_closed or progress.publication.planned is Step.DECOMMISSION,
            "NothingToRollBack": not wanted or not wanted <= known,
            "LaterCorrectionFirst": bool(others),
            "DaysRewritten": bool(rewritten),
            "RetiredFilesMissing": not all(self.there(one.names) for one in (*(befores[of] for of in changed), *lefts)),
        }
        return reasons, [Swap(case, back=back, again=again)]

    def owners(self, of: date) -> set[str]:
        """The corrections whose staged files a day holds; the empty name for other files."""
        folders = [name.split("/")[0] for name in self.names(of)]
        return {folder.removeprefix("_backfill_") if folder.startswith("_backfill_") else "" for folder in folders}

    def _holds(self, of: date, seen: Seen) -> bool:
        now = self.live.get(of)
        return bool(now and seen.names and self.there(seen.names)) and now is not None and now.rows == seen.rows

    def abandoning(self, case: Case, progress: Progress) -> Reasons:
        return {
            "CorrectionClosed": progress.is_closed or progress.publication.planned is Step.DECOMMISSION,
            "StillLive": bool(case.inside),
            "SwappedDaysMoved": bool(self.moved(case, progress)),
        }

    def decommissioning(self, case: Case, progress: Progress, awaited: Collection[str], *, is_over: bool) -> Reasons:
        ending = progress.publication.ending
        if progress.publication.planned is Step.DECOMMISSION or ending is Ending.ABANDONED:
            return {}
        rebuilt = Step.REBUILD_DOWNSTREAM in progress.done and not progress.downstream.owes_notice
        is_open = not progress.is_closed and Step.CUT_OVER not in progress.done and not case.inside
        early = is_open or not rebuilt or bool(awaited) or not (is_over or ending is Ending.UNCHANGED)
        return {
            "SwappedDaysMoved": bool(self.moved(case, progress)) and ending is not Ending.DECOMMISSIONED,
            "RetirementPremature": early or ending is Ending.DECOMMISSIONED,
        }
