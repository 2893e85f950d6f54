"""Days that are compared elsewhere: one comparison of all, and this process where workers cannot."""

import logging
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from backfill_assets.core.reconciliation import Comparison
from backfill_assets.errors.executing import ExecutorUnreachable
from backfill_assets.errors.validation import KeysNotUnique
from backfill_assets.orchestration.asset.executors import Processes, Wide
from backfill_assets.orchestration.asset.staging_job import address_of
from backfill_assets.orchestration.asset.wide_comparison import WideComparison
from backfill_assets.runbook.sides import Sides, compared
from tests.executors.shops import FIRST, TABLE, Shop, new_shop

pytestmark = [pytest.mark.dagster, pytest.mark.slow]

LOG = logging.getLogger(__name__)


def killed(_job: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def broken(_job: object) -> None:
    raise OSError("No space left on device")


class First(Processes):
    """Processes, the first of which does something else."""

    def __init__(self, instead: Callable[..., Any]) -> None:
        super().__init__(2)
        self.instead: list[Callable[..., Any]] = [instead]

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return super().submit(self.instead.pop() if self.instead else fn, *args, **kwargs)


@contextmanager
def unreachable() -> Iterator[Executor]:
    raise ExecutorUnreachable("of nobody", "nobody listens")
    yield


WAYS: dict[str, tuple[Callable[[], AbstractContextManager[Executor]], str]] = {
    "as it should": (lambda: Processes(2), "in 2 shares"),
    "more workers than days": (lambda: Processes(40), "in 4 shares"),
    "a worker is killed": (lambda: First(killed), "in this process, because their worker died"),
    "a worker fails": (lambda: First(broken), "in this process, because a worker failed"),
    "no executor is there": (unreachable, "in this process. The executor of nobody cannot"),
}


@pytest.fixture
def shop(shops: Path, tmp_path: Path) -> Shop:
    """A correction of eight days, staged."""
    return new_shop(shops, tmp_path)


def sides_of(shop: Shop, change: Callable[[pl.DataFrame], pl.DataFrame] | None = None) -> Sides:
    correction = shop.opened()
    correction.to_gate()
    records, definition = shop.lake.records, shop.lake.definition(TABLE)
    staged = records.staged(TABLE, correction.id)
    if change is not None:
        staged.replace_days({FIRST: change(staged.snapshot().scan([FIRST]).collect())})
    live = records.table(TABLE, staged.schema)
    days = correction.progress.plan.days
    return Sides(definition.correctable_table, correction.id, live.snapshot(), staged.snapshot(), days)


def wide(shop: Shop, opened: Callable[[], AbstractContextManager[Executor]]) -> WideComparison:
    return WideComparison(shop.lake.records, address_of(shop.lake.lake), Wide(opened), LOG)


def same(one: Comparison, other: Comparison) -> bool:
    return one == other and one.examples.equals(other.examples)


@pytest.mark.parametrize("way", WAYS)
def test_one_comparison_is_made_of_all_shares(way: str, shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    opened, told = WAYS[way]
    sides = sides_of(shop)
    caplog.set_level(logging.INFO)

    assert same(wide(shop, opened)(sides), compared(sides))
    assert told in caplog.text


def test_what_cannot_be_compared_is_refused_as_in_one_process(shop: Shop) -> None:
    sides = sides_of(shop, lambda rows: pl.concat([rows, rows]))
    with pytest.raises(KeysNotUnique) as alone:
        compared(sides)
    with pytest.raises(KeysNotUnique) as together:
        wide(shop, lambda: Processes(2))(sides)

    assert str(together.value) == str(alone.value)
