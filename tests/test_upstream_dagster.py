"""What we rely on in Dagster beyond its public surface, each with the decision that took the dependency.

An upgrade that breaks one of these names its victim here.
"""

from datetime import UTC, date, datetime
from functools import wraps

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, DagsterEventBatchMetadata

from backfill_assets import LakeResource, build_correction_definitions, correctable_asset
from backfill_assets.core.slots import Grain
from backfill_assets.orchestration.instance import runs, tags
from backfill_assets.orchestration.instance.pulses import is_shared
from backfill_assets.orchestration.instance.runs import ENDED, UNFINISHED
from backfill_assets.orchestration.instance.slots import TableSlots

pytestmark = pytest.mark.dagster

DAYS = dg.DailyPartitionsDefinition("2026-01-01")
ASSET = dg.AssetKey(["backfill", "fact"])


@dg.asset(key=ASSET, partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.multi_run(2))
def fact(context: dg.AssetExecutionContext) -> None:
    context.log.info("%s", list(context.partition_keys))


@dg.asset(check_specs=[dg.AssetCheckSpec("gate", asset="validate", blocking=True)])
def validate():
    yield dg.AssetCheckResult(passed=False, check_name="gate")
    message = "failed"
    raise ValueError(message)


@dg.asset(deps=[validate])
def cut_over() -> None:
    pass


SLOTS = TableSlots("fact", dg.DailyPartitionsDefinition("2026-01-01"), Grain.DAY)


def backfill_of(instance, status="REQUESTED"):
    """A backfill as the UI requests one."""
    from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

    graph = dg.Definitions(assets=[fact]).resolve_asset_graph()
    return PartitionBackfill.from_asset_partitions(
        backfill_id="abcdefgh",
        asset_graph=graph,
        partition_names=["2026-01-01", "2026-01-02", "2026-01-03"],
        asset_selection=[ASSET],
        backfill_timestamp=datetime(2026, 1, 23, tzinfo=UTC).timestamp(),
        tags={},
        dynamic_partitions_store=instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    ).with_status(BulkActionStatus(status))


def test_a_backfill_tells_all_days_that_it_targets():
    """DESIGN 5: a launch's window is the whole target of its backfill, of which a run sees a part only."""
    three = tuple(date(2026, 1, day) for day in (1, 2, 3))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_backfill(backfill_of(instance))
        assert runs.backfill_days(instance, "abcdefgh", ASSET, SLOTS) == three
        assert runs.days_under_way(instance, ASSET, SLOTS) == frozenset(three)
        assert runs.backfill_days(instance, "unknown", ASSET, SLOTS) == ()


@pytest.mark.parametrize(
    ("status", "how"),
    [("CANCELED", "was cancelled"), ("FAILED", "failed"), ("COMPLETED_SUCCESS", ""), ("COMPLETED_FAILED", "")],
)
def test_a_backfill_tells_how_it_was_stopped(status, how):
    """A cancelled launch is not carried on behind the back of whoever cancelled it."""
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_backfill(backfill_of(instance, status))
        assert runs.how_stopped(instance, "abcdefgh") == how
        assert not runs.days_under_way(instance, ASSET, SLOTS)


def test_the_states_of_a_backfill_are_those_we_know():
    """Under way, stopped, or through: a new state would be none of them."""
    from dagster._core.execution.backfill import BulkActionStatus

    through = {"COMPLETED", "COMPLETED_SUCCESS", "COMPLETED_FAILED"}
    assert {state.value for state in BulkActionStatus} == {*runs.UNDER_WAY, *runs.STOPPED, *through}


def test_the_states_of_a_run_are_those_we_know():
    """The driver waits for unfinished runs and hears of ended ones."""
    unused = {dg.DagsterRunStatus.MANAGED}
    assert {*UNFINISHED, *ENDED, *unused} == set(dg.DagsterRunStatus)


