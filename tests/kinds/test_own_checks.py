"""Asset checks of somebody's own gate a correction: asked of the staged rows, in the certificate, on page and notice.

What cannot be asked is refused at load; a blocking check that is not given is named. The next case is one line.
"""

import warnings
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pyarrow as pa
import pytest

from backfill_assets.checks import from_check
from backfill_assets.core.next_step import Stuck
from backfill_assets.errors.setup import ArgumentUnusable
from backfill_assets.testing import TestLake
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds.stranger import TABLE, days, location, orders, stranger_at

KEY = dg.AssetKey(TABLE)
CHECKED = 4


def asked(frame: pl.DataFrame, most: int = 150) -> bool:
    """Whether no market of a day earns more than it may."""
    return bool((frame["revenue"] <= most).all())


@dg.asset_check(asset=KEY, blocking=True)
def an_asset_check(daily_orders: pl.DataFrame) -> dg.AssetCheckResult:
    worst = daily_orders["revenue"].max()
    return dg.AssetCheckResult(
        passed=asked(daily_orders),
        description=f"The most is {worst}.",
        metadata={"most": worst, "rows": len(daily_orders)},
    )


@dg.asset_check(asset=KEY, name="named", blocking=True)
def of_a_lazy_frame(daily_orders):
    return dg.AssetCheckResult(passed=asked(daily_orders.collect()))


def a_function(frame: pl.LazyFrame) -> bool:
    return asked(frame.collect())


def of_arrow(table: pa.Table) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=max(table["revenue"].to_pylist()) <= 150)


def only_warns(frame: pl.DataFrame) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=asked(frame), severity=dg.AssetCheckSeverity.WARN)


def breaks(frame: pl.DataFrame) -> bool:
    return asked(frame.rename({"revenue": "sales"}))


def says_nothing(_frame: pl.DataFrame) -> str:
    return "fine"


ASKED: dict[str, tuple[Any, str, bool, bool]] = {
    "an asset check": (an_asset_check, "an_asset_check", True, False),
    "an asset check of a lazy frame, by its name": (of_a_lazy_frame, "named", True, False),
    "a function that says whether it passed": (a_function, "a_function", True, False),
    "a function of an Arrow table": (of_arrow, "of_arrow", True, False),
    "a function with a default": (asked, "asked", True, False),
    "one that only warns": (only_warns, "only_warns", True, True),
    "one that breaks": (breaks, "breaks", False, False),
    "one that says nothing": (says_nothing, "says_nothing", False, False),
}
"""A check, its name, whether it passes over right rows, and over wrong ones."""


def checked(root: Path, *checks: Any) -> TestLake:
    """A lake whose corrections ask these checks, with days that are published and wrong."""
    lake = TestLake(root, location(prove=[*map(from_check, checks)]), now="2026-01-20T06:00:00+00:00")
    lake.write("orders_log", orders(days(CHECKED)))
    first, last = str(days(CHECKED)[0]), str(days(CHECKED)[-1])
    lake.publish(first, last)
    return lake


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Any]:
    """What all checks found of right rows and of wrong ones."""
    lake = checked(tmp_path_factory.mktemp("own"), *(check for check, *_ in ASKED.values()))
    told: dict[bool, Any] = {}
    for right in (True, False):
        if not right:
            lake.write("orders_log", orders(days(CHECKED)).with_columns(price=pl.lit(300, pl.Int64)))
        correction = lake.correct(days(CHECKED)[0], days(CHECKED)[-1], reason="Looked at.", by="Ada")
        correction.drive()
        told[right] = correction.checks
        correction.abandon()
    return told


@pytest.mark.dagster
@pytest.mark.parametrize("case", ASKED)
def test_a_check_is_asked_of_the_staged_rows(case: str, found: dict[bool, Any]) -> None:
    _, name, *expected = ASKED[case]
    assert [found[right][name].passed for right in (True, False)] == expected
    for right in (True, False):
        sentence = found[right][name].sentence
        assert sentence.startswith(name)
        assert ": " not in sentence
        assert sentence.endswith(".")


