"""Refusals of computing the shares of a wave elsewhere: the setting, what cannot be sent, and workers that fail."""

from collections.abc import Collection

from backfill_assets.errors.base import BackfillAssetsError, BadInput, Refused, in_one_line, listed


class ExecutorUnknown(BadInput):
    """A setting names no executor; ``source`` is where it was given."""

    def __init__(self, source: str, given: str) -> None:
        super().__init__(
            f"{source} is {in_one_line(given)}, which names no executor. Nothing was computed or written. "
            "Set it to in-process, to processes:N with N from 2 to 512, to dask:ADDRESS or to ray:ADDRESS."
        )


class ExecutorUnreachable(BackfillAssetsError):
    """An executor could not be opened, or has no workers; ``why`` is the middle of a sentence."""

    def __init__(self, executor: str, why: str) -> None:
        super().__init__(
            f"The executor {in_one_line(executor)} cannot compute the wave, because {in_one_line(why)}. "
            "Nothing was computed or written. "
            "Start its workers and run again, or set BACKFILL_EXECUTOR to in-process."
        )


class TransformNotSendable(BadInput):
    """A worker could not import the asset of a table; ``why`` is the middle of a sentence."""

    def __init__(self, table: str, why: str) -> None:
        super().__init__(
            f"No worker can import the asset of {table}, because {in_one_line(why)}. Nothing was computed or written. "
            "Bind it to a name of a module that run and workers import alike, or set BACKFILL_EXECUTOR to in-process."
        )


class WorkerOfOtherCode(Refused):
    """A worker has another version of a transform than the run that sent it a share."""

    def __init__(self, table: str, wanted: str, found: str) -> None:
        super().__init__(
            f"A worker has version {found} of the transform of {table}, and the run has {wanted}. "
            "None of the wave was staged, because it would be of two versions. "
            "Bring the worker to the code of the run, restart it, and run again."
        )


class VariableNotSet(BadInput):
    """A worker lacks a variable from which the run takes an option of the lake."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__(
            f"A worker lacks {listed(names)}, of which options of the lake are read. Nothing was computed or written. "
            "Set it in the environment of every worker, since no secret is sent to one."
        )


class WorkerDied(BackfillAssetsError):
    """The worker of a share died twice."""

    def __init__(self, days: Collection[object], fault: str) -> None:
        super().__init__(
            f"Two workers died one after the other while they computed the share with {listed(days)} ({fault}). "
            "What they wrote is seen by nobody and is deleted with the staged version. "
            "See what the system says of them, such as out of memory, or give the wave fewer days."
        )


class SharesDiffer(BadInput):
    """Shares of one wave have rows of different columns or types, or spell slots in different ways."""

    def __init__(self, table: str, columns: Collection[str]) -> None:
        super().__init__(
            f"The shares of a wave of {table} differ in {listed(columns)}. None of the wave was staged. "
            "Let the transform cast these columns, so that they are of one type whatever the days are."
        )


class WorkersElsewhere(BadInput):
    """Files that workers wrote are not where the run looks for them."""

    def __init__(self, table: str, days: Collection[object]) -> None:
        super().__init__(
            f"Files that workers wrote for {listed(days)} of {table} are not in the lake of the run. "
            "Nothing was committed. "
            "Let BACKFILL_LAKE lie where run and workers all reach it, such as in a bucket."
        )
