"""Which process a run lives in, so that a run whose process was killed is told from one that works."""

import os
import socket
from pathlib import Path


def this_process() -> str:
    """The name of this process: host, id, and where the system tells when it started."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def living_in_this(run_id: str) -> str:
    """What a run is tagged with that lives in this process.

    The run is named too, because a run that is executed again is given the tags of the one before.
    """
    return f"{run_id} {this_process()}"


def process_of(run_id: str, tagged: str) -> str:
    """The process that a run's own tag names; empty when there is none."""
    named, _, process = tagged.partition(" ")
    return process if named == run_id else ""


def is_gone(process: str) -> bool:
    """Whether a process of this host is no more. Of another host's nothing is known, so it is not."""
    host, _, rest = process.partition(":")
    pid, _, started = rest.partition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return bool(started) and _started(int(pid)) not in ("", started)


def _started(pid: int) -> str:
    """When a process started, in the system's own ticks; empty where there is no ``/proc``."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    fields = told.rpartition(")")[2].split()
    # A zombie has ended, although its parent has not looked yet.
    return "ended" if fields[0] == "Z" else fields[19]
