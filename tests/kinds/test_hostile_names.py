"""Names, ids, keys and paths that strangers give: refused, or text; no path, predicate or page obeys them.

Every place where one comes in has a line in ``PLACES``, and what has to be so of whatever is given there.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath

import dagster as dg
import polars as pl
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from backfill_assets.command_line.session import plain_console
from backfill_assets.core.audiences import Audience
from backfill_assets.core.condition import refuse_undecided, rows_where
from backfill_assets.core.given import ID, is_person
from backfill_assets.core.notice import Notice, write_notices
from backfill_assets.core.plan import Plan, Request
from backfill_assets.core.steps import NoticeKind
from backfill_assets.core.window import Window
from backfill_assets.errors.base import BackfillAssetsError, BadInput
from backfill_assets.errors.lake import NameUnfit
from backfill_assets.errors.request import CorrectionUnknown, TableUnknown
from backfill_assets.orchestration.correction.opening import OpenConfig
from backfill_assets.orchestration.instance.naming import table_of
from backfill_assets.orchestration.watching.proposals import _is
from backfill_assets.pages.notices import notice_page
from backfill_assets.pages.publishing import page_path
from backfill_assets.runbook import open_correction
from backfill_assets.runbook.attesting import attest
from backfill_assets.runbook.request import read_request
from backfill_assets.storage.layout import Lake, correction_of, staged_folder, staged_name
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.pages.hostile import TEXTS, Skeleton, obeyed
from tests.profiles import share_of_examples
from tests.runbook.world import TABLE, World, day, world_at

NAMES = (
    *(
        "..",
        ".",
        "../x",
        "/etc/passwd",
        "a/../../b",
        "a\\..\\b",
        "%2e%2e%2fx",
        "~root",
        "C:\\x",
        "s3://x/y",
        "file:///etc",
    ),
    *("' OR '1'='1", '"; DROP TABLE x; --', "a' UNION SELECT 1", "`rm`", "$(rm)", "{{ 7 * 7 }}", "a,b=c"),
    *("a\nb", "a\r\nb", "20260123\n", "\n20260123", "a\x00b", "\x1b[2J", "a\u2028b", "a\u0085b"),
    *(
        "\u202egnp.exe",
        "a\u200bb",
        "\ufeff20260123",
        "\uff12\uff10\uff12\uff16",
        "\u0662\u0660",
        "\u0430da",
        "\ufb01nance",
        "e\u0301",
    ),
    *("w" * 65, "w" * 300, "漢" * 100, "a" * 100_000, " ", "", "-x", "_x", "day=2026-01-05", "_delta_log", "a: b"),
    *TEXTS,
)
ANY = st.sampled_from(NAMES) | st.text(max_size=80) | st.text("a/.\\'\"`%\n\x00\u202e-_=:{}<", max_size=12)
WINDOW = Window(date(2026, 1, 5), date(2026, 1, 7))
ROOT = "/lake"


def inside(path: str, root: str = ROOT) -> None:
    """A path below a root, every part of which can be the name of a file, and that no part of it leaves."""
    assert path.startswith(f"{root}/")
    parts = path.removeprefix(f"{root}/").split("/")
    assert not {"", ".", ".."} & {*parts}
    assert all(
        len(part.encode()) <= 255 and part.isprintable() and "\\" not in part and "%" not in part for part in parts
    )


def below(path: str, depth: int) -> None:
    inside(path)
    assert path.count("/") == ROOT.count("/") + depth


def notice_file(watcher: str) -> None:
    plan = Plan("20260123", Request(TABLE, WINDOW, "wrong", (watcher,)), datetime(2026, 1, 23, tzinfo=UTC), "ada")
    for one in write_notices(plan, NoticeKind.OPENED, {}):
        name = f"{one.name}.html"
        assert PurePosixPath(name).name == name
        assert len(name.encode()) <= 255
        assert "\x00" not in name


def field(name: str, value: object) -> Request:
    told = {"table": TABLE, "window": {"first": "2026-01-05", "last": "2026-01-07"}, "reason": "wrong", name: value}
    return read_request(yaml.safe_dump(told, allow_unicode=True))


def id_of_a_file(text: str) -> None:
    below(page_path(Path(ROOT), field("correction", text).correction or "x").as_posix(), 3)


def id_of_a_form(text: str) -> None:
    config = OpenConfig(first="2026-01-05", last="2026-01-07", reason="wrong", correction=text)
    below(f"{ROOT}/{config.correction}", 1) if ID.fullmatch(config.correction) and config.correction else None


PLACES: Mapping[str, Callable[[str], None]] = {
    "a table of the lake": lambda text: below(Lake(ROOT).table_uri(text), 1),
    "a control table": lambda text: below(Lake(ROOT).control_uri(text), 2),
    "a correction in a table": lambda text: below(Lake(ROOT).staged_uri("sales", text), 2),
    "the folder of a version": lambda text: below(f"{ROOT}/{staged_folder(text)}", 1),
    "the name of a version": lambda text: below(f"{ROOT}/{staged_name('sales', text)}", 1),
    "the key of an asset": lambda text: below(Lake(ROOT).table_uri(table_of(dg.AssetKey(text))), 1),
    "a key of two parts": lambda text: below(Lake(ROOT).table_uri(table_of(dg.AssetKey(["shop", text]))), 1),
    "the id in a request file": id_of_a_file,
    "a watcher in a request file": lambda text: notice_file(field("watchers", [text]).watchers[0]),
    "a watcher of before": notice_file,
}
"""Where a name comes in: what is made of it, if it is taken."""


@pytest.mark.parametrize("place", PLACES)
@given(text=ANY)
@share_of_examples(0.6)
def test_what_becomes_a_path_stays_below_its_root_or_is_refused(place: str, text: str):
    try:
        PLACES[place](text)
    except BadInput as refused:
        told(refused)
    except dg.DagsterInvariantViolationError:
        assert place.endswith(("asset", "parts"))


def told(refused: BackfillAssetsError) -> None:
    """A refusal that is sentences, whatever it names."""
    message = str(refused)
    assert_in_three_sentences(message)
    assert not {unicodedata.category(char) for char in message} & {"Cc", "Cf", "Zl", "Zp"}


@given(text=ANY)
@share_of_examples(0.6)
def test_a_refusal_names_whatever_it_is_in_sentences(text: str):
    for error in (NameUnfit("table", text), CorrectionUnknown(text, [text]), TableUnknown(text, [text])):
        told(error)


@given(path=ANY)
def test_whose_folder_a_path_lies_in_is_no_path_itself(path: str):
    whose = correction_of(f"_backfill_{path}")

    assert whose is None or "/" not in whose


# ---- predicates


VALUES = st.sampled_from([*NAMES, "--", "/*", ";", "''", "'", "\\", "\\'", "a''b"]) | st.text(max_size=12)
COLUMNS = st.sampled_from(
    [
        "currency",
        "a b",
        'a"b',
        "a'b",
        "a--b",
        "a\nb",
        "ü",
        "true",
        "NULL",
        "select",
        "end",
        "current_date",
        "interval",
        "case",
    ]
) | st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6)


@given(name=COLUMNS, value=VALUES, other=VALUES)
@example(name="true", value="EUR", other="USD")
@example(name="currency", value="x' OR '1'='1", other="x")
def test_a_condition_that_is_proposed_is_of_the_column_and_the_value_alone(name: str, value: str, other: str):
    frame = pl.LazyFrame({name: [value, other, None]}, schema={name: pl.String})
    condition = _is(name, value)

    refuse_undecided(condition, {name: pl.String()})

    found = rows_where(frame, condition).collect()[name].to_list()
    assert found == [one for one in (value, other) if one == value]


# ---- what people read


def notice_with(
    *,
    reason: str = "wrong",
    table: str = "sales",
    measure: str = "revenue",
    by: str = "ada",
    note: str = "looked",
    report: str = "page",
) -> str:
    sums = {measure: {"old": "1", "new": "2"}}
    figures = {
        "totals": sums,
        "months": {"2026-01": sums},
        "largest_day": "2026-01-05",
        "largest": sums,
        "approved_by": by,
        "note": note,
        "reach": {report: ("2026-01-05",)},
        "days_changed": 1,
    }
    plan = Plan("20260123", Request(table, WINDOW, reason, ("finance",)), datetime(2026, 1, 23, tzinfo=UTC), "ada")
    audience = Audience("finance", {}, every_measure=True, by_month=True)
    return notice_page(write_notices(plan, NoticeKind.PUBLISHED, figures, audiences=[audience])[0])


SAID: Mapping[str, Callable[[str], str]] = {
    "the reason": lambda text: notice_with(reason=text),
    "who approved": lambda text: notice_with(by=text),
    "the note": lambda text: notice_with(note=text),
    "a measure": lambda text: notice_with(measure=text),
    "a watcher": lambda text: notice_page(Notice("20260123", NoticeKind.OPENED, text, "s", "# s\n\ntext\n")),
    "the subject": lambda text: notice_page(Notice("20260123", NoticeKind.OPENED, "finance", text, "# s\n\ntext\n")),
}
MARKED = ("a`b", "a|b", "**a**", "`a` | b", "# a", "- a", "a\n\n# b", "[a](http://b)", "|---|")


@pytest.mark.parametrize("place", SAID)
def test_what_people_write_is_text_in_a_notice(place: str):
    page = SAID[place]

    assert obeyed(page) == []
    elements = Skeleton(page("harmless")).elements
    assert [text for text in MARKED if Skeleton(page(text)).elements != elements] == []


@given(text=ANY)
@share_of_examples(0.5)
def test_nothing_that_is_printed_steers_the_terminal(text: str):
    console = plain_console(stderr=False)
    with console.capture() as printed:
        console.print(f"by {text}")

    assert not [char for char in printed.get() if unicodedata.category(char) in {"Cc", "Cf", "Cs"} and char != "\n"]


@given(name=ANY)
def test_a_name_that_nobody_can_see_signs_nothing(name: str):
    seen = "".join(char for char in name if char.isalpha())

    assert seen or not is_person(name)


# ---- all the way


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return world_at(tmp_path_factory.mktemp("world") / "lake", 4)


@given(
    text=ANY.filter(lambda text: not ID.fullmatch(text)), field_of=st.sampled_from(["correction", "watchers", "table"])
)
@share_of_examples(0.3)
def test_the_runbook_opens_nothing_for_a_name_that_is_none(world: World, text: str, field_of: str):
    given_ = {
        "table": TABLE,
        "watchers": ("finance",),
        "correction": "x",
        field_of: (text,) if field_of == "watchers" else text,
    }
    if field_of == "watchers" and re.fullmatch(r"\w[\w .-]{0,63}", text):
        return
    with pytest.raises(BackfillAssetsError) as refused:
        open_correction(world.step_context(), Request(window=Window(day(1), day(2)), reason="wrong", **given_))

    told(refused.value)
    assert not world.records.ledger.histories()
    assert {path.name for path in world.root.iterdir()} == {TABLE, "raw", "_control"}


def test_a_correction_is_looked_for_by_its_id_alone(tmp_path: Path):
    world = world_at(tmp_path / "lake", 2)
    correction = world.open(1, 2).correction

    for text in (*NAMES, f"{correction}\n", f" {correction}", f"{correction}' OR '1'='1"):
        with pytest.raises(CorrectionUnknown):
            attest(world.records, text)
        with pytest.raises(CorrectionUnknown):
            world.records.ledger.progress(text)
    assert not [*tmp_path.glob("x*")]
