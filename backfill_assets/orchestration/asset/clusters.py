"""Clusters as executors: Dask and Ray, each with the one call that is needed of it."""

from collections.abc import Callable, Generator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from backfill_assets.errors.base import BackfillAssetsError, fault_told
from backfill_assets.errors.executing import ExecutorUnreachable
from backfill_assets.errors.setup import needs_extra

DASK, RAY = "dask", "ray"
CONNECTING_SECONDS = 30
DIED = {
    *("KilledWorker", "FutureCancelledError"),
    *("WorkerCrashedError", "NodeDiedError", "OutOfMemoryError", "OwnerDiedError", "TaskCancelledError"),
}
"""The errors of a cluster, by name, that say that whoever computed a call is gone."""


class OnCluster(Executor):
    """The workers of a cluster, ``width`` of them; a call whose worker died is broken, as in a pool of processes."""

    def __init__(self, begin: Callable[..., Future[Any]], drop: Callable[[], object], width: int) -> None:
        self.width = width
        self._begin, self._drop = begin, drop
        self._told: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Begin a call on any worker."""
        told: Future[Any] = Future()
        self._told.append(told)
        self._begin(fn, *args, **kwargs).add_done_callback(lambda done: _answer(told, done))
        return told

    def __exit__(self, kind: object, *_: object) -> bool | None:
        """Wait for the calls; drop them where the work was broken off. The cluster stays."""
        if kind is not None:
            self._drop()
        else:
            for told in self._told:
                told.exception()
        return None


@contextmanager
def on_dask(address: str) -> Generator[OnCluster]:
    """A cluster of Dask, which computes a call again by itself, a few times, where a worker died.

    Raises:
        ExecutorUnreachable: when its scheduler does not answer, or has no workers.
    """
    with needs_extra("dask", "Computing waves on a cluster of Dask"):
        from distributed import Client
    try:
        client: Any = Client(address, timeout=CONNECTING_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ExecutorUnreachable(DASK, f"its scheduler does not answer, {fault_told(error)}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECTING_SECONDS)
        except TimeoutError as error:
            raise ExecutorUnreachable(DASK, "it has no workers") from error
        of_dask = client.get_executor(pure=False)
        with OnCluster(of_dask.submit, lambda: of_dask.shutdown(wait=False), sum(client.nthreads().values())) as found:
            yield found


@contextmanager
def on_ray(address: str) -> Generator[OnCluster]:
    """A cluster of Ray; one that this process is connected to already stays so.

    Raises:
        ExecutorUnreachable: when it does not answer.
    """
    with needs_extra("ray", "Computing waves on a cluster of Ray"):
        ray: Any = import_module("ray")
    connected = ray.is_initialized()
    try:
        if not connected:
            ray.init(address=address, log_to_driver=False, configure_logging=False)
        width, calls = int(ray.cluster_resources().get("CPU", 0)), _CallsOfRay(ray)
    except Exception as error:
        raise ExecutorUnreachable(RAY, f"it does not answer, {fault_told(error)}") from error

    try:
        with OnCluster(calls.begin, calls.drop, width) as found:
            yield found
    finally:
        if not connected:
            ray.shutdown()


class _CallsOfRay:
    """Calls on a cluster of Ray, none of which it repeats by itself."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._sent: list[Any] = []

    def begin(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        sent = self._ray.remote(max_retries=0)(fn).remote(*args, **kwargs)
        self._sent.append(sent)
        return sent.future()

    def drop(self) -> None:
        for sent in self._sent:
            self._ray.cancel(sent, force=True)


def _answer(told: Future[Any], done: Future[Any]) -> None:
    """Hand over what a cluster answered, with the errors of a run in this process."""
    error = None if done.cancelled() else done.exception()
    own = getattr(error, "cause", None)
    if done.cancelled() or type(error).__name__ in DIED:
        told.set_exception(BrokenExecutor(str(error or "the call was dropped")))
    elif error is not None:
        told.set_exception(own if isinstance(own, BackfillAssetsError) else error)
    else:
        told.set_result(done.result())
