"""A run of which each step has a process of its own lives in the one that starts them, which outlives them."""

import os
from pathlib import Path

import dagster as dg

from backfill_assets import LakeResource
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.runs import is_gone, process_of


@dg.op(required_resource_keys={"lake"})
def looks(context: dg.OpExecutionContext) -> int:
    assert context.resources.lake.root
    return os.getpid()


@dg.op(required_resource_keys={"lake"})
def looks_again(context: dg.OpExecutionContext, before: int) -> None:
    assert context.resources.lake.root
    assert os.getpid() != before


@dg.job(resource_defs={"lake": LakeResource(root="data/lake")}, executor_def=dg.multiprocess_executor)
def in_two_steps() -> None:
    looks_again(looks())


def test_a_run_is_not_gone_with_its_first_step(tmp_path: Path):
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        ran = dg.execute_job(dg.reconstructable(in_two_steps), instance)
        assert ran.success
        run = instance.get_run_by_id(ran.run_id)

    assert run is not None
    process = process_of(run.run_id, run.tags[tags.PROCESS])
    assert f":{os.getpid()}:" in process
    assert not is_gone(process)
