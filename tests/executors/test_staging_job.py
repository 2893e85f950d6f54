"""A share of a wave as data: what is in it, who may be sent one, and what a worker refuses."""

import importlib.util
import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from backfill_assets import BackfillAssetsError, LakeResource, build_correction_definitions, correctable_asset
from backfill_assets.errors.executing import (
    ExecutorUnknown,
    ExecutorUnreachable,
    SharesDiffer,
    TransformNotSendable,
    VariableNotSet,
    WorkerDied,
    WorkerOfOtherCode,
    WorkersElsewhere,
)
from backfill_assets.errors.failure import DaysFailed
from backfill_assets.orchestration.asset import clusters
from backfill_assets.orchestration.asset.executors import VARIABLE, Wide, executor_chosen
from backfill_assets.orchestration.asset.siblings import declaration_of
from backfill_assets.orchestration.asset.staging_job import StagingJob, address_of, reference_of, stage_days
from backfill_assets.orchestration.asset.wide import kept_in_process, shares_of
from backfill_assets.orchestration.asset.writing import WrittenWave
from tests.clusters import dask_cluster
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.executors.shops import FIRST, TABLE, Shop, new_shop

pytestmark = pytest.mark.dagster

DAYS = dg.DailyPartitionsDefinition("2026-01-05")
HOURS = dg.HourlyPartitionsDefinition("2026-01-05-00:00")
DAY = date(2026, 1, 5)

# ---- the setting

CHOSEN: dict[str, tuple[str, int] | None] = {
    "": None,
    "in-process": None,
    "processes:2": ("processes:2", 2),
    "processes:64": ("processes:64", 64),
    "dask:tcp://10.0.0.7:8786": ("dask", 0),
    "ray:10.0.0.7:6379": ("ray", 0),
}
REFUSED = [
    "processes",
    "processes:",
    "processes:1",
    "processes:many",
    "processes:513",
    "threads:2",
    "dask:",
    "dask: ",
    "ray:",
]


