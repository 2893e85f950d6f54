"""Real processes at the price of a fork: one process imports everything once and forks another for each job.

It is forked before Polars or delta-rs have begun a thread of their runtimes, which no fork survives; a job begins them.
The process that is asked stays with the dead: nobody else is given their number until somebody has waited for them.
"""

import gc
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass
class Forker:
    """The other end of that process. A job is a function of a module, by name, with arguments that JSON can tell."""

    process: subprocess.Popen

    def start(self, function: str, out: Path, **arguments: Any) -> int:
        """Fork a process that calls the function, writes what it prints to a file, and ends."""
        return self._ask(start=function, out=str(out), arguments=arguments)["pid"]

    def ends(self, pids: Sequence[int], seconds: float) -> dict[int, int]:
        """How those of the processes ended that end in time: 0, 1 for an error, or minus the signal."""
        return {int(pid): status for pid, status in self._ask(ends=[*pids], seconds=seconds)["ended"].items()}

    def cpu_seconds(self) -> float:
        """What it and all that were waited for have used."""
        return self._ask(cpu=True)["cpu"]

    def _ask(self, **question: Any) -> Mapping[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(question).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@contextmanager
def forking(*modules: str) -> Iterator[Forker]:
    """A process that has imported some modules; whatever it forked and that still lives is killed in the end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.soak.forking", *modules]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=ROOT, start_new_session=True
    ) as process:
        try:
            yield Forker(process)
        finally:
            assert process.stdin
            process.stdin.close()
            process.wait(30)


def is_over(pid: int) -> bool:
    """Whether a forked process has ended, whether or not somebody has waited for it."""
    return _stat(pid)[0] in "ZX"


def is_stopped(pid: int) -> bool:
    """Whether a forked process stands still until somebody wakes it up."""
    return _stat(pid)[0] == "T"


def ticks(pid: int) -> int:
    """How much of the processor a forked process has had, in hundredths of a second."""
    fields = _stat(pid)
    return int(fields[11]) + int(fields[12])


def _stat(pid: int) -> list[str]:
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ["X", *"0" * 20]
    return told.rpartition(")")[2].split()


def _serve(modules: Sequence[str]) -> None:
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    living: set[int] = set()
    for line in sys.stdin.buffer:
        question = json.loads(line)
        if "start" in question:
            living.add(pid := _forked(question))
            _answer(pid=pid)
        elif "ends" in question:
            ended = _ended({*question["ends"]} & living, question["seconds"])
            living -= ended.keys()
            _answer(ended=ended)
        else:
            _answer(cpu=sum(os.times()[:4]))
    for pid in living:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _answer(**told: Any) -> None:
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n")
    sys.stdout.buffer.flush()


def _forked(question: Mapping[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        out = os.open(question["out"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, to in ((nothing, 0), (out, 1), (out, 2)):
            os.dup2(number, to)
        random.seed()
        module, name = question["start"].split(":")
        getattr(importlib.import_module(module), name)(**question["arguments"])
        status = 0
    except BaseException:  # noqa: BLE001 - the file says what it was
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def _ended(waiting: set[int], seconds: float) -> dict[int, int]:
    ended, deadline = dict[int, int](), time.monotonic() + seconds
    while waiting - ended.keys():
        for pid in waiting - ended.keys():
            there, status = os.waitpid(pid, os.WNOHANG)
            if there:
                ended[pid] = os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            break
        time.sleep(0.005)
    return ended


if __name__ == "__main__":
    _serve(sys.argv[1:])