def test_a_run_with_range_tags_covers_its_days_whatever_the_policy_says():
    """DESIGN 6: a wave is one run, however many days ``multi_run`` would allow."""
    with dg.DagsterInstance.ephemeral() as instance:
        ends = {tags.RANGE_START: "2026-01-01", tags.RANGE_END: "2026-01-05"}
        ran = dg.materialize([fact], instance=instance, tags=ends)
        assert ran.success
        assert len(instance.get_materialized_partitions(ASSET)) == 5


def test_runs_are_found_by_any_of_several_values_of_a_tag():
    """The driver asks once for the runs of all its requests."""
    with dg.DagsterInstance.ephemeral() as instance:
        for key in "abc":
            one = {tags.REQUEST: key, tags.PARTITION: "2026-01-01"}
            dg.materialize([fact], instance=instance, tags=one, partition_key="2026-01-01")
        found = instance.get_run_records(dg.RunsFilter(tags={tags.REQUEST: ["a", "c"]}))
        assert {record.dagster_run.tags[tags.REQUEST] for record in found} == {"a", "c"}


def test_a_check_that_is_told_before_its_asset_fails_is_recorded_and_what_follows_does_not_run():
    """The gate: a failed validation shows its checks, is red, and nothing of the same run cuts over."""
    with dg.DagsterInstance.ephemeral() as instance:
        ran = dg.materialize([validate, cut_over], instance=instance, raise_on_error=False)
        assert not ran.success
        assert [check.passed for check in ran.get_asset_check_evaluations()] == [False]
        assert instance.get_latest_materialization_event(dg.AssetKey("validate")) is None
        assert instance.get_latest_materialization_event(dg.AssetKey("cut_over")) is None


def test_a_run_key_is_kept_as_a_tag():
    """What the tests' own daemon goes by, as Dagster's does."""
    from dagster._core.storage.tags import RUN_KEY_TAG

    assert RUN_KEY_TAG == "dagster/run_key"


def test_a_run_within_a_run_leaves_the_outer_one_alone():
    """Step 7 and nightly run others of their own in the same process."""

    @dg.asset
    def inner() -> None:
        pass

    @dg.asset
    def outer(context: dg.AssetExecutionContext) -> None:
        assert dg.materialize([inner], instance=context.instance).success
        context.log_event(dg.AssetMaterialization("told"))
        assert dg.AssetExecutionContext.get().asset_key == dg.AssetKey("outer")

    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize([outer], instance=instance).success
        assert instance.get_latest_materialization_event(dg.AssetKey("told")) is not None


def test_an_assets_op_is_handed_on_by_whatever_makes_another_asset_of_it():
    """What we know of an asset hangs on its op; there is no public place for it."""
    vars(fact.op)["known"] = "of the op"
    group = {"group_name": "other"}
    others = [
        fact.map_asset_specs(lambda spec: spec.replace_attributes(**group)),
        dg.map_asset_specs(lambda spec: spec.replace_attributes(**group), [fact])[0],
        dg.Definitions(assets=[fact]).map_asset_specs(func=lambda spec: spec.replace_attributes(**group)).assets[0],
        fact.with_attributes(tags_by_key={ASSET: {"other": "tag"}}),
        fact.with_resources({"io_manager": dg.mem_io_manager}),
        fact.with_hooks(set()),
    ]
    assert {vars(other.op)["known"] for other in others} == {"of the op"}
    assert all(other is not fact for other in others)


def test_a_subclass_of_an_asset_is_an_asset_but_what_dagster_makes_of_it_is_none_of_that_class():
    """Calling a correctable asset with frames is promised of the original only."""

    class Callable(dg.AssetsDefinition):
        def __call__(self, *args: object, **kwargs: object) -> object:
            return "called"

    made = Callable.__new__(Callable)
    vars(made).update(vars(fact))
    assert made() == "called"
    mapped = made.map_asset_specs(lambda spec: spec.replace_attributes(group_name="other"))
    assert type(mapped) is type(made.with_attributes(hook_defs=set())) is dg.AssetsDefinition
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize([made], instance=instance, partition_key="2026-01-01").success