@pytest.mark.parametrize("told", CHOSEN)
def test_an_executor_is_chosen_by_code_or_by_the_environment_which_goes_first(
    told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    by_code = executor_chosen(TABLE, told)
    assert (by_code and (by_code.name, by_code.width)) == CHOSEN[told]
    monkeypatch.setenv(VARIABLE, told)
    chosen = executor_chosen(TABLE, "processes:3")
    assert (chosen and (chosen.name, chosen.width)) == (CHOSEN[told] if told else ("processes:3", 3))


@pytest.mark.parametrize("told", REFUSED)
def test_what_names_no_executor_is_refused(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, told)
    with pytest.raises(ExecutorUnknown, match=VARIABLE) as refused:
        executor_chosen(TABLE, "")
    assert_in_three_sentences(str(refused.value))


# ---- shares


@pytest.mark.parametrize(
    ("number", "width", "lengths"), [(8, 2, [4, 4]), (9, 4, [2, 2, 2, 3]), (3, 8, [3]), (1, 2, [1])]
)
def test_shares_are_stretches_of_days_none_of_a_single_one(number: int, width: int, lengths: list[int]) -> None:
    days = [DAY + timedelta(days=at) for at in range(number)]
    shares = shares_of(reversed(days), width)

    assert [len(share) for share in shares] == lengths
    assert [day for share in shares for day in share] == days


# ---- what is sent


@pytest.fixture
def shop(shops: Path, tmp_path: Path) -> Shop:
    return new_shop(shops, tmp_path)


def job_of(shop: Shop) -> StagingJob:
    return shop.job(shop.opened())


def test_a_job_is_sent_as_it_is(shop: Shop) -> None:
    job = job_of(shop)
    again = pickle.loads(pickle.dumps(job))
    assert replace(again, reads={}) == replace(job, reads={})
    assert again.reads["orders_log"].of(job.slots) == job.slots
    assert job.asset == f"{shop.module.__name__}:daily_orders"


def test_which_hours_of_a_source_a_day_reads_is_sent_too() -> None:
    by_hour = dg.AssetsDefinition(specs=[dg.AssetSpec("orders_log", partitions_def=HOURS)])
    asset = correctable_asset(partitions_def=DAYS, keys=[], measures=[], name=TABLE, code_version="v")(read)
    build_correction_definitions(asset, sources=[by_hour])

    reads = declaration_of(asset).compute_spec.read.of("orders_log")
    assert len(reads.of([DAY])) == 24
    assert pickle.loads(pickle.dumps(reads)).of([DAY]) == reads.of([DAY])


def read(orders_log: pl.LazyFrame) -> pl.LazyFrame:
    return orders_log


def test_no_secret_is_sent_but_the_variable_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_KEY", "s3cret-of-the-lake")
    options = {"AWS_SECRET_ACCESS_KEY": dg.EnvVar("OUR_KEY"), "AWS_REGION": "eu-central-1"}
    sent = list[bytes]()

    @dg.op(required_resource_keys={"lake"})
    def send(context: dg.OpExecutionContext) -> None:
        lake: LakeResource = context.resources.lake
        assert lake.lake().storage_options["AWS_SECRET_ACCESS_KEY"] == "s3cret-of-the-lake"
        sent.append(pickle.dumps(address_of(lake)))

    @dg.job(resource_defs={"lake": LakeResource(root="s3://bucket/lake", storage_options=options)})
    def sending() -> None:
        send()

    assert sending.execute_in_process().success
    assert b"s3cret" not in sent[0]
    address = pickle.loads(sent[0])
    assert address.records().lake.storage_options == {
        "AWS_SECRET_ACCESS_KEY": "s3cret-of-the-lake",
        "AWS_REGION": "eu-central-1",
    }
    monkeypatch.delenv("OUR_KEY")
    with pytest.raises(VariableNotSet, match="OUR_KEY") as refused:
        address.records()
    assert_in_three_sentences(str(refused.value))


ERRORS: list[BackfillAssetsError] = [
    ExecutorUnknown("It", "threads:2"),
    ExecutorUnreachable("dask", "it has no workers"),
    TransformNotSendable(TABLE, "it is of __main__"),
    WorkerOfOtherCode(TABLE, "a", "b"),
    VariableNotSet(["KEY"]),
    WorkerDied([DAY], "killed"),
    SharesDiffer(TABLE, ["revenue"]),
    WorkersElsewhere(TABLE, [DAY]),
    DaysFailed(TABLE, {}, 2),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_refusal_is_the_same_in_another_process(error: BackfillAssetsError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


# ---- who cannot be sent one


def test_a_worker_of_other_code_is_refused(shop: Shop) -> None:
    with pytest.raises(WorkerOfOtherCode, match="daily_orders") as refused:
        stage_days(replace(job_of(shop), code_version="other"))
    assert_in_three_sentences(str(refused.value))


def test_a_worker_without_the_module_is_refused(shop: Shop) -> None:
    with pytest.raises(TransformNotSendable, match="no_such_module") as refused:
        stage_days(replace(job_of(shop), asset="no_such_module:daily_orders"))
    assert_in_three_sentences(str(refused.value))


def test_a_file_loaded_by_its_path_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "loaded_by_path.py"
    file.write_text(
        "import dagster as dg, polars as pl\n"
        "from backfill_assets import correctable_asset, build_correction_definitions\n"
        "DAYS = dg.DailyPartitionsDefinition('2026-01-05')\n"
        "@correctable_asset(partitions_def=DAYS, keys=[], measures=[])\n"
        "def by_path(orders_log: pl.LazyFrame) -> pl.LazyFrame:\n"
        "    return orders_log\n"
    )
    spec = importlib.util.spec_from_file_location("loaded_by_path", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "loaded_by_path", module)
    spec.loader.exec_module(module)

    with pytest.raises(TransformNotSendable, match=r"by_path.*module loaded_by_path was loaded by its path") as refused:
        build_correction_definitions(module.by_path, executor="processes:2")
    assert_in_three_sentences(str(refused.value))
    assert build_correction_definitions(module.by_path)


def test_a_function_of_main_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def own(orders_log: pl.LazyFrame) -> pl.LazyFrame:
        return orders_log

    monkeypatch.setattr(own, "__module__", "__main__")
    asset = correctable_asset(partitions_def=DAYS, keys=[], measures=[], code_version="v")(own)
    with pytest.raises(TransformNotSendable, match=r"own.*__main__") as refused:
        build_correction_definitions(asset, executor=Wide(lambda: pytest.fail("opened"), 2))
    assert_in_three_sentences(str(refused.value))


def test_an_asset_without_a_name_is_refused_when_it_is_sent() -> None:
    asset = correctable_asset(partitions_def=DAYS, keys=[], measures=[], name="nameless", code_version="v")(read)
    with pytest.raises(TransformNotSendable, match=r"nameless.*no module has a name for it"):
        reference_of(asset, "nameless", read)


def test_files_that_are_not_in_the_lake_of_the_run_are_refused(shop: Shop) -> None:
    correction = shop.opened()
    share = stage_days(shop.job(correction))
    files = {day: known.file for day, known in share.days.items()}
    frames = dict.fromkeys(files, share.schema.to_frame())
    wave = WrittenWave(TABLE, frames, {}, {}, "v", correction.id, files=files, sums={})
    target = shop.lake.records.staged(TABLE, correction.id, share.schema)
    assert wave.write_into(target) == files
    (Path(target.uri) / files[FIRST].path).unlink()
    with pytest.raises(WorkersElsewhere, match="2026-01-05 of daily_orders") as refused:
        wave.write_into(target)
    assert_in_three_sentences(str(refused.value))


@pytest.mark.slow
def test_a_cluster_that_does_not_answer_or_has_no_workers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "CONNECTING_SECONDS", 1)
    with dask_cluster(0) as empty:
        told = {"tcp://127.0.0.1:1": "does not answer", empty: "has no workers"}
        for address, why in told.items():
            chosen = executor_chosen(TABLE, f"dask:{address}")
            assert chosen is not None
            with pytest.raises(ExecutorUnreachable, match=why) as refused, chosen.open():
                pass
            assert_in_three_sentences(str(refused.value))


# ---- what stays in the process of the run


def test_what_is_kept_in_the_process_of_the_run_says_why(shop: Shop) -> None:
    definition, days = shop.lake.definition(TABLE), [FIRST + timedelta(days=at) for at in range(4)]
    limits = replace(definition.limits, rates={"orders_log": 4.0})

    assert not kept_in_process(definition, days)
    assert "3 days would be one share" in kept_in_process(definition, days[:3])
    assert "orders_log may be read by one at a time" in kept_in_process(replace(definition, limits=limits), days)
    by_two = replace(limits, readers={"orders_log": 2})
    assert not kept_in_process(replace(definition, limits=by_two), days)


@pytest.mark.slow
def test_an_executor_that_is_not_asked_is_named_once_in_the_log(
    shops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = new_shop(shops, tmp_path, metadata='{"backfill_assets/days_per_minute": 1000}')
    monkeypatch.setenv(VARIABLE, "processes:2")
    limited.opened().to_gate()

    said = [line for line in limited.lines() if "The executor processes:2 is not asked" in line]
    assert len(said) == 1
    assert limited.most_readers == 1


@pytest.mark.slow
def test_an_executor_of_ones_own_is_given_by_code(shops: Path, tmp_path: Path) -> None:
    own = "Wide(lambda: __import__('concurrent.futures').futures.ThreadPoolExecutor(2), 2)"
    shop = new_shop(shops, tmp_path, executor=own)
    shop.opened().to_gate()
    assert [line for line in shop.lines() if "in 2 shares on the executor of your own" in line]


@pytest.mark.slow
def test_no_process_outlives_the_one_that_began_it(tmp_path: Path) -> None:
    script = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from backfill_assets.orchestration.asset.executors import Processes\n"
        "if __name__ == '__main__':\n"
        "    executor = Processes(2)\n"
        "    pid = executor.submit(os.getpid).result()\n"
        "    executor.submit(time.sleep, 600)\n"
        "    Path(sys.argv[1]).write_text(str(pid))\n"
        "    time.sleep(600)\n"
    )
    (tmp_path / "parent.py").write_text(script)
    told = tmp_path / "pid"
    with subprocess.Popen([sys.executable, str(tmp_path / "parent.py"), str(told)]) as parent:
        wait_until(lambda: told.exists() and told.read_text())
        worker = int(told.read_text())
        assert is_alive(worker)
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not is_alive(worker))


def wait_until(there) -> None:
    for _ in range(600):
        if there():
            return
        time.sleep(0.1)
    raise AssertionError("it took more than a minute")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
