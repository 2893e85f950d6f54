"""Two workers on one lake that take turns at their commits: each order of them is one run of a test."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from backfill_assets.storage import table as table_module


@dataclass
class Worker:
    """A thread that stands still before each of its commits until it is let go."""

    work: Callable[[], object]
    commits: list[str] = field(default_factory=list)
    error: BaseException | None = None
    is_over: bool = False
    _may_commit: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _stands: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _thread: threading.Thread | None = None

    def goes_on_until(self, is_enough: Callable[[Sequence[str]], bool]) -> None:
        """Let it commit until it has enough of them, by their tables, or to its end; it stands before its next one."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
            self._awaited()
        while not (self.is_over or is_enough(self.commits)):
            self._may_commit.release()
            self._awaited()

    def commits_often(self, number: int) -> None:
        self.goes_on_until(lambda commits: len(commits) == number)

    def comes_to_its_end(self) -> None:
        self.goes_on_until(lambda _: False)

    def about_to_commit(self, uri: str) -> None:
        self._stands.release()
        assert self._may_commit.acquire(timeout=60)
        self.commits.append(uri)

    def is_me(self) -> bool:
        return threading.current_thread() is self._thread

    def _run(self) -> None:
        try:
            self.work()
        except BaseException as error:  # noqa: BLE001 - whoever let it go raises it
            self.error = error
        finally:
            self.is_over = True
            self._stands.release()

    def _awaited(self) -> None:
        assert self._stands.acquire(timeout=60)
        if self.error is not None:
            raise self.error


@contextmanager
def taking_turns(*workers: Worker) -> Iterator[None]:
    """Let workers stand still before each of their commits within."""
    real = table_module.attempt

    def attempt(snapshot, change):
        for worker in workers:
            if worker.is_me():
                worker.about_to_commit(snapshot.handle.table_uri)
        return real(snapshot, change)

    table_module.attempt = attempt
    try:
        yield
    finally:
        for worker in workers:
            worker.comes_to_its_end()
        table_module.attempt = real


def commits_of(work: Callable[[], object]) -> Sequence[str]:
    """The tables that a piece of work commits to, in order, when nobody is beside it."""
    worker = Worker(work)
    with taking_turns(worker):
        worker.comes_to_its_end()
    return worker.commits