@pytest.mark.dagster
def test_what_fails_stops_the_cut_over_until_a_person_overrides_it_and_is_told(tmp_path: Path) -> None:
    lake = checked(tmp_path, an_asset_check)
    lake.write("orders_log", orders(days(CHECKED)).with_columns(price=pl.lit(300, pl.Int64)))
    correction = lake.correct(days(CHECKED)[0], days(CHECKED)[-1], reason="Wrong.", by="Ada", watchers=["finance"])
    stuck = correction.drive()
    told = "an_asset_check fails on what is staged, The most is 300."
    assert isinstance(stuck, Stuck)
    assert told in stuck.reason
    step = dg.AssetKey([f"{TABLE}__correction", "validate"])
    shown = lake.instance.event_log_storage.get_asset_check_summary_records([dg.AssetCheckKey(step, "an_asset_check")])
    evaluation = next(iter(shown.values())).last_check_execution_record.event.asset_check_evaluation
    assert (evaluation.passed, evaluation.description) == (False, told)
    correction.approve("They are dear now.", override=True)
    correction.cut_over()
    assert set(lake.rows(TABLE)["revenue"]) == {300}
    assert any(told.replace("an_asset_check", "`an_asset_check`") in one.body for one in correction.notices)
    assert any("overrid" in one.body for one in correction.notices)
    page = (tmp_path / "published" / "corrections").rglob("*.html")
    shown = told.replace("an_asset_check", "<code>an_asset_check</code>")
    assert any(shown in one.read_text() for one in page)


def takes_two(frame: pl.DataFrame, other: pl.DataFrame) -> bool:
    return frame.equals(other)


def takes_nothing() -> bool:
    return True


async def comes_later(frame: pl.DataFrame) -> bool:
    return asked(frame)


@dg.asset_check(asset=KEY)
def takes_a_context(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=bool(context))


@dg.asset_check(asset=KEY)
def takes_a_context_too(context: dg.AssetCheckExecutionContext, daily_orders: pl.DataFrame) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=bool(context) and asked(daily_orders))


@dg.multi_asset_check(specs=[dg.AssetCheckSpec(name, asset=KEY) for name in ("one", "two")])
def several():
    yield dg.AssetCheckResult(passed=True, check_name="one", asset_key=KEY)


def same_rows(frame: pl.DataFrame) -> bool:
    """A function by the name of a check of ours."""
    return asked(frame)


UNASKED: dict[str, tuple[Any, str]] = {
    "nothing": (None, "None"),
    "a class": (TestLake, "TestLake"),
    "a function of two frames": (takes_two, "frame, other"),
    "a function of nothing": (takes_nothing, "takes_nothing"),
    "a coroutine": (comes_later, "comes_later"),
    "an asset check of a context": (takes_a_context, "takes_a_context"),
    "an asset check of a context and a frame": (takes_a_context_too, "context, daily_orders"),
    "several checks of one function": (several, "one, two"),
    "the name of a check of ours": (same_rows, "same_rows"),
}


@pytest.mark.parametrize("case", UNASKED)
def test_what_could_not_be_asked_is_refused_at_load(case: str) -> None:
    check, culprit = UNASKED[case]
    with pytest.raises(ArgumentUnusable, match=culprit) as refused:
        from_check(check)
    assert_in_three_sentences(str(refused.value))


def test_two_checks_of_one_name_are_refused_at_load() -> None:
    with pytest.raises(ArgumentUnusable, match="asked twice"):
        location(prove=[from_check(asked), from_check(asked)])


@pytest.mark.parametrize("given", ["given", ""])
def test_a_blocking_check_that_is_not_given_is_named_when_the_code_location_is_loaded(
    given: str,
    tmp_path: Path,
) -> None:
    made = location(prove=[from_check(an_asset_check)] if given else [])
    definitions = dg.Definitions.merge(made, dg.Definitions(asset_checks=[an_asset_check, takes_a_context]))
    with stranger_at(tmp_path, definitions) as stranger, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        stranger.ask("plan", *days(2))
    told = [str(one.message) for one in warned if "blocking check" in str(one.message)]
    assert len(told) == (not given)
    assert all("daily_orders do not ask its blocking check an_asset_check" in sentence for sentence in told)
    assert all("prove=[from_check(an_asset_check)]" in sentence for sentence in told)