class Mine(Exception):
    """An error of ours."""


class Unwriteable(dg.ConfigurableIOManager):
    """Refuses every output."""

    def handle_output(self, context, obj):
        raise Mine("output")

    def load_input(self, context):
        raise Mine("input")


def test_a_failure_hook_is_given_the_error_that_was_raised_by_a_step_and_by_its_io_manager():
    """The runner hands errors over by it, also for some assets of a job and a range of days."""
    raised, days = [], dg.DailyPartitionsDefinition("2026-01-01")
    daily = {"partitions_def": days, "backfill_policy": dg.BackfillPolicy.single_run()}

    @dg.failure_hook
    def keep(context: dg.HookContext):
        raised.append(context.op_exception)

    @dg.asset(**daily)
    def computed():
        raise Mine("compute") from KeyError("day")

    @dg.asset(io_manager_key="unwriteable", **daily)
    def written():
        return 1

    defs = dg.Definitions(assets=[computed, written], resources={"unwriteable": Unwriteable()})
    job = defs.resolve_implicit_global_asset_job_def().with_hooks({keep})
    ends = {"dagster/asset_partition_range_start": "2026-01-02", "dagster/asset_partition_range_end": "2026-01-03"}
    for asset in (computed, written):
        job.execute_in_process(asset_selection=[asset.key], tags=ends, raise_on_error=False)

    assert [(type(error), str(error)) for error in raised] == [(Mine, "compute"), (Mine, "output")]
    assert isinstance(raised[0].__cause__, KeyError)


def test_a_launch_under_the_single_run_policy_is_one_run_for_each_stretch_of_days():
    """ADR 16: a launch on a table with a limited source is one wave, or refused once."""
    from dagster._core.definitions.automation_tick_evaluation_context import build_run_requests_with_backfill_policies
    from dagster._core.definitions.events import AssetKeyPartitionKey

    @dg.asset(key=ASSET, partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    def single() -> None: ...

    chosen = [*range(1, 26), *range(28, 31)]
    with dg.DagsterInstance.ephemeral() as instance:
        requests = build_run_requests_with_backfill_policies(
            asset_partitions=[AssetKeyPartitionKey(ASSET, f"2026-01-{day:02}") for day in chosen],
            asset_graph=dg.Definitions(assets=[single]).resolve_asset_graph(),
            dynamic_partitions_store=instance,
        )
    ends = {(request.tags[tags.RANGE_START], request.tags[tags.RANGE_END]) for request in requests}
    assert ends == {("2026-01-01", "2026-01-25"), ("2026-01-28", "2026-01-30")}


def test_events_of_one_batch_are_handed_over_together_where_the_instance_takes_batches(monkeypatch):
    """``context.log_event`` stores one at a time; whatever shares a batch's id waits for the end of the batch."""
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "2")
    stored: list[int] = []

    @dg.op
    def tell(context: dg.OpExecutionContext) -> None:
        for number in range(3):
            made = dg.AssetMaterialization("told", partition=str(number))
            together = DagsterEventBatchMetadata("batch", is_end=number == 2)
            DagsterEvent.asset_materialization(context.get_step_execution_context(), made, together)

    with dg.DagsterInstance.ephemeral() as instance:
        store = type(instance.event_log_storage).store_event_batch
        monkeypatch.setattr(
            type(instance.event_log_storage),
            "store_event_batch",
            lambda storage, events: (stored.append(len(events)), store(storage, events)),
        )
        dg.GraphDefinition("telling", node_defs=[tell]).execute_in_process(instance=instance)
        assert instance.get_materialized_partitions(dg.AssetKey("told")) == {"0", "1", "2"}
    assert stored == [2]


