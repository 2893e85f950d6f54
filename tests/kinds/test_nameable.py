"""What becomes the name of a file is refused before the ledger hears of it, and what is there already fits."""

from pathlib import Path

import pytest

from backfill_assets.core.notice import Notice
from backfill_assets.core.steps import NoticeKind, Step
from backfill_assets.errors.request import RequestFieldInvalid
from backfill_assets.orchestration.instance.delivery import Post
from backfill_assets.runbook import abandon
from tests.runbook.world import TABLE, World, copy_of, day, world_at

LONG = "w" * 300
UNNAMEABLE: dict[str, dict] = {
    "an id that leaves its folder": {"correction": "../x"},
    "an id with a space": {"correction": "a b"},
    "an id of two lines": {"correction": "a\nb"},
    "an id that is a folder": {"correction": "."},
    "an id too long for a folder": {"correction": "x" * 65},
    "a watcher too long for a file": {"watchers": (LONG,)},
    "a watcher that leaves its folder": {"watchers": ("finance", "../finance")},
    "a watcher without a name": {"watchers": ("",)},
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return world_at(tmp_path_factory.mktemp("world") / "lake")


@pytest.mark.parametrize("given", UNNAMEABLE.values(), ids=UNNAMEABLE)
def test_what_could_not_be_a_name_opens_nothing(world: World, given: dict):
    from backfill_assets.core.plan import Request
    from backfill_assets.core.window import Window
    from backfill_assets.runbook import open_correction

    request = Request(TABLE, Window(day(4), day(9)), "wrong", **{"watchers": ("finance",), **given})
    with pytest.raises(RequestFieldInvalid, match="Nothing was opened"):
        open_correction(world.step_context(), request)

    assert not world.records.ledger.histories()
    assert not [*(world.root / TABLE).glob("_backfill_*")]


AUDIENCES = [LONG, "漢" * 64, f"{LONG}/", f"{LONG}!", "finance"]


def test_a_notice_to_any_audience_has_a_file_of_its_own(world: World, tmp_path: Path):
    post = Post(world.records, tmp_path, world.now)

    written = {post.publish(Notice("2" * 66, NoticeKind.DECOMMISSIONED, one, "s", one, number=12)) for one in AUDIENCES}

    assert sorted(Path(name).read_text() for name in written) == sorted(AUDIENCES)


def test_a_correction_that_is_stuck_at_its_first_step_can_be_abandoned(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    there = copy_of(world, tmp_path / "lake")
    correction = there.open(4, 9).correction
    with monkeypatch.context() as full:
        full.setattr(there.surroundings, "publish", lambda _: (_ for _ in ()).throw(OSError("File name too long")))
        with pytest.raises(OSError, match="too long"):
            there.take(correction, there.drive(correction))

        abandon(there.step_context(), correction, "it cannot begin")

    assert Step.FREEZE_REPORTS not in there.progress(correction).done
    assert there.progress(correction).publication.ending == "abandoned"
