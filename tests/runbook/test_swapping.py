"""Cut over and roll back as the runbook takes them: exactly once, only what was certified, and with a way out."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from backfill_assets.core.events import fact_of
from backfill_assets.core.next_step import Stuck, TakeSteps, WaitForPerson, WaitUntil, next_step
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.correction import (
    ApprovalPremature,
    CertificateOutdated,
    CorrectionClosed,
    NotApproved,
    NothingToRollBack,
    RollBackClosed,
    StepsMissing,
    StillLive,
)
from backfill_assets.errors.lake import FeatureUnsupported
from backfill_assets.errors.swaps import LaterCorrectionFirst
from backfill_assets.runbook import abandon, approve, cut_over, decommission, roll_back, validate
from backfill_assets.runbook.context import StepContext
from backfill_assets.storage import swap
from tests.runbook.world import World, day, days, world_at
from tests.stores import Root

WRONG = frozenset(days(6, 9))


def prepared(root: Root) -> tuple[World, str]:
    """A correction of ten days, validated and approved."""
    world = world_at(root)
    correction = world.open(4, 10).correction
    world.drive(correction)
    approve(world.step_context(), correction, "looked")
    return world, correction


def cut_over_but_not_told(world: World, correction: str) -> None:
    """The swap is committed and the process died before the ledger heard of it."""
    ctx = world.step_context()
    manifest = swap.plan_cut_over(
        world.live.snapshot(),
        world.records.staged("sales", correction).snapshot(),
        correction=correction,
        swap_count=1,
        days=WRONG,
        certified_live={of: world.live.snapshot().fingerprint(of) for of in WRONG},
        certified_staged={of: world.records.staged("sales", correction).snapshot().fingerprint(of) for of in WRONG},
    )
    ctx.record(correction, fact_of(Step.CUT_OVER, Outcome.PLANNED, {"version": 1, "days": []}), manifest=manifest)
    swap.cut_over(world.live, manifest)


def test_only_days_that_differ_are_swapped_and_one_commit_does_it(root: Root):
    world, correction = prepared(root)
    before = world.live.snapshot()

    event = cut_over(world.step_context(), correction)

    now = world.live.snapshot()
    assert [date.fromisoformat(of) for of in event.detail["days"]] == sorted(WRONG)
    assert {of for of in now.days if now.names(of) != before.names(of)} == WRONG
    assert now.commit == before.commit + 1
    assert world.content() == world.right


def test_a_second_cut_over_by_hand_changes_nothing_and_tells_nobody_twice(root: Root):
    world, correction = prepared(root)
    world.drive(correction)
    told, commit = len(world.records.ledger.events(correction)), world.live.snapshot().commit

    again = cut_over(world.step_context(), correction)

    assert again.outcome is Outcome.DONE
    assert (len(world.records.ledger.events(correction)), world.live.snapshot().commit) == (told, commit)
    assert isinstance(world.drive(correction), WaitUntil)


def test_of_cut_overs_at_the_same_time_one_commits_and_one_is_written_down(root: Root):
    world, correction = prepared(root)

    with ThreadPoolExecutor(6) as pool:
        events = list(pool.map(lambda _: cut_over(world.step_context(), correction), range(6)))

    assert {event.sequence for event in events} == {world.events(correction, Step.CUT_OVER)[0].sequence}
    assert len(world.events(correction, Step.CUT_OVER, Outcome.PLANNED)) == 1
    assert len(world.swaps()) == 1
    assert world.content() == world.right


def test_of_roll_backs_of_different_days_at_the_same_time_none_is_lost(root: Root):
    world, correction = prepared(root)
    before = world.content()
    cut_over(world.step_context(), correction)

    def back(of: date) -> None:
        roll_back(world.step_context(), correction, [of])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(back, sorted(WRONG)))

    assert world.content() == before
    assert world.progress(correction).publication.swapped == frozenset()
    assert len({event.detail["version"] for event in world.events(correction, Step.ROLL_BACK)}) == len(WRONG)


def test_a_day_that_moved_is_staged_again_alone_and_the_approval_stands(root: Root):
    world, correction = prepared(root)
    world.publish_live({day(7): 999}, by="somebody")

    with pytest.raises(CertificateOutdated):
        cut_over(world.step_context(), correction)

    assert world.progress(correction).missing == {day(7)}
    assert isinstance(world.drive(correction), WaitUntil)
    assert world.content() == world.right
    staged = [event.detail["days"] for event in world.events(correction, Step.STAGE, Outcome.PROGRESSED)]
    assert staged[-1] == [str(day(7))]


def test_a_day_found_unchanged_that_moved_since_is_not_passed_over(root: Root):
    world, correction = prepared(root)
    world.publish_live({day(5): 555}, by="somebody")

    with pytest.raises(CertificateOutdated):
        cut_over(world.step_context(), correction)

    assert isinstance(world.drive(correction), WaitUntil)
    assert world.content() == world.right


def test_a_staged_day_that_was_written_after_validation_is_not_swapped_in(root: Root):
    world, correction = prepared(root)
    staged = world.records.staged("sales", correction)
    world.write(staged, {day(8): -1}, by="v2", correction=correction)

    with pytest.raises(CertificateOutdated):
        cut_over(world.step_context(), correction)

    assert isinstance(world.drive(correction), WaitUntil)
    assert world.content() == world.right


def test_a_staged_file_that_was_altered_in_place_is_not_what_was_certified(root: Root):
    """Of the same name and size, so that only the content says so."""
    world, correction = prepared(root)
    file = next((root / f"sales/_backfill_{correction}/day=2026-01-07").rglob("*.parquet"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    with pytest.raises(CertificateOutdated, match="2026-01-07"):
        cut_over(world.step_context(), correction)

    assert not world.swaps()
    assert isinstance(world.drive(correction), WaitUntil)
    assert world.content() == world.right
    assert world.swaps()[0]["backfill_assets/swap"] == "1"


def test_a_refusal_that_staging_again_cannot_mend_is_told_once_and_waits(root: Root, monkeypatch: pytest.MonkeyPatch):
    world, correction = prepared(root)
    staged = len(world.events(correction, Step.STAGE, Outcome.PROGRESSED))

    def refuse(uri: str, handle: object) -> None:
        if uri == world.live.uri:
            raise FeatureUnsupported(uri, ["deletionVectors"])

    monkeypatch.setattr("backfill_assets.storage.schema.refuse_unsafe", refuse)
    ended = world.drive(correction)

    assert isinstance(ended, Stuck)
    assert ended.step is Step.CUT_OVER
    assert "deletionVectors" in ended.reason
    assert len(world.events(correction, Step.STAGE, Outcome.PROGRESSED)) == staged


def test_the_gate_is_closed_without_approval_and_before_validation(root: Root):
    world = world_at(root)
    correction = world.open(4, 10).correction
    with pytest.raises(ApprovalPremature):
        approve(world.step_context(), correction, "early")
    with pytest.raises(NotApproved):
        cut_over(world.step_context(), correction)
    world.drive(correction)
    commit = world.live.snapshot().commit

    with pytest.raises(NotApproved):
        cut_over(world.step_context(), correction)

    assert world.live.snapshot().commit == commit


def test_validation_waits_for_the_steps_before_it(root: Root):
    world = world_at(root)
    correction = world.open(4, 10).correction
    world.stage_wave(correction, days(4, 10))

    with pytest.raises(StepsMissing, match="freeze_reports, reset_watermarks, verify_source"):
        validate(world.step_context(), correction)


def test_roll_back_and_cut_over_alternate(root: Root):
    world, correction = prepared(root)
    planted = world.content()
    world.drive(correction)
    world.publish_live({day(11): 11})
    for _ in range(2):
        roll_back(world.step_context(), correction, note="why not", all_days=True)
        assert isinstance(world.drive(correction), WaitForPerson)
        assert world.content() == planted | {day(11): 11}

        approve(world.step_context(), correction, "again")
        assert isinstance(world.drive(correction), WaitUntil)
        assert world.content() == world.right | {day(11): 11}

    assert [event.detail["version"] for event in world.events(correction, Step.CUT_OVER)] == [1, 3, 5]
    assert len(world.swaps()) == 5


def test_some_days_go_back_and_come_again(root: Root):
    world, correction = prepared(root)
    planted = world.content()
    world.drive(correction)

    roll_back(world.step_context(), correction, [day(7), day(8)])

    assert world.content() == world.right | {day(7): planted[day(7)], day(8): planted[day(8)]}
    assert world.progress(correction).publication.swapped == WRONG - {day(7), day(8)}
    assert isinstance(world.drive(correction), WaitUntil)
    with pytest.raises(NothingToRollBack):
        roll_back(world.step_context(), correction, [day(7)])
    approve(world.step_context(), correction, "the rest too")
    world.drive(correction)
    assert world.content() == world.right


def test_a_roll_back_of_other_days_settles_the_one_that_was_left_open_first(root: Root):
    world, correction = prepared(root)
    planted = world.content()
    world.drive(correction)
    half_done = swap.plan_roll_back(
        world.live.snapshot(),
        world.records.ledger.manifests(correction)[correction],
        correction=correction,
        swap_count=2,
        days=[day(6)],
    )
    detail = {"version": 2, "days": [str(day(6))], "note": "first"}
    world.step_context().record(correction, fact_of(Step.ROLL_BACK, Outcome.PLANNED, detail), manifest=half_done)

    roll_back(world.step_context(), correction, [day(9)])

    assert world.content() == world.right | {day(6): planted[day(6)], day(9): planted[day(9)]}
    assert [event.detail["note"] for event in world.events(correction, Step.ROLL_BACK)] == ["first", ""]


def test_a_planned_roll_back_is_what_comes_next(root: Root):
    world, correction = prepared(root)
    planted = world.content()
    world.drive(correction)
    manifest = swap.plan_roll_back(
        world.live.snapshot(),
        world.records.ledger.manifests(correction)[correction],
        correction=correction,
        swap_count=2,
    )
    world.step_context().record(
        correction, fact_of(Step.ROLL_BACK, Outcome.PLANNED, {"version": 2, "days": []}), manifest=manifest
    )

    assert next_step(world.progress(correction), world.now) == TakeSteps((Step.ROLL_BACK,))
    world.drive(correction)

    assert world.content() == planted


def test_taking_up_a_roll_back_of_some_days_leaves_the_others(root: Root):
    world, correction = prepared(root)
    planted = world.content()
    world.drive(correction)
    swaps = world.records.ledger.manifests(correction)[correction]
    manifest = swap.plan_roll_back(world.live.snapshot(), swaps, correction=correction, swap_count=2, days=[day(7)])
    detail = {"version": 2, "days": [str(day(7))]}
    world.step_context().record(correction, fact_of(Step.ROLL_BACK, Outcome.PLANNED, detail), manifest=manifest)

    world.drive(correction)

    assert world.content() == world.right | {day(7): planted[day(7)]}


def test_a_correction_whose_swap_the_ledger_missed_cannot_be_abandoned(root: Root):
    world, correction = prepared(root)
    cut_over_but_not_told(world, correction)

    with pytest.raises(StillLive):
        abandon(world.step_context(), correction, "never mind")

    assert world.progress(correction).publication.swapped == WRONG


def test_a_correction_whose_swap_the_ledger_missed_can_be_rolled_back(root: Root):
    world, correction = prepared(root)
    planted = world.content()
    cut_over_but_not_told(world, correction)

    roll_back(world.step_context(), correction, all_days=True)

    assert world.content() == planted


def test_what_is_closed_stays_closed(root: Root):
    world, correction = prepared(root)
    world.drive(correction)
    decommission(world.step_context(), correction, now=True)

    with pytest.raises(CorrectionClosed, match="is decommissioned already"):
        abandon(world.step_context(), correction, "too late")
    with pytest.raises(RollBackClosed):
        roll_back(world.step_context(), correction, all_days=True)
    assert world.progress(correction).publication.ending == "decommissioned"
    assert world.content() == world.right


def test_a_roll_back_cannot_start_once_a_decommission_has(root: Root, monkeypatch: pytest.MonkeyPatch):
    world, correction = prepared(root)
    world.drive(correction)
    real, raced = StepContext.record_next, []

    def overtaken(ctx: StepContext, progress, fact, **named):
        if fact.step is Step.ROLL_BACK and not raced:
            raced.append(fact)
            decommission(world.step_context("sweep"), correction, now=True)
        return real(ctx, progress, fact, **named)

    monkeypatch.setattr(StepContext, "record_next", overtaken)
    with pytest.raises(RollBackClosed):
        roll_back(world.step_context(), correction, all_days=True)

    assert raced
    assert world.content() == world.right
    assert len(world.swaps()) == 1


def test_a_second_correction_must_be_rolled_back_before_the_first(root: Root):
    world, first = prepared(root)
    planted = world.content()
    world.drive(first)
    second = world.open(6, 8).correction
    world.right |= {day(7): 70}
    world.through(second)

    with pytest.raises(LaterCorrectionFirst):
        roll_back(world.step_context(), first, all_days=True)

    roll_back(world.step_context(), second, all_days=True)
    roll_back(world.step_context(), first, all_days=True)
    assert world.content() == planted


def test_decommissioning_the_first_leaves_what_the_second_needs_to_roll_back(root: Root):
    world, first = prepared(root)
    world.drive(first)
    corrected = world.content()
    second = world.open(6, 8).correction
    world.right |= {day(7): 70}
    world.through(second)

    decommission(world.step_context(), first, now=True)
    roll_back(world.step_context(), second, all_days=True)

    assert world.content() == corrected


def test_a_swap_while_files_are_judged_keeps_what_it_retires(root: Root, monkeypatch: pytest.MonkeyPatch):
    """The file of the first correction leaves live, for the second, between two readings of its decommission."""
    world, first = prepared(root)
    world.drive(first)
    corrected = world.content()
    second = world.open(6, 8).correction
    world.right |= {day(7): 70}
    world.drive(second)
    approve(world.step_context(), second, "looked")
    real = world.records.ledger.__class__.manifests
    raced: list[str] = []

    def overtaken(ledger, correction=None):
        told = real(ledger, correction)
        if correction is None and not raced:
            raced.append(second)
            cut_over(world.step_context("second"), second)
        return told

    monkeypatch.setattr(world.records.ledger.__class__, "manifests", overtaken)
    decommission(world.step_context(), first, now=True)

    assert raced
    roll_back(world.step_context(), second, all_days=True)
    assert world.content() == corrected
