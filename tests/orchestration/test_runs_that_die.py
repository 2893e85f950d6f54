"""A run whose process died has not failed in code, with any executor; one that raised has."""

import os
import signal
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import pytest
from dagster._utils.error import SerializableErrorInfo

from backfill_assets.orchestration.instance.runs import is_of_process, reasons_of

pytestmark = pytest.mark.dagster


@dg.op(config_schema={"does": str})
def dies(context: dg.OpExecutionContext) -> None:
    match context.op_config["does"]:
        case "is killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exits":
            os._exit(3)
        case "raises":
            raise ZeroDivisionError("by nothing")
        case _:
            raise MemoryError("too much at once")


@dg.job(executor_def=dg.multiprocess_executor)
def in_processes() -> None:
    dies()


class Case(NamedTuple):
    """What a step does, and how Dagster tells of it."""

    does: str
    in_code: bool
    told: str


CASES = {
    "killed, as where memory is short": Case("is killed", in_code=False, told="SIGKILL"),
    "a library that ends the process": Case("exits", in_code=False, told="exit"),
    "an error": Case("raises", in_code=True, told="by nothing"),
    "an error of memory": Case("runs out of memory", in_code=True, told="too much at once"),
}


@pytest.mark.parametrize("what", CASES)
def test_a_step_in_a_process_of_its_own(what: str, tmp_path: Path) -> None:
    case = CASES[what]
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        config = {"ops": {"dies": {"config": {"does": case.does}}}}
        ran = dg.execute_job(dg.reconstructable(in_processes), instance, run_config=config)
        in_code, reasons = reasons_of(instance, ran.run_id)

    assert not ran.success
    assert in_code is case.in_code
    assert case.told in " ".join(reasons)


ERRORS: dict[str, tuple[SerializableErrorInfo | None, bool]] = {
    "its process is gone": (SerializableErrorInfo("gone", [], "ChildProcessCrashException"), True),
    "it was told to end": (SerializableErrorInfo("told", [], "DagsterExecutionInterruptedError"), True),
    "its pod no longer answers": (SerializableErrorInfo("Step a failed health check: gone", [], None), True),
    "an error of its own": (SerializableErrorInfo("wrong", [], "ValueError"), False),
    "an error without a class": (SerializableErrorInfo("wrong", [], None), False),
    "none is told": (None, False),
}


@pytest.mark.parametrize("what", ERRORS)
def test_an_error_is_of_the_process_or_of_the_code(what: str) -> None:
    error, is_of = ERRORS[what]

    assert is_of_process(error) is is_of