def test_a_storage_forgets_an_asset_as_a_whole_and_what_is_told_afterwards_is_known(tmp_path):
    """So the board wipes a row and tells the other corrections again."""
    key = dg.AssetKey("step")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        for name in ("a", "b"):
            instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=name))
        with pytest.raises(NotImplementedError):
            instance.wipe_asset_partitions(key, ["a"])
        instance.wipe_assets([key])
        assert instance.get_materialized_partitions(key) == set()
        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition="b"))
        assert instance.get_materialized_partitions(key) == {"b"}


def test_a_config_mapping_is_refused_for_a_partitioned_job():
    """Else a form could be flat, and refuse a date before there is a run."""

    class Flat(dg.Config):
        by: str = ""

    @dg.config_mapping
    def flat(given: Flat) -> dg.RunConfig:
        return dg.RunConfig()

    @dg.op
    def act() -> None: ...

    @dg.job(config=flat, partitions_def=dg.DynamicPartitionsDefinition(name="corrections"))
    def decide() -> None:
        act()

    with pytest.raises(Exception, match="Can't supply a ConfigMapping"):
        assert decide.partitions_def


def test_the_function_of_a_finished_asset_can_be_replaced_and_is_the_one_that_runs():
    told: list[str] = []

    @dg.asset(partitions_def=DAYS)
    def report(context: dg.AssetExecutionContext) -> None:
        told.append(f"built {context.partition_key}")

    mapped = dg.map_asset_specs(lambda spec: spec.replace_attributes(group_name="reports"), [report])

    @wraps(report.op.compute_fn.decorated_fn)
    def held(*given, **named):
        running = dg.AssetExecutionContext.get()
        told.append(f"asked {running.partition_key} of {sorted(running.job_def.resource_defs)}")
        return report_as_it_was(*given, **named)

    report_as_it_was = report.op.compute_fn.decorated_fn
    vars(report.op)["_compute_fn"] = report.op.compute_fn._replace(decorated_fn=held)
    defs = dg.Definitions(assets=mapped, resources={"lake": dg.ResourceDefinition.hardcoded_resource(1)})
    job = defs.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        assert job.execute_in_process(instance=instance, partition_key="2026-01-05").success
    assert told == ["asked 2026-01-05 of ['io_manager', 'lake']", "built 2026-01-05"]


def test_an_asset_that_is_given_twice_is_one_asset():
    """So a correctable asset may stay among the assets of whoever adopts it."""

    @dg.asset
    def orders(): ...

    both = dg.Definitions.merge(dg.Definitions(assets=[orders]), dg.Definitions(assets=[orders]))
    dg.Definitions.validate_loadable(both)
    assert [*both.resolve_asset_graph().get_all_asset_keys()] == [orders.key]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "resource with key 'lake' required by op"),
        ({"lake": LakeResource()}, "io manager with key 'lake_io_manager' required by output 'result' of op"),
    ],
    ids=["no lake", "no IO manager"],
)
def test_a_resource_that_merged_definitions_lack_is_named_by_dagster_when_they_are_loaded(given, told):
    """docs/your-own-asset.md: definitions without resources cannot say it themselves."""

    @correctable_asset(partitions_def=DAYS, keys=["market"], measures=[], code_version="v1")
    def daily_orders(orders_log):
        return orders_log

    corrections = build_correction_definitions(daily_orders)
    merged = dg.Definitions.merge(dg.Definitions(assets=[fact], resources=given), corrections)

    with pytest.raises(dg.DagsterInvalidDefinitionError, match=told):
        dg.Definitions.validate_loadable(merged)


def test_a_storage_keeps_a_cursor_by_its_name_and_tells_those_of_one_host_apart(tmp_path):
    """docs/several-hosts.md: the pulses of processes are cursors, where the runs of an instance are in no file."""
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        cursors = instance.daemon_cursor_storage
        for value in ("1", "2"):
            cursors.set_cursor_values({"pulse/of a/process": value})

        assert cursors.get_cursor_values({"pulse/of a/process", "another"}) == {"pulse/of a/process": "2"}
        assert not is_shared(instance)
    with dg.DagsterInstance.ephemeral() as instance:
        assert not is_shared(instance)
