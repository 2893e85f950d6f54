"""Somebody deletes the files by which a correction could be rolled back: everything that promised it stops doing so."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from backfill_assets.core.next_step import WaitUntil, next_step
from backfill_assets.core.sentences import sentence_of
from backfill_assets.errors.swaps import RetiredFilesMissing
from backfill_assets.pages.page import deadline_of, page
from backfill_assets.pages.publishing import content_of
from backfill_assets.runbook import approve, roll_back
from backfill_assets.runbook.looking import looked
from backfill_assets.storage.retention import maintain
from backfill_assets.storage.swap import by_day
from tests.runbook.world import TABLE, World, world_at


@dataclass(frozen=True)
class Gone:
    """Of how many of the days that changed the earlier files are deleted, and what is said of the way back."""

    name: str
    days: int
    sentence: str
    has_deadline: bool

    def __str__(self) -> str:
        return self.name


CASES = [
    Gone("none", 0, "", True),
    Gone("one day", 1, "cannot be rolled back, because files of what it held before are gone.", True),
    Gone("every day", 3, "cannot be rolled back, because files of what they held before are gone.", False),
]


def live_at(root) -> tuple[World, str]:
    world = world_at(root)
    correction = world.open(3, 8).correction
    world.drive(correction)
    approve(world.step_context(), correction, "looked")
    assert isinstance(world.drive(correction), WaitUntil)
    return world, correction


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_way_back_is_promised_whose_files_are_gone(tmp_path, case):
    world, correction = live_at(tmp_path)
    (swap,) = world.records.ledger.manifests(correction)[correction]
    retired = by_day(swap.retired)
    days = sorted(retired)[: case.days]
    assert len(retired) == 3
    for day in days:
        for file in retired[day]:
            (tmp_path / TABLE / file.path).unlink()

    progress = looked(world.records, world.progress(correction))
    step = next_step(progress, world.now)
    told = sentence_of(correction, step)
    assert isinstance(step, WaitUntil)
    assert progress.publication.gone == set(days)
    assert (deadline_of(progress) is not None) == case.has_deadline
    assert told.endswith("." if not case.days else "takes a new correction.")
    assert case.sentence in told
    shown = page(*content_of(world.step_context(), correction, tmp_path / "published"))
    assert ("cannot be rolled back" in shown) == bool(days)

    if not days:
        roll_back(world.step_context(), correction, all_days=True)
        return
    with pytest.raises(RetiredFilesMissing, match="are gone on"):
        roll_back(world.step_context(), correction, all_days=True)
    left = sorted(set(retired) - set(days))
    if left:
        roll_back(world.step_context(), correction, days=left)
        progress = looked(world.records, world.progress(correction))
        assert progress.publication.swapped == progress.publication.gone == set(days)


def test_maintenance_tells_of_its_own_deletions_and_of_none_before(tmp_path):
    world = world_at(tmp_path)
    world.publish_live(world.right)  # every day is written again, and its first file is spare
    done = [
        maintain(world.live, keep_days=(), keep_paths=(), retention=timedelta(0), now=world.now).deleted
        for _ in range(2)
    ]
    assert len(done[0]) == len(world.right)
    assert not [path for path in done[0] if (tmp_path / TABLE / path).exists()]
    assert not done[1]
