"""Workers that write into a bucket, of which their environment alone says how it is reached."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from backfill_assets.core.next_step import Stuck
from backfill_assets.orchestration.asset.executors import VARIABLE
from tests.clusters import dask_cluster
from tests.executors.conftest import PROCESSES
from tests.executors.shops import TABLE, Shop, new_shop
from tests.executors.test_contract import assert_files_of_a_killed_worker_go, commits, is_right
from tests.stores import ENVIRONMENT, InBucket

pytestmark = [pytest.mark.dagster, pytest.mark.slow]


@pytest.fixture
def cluster(bucket: InBucket, shops: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cluster that was begun where the environment says how the bucket is reached."""
    with dask_cluster(2) as address:
        monkeypatch.setenv(VARIABLE, f"dask:{address}")
        yield


def test_a_wave_is_one_commit_of_what_workers_have_written(
    cluster: None, shops: Path, tmp_path: Path, bucket: InBucket
) -> None:
    shop = new_shop(shops, tmp_path, bucket=bucket)
    correction = shop.opened()
    checks = correction.to_gate()

    assert all(check.passed for check in checks.values())
    assert commits(shop, correction.id) == 1
    there, named = shop.staged_files(correction.id)
    assert len(there) == 8
    assert there == named
    assert [line for line in shop.lines() if "in 2 shares on the executor" in line]
    correction.through()
    assert is_right(shop)
    assert not told_secrets(shop)


def test_files_of_a_killed_worker_are_named_by_nobody_and_deleted_in_the_end(
    shops: Path, tmp_path: Path, bucket: InBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, PROCESSES)
    assert_files_of_a_killed_worker_go(new_shop(shops, tmp_path, bucket=bucket, asked=["die-writing"]))


def test_a_wave_of_workers_that_lack_the_keys_of_the_bucket_is_stuck_and_says_what_cannot_be_reached(
    shops: Path, tmp_path: Path, bucket: InBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = new_shop(shops, tmp_path, bucket=bucket)
    with ExitStack() as begun:
        with pytest.MonkeyPatch.context() as patch:
            for name in ENVIRONMENT:
                patch.delenv(name)
            patch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1")  # where machines of a cloud have their keys
            address = begun.enter_context(dask_cluster(2))
        monkeypatch.setenv(VARIABLE, f"dask:{address}")
        correction = shop.opened()
        decided = correction.drive()

    assert isinstance(decided, Stuck)
    assert "orders_log cannot be reached" in decided.reason
    assert len(correction.progress.missing) == 8
    assert not shop.lake.records.staged(TABLE, correction.id).snapshot().days
    assert not told_secrets(shop)


def told_secrets(shop: Shop) -> list[str]:
    """Lines of any run that hold the secret of the bucket."""
    return [line for line in shop.lines() if ENVIRONMENT["AWS_SECRET_ACCESS_KEY"] in line]
