"""What a step prints is kept as Dagster keeps it and shown where it was printed, without a process for it."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import dagster as dg
import pytest
from dagster._core.storage.local_compute_log_manager import IO_TYPE_EXTENSION, LocalComputeLogManager

from backfill_assets.orchestration.instance.captured_output import CapturingComputeLogManager
from tests.instances import configuration

pytestmark = pytest.mark.dagster

LONG = 300_000


class Case(NamedTuple):
    """What a step does, and what of it is to be read, on standard output and on standard error."""

    body: str
    out: str = ""
    err: str = ""


CASES: dict[str, Case] = {
    "it prints": Case("print('printed')", "printed\n"),
    "it complains": Case("print('wrong', file=sys.stderr)", err="wrong\n"),
    "both": Case("print('one'); print('two', file=sys.stderr)", "one\n", "two\n"),
    "a library writes past Python": Case("os.write(1, b'native\\n')", "native\n"),
    "a process of the step": Case("subprocess.run(['echo', 'child'], check=True)", "child\n"),
    "no line's end": Case("print('half', end='')", "half"),
    "in any language": Case("print('Grüße, 数')", "Grüße, 数\n"),
    "much": Case(f"print('x' * {LONG})", "x" * LONG + "\n"),
    "a run within the run": Case(
        "print('before'); dg.materialize([inner], instance=context.instance); print('after')",
        "before\nof the inner\nafter\n",
    ),
    "nothing": Case("pass"),
}

STEP = """
    import os, subprocess, sys
    from pathlib import Path
    import dagster as dg
    from dagster._core.storage.compute_log_manager import ComputeIOType

    @dg.asset
    def inner():
        print('of the inner')

    @dg.asset
    def outer(context):
        {body}

    with dg.DagsterInstance.get() as instance:
        print('<', flush=True)
        print('<', file=sys.stderr, flush=True)
        ran = dg.materialize([outer], instance=instance, raise_on_error=False)
        print('>', flush=True)
        print('>', file=sys.stderr, flush=True)
        logs = instance.compute_log_manager
        for event in instance.all_logs(ran.run_id):
            kept = event.dagster_event and event.dagster_event.event_type_value == 'LOGS_CAPTURED'
            if kept:
                key = [ran.run_id, 'compute_logs', event.dagster_event.logs_captured_data.file_key]
        data = logs.get_log_data(key)
        Path('out').write_bytes(data.stdout or b'')
        Path('err').write_bytes(data.stderr or b'')
        assert logs.is_capture_complete(key)
"""


def begun(home: Path, body: str) -> subprocess.Popen[bytes]:
    """A process whose home takes our capture, and in which a step does something."""
    home.mkdir()
    (home / "dagster.yaml").write_text(configuration(), encoding="utf-8")
    here = str(Path(__file__).parents[2])
    environment = {**os.environ, "DAGSTER_HOME": str(home), "PYTHONPATH": here, "DAGSTER_DISABLE_TELEMETRY": "yes"}
    command = [sys.executable, "-W", "ignore", "-c", dedent(STEP).format(body=body)]
    return subprocess.Popen(command, env=environment, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def between(shown: bytes) -> str:
    """What was shown while the step ran, without what Dagster logs itself."""
    told = shown.decode().partition("<\n")[2].rpartition(">\n")[0]
    return "".join(line for line in told.splitlines(keepends=True) if " - dagster - " not in line)


@pytest.mark.parametrize("what", CASES)
def test_what_is_printed_is_kept_and_shown(what: str, tmp_path: Path) -> None:
    case = CASES[what]

    process = begun(tmp_path / "home", case.body)
    out, err = process.communicate()

    assert process.returncode == 0, err.decode()[-2000:]
    kept = {name: (tmp_path / "home" / name).read_text() for name in ("out", "err")}
    shown = {"out": between(out), "err": between(err)}
    assert shown == {"out": case.out, "err": case.err}
    own = "".join(line for line in kept["err"].splitlines(keepends=True) if " - dagster - " not in line)
    assert (kept["out"], own) == (case.out, case.err)


def test_it_takes_no_process(tmp_path: Path) -> None:
    """Dagster's own capture starts four; a child of the step would be found."""
    children = "Path('children').write_text(Path(f'/proc/{os.getpid()}/task/{os.getpid()}/children').read_text())"
    if not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists():
        pytest.skip("This system does not tell the children of a process.")

    process = begun(tmp_path / "home", children)

    assert not process.communicate()[0].partition(b"Traceback")[1]
    assert not (tmp_path / "home" / "children").read_text().split()


def test_a_reader_that_has_gone_stops_no_step(tmp_path: Path) -> None:
    """Whoever read the output has closed it before the step prints: what is printed is kept all the same."""
    process = begun(tmp_path / "home", "print('nobody reads this'); Path('done').touch()")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.wait()

    assert (tmp_path / "home" / "done").exists()
    assert any(file.read_text() == "nobody reads this\n" for file in (tmp_path / "home" / "storage").rglob("*.out"))


def test_the_files_are_where_dagsters_own_capture_has_them(tmp_path: Path) -> None:
    ours = CapturingComputeLogManager.from_config_value(None, {"home": str(tmp_path)})
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        own = instance.compute_log_manager
        assert type(own) is LocalComputeLogManager
        key = ["a-run", "compute_logs", "a-step"]
        for suffix in IO_TYPE_EXTENSION.values():
            assert suffix in {"out", "err"}
            assert ours.get_captured_local_path(key, suffix) == own.get_captured_local_path(key, suffix)
        assert ours.complete_artifact_path(key) == own.complete_artifact_path(key)
