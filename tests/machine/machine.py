"""The rules: whatever a team, its nightly, strangers and dying processes do to one table, in any order."""

import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from backfill_assets.core.advance import work_of
from backfill_assets.core.expectation import Expectation
from backfill_assets.core.facts import Swapped, SwapPlanned, Validated
from backfill_assets.core.holders import Holder, Reading
from backfill_assets.core.next_step import Stuck, WaitForPerson, next_step
from backfill_assets.core.plan import Request
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Ending, Step, WorkItem
from backfill_assets.core.window import Window
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.runbook import abandon, approve, cut_over, decommission, open_correction, roll_back
from backfill_assets.runbook.maintaining import kept_of, maintain_all
from backfill_assets.runbook.opening import try_again
from backfill_assets.runbook.settling import TAKE, settle
from backfill_assets.runbook.watermark_steps import advance_holder
from backfill_assets.storage.retention import maintain
from backfill_assets.storage.swap import Manifest
from tests.machine.model import NOTHING, Case, Model, Reasons, Swap
from tests.machine.world import (
    LAST_TO_COME,
    READER,
    Kill,
    KilledError,
    Pause,
    Rows,
    Seen,
    Shops,
    forget,
    interrupted,
    kept_folder,
    live_at_first,
    planted,
    source_at_first,
    world_in,
)
from tests.runbook.world import REPORT, SOURCE, STEPS, TABLE, day

At = Kill | Pause | None
MEANWHILE = (
    "append",
    "overwrite",
    "compact",
    "restore",
    "same",
    "nightly",
    "new day",
    "maintain",
    "cut over",
    "roll back",
    "abandon",
    "decommission",
)
WRITES = st.integers(1, 6)
KILLS = st.none() | st.builds(Kill, WRITES, st.booleans()) | st.builds(Pause, WRITES, st.sampled_from(MEANWHILE))
DAYS = st.integers(1, LAST_TO_COME).map(day)
WHICH = st.integers(0, 4)
SHAPES = st.sampled_from(["none", "one", "two", "same"])
HOWS = st.tuples(st.booleans(), st.booleans(), st.booleans())
"""Whether it is a launch, whether it expects the same rows, and whether its window may end outside of what is live."""
BEGINNINGS = st.sampled_from([(False, False, False), (True, False, False), (False, True, False)])
MOST_CASES = 4
OWN = ("nightly", REPORT)
FAR = st.sampled_from([12, 9, 8, 7, 7, 6, 5, 3, 2, 1])
"""So many steps on; who goes far approves what waits, and looks again at what failed."""


# ---- which corrections an action fits, mostly; some are asked for it all the same


def takes_stagings(_: Case, progress: Progress) -> bool:
    return progress.accepts_stagings


def may_be_approved(_: Case, progress: Progress) -> bool:
    return bool(progress.gate.certificate) and not progress.is_closed and Step.CUT_OVER not in progress.done


def may_be_cut_over(_: Case, progress: Progress) -> bool:
    return not progress.is_closed and (progress.is_approved or Step.CUT_OVER in progress.done)


def may_be_rolled_back(case: Case, progress: Progress) -> bool:
    return bool(case.inside) and not progress.is_closed


def may_be_abandoned(case: Case, progress: Progress) -> bool:
    return not case.inside and not progress.is_closed


def may_be_decommissioned(_: Case, progress: Progress) -> bool:
    return progress.publication.ending is Ending.ABANDONED or Step.CUT_OVER in progress.done


def is_open(_: Case, progress: Progress) -> bool:
    return not progress.is_closed


def while_deleting(at: At) -> At:
    """Nothing keeps a restore by somebody else from naming files that are being deleted."""
    return None if isinstance(at, Pause) and at.meanwhile == "restore" else at


@dataclass
class Following:
    """An action that the model follows: whose it is, which days it puts, and the swaps that came of it."""

    case: Case | None
    puts: Mapping[date | None, Rows | None]
    by_us: bool
    before: Mapping[str, Collection[int]]
    done: list[Swap] = field(default_factory=list)
    was_paused: bool = False


@dataclass(frozen=True)
class Begun:
    """What a history begins with."""

    lake: Path
    model: Model
    world: Shops
    swapped_at: Mapping[date, int]
    count: int


BEGUN: dict[tuple, Begun] = {}


