"""What Dagster makes of a job to run some of its assets in a process is made once, and runs are as they were."""

import gc
import weakref
from collections.abc import Iterator

import dagster as dg
import pytest

from backfill_assets.orchestration.instance.kept_jobs import with_hook
from backfill_assets.orchestration.instance.runner import Runner, hand_over_error

pytestmark = pytest.mark.dagster

DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-05")
FAILING: set[str] = set()


@dg.asset(partitions_def=DAYS)
def first(context: dg.AssetExecutionContext) -> None:
    if context.partition_key in FAILING:
        raise ZeroDivisionError(context.partition_key)


@dg.asset(partitions_def=DAYS, deps=[first])
def second() -> None:
    pass


@dg.asset
def whole() -> None:
    pass


DEFINITIONS = dg.Definitions(assets=[first, second, whole])


@pytest.fixture
def runner() -> Iterator[Runner]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Runner(DEFINITIONS, instance)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The selections that Dagster makes a job of from now on; a job that was hooked before keeps what it has."""
    from backfill_assets.orchestration.instance import kept_jobs

    kept_jobs._HOOKED.clear()
    asked: list[object] = []
    make = dg.JobDefinition.as_ephemeral_job

    def counted(self: dg.JobDefinition, **what: object) -> dg.JobDefinition:
        asked.append(tuple(what["asset_selection"]))  # pyright: ignore[reportArgumentType]
        return make(self, **what)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(dg.JobDefinition, "as_ephemeral_job", counted)
    return asked


def test_a_selection_is_made_a_job_of_once(runner: Runner, made: list[object]) -> None:
    """Fails also where a release of Dagster makes it by other means, and nothing is kept any more."""
    for day in DAYS.get_partition_keys():
        assert runner.run_partition([first.key], day).success
        assert runner.run_keys([first.key, second.key], day, day).success
    assert runner.run_unpartitioned([whole.key]).success

    assert made == [(first.key,), (first.key, second.key), (whole.key,)]


def test_each_run_is_recorded_as_it_was(runner: Runner) -> None:
    ids = [runner.run_partition([first.key], day).run_id for day in DAYS.get_partition_keys()]
    alone = DEFINITIONS.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=runner.instance, asset_selection=[first.key], partition_key="2026-01-02"
    )

    kept, plain = (runner.instance.get_run_by_id(one) for one in (ids[1], alone.run_id))
    assert kept is not None
    assert plain is not None
    assert (kept.job_name, kept.asset_selection) == (plain.job_name, plain.asset_selection)
    assert runner.instance.get_materialized_partitions(first.key) == set(DAYS.get_partition_keys())


def test_the_error_of_each_run_is_its_own(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.orchestration.test_kept_jobs.FAILING", {"2026-01-02", "2026-01-04"})

    errors = [runner.run_partition([first.key], day).errors for day in DAYS.get_partition_keys()]

    assert [bool(one) for one in errors] == [False, True, False, True]
    assert "2026-01-04" in errors[3][0]


def test_a_job_with_what_else_it_is_asked_for_is_made_anew(runner: Runner, made: list[object]) -> None:
    assert runner.run_unpartitioned([whole.key]).success
    job = with_hook(DEFINITIONS.resolve_implicit_global_asset_job_def(), hand_over_error)
    for number in range(2):
        assert job.execute_in_process(asset_selection=[whole.key], resources={"anything": number}).success
    assert runner.run_unpartitioned([whole.key]).success

    assert made == [(whole.key,)] * 3


def test_a_release_that_makes_it_by_other_means_runs_as_it_does(
    runner: Runner, made: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backfill_assets.orchestration.instance.kept_jobs.MAKING", "as_something_else")

    assert runner.run_unpartitioned([whole.key]).success
    assert runner.run_unpartitioned([whole.key]).success
    assert len(made) == 2


def test_nothing_is_kept_of_a_job_that_nobody_has_any_more() -> None:
    @dg.asset
    def brief() -> None:
        pass

    definitions = dg.Definitions(assets=[brief])
    job = weakref.ref(definitions.resolve_implicit_global_asset_job_def())
    with dg.DagsterInstance.ephemeral() as instance:
        assert Runner(definitions, instance).run_unpartitioned([brief.key]).success

    del definitions, brief
    gc.collect()
    assert job() is None
