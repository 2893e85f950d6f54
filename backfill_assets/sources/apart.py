"""Parquet read by a process of its own: a damaged file may end that process, and nothing else.

One flipped bit can make a reader ask for more memory than there is, which ends the process that it lives in; no
``except`` is asked. So this file is a program as well. It imports Polars and nothing of ours, keeps within an amount of
memory, and answers each file with its rows, or with why there are none.
"""

import atexit
import io
import os
import resource
import signal
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import polars as pl

LENGTH = struct.Struct("<cQ")
"""What goes before each message, in both directions: a letter and a number of bytes."""
FILE, ROWS, DAMAGED, LARGE, BROKEN = b"f", b"r", b"d", b"l", b"b"
SPARE = 512 * 2**20
"""What reading takes beside the rows, whatever they are."""
FAULTS = (Exception, pl.exceptions.PanicException)
"""Whatever reading a file ends in; a panic is no ``Exception``."""
SECONDS, BYTES_A_SECOND = 120, 2**20


class NotDecoded(Exception):
    """No rows came of a file; ``why`` is the rest of a sentence about it, empty where it is merely damaged."""

    def __init__(self, why: str = "") -> None:
        self.why = why
        super().__init__(why)


@dataclass
class Decoder:
    """The process that reads for this one; it is begun when it is first needed, and again after it ended.

    ``most`` is how many bytes the rows of a file may take, ``seconds`` how long it may take to read one, beside a
    second for each megabyte.
    """

    most: int
    seconds: float = SECONDS
    process: "subprocess.Popen[bytes] | None" = None
    owner: int = 0

    def rows(self, content: bytes) -> pl.DataFrame:
        """The rows of a file.

        Raises:
            NotDecoded: when there are none to be had.
        """
        with _LOCK:
            kind, answer = self._answered(content)
            if kind == BROKEN:  # something inside of Polars; what it left behind is not worth trusting
                self.close()
        if kind == ROWS:
            return pl.read_ipc(io.BytesIO(answer))
        if kind == LARGE:
            raise NotDecoded(f"holds {int(answer):,} bytes of rows, more than the {self.most:,} that are read")
        raise NotDecoded

    def close(self) -> None:
        """End the process, if there is one and it is ours."""
        process, self.process = self.process, None
        if process is not None and self.owner == os.getpid():
            for stream in (process.stdin, process.stdout):
                with suppress(OSError, AttributeError):
                    stream.close()  # pyright: ignore[reportOptionalMemberAccess]
            process.kill()
            process.wait()

    def _answered(self, content: bytes) -> tuple[bytes, bytes]:
        process = self._begun()
        limit = self.seconds + len(content) / BYTES_A_SECOND
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(limit, end)
        timer.start()
        try:
            with suppress(BrokenPipeError):  # it ended, and its answer says so
                _send(process.stdin, FILE, content)  # pyright: ignore[reportArgumentType] - a pipe
            answer = _received(process.stdout)  # pyright: ignore[reportArgumentType] - a pipe
        finally:
            timer.cancel()
        if answer is not None:
            return answer
        ended = process.wait()
        self.close()
        if late.is_set():
            raise NotDecoded(f"could not be read within {limit:,.0f} seconds")
        told = signal.Signals(-ended).name if ended < 0 else f"code {ended}"
        raise NotDecoded(
            f"ended its reader ({told}), so it is damaged or takes more than {self.most:,} bytes of memory"
        )

    def _begun(self) -> "subprocess.Popen[bytes]":
        if self.owner != os.getpid():  # a copy of this process has to begin one of its own
            self.process = None
        if self.process is not None and self.process.poll() is not None:
            self.close()
        if self.process is None:
            self.owner = os.getpid()
            self.process = subprocess.Popen(  # noqa: S603 - this file, and a number
                [sys.executable, "-P", __file__, str(self.most)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for whoever asked
            )
        return self.process


def decoder(most: int) -> Decoder:
    """The reader of this process, for files whose rows take at most so many bytes."""
    with _LOCK:
        if not _DECODERS or _DECODERS[-1].most != most:
            while _DECODERS:
                _DECODERS.pop().close()
            _DECODERS.append(Decoder(most))
        return _DECODERS[-1]


_LOCK = threading.RLock()
_DECODERS: list[Decoder] = []


@atexit.register
def _close_all() -> None:
    while _DECODERS:
        _DECODERS.pop().close()


def _send(stream: "IO[bytes]", kind: bytes, message: bytes) -> None:
    stream.write(LENGTH.pack(kind, len(message)))
    stream.write(message)
    stream.flush()


def _received(stream: "IO[bytes]") -> tuple[bytes, bytes] | None:
    """The next message; None where the other side ended before it was whole."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    kind, length = LENGTH.unpack(head)
    message = stream.read(length)
    return (kind, message) if len(message) == length else None


def _keep_within(most: int) -> None:
    """Let this process have so much memory for rows, as they are and as they are sent, and leave no core behind."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, ValueError):  # a system that bounds no memory, or has a lower bound already
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        now = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + 2 * most + SPARE, hard))


def _decoded(content: bytes, most: int) -> tuple[bytes, bytes]:
    lazy = pl.scan_parquet(io.BytesIO(content))
    least = sum(_width(kind) for kind in lazy.collect_schema().dtypes())
    rows = int(lazy.select(pl.len()).collect().item())
    if rows * least > most:
        return LARGE, str(rows * least).encode()
    frame = pl.read_parquet(io.BytesIO(content))
    if (size := int(frame.estimated_size())) > most:
        return LARGE, str(size).encode()
    answer = io.BytesIO()
    frame.write_ipc(answer)
    return ROWS, answer.getvalue()


def _width(kind: pl.DataType) -> int:
    """The bytes that a value of a type takes at the least."""
    if kind.is_decimal() or kind in {pl.String, pl.Binary}:
        return 16
    return 8 if kind.is_temporal() or kind in {pl.Int64, pl.UInt64, pl.Float64} else 1


def _serve(most: int) -> None:
    """Answer files until there are no more."""
    _keep_within(most)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while (asked := _received(sys.stdin.buffer)) is not None:
        try:
            kind, answer = _decoded(asked[1], most)
        except MemoryError:
            kind, answer = LARGE, str(most).encode()
        except FAULTS as error:
            kind, answer = (BROKEN if isinstance(error, pl.exceptions.PanicException) else DAMAGED), b""
        _send(answers, kind, answer)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