class CorrectionMachine(RuleBasedStateMachine):
    """One table with its source, a report, a reader outside, and any number of corrections."""

    begun = 0

    def __init__(self) -> None:
        super().__init__()
        CorrectionMachine.begun += 1
        self.folder = Path(tempfile.mkdtemp(prefix="history-"))
        self.world = world_in(self.folder)
        self.handle = DeltaTable(self.world.live.uri)
        self.model = Model(source_at_first(), self.world.seen(self.handle), there=self.there)
        assert self.model.rows() == live_at_first()
        self.model.sources[self.world.records.snapshot(SOURCE).commit] = dict(self.model.source)
        self.model.past[self.handle.version()] = self.model.rows()
        self.count = 0
        self.staged: dict[str, DeltaTable] = {}
        self.reading: Reading | None = None
        self.read: dict[date, int] = {}
        self.swapped_at: dict[date, int] = {}
        self.vacuumed: set[str] = set()
        self.disturbed: set[str] = set()
        self.pauses = 0
        self.pinned: dict[int, set[str]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def cases(self) -> dict[str, Case]:
        return self.model.cases

    # ---- one action, and whether what came of it is right

    def act(
        self,
        action: Callable[[], object],
        reasons: Reasons | None = None,
        *,
        case: Case | None = None,
        swaps: list[Swap] | None = None,
        puts: Mapping[date | None, Rows | None] | None = None,
        kill: At = None,
        by_us: bool = True,
    ) -> bool:
        """Act, let the model follow, and compare. Returns whether it was done.

        With ``reasons`` it is refused if, and only if, there is a reason, by the first one. ``swaps`` are those that
        have to come of it; without them any that is planned in the ledger may.
        """
        error, died = None, False
        following = Following(case, puts or {}, by_us, {name: self.happened(one) for name, one in self.cases.items()})

        def meanwhile(what: str) -> None:
            self.follow(following)
            self.pauses += 1
            self.meanwhile(what, case)
            self.pauses -= 1
            following.before = {name: self.happened(one) for name, one in self.cases.items()}
            following.was_paused = True

        try:
            with interrupted(kill, meanwhile):
                action()
        except KilledError:
            died = True
        except BackfillAssetsError as found:
            error = found
        except DeltaError:
            assert not by_us
            return False
        self.follow(following)
        if died or following.was_paused:
            self.disturbed |= {case.name} if case else set()
        else:
            self.judge(error, reasons, swaps, following.done)
        return error is None and not died

    def follow(self, following: Following) -> None:
        """Let the model do what an action has done so far, and compare."""
        first = self.handle.version() + 1
        self.handle.update_incremental()
        written = self.entries(first)
        for name, one in self.cases.items():
            for number in self.happened(one, following.before.get(name)):
                assert one is following.case, f"a swap of {name} came of another's"
                swap = self.as_planned(one, number)
                self.compared(one, number, swap)
                self.model.swap(swap, self.commit_of(written, one, number))
                following.done.append(swap)
        if any(adds or removes for adds, removes, _ in written.values()):
            for of, rows in following.puts.items():
                self.model.put(of, rows)
        self.look(written, by_us=following.by_us)

    def compared(self, case: Case, number: int, swap: Swap) -> None:
        """A swap took from live what was there, and what was certified; whoever wrote meanwhile is not written over."""
        manifest = self.manifest_of(case, number)
        for of in manifest.days:
            retired = {file.path for file in manifest.retired if file.day == of}
            assert retired == self.model.names(of), f"swap {number} of {case.name} took from {of} what was not there"
        for of in swap.into:
            certified = case.certified[of][0]
            assert self.model.names(of) == certified, (
                f"swap {number} of {case.name} took others than it was certified for"
            )

    def meanwhile(self, what: str, case: Case | None) -> None:
        """What another process, or somebody else, does while an action has stopped."""
        of = min(case.changed or case.days) if case else day(1)
        match what:
            case "append" | "overwrite" | "same":
                self.write_foreign(of, what)
            case "compact" | "restore":
                self.tool(how=what, back=1)
            case "nightly":
                self.nightly(of=of, new=False, wrong=True, kill=None)
            case "new day":
                self.nightly(of=of, new=True, wrong=True, kill=None)
            case "maintain":
                self.maintain(name=TABLE, kill=None)
            case "cut over" if self.cases:
                self.cut_over(which=0, again=True, kill=None)
            case "roll back" if self.cases:
                self.roll_back(which=0, mask=1, kill=None)
            case "abandon" if self.cases:
                self.abandon(which=0, kill=None)
            case "decommission" if self.cases:
                self.decommission(which=0, kill=None)
            case _:
                pass

    def judge(
        self, error: BackfillAssetsError | None, reasons: Reasons | None, swaps: list[Swap] | None, done: list[Swap]
    ) -> None:
        if reasons is not None:
            right = next((name for name, is_so in reasons.items() if is_so), None)
            found = type(error).__name__ if error else None
            assert found == right, f"refused by {found} ({error}), where {right} was right"
        if error is not None and reasons is not None:
            assert not done, f"refused by {error}, and swapped all the same"
        elif swaps is not None and error is None:
            wanted = [one for one in swaps if one.into or one.back or one.again or not done]
            assert [(s.into, s.back, s.again) for s in done] == [(s.into, s.back, s.again) for s in wanted]

    def entries(self, first: int) -> dict[int, tuple[set[str], set[str], dict]]:
        """What each commit of live since ``first`` adds and removes, and what it says of itself, by the log itself."""
        found: dict[int, tuple[set[str], set[str], dict]] = {}
        for number in range(first, self.handle.version() + 1):
            text = (self.world.root / TABLE / "_delta_log" / f"{number:020}.json").read_text()
            actions = [json.loads(line) for line in text.splitlines() if line]
            adds = {one["add"]["path"] for one in actions if "add" in one}
            removes = {one["remove"]["path"] for one in actions if "remove" in one}
            info = next((one["commitInfo"] for one in actions if "commitInfo" in one), {})
            found[number] = (adds, removes, info)
        return found

    def commit_of(self, written: Mapping[int, tuple[set[str], set[str], dict]], case: Case, number: int) -> int:
        marks = {"backfill_assets/correction": case.name, "backfill_assets/swap": str(number)}
        found = [commit for commit, (_, _, info) in written.items() if marks.items() <= info.items()]
        return found[0] if found else self.handle.version()

    def happened(self, case: Case, besides: Collection[int] | None = ()) -> list[int]:
        """The numbers of its swaps that happened, by the table or, where nothing was to be committed, by the ledger."""
        facts = [event.fact for event in self.world.records.ledger.events(case.name)]
        told = {fact.swap.swap_count for fact in facts if isinstance(fact, Swapped)}
        numbers = {fact.swap_count for fact in facts if isinstance(fact, SwapPlanned)}
        in_table = {n for n in numbers if self.handle.transaction_version(f"correction/{case.name}/{n}") == 1}
        return sorted((told | in_table) - {*(besides or ())})

    def planned(self, case: Case, number: int) -> SwapPlanned:
        facts = [event.fact for event in self.world.records.ledger.events(case.name)]
        return [fact for fact in facts if isinstance(fact, SwapPlanned) and fact.swap_count == number][-1]

    def as_planned(self, case: Case, number: int) -> Swap:
        """What the ledger says that a swap is about, before it happens."""
        fact = self.planned(case, number)
        inside = {of for of in fact.days if of in case.inside}
        rest = {*fact.days} - inside
        so = frozenset(fact.days) - {*self.manifest_of(case, number).days}
        if fact.step is Step.CUT_OVER:
            return Swap(case, into=tuple(sorted(rest)), again=tuple(sorted(inside)), so=so)
        return Swap(case, back=tuple(sorted(inside)), again=tuple(sorted(rest)), so=so)

    def manifest_of(self, case: Case, number: int) -> Manifest:
        """What was planned of a swap, last."""
        known = self.world.records.ledger.manifests(case.name)[case.name]
        return [one for one in known if one.swap_count == number][-1]

    def look(self, written: Mapping[int, tuple[set[str], set[str], dict]], *, by_us: bool) -> None:
        """Live as a stranger reads it is what the model says; it hears of the files."""
        seen, model = self.world.seen(self.handle), self.model
        assert {of: one.rows for of, one in seen.items()} == model.rows()
        for of, one in model.live.items():
            assert one.names in (frozenset(), seen[of].names) or not by_us or self.same_rows_written(written, of)
        for commit, (adds, removes, info) in written.items():
            if by_us:
                model.ours[commit] = frozenset(adds)
            if "backfill_assets/maintenance" in info:
                assert not {self.day_of(path) for path in adds} & self.kept_days(), (
                    "days that may go back were compacted"
                )
            if "backfill_assets/swap" in info:
                changed = {
                    of for of in {*seen, *model.live} if of and any(f"day={of}/" in one for one in adds | removes)
                }
                self.swapped_at |= dict.fromkeys(changed, commit)
        model.live = dict(seen)
        if written:
            model.past[self.handle.version()] = model.rows()

    @staticmethod
    def day_of(path: str) -> date | None:
        told = path.rpartition("day=")[2].partition("/")[0]
        return None if told.startswith("_") else date.fromisoformat(told)

    def kept_days(self) -> set[date]:
        """The days of corrections whose files are kept."""
        known = self.world.records.ledger.all_progress().values()
        return {of for one in known if one.publication.ending is not Ending.DECOMMISSIONED for of in one.plan.days}

    def same_rows_written(self, written: Mapping[int, tuple[set[str], set[str], dict]], of: date | None) -> bool:
        """Whether maintenance wrote the same rows of a day into another file."""
        return any("backfill_assets/maintenance" in info for _, _, info in written.values())

    def there(self, names: Collection[str]) -> bool:
        return all((self.world.root / TABLE / name).exists() for name in names)

    # ---- the corrections

    def progress(self, case: Case) -> Progress:
        return self.world.records.ledger.progress(case.name)

    def any_case(self, which: int, fits: Callable[[Case, Progress], bool]) -> Case:
        """One of the corrections, the newest first, for choice one that an action fits; any by the last ``which``."""
        cases = list(self.cases.values())[::-1]
        fitting = [one for one in cases if which < 4 and fits(one, self.progress(one))] or cases
        return fitting[which % len(fitting)]

    def has_any(self, fits: Callable[[Case, Progress], bool]) -> bool:
        known = self.world.records.ledger.all_progress()
        return any(fits(case, known[name]) for name, case in self.cases.items())

    @initialize(first=st.sampled_from([2, 4]), length=st.sampled_from([3, 2, 5]), how=BEGINNINGS, far=FAR)
    def begin(self, first: int, length: int, how: tuple[bool, bool, bool], far: int) -> None:
        """Nothing of interest happens before there is a correction. The same beginning is played once a process."""
        key = (first, length, how, far)
        if key in BEGUN:
            self.begin_as(BEGUN[key])
            return
        self.open(first, length, how, far, None)
        self.what_is_said_is_so()
        kept = kept_folder() / f"begun-{len(BEGUN)}"
        shutil.copytree(self.world.root, kept)
        BEGUN[key] = Begun(kept, self.model.copy(self.there), copy(self.world), dict(self.swapped_at), self.count)

    def begin_as(self, begun: Begun) -> None:
        shutil.rmtree(self.world.root)
        shutil.copytree(begun.lake, self.world.root)
        forget()
        self.world = replace(begun.world, root=self.world.root, surroundings=begun.world.surroundings.copy(), built=[])
        self.model, self.count = begun.model.copy(self.there), begun.count
        self.swapped_at = dict(begun.swapped_at)
        self.handle = DeltaTable(self.world.live.uri)

    @precondition(lambda self: len(self.cases) < MOST_CASES)
    @rule(first=st.integers(1, 6), length=st.integers(1, 5), how=HOWS, far=FAR, kill=KILLS)
    def open(self, first: int, length: int, how: tuple[bool, bool, bool], far: int, kill: At) -> None:
        """A request or a launch, which goes some steps on at once."""
        launch, strict, outside = how
        newest = max((of.day for of in self.model.live if of), default=first)
        window = Window(day(first), day(max(first, first + length - 1 if outside else min(first + length - 1, newest))))
        self.count += 1
        request = Request(
            TABLE,
            window,
            "wrong",
            ("finance",),
            correction=f"c{self.count}",
            origin=f"launch-{self.count}" if launch else "",
            expectation=Expectation(same_rows=True) if strict else Expectation(),
        )
        reasons = self.model.opening(window.days, self.world.records.ledger.all_progress())
        self.act(lambda: open_correction(self.world.step_context(), request), reasons, kill=kill if far < 3 else None)
        if request.correction in self.world.records.ledger.histories():
            self.cases[request.correction] = case = Case(request.correction, window.days)
            self.go_on(case, far, kill)

    @precondition(lambda self: self.has_any(is_open))
    @rule(which=WHICH, far=FAR, kill=KILLS)
    def forward(self, which: int, far: int, kill: At) -> None:
        """What is next, as the sensor and an approving person take it; the last of it may be killed."""
        self.go_on(self.any_case(which, is_open), far, kill)

    def go_on(self, case: Case, far: int, kill: At) -> None:
        for one in range(far):
            progress = self.world.step_context().progress(case.name)
            decided, dies = next_step(progress, self.world.now), kill if one == far - 1 else None
            if isinstance(decided, Stuck) and far > 9 and one == 0:
                went = self.act(lambda: try_again(self.world.step_context(), case.name), {}, case=case)
            elif isinstance(decided, WaitForPerson):
                went = far > 5 and self.let_through(case, override=True, kill=dies)
            else:
                items = work_of(decided, progress)
                went = bool(items) and all(self.work(case, item, dies) for item in items)
            if not went:
                return

    def work(self, case: Case, item: WorkItem, kill: At) -> bool:
        if item.wave is not None:
            return self.stage(case, item.wave.days, kill)
        return all(self.take(case, step, kill) for step in item.steps)

    def take(self, case: Case, step: Step, kill: At) -> bool:
        """One step of the nine, or the way back where it is planned."""
        ctx, progress = self.world.step_context(), self.progress(case)
        if progress.publication.planned in TAKE:
            return self.settled(case, kill)
        if step is Step.DECOMMISSION:
            return self.retire(case, kill, now=False)
        reasons, swaps = self.due(case, progress, step)
        if step is Step.REBUILD_DOWNSTREAM:
            self.act(lambda: self.world.build_owed(self.progress(case)), {})
        before, told = dict(self.model.live), self.validations(case)
        is_done = self.act(lambda: STEPS[step](ctx, case.name), reasons, case=case, swaps=swaps, kill=kill)
        if step is Step.VALIDATE and self.validations(case) > told:
            self.hear_of_validation(case, before)
        return is_done

    def validations(self, case: Case) -> int:
        return sum(isinstance(event.fact, Validated) for event in self.world.records.ledger.events(case.name))

    def due(self, case: Case, progress: Progress, step: Step) -> tuple[Reasons, list[Swap]]:
        """Why a step that is next may be refused, and what it swaps."""
        match step:
            case Step.VERIFY_SOURCE:
                pinned, newest = self.model.sources[progress.plan.pins[SOURCE]], self.model.source
                reads = [pinned] if progress.staging.staged else [pinned, newest]
                return {"SourceUnfit": all({*case.days} - one.keys() for one in reads)}, []
            case Step.STAGE | Step.VALIDATE:
                lacking = bool({*case.days} - self.look_staged(case).keys())
                doubled = step is Step.VALIDATE and self.model.doubled(case.days)
                return {"StagingIncomplete": lacking, "KeysNotUnique": doubled}, []
            case Step.CUT_OVER:
                self.look_staged(case)
                return self.model.cutting_over(case, progress, again=False)
            case Step.REBUILD_DOWNSTREAM | Step.COMMUNICATE:
                return {"SwappedDaysMoved": bool(self.model.moved(case, progress))}, []
            case _:
                return {}, []

    def settled(self, case: Case, kill: At = None) -> bool:
        """A swap that was planned and may or may not have happened is brought to its end."""
        facts = [event.fact for event in self.world.records.ledger.events(case.name)]
        number = [fact for fact in facts if isinstance(fact, SwapPlanned)][-1].swap_count
        fact = self.planned(case, number)
        manifest = self.world.records.ledger.manifests(case.name)[case.name][-1]
        is_over = number in self.happened(case)
        held = {of: {file.path for file in manifest.retired if file.day == of} for of in manifest.days}
        moved = any(self.model.names(of) != names for of, names in held.items())
        is_in = fact.step is Step.CUT_OVER
        reasons = {
            "LiveDaysMoved" if is_in else "RollBackOvertaken": moved and not is_over,
            "StagedFilesMissing" if is_in else "RetiredFilesMissing": not is_over
            and not self.there([file.path for file in manifest.arriving]),
        }
        swaps = [] if is_over else [self.as_planned(case, number)]
        return self.act(
            lambda: settle(self.world.step_context(), case.name), reasons, case=case, swaps=swaps, kill=kill
        )

    def in_doubt(self, case: Case) -> bool:
        return self.progress(case).publication.planned in TAKE

    def stage(self, case: Case, days: Collection[date], kill: At) -> bool:
        progress = self.progress(case)
        pin = progress.plan.pins[SOURCE]
        source = self.model.sources[pin]
        rows = {of: source[of] for of in days if of in source}
        closed = progress.is_closed or (not progress.accepts_stagings and not set(rows) <= progress.missing)
        return self.act(
            lambda: self.world.stage_days(case.name, rows, pin), {"StagingClosed": closed}, case=case, kill=kill
        )

    def look_staged(self, case: Case) -> dict[date, Seen]:
        """What is staged, which has to be what the source held at the commit that is pinned."""
        uri = self.world.records.lake.staged_uri(TABLE, case.name)
        publication = self.progress(case).publication
        is_retired = publication.planned is Step.DECOMMISSION or publication.ending is Ending.DECOMMISSIONED
        if is_retired or not DeltaTable.is_deltatable(uri):
            return {}
        if case.name in self.staged:
            self.staged[case.name].update_incremental()
        else:
            self.staged[case.name] = DeltaTable(uri)
        seen = self.world.seen(self.staged[case.name])
        case.staged = {of: one for of, one in seen.items() if of is not None}
        pinned = self.model.sources[self.progress(case).plan.pins[SOURCE]]
        assert all(one.rows == tuple(sorted(pinned[of])) for of, one in case.staged.items())
        return case.staged

    def hear_of_validation(self, case: Case, live: Mapping[date | None, Seen]) -> None:
        """What was certified is what was there, and what changes is what differs."""
        facts = [event.fact for event in self.world.records.ledger.events(case.name)]
        told = [fact for fact in facts if isinstance(fact, Validated)][-1]
        case.certified = {of: (live.get(of, NOTHING).names, case.staged[of].names) for of in case.days}
        case.changed = frozenset(of for of in case.days if of not in live or live[of].rows != case.staged[of].rows)
        assert {*told.compared.changed} == case.changed

    @precondition(lambda self: self.has_any(takes_stagings))
    @rule(which=WHICH, mask=st.integers(1, 31), kill=KILLS)
    def wave(self, which: int, mask: int, kill: At) -> None:
        """Some days in any order, as somebody launches them."""
        case = self.any_case(which, takes_stagings)
        days = [of for place, of in enumerate(case.days) if mask & 1 << place]
        if days and {*days} <= self.model.sources[self.progress(case).plan.pins[SOURCE]].keys():
            self.stage(case, days, kill)

    @precondition(lambda self: self.has_any(may_be_approved))
    @rule(which=WHICH, override=st.booleans(), kill=KILLS)
    def approve(self, which: int, *, override: bool, kill: At) -> None:
        case = self.any_case(which, may_be_approved)
        self.let_through(case, override=override, kill=kill)

    def let_through(self, case: Case, *, override: bool, kill: At) -> bool:
        progress = self.progress(case)
        early = progress.is_closed or not progress.gate.certificate or Step.CUT_OVER in progress.done
        reasons = {"ApprovalPremature": early or not (progress.gate.passed or override)}
        ctx = self.world.step_context()
        return self.act(lambda: approve(ctx, case.name, "looked", override=override), reasons, case=case, kill=kill)

    @precondition(lambda self: self.has_any(may_be_cut_over))
    @rule(which=WHICH, again=st.booleans(), kill=KILLS)
    def cut_over(self, which: int, *, again: bool, kill: At) -> None:
        """By hand, whether it is time or not."""
        case = self.any_case(which, may_be_cut_over)
        reasons, swaps = None, None
        if not self.in_doubt(case):
            self.look_staged(case)
            reasons, swaps = self.model.cutting_over(case, self.progress(case), again=again)
        ctx = self.world.step_context()
        self.act(lambda: cut_over(ctx, case.name, again=again), reasons, case=case, swaps=swaps, kill=kill)

    @precondition(lambda self: self.has_any(may_be_rolled_back))
    @rule(which=WHICH, mask=st.sampled_from([0, 1, 2, 3, 6, 31]), kill=KILLS)
    def roll_back(self, which: int, mask: int, kill: At) -> None:
        """Of some days, or of all."""
        case = self.any_case(which, may_be_rolled_back)
        known = sorted(case.inside) or list(case.days)
        days = [of for place, of in enumerate(known) if mask & 1 << place]
        ctx = self.world.step_context()

        def back() -> None:
            roll_back(ctx, case.name, days, "not so", all_days=not days)

        if self.in_doubt(case):
            self.act(back, case=case, kill=kill)
        else:
            reasons, swaps = self.model.rolling_back(case, self.progress(case), days)
            self.act(back, reasons, case=case, swaps=swaps, kill=kill)

    @precondition(lambda self: self.has_any(may_be_abandoned))
    @rule(which=WHICH, kill=KILLS)
    def abandon(self, which: int, kill: At) -> None:
        case = self.any_case(which, may_be_abandoned)
        progress, before = self.progress(case), self.happened(case)
        reasons = None if self.in_doubt(case) else self.model.abandoning(case, progress)
        self.act(lambda: abandon(self.world.step_context(), case.name, "never mind"), reasons, case=case, kill=kill)
        if progress.publication.planned is Step.CUT_OVER:
            assert self.happened(case) == before, "a planned cut over was abandoned, and happened"

    @precondition(lambda self: self.has_any(may_be_decommissioned))
    @rule(which=WHICH, kill=KILLS)
    def decommission(self, which: int, kill: At) -> None:
        case = self.any_case(which, may_be_decommissioned)
        if self.in_doubt(case):
            ctx = self.world.step_context()
            self.act(lambda: decommission(ctx, case.name, now=True), case=case, kill=while_deleting(kill))
        else:
            self.retire(case, kill, now=True)

    def retire(self, case: Case, kill: At, *, now: bool) -> bool:
        progress = self.progress(case)
        holders = self.world.records.watermarks.holders(TABLE)
        awaited = {name for name in progress.downstream.awaited_holders if case.name in holders[name].holds}
        swapped_at = progress.publication.swapped_at or progress.plan.opened_at
        is_over = now or self.world.now >= progress.plan.roll_back_deadline(swapped_at)
        reasons = self.model.decommissioning(case, progress, awaited, is_over=is_over)
        ctx = self.world.step_context()
        return self.act(lambda: decommission(ctx, case.name, now=now), reasons, case=case, kill=while_deleting(kill))

    # ---- what goes on meanwhile

    def made(self, shape: str, of: date) -> Rows:
        """Rows that nobody has seen before, or the same ones."""
        self.count += 1
        rows = (("a", 1000 + self.count), ("b", 2000 + self.count))
        if shape == "same":
            return self.model.source.get(of, rows)
        return {"none": (), "one": rows[:1], "two": rows}[shape]

    @rule(of=DAYS, new=st.booleans(), wrong=st.booleans(), kill=KILLS)
    def nightly(self, of: date, *, new: bool, wrong: bool, kill: At) -> None:
        """The day after the newest, or one that is there already."""
        newest = max((one for one in self.model.live if one), default=day(1))
        of = newest + timedelta(days=1) if new else of
        if of > min(day(LAST_TO_COME), max(self.model.source) + timedelta(days=1)):
            return
        if of not in self.model.source:
            self.late(of, "two")
        rows = planted(self.model.source[of]) if wrong else self.model.source[of]
        claimed = {one for progress in self.world.records.ledger.all_progress().values() for one in progress.claimed}
        reasons = self.model.publishing(of, self.world.now.date() - timedelta(days=3), claimed)
        self.act(lambda: self.world.publish({of: rows}), reasons, puts={of: tuple(sorted(rows))}, kill=kill)

    @rule(of=DAYS, shape=SHAPES)
    def late(self, of: date, shape: str) -> None:
        """Rows arrive late, or another edition of a day."""
        if of > max(self.model.source) + timedelta(days=1):
            return
        self.model.source[of] = self.made(shape, of)
        self.world.source_days({of: self.model.source[of]})
        self.model.sources[self.world.records.snapshot(SOURCE).commit] = dict(self.model.source)

    @rule(which=st.integers(0, 8), how=st.sampled_from(["overwrite", "append", "doubled", "same", "delete", "no day"]))
    def stranger(self, which: int, how: str) -> None:
        """Somebody writes to live with a tool of their own, mostly to a day of the newest correction."""
        days = [*self.cases.values()][-1].days if self.cases else ()
        self.write_foreign(days[which] if which < len(days) else day(1 + which), how)

    def write_foreign(self, of: date, how: str) -> None:
        there = self.model.live.get(of, NOTHING).rows
        self.count += 1
        more = (("a" if how == "doubled" else f"x{self.count}", 5000 + self.count),)
        puts: dict[date | None, Rows | None] = {of: more}
        match how:
            case "append" | "doubled":
                puts = {of: tuple(sorted((*there, *more)))}
                action = partial(self.world.append_foreign, of, more)
            case "delete":
                puts = {of: None}
                action = partial(DeltaTable(self.world.live.uri).delete, f"day = '{of}'")
            case "same" if there:
                puts = {of: there}
                action = partial(self.world.overwrite_foreign, of, there)
            case "no day" if None in self.model.live:
                puts = {None: None}
                action = partial(DeltaTable(self.world.live.uri).delete, "day IS NULL")
            case "no day":
                puts = {None: more}
                action = partial(self.world.append_foreign, None, more)
            case _:
                action = partial(self.world.overwrite_foreign, of, more)
        self.act(action, puts=puts, by_us=False)

    @rule(how=st.sampled_from(["restore", "compact", "vacuum"]), back=st.integers(1, 6))
    def tool(self, how: str, back: int) -> None:
        """Somebody goes back to an earlier commit, compacts, or deletes every file that a vacuum takes."""
        live = DeltaTable(self.world.live.uri)
        if how == "restore":
            commits = sorted(self.model.past)
            target = commits[max(0, len(commits) - 1 - back)]
            then = self.model.past[target]
            puts = {of: then.get(of) for of in {*then, *self.model.live}}
            self.act(lambda: live.restore(target), puts=puts, by_us=False)
        elif how == "compact":
            self.act(live.optimize.compact, by_us=False)
        else:
            gone = live.vacuum(0, dry_run=False, enforce_retention_duration=False, full=True)
            self.vacuumed |= {*gone}
            self.act(lambda: None, by_us=False)

    @rule(name=st.sampled_from([TABLE, SOURCE, ""]), kill=KILLS)
    def maintain(self, name: str, kill: At) -> None:
        """Our own maintenance; of a table by itself, it keeps no file longer than a correction needs it."""
        ctx = self.world.step_context()

        def maintained() -> None:
            kept = kept_of(ctx, name, [*self.world.records.ledger.all_progress().values()])
            days = kept.days if name == TABLE else frozenset(self.world.records.snapshot(name).files)
            # Who has stopped before the commit of a file relies on the margin that maintenance keeps.
            later = datetime.now(UTC) + timedelta(days=0 if self.pauses else 400)
            maintain(
                self.world.records.table(name),
                keep_days=days,
                keep_paths=kept.paths,
                retention=timedelta(),
                now=later,
                keep_commits=kept.commits,
            )

        self.act(maintained if name else lambda: maintain_all(ctx), {}, kill=while_deleting(kill))

    @rule(hours=st.sampled_from([-1, 1, 24, 24 * 15]))
    def clock(self, hours: int) -> None:
        """Time passes, or a host's clock is an hour off."""
        self.world.now += timedelta(hours=hours)

    @rule(kill=KILLS)
    def reader(self, kill: At) -> None:
        """It begins to read all that is there, and says only later that it has."""
        if self.reading is None:
            self.reading = Reading(self.handle.version(), None)
            return
        reading, self.reading = self.reading, None
        newest = max((of for of in self.model.live if of), default=None)
        days = [of for of in self.model.past.get(reading.commit, {}) if of]
        if not days or newest is None or max(days) > newest:
            return
        whole = Reading(reading.commit, day(1) - timedelta(days=1))
        holder = self.world.records.watermarks.holders(TABLE)[READER]
        if holder.effective is not None and max(days) < holder.effective:
            return
        ctx = self.world.step_context()
        self.act(lambda: advance_holder(ctx, READER, max(days), whole), {}, kill=kill)
        if self.world.records.watermarks.holders(TABLE)[READER].uses != holder.uses:
            # A day that was not there has been read as well: it had no rows.
            gone = [of for of in self.swapped_at if of <= max(days)]
            self.read |= {of: max(reading.commit, self.read.get(of, -1)) for of in (*days, *gone)}

    # ---- what is true at any time

    @invariant()
    def what_is_said_is_so(self) -> None:
        """After each step, of every correction and of everybody who keeps a watermark."""
        holders = self.world.records.watermarks.holders(TABLE)
        known = self.world.records.ledger.all_progress()
        in_doubt = False
        for name, case in self.cases.items():
            progress = known[name]
            is_settled = progress.publication.planned not in TAKE
            in_doubt |= not is_settled
            if is_settled:
                assert progress.publication.swapped == case.inside.keys()
            self.may_go_back(case, progress)
            is_over = progress.publication.ending is Ending.ABANDONED or Step.REBUILD_DOWNSTREAM in progress.done
            if is_over and is_settled and name not in self.disturbed:
                assert not any(name in holders[one].holds for one in OWN if one in holders), f"{name} still holds"
            if not progress.is_closed:
                self.can_be_staged(progress)
                is_reset, is_rebuilt = (
                    one in progress.done for one in (Step.RESET_WATERMARKS, Step.REBUILD_DOWNSTREAM)
                )
                # Whoever died between letting go and the ledger had found everything rebuilt.
                may_be_let_go = (
                    name in self.disturbed and progress.publication.swap_count and not progress.downstream.owed
                )
                if is_settled and is_reset and not is_rebuilt and not may_be_let_go:
                    assert all(name in holders[one].holds for one in OWN), f"{name} holds nobody"
        if not in_doubt:
            self.has_read(holders[READER])

    def may_go_back(self, case: Case, progress: Progress) -> None:
        """Retired files exist until decommission."""
        publication = progress.publication
        if publication.ending is Ending.DECOMMISSIONED or publication.planned is Step.DECOMMISSION:
            return
        both = [seen for one in case.inside.values() for seen in (one.before, one.after) if seen]
        names = {name for seen in both for name in seen.names}
        assert self.there(names - self.vacuumed), f"{case.name} cannot go back"

    def can_be_staged(self, progress: Progress) -> None:
        """What an open correction is staged from exists."""
        pin = progress.plan.pins[SOURCE]
        if pin not in self.pinned:
            self.pinned[pin] = set(DeltaTable(str(self.world.root / SOURCE), version=pin).file_uris())
        assert all(Path(one).exists() for one in self.pinned[pin]), f"the pin of {progress.plan.correction} is gone"

    def has_read(self, holder: Holder) -> None:
        """Nobody is said to have read what was swapped since he read it."""
        if holder.mark is None:
            return
        unread = [of for of, commit in self.swapped_at.items() if of <= holder.mark and self.read.get(of, -1) < commit]
        assert not unread or holder.effective < min(unread), f"{READER} is said to have read {min(unread)}"
