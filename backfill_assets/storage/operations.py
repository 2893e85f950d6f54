"""The one place that every operation on a lake's storage passes: commits, files written, read, listed, deleted, forced.

What goes wrong with storage goes wrong here. What can pass is tried again here, where trying again changes nothing; and
a test puts itself around the operations here to let any of them fail (:func:`around`).
"""

import errno
import random
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from enum import StrEnum
from time import monotonic, sleep
from typing import Protocol, TypeVar

from deltalake.exceptions import CommitFailedError, DeltaError

Result = TypeVar("Result")


class Operation(StrEnum):
    """What is done to storage."""

    COMMIT = "commit"
    PUT = "put"
    READ = "read"
    LIST = "list"
    DELETE = "delete"
    MOVE = "move"
    SYNC = "sync"


# Done twice they leave what they leave done once. A commit is not among them: whether it happened is known by its mark;
# nor a move, of which nothing is left to be moved; nor a sync: a disk that refused once may say the next time that it
# holds what it has dropped.
REPEATABLE = frozenset({Operation.PUT, Operation.READ, Operation.LIST, Operation.DELETE})
TRIES = 4
# What took longer was tried again by delta-rs already.
LONGEST_TRIED_SECONDS = 20.0
LONGEST_PAUSE_SECONDS = 1.0

# What a store says again and again: the place is read-only or full, is no folder, is not ours.
LASTING_ERRNOS = frozenset(
    {
        errno.EPERM,
        errno.EACCES,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EROFS,
        errno.ENAMETOOLONG,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
    }
)
LASTING = re.compile(
    rf"os error ({'|'.join(map(str, sorted(LASTING_ERRNOS)))})\b"
    r"|Could not create local directory"
    r"|AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|NoSuchBucket|\b40[13] [A-Z]"
)
# What it may not say the next time: nobody answered in time, or not now.
PASSING_ERRNOS = frozenset(
    {
        errno.EAGAIN,
        errno.EINTR,
        errno.EBUSY,
        errno.ETIMEDOUT,
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.EPIPE,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.ESTALE,
        errno.EMFILE,
        errno.ENFILE,
    }
)
PASSING = re.compile(
    rf"os error ({'|'.join(map(str, sorted(PASSING_ERRNOS)))})\b"
    r"|\b(429|50[0234])\b|[Tt]imed? ?out|[Cc]onnection (closed|reset|refused)|error sending request|SlowDown"
)


def is_lasting(error: Exception) -> bool:
    """Whether an error of a store will be the same the next time."""
    return getattr(error, "errno", None) in LASTING_ERRNOS or bool(LASTING.search(str(error)))


def can_pass(error: Exception) -> bool:
    """Whether an error of a store may be gone a moment later."""
    if isinstance(error, CommitFailedError) or is_lasting(error):
        return False
    return getattr(error, "errno", None) in PASSING_ERRNOS or bool(PASSING.search(str(error)))


class Around(Protocol):
    """What a test does around each operation: it does the work, or lets it fail before or after."""

    def __call__(self, operation: Operation, where: str, work: Callable[[], Result], /) -> Result:
        """Do the operation at a place of the lake."""
        ...


def _just_do(_operation: Operation, _where: str, work: Callable[[], Result], /) -> Result:
    return work()


# The last one is what is around the operations of this process.
_around: list[Around] = [_just_do]


@contextmanager
def around(does: Around) -> Generator[None]:
    """Put something around every operation of this process within, for tests."""
    _around.append(does)
    try:
        yield
    finally:
        _around.pop()


def perform(operation: Operation, where: str, work: Callable[[], Result]) -> Result:
    """Do an operation; what can pass is tried again where that changes nothing."""
    if operation not in REPEATABLE:
        return _around[-1](operation, where, work)
    return persist(lambda: _around[-1](operation, where, work))


def persist(work: Callable[[], Result], *, while_true: Callable[[], bool] = lambda: True) -> Result:
    """Do something, and do it again where its error can pass, as long as it is true that it may be done again."""
    began = monotonic()
    for tried in range(1, TRIES):
        try:
            return work()
        except (DeltaError, OSError) as error:
            if not can_pass(error) or monotonic() - began > LONGEST_TRIED_SECONDS or not while_true():
                raise
        pause(3 * tried)
    return work()


def pause(attempt: int) -> None:
    """Wait a moment, longer and less predictably after every refusal."""
    longest = min(LONGEST_PAUSE_SECONDS, 0.01 * 2 ** min(attempt, 10))
    sleep(random.uniform(0, longest))  # noqa: S311 - jitter, no secret
