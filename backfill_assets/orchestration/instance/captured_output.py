"""What a step prints, kept for Dagster's pages and shown where it was printed, without a process for each of both.

Dagster's own capture starts four processes for each that runs steps, two of which are Python; a run of a second
notices. The files are Dagster's own, below ``home``, so an instance may go from one to the other at any time.
"""

import os
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self, TextIO

import dagster as dg
from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._serdes import ConfigurableClassData

# Where Dagster's own keeps them, below the instance's home.
FOLDER = "storage"
SHOWN_EVERY_SECONDS = 0.2
MOST_SECONDS_BEHIND = 10
A_PIECE = 1 << 16


class CapturingComputeLogManager(LocalComputeLogManager):
    """Dagster's own compute logs, whose files a thread of the same process copies to where they were printed."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """One field, the instance's home."""
        return {"home": dg.StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Make it of its configuration in ``dagster.yaml``."""
        return cls(str(Path(config_value["home"], FOLDER)), inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        """Write what is printed meanwhile, also by libraries and by processes of the step, into its two files."""
        with ExitStack() as captures:
            for suffix, stream in (("out", sys.stdout), ("err", sys.stderr)):
                path = Path(self.get_captured_local_path(log_key, suffix))
                path.parent.mkdir(parents=True, exist_ok=True)
                captures.enter_context(_captured(stream, path))
            yield CapturedLogContext(log_key)
        Path(self.complete_artifact_path(log_key)).touch()


@contextmanager
def _captured(stream: TextIO, path: Path) -> Iterator[None]:
    """Everything that is written to a stream goes to the end of a file, and from there to where the stream went."""
    with path.open("ab") as kept, ExitStack() as left:
        if (number := _number_of(stream)) is None:
            yield
            return
        stream.flush()
        shown = os.dup(number)
        left.callback(os.close, shown)
        left.callback(_Copying(path, kept.tell(), os.dup(number)).end)
        os.dup2(kept.fileno(), number)
        left.callback(os.dup2, shown, number)
        left.callback(stream.flush)
        yield


class _Copying:
    """A thread that copies what is appended to a file, from a place in it on, to an open file, which it closes."""

    def __init__(self, path: Path, begins: int, to: int) -> None:
        self._path, self._begins, self._to = path, begins, to
        self._ending = Event()
        self._thread = Thread(target=self._copy, name=f"shows {path.name}", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Let it copy what is left, and wait for that, but for no reader who has stopped to read."""
        self._ending.set()
        self._thread.join(MOST_SECONDS_BEHIND)

    def _copy(self) -> None:
        # Nobody may be there any more to whom it could be shown; the file has it.
        with suppress(OSError), os.fdopen(self._to, "wb", 0) as shown, self._path.open("rb", buffering=0) as kept:
            kept.seek(self._begins)
            is_last = False
            while not is_last:
                is_last = self._ending.wait(SHOWN_EVERY_SECONDS)
                while piece := kept.read(A_PIECE):
                    while piece:
                        piece = piece[shown.write(piece) or 0 :]


def _number_of(stream: TextIO) -> int | None:
    """The file descriptor of a stream; None of one that is no file, as what a test puts in its place."""
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None
