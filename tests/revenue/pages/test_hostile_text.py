"""Whatever stands in the example's tables, or is said about a correction, is text on every report."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from backfill_assets import runbook
from backfill_assets.core.notice import Kind, Notice
from backfill_assets.core.window import ONE_DAY, Window
from backfill_assets.revenue.pages.dashboard import render_dashboard
from backfill_assets.revenue.pages.index import render_index
from backfill_assets.revenue.pages.pack import board_months, render_pack
from backfill_assets.revenue.pages.state import State, read_state
from backfill_assets.storage.outbox import Delivery
from tests.pages.hostile import obeyed
from tests.revenue.pages.readers import WRONG, Newsroom

NOW = datetime(2026, 1, 23, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Scene:
    """What the reports show: a correction that is published, another that holds them, and who was told."""

    state: State
    deliveries: list[Delivery] = field(default_factory=list)

    def but(self, **parts: Any) -> "Scene":
        """The same with some of the state's parts replaced."""
        state = replace(self.state)
        vars(state).update({**vars(self.state), **parts})
        return replace(self, state=state)

    def pages(self) -> str:
        """All of them, one after the other."""
        months = board_months(self.state)
        packs = [render_pack(self.state, months, name, allow_mixed=True) for name in months]
        refused = [render_pack(self.state, months, name) for name in months]
        index = render_index(self.state, self.deliveries, lambda _path: True)
        return "".join([render_dashboard(self.state), *packs, *refused, index])


@pytest.fixture(scope="module")
def scene(copies: Callable[[], Newsroom]) -> Scene:
    room = copies()
    first = room.open(correction="first")
    room.prepare(first)
    room.publish(first)
    day = WRONG.last + ONE_DAY
    room.open(Window(day, day), reason="Another thing", correction="second")
    runbook.freeze_reports(room.step_context(), "second")
    state = read_state(room.lake.records)
    assert state.entries.height
    assert state.corrections
    assert state.builds
    assert all(one.frame.height for one in (state.dashboard, state.export, state.board))
    return Scene(state)


def with_frame(shown: Any, **columns: pl.Expr) -> Any:
    """A report whose rows have other columns."""
    found = replace(shown)
    vars(found)["frame"] = shown.frame.with_columns(**columns)
    return found


def in_one(text: str, column: str) -> pl.Expr:
    """The text in place of one value of a column."""
    return pl.when(pl.col(column) == pl.col(column).min()).then(pl.lit(text)).otherwise(pl.col(column)).alias(column)


@dataclass(frozen=True)
class Renamed:
    """A snapshot of the fact with a country of another name."""

    snapshot: Any
    text: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.snapshot, name)

    def scan(self, days: Any) -> pl.LazyFrame:
        return self.snapshot.scan(days).with_columns(in_one(self.text, "country"))


def of_currency(scene: Scene, text: str) -> Scene:
    state, renamed = scene.state, {"currency": in_one(text, "currency")}
    return scene.but(export=with_frame(state.export, **renamed), board=with_frame(state.board, **renamed))


def of_country(scene: Scene, text: str) -> Scene:
    fact = scene.state.fact
    return scene.but(fact=replace(fact, snapshot=Renamed(fact.snapshot, text)))


def of_hold(scene: Scene, **fields: Any) -> Scene:
    state = scene.state
    shown = {name: getattr(state, name) for name in ("dashboard", "export", "board")}
    return scene.but(**{name: replace(one, hold=replace(one.hold, **fields)) for name, one in shown.items()})


def of_builds(scene: Scene, **fields: Any) -> Scene:
    return scene.but(builds={day: replace(build, **fields) for day, build in scene.state.builds.items()})


def of_plans(scene: Scene, **fields: Any) -> Scene:
    return scene.but(
        corrections={
            name: replace(one, plan=replace(one.plan, **fields)) for name, one in scene.state.corrections.items()
        }
    )


def of_requests(scene: Scene, text: str) -> Scene:
    found = {}
    for name, one in scene.state.corrections.items():
        found[name] = replace(one, plan=replace(one.plan, request=replace(one.plan.request, reason=text)))
    return scene.but(corrections=found)


def of_entries(scene: Scene, column: str, text: str) -> Scene:
    return scene.but(entries=scene.state.entries.with_columns(pl.lit(text).alias(column)))


def of_half(scene: Scene, text: str) -> Scene:
    """A correction of another id, half of which is on the pages."""
    builds = {
        day: replace(build, correction="" if day == WRONG.first else text) for day, build in scene.state.builds.items()
    }
    return scene.but(builds=builds, corrections={text: scene.state.corrections["first"]})


def of_audience(scene: Scene, text: str, channel: str, sent_at: datetime | None) -> Scene:
    notice = Notice("first", Kind.PUBLISHED, text, "subject", "body")
    return replace(scene, deliveries=[Delivery(notice, channel, NOW, sent_at)])


PLACES: dict[str, Callable[[Scene, str], Scene]] = {
    "a currency": of_currency,
    "a country": of_country,
    "the reason of a hold": lambda scene, text: of_hold(scene, why=text),
    "a correction that holds": lambda scene, text: of_hold(scene, corrections=(text, "second")),
    "the code that built": lambda scene, text: of_builds(scene, code_version=text),
    "the correction that built": lambda scene, text: of_builds(scene, correction=text),
    "the id of a correction": lambda scene, text: of_plans(scene, correction=text),
    "who opened a correction": lambda scene, text: of_plans(scene, opened_by=text),
    "the reason of a correction": of_requests,
    "half a correction": of_half,
    "the correction of a restatement": lambda scene, text: of_entries(scene, "correction", text),
    "the reason of a restatement": lambda scene, text: of_entries(scene, "reason", text),
    "who was told": lambda scene, text: of_audience(scene, text, "0-mail", NOW),
    "who is yet to be told": lambda scene, text: of_audience(scene, text, "0-mail", None),
    "whose notice is only in the folder": lambda scene, text: of_audience(scene, text, "", None),
}


@pytest.mark.parametrize("place", PLACES)
def test_text_is_shown_and_not_obeyed(scene: Scene, place: str):
    assert obeyed(lambda text: PLACES[place](scene, text).pages()) == []
