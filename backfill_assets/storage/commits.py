"""One attempt to commit a change from the very handle it was decided on, and whether it happened."""

import json
import random
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import simplejson
from deltalake import CommitProperties, PostCommitHookProperties, Transaction
from deltalake.exceptions import DeltaError

from backfill_assets.errors.base import in_one_line
from backfill_assets.errors.lake import CommitUnknown
from backfill_assets.storage.actions import DataFile, milliseconds
from backfill_assets.storage.entries import ACTIONS
from backfill_assets.storage.layout import LOG
from backfill_assets.storage.snapshot import Snapshot

LONGEST_PAUSE_SECONDS = 1.0
# The unique mark of one attempt to commit, by which it is known again when the answer was lost on the way.
ATTEMPT = "backfill_assets/attempt"

Write_co = TypeVar("Write_co", covariant=True)
Result_co = TypeVar("Result_co", covariant=True)

AFTER_COMMIT = PostCommitHookProperties(cleanup_expired_logs=False)


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit does: files that enter, files that leave, an application's number, metadata.

    ``metadata`` goes into the commit's info; values that are not strings are written as JSON.
    ``data_change`` is False when the rows stay the same, as in a compaction.
    """

    adds: tuple[DataFile, ...] = ()
    removes: tuple[DataFile, ...] = ()
    app: tuple[str, int] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    data_change: bool = True


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that happened: its number, its time in the table's log (UTC), refused attempts, and how long it took."""

    number: int
    at: datetime
    retries: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Decision(Generic[Write_co, Result_co]):
    """What was decided over the newest state: what to write, and the result for whoever asked for the decision."""

    write: Write_co
    result: Result_co


@dataclass(frozen=True, slots=True)
class Committed(Generic[Result_co]):
    """The result of the decision that stands, and the commit that was made of it, None when it was to write nothing."""

    commit: Commit | None
    result: Result_co


def attempt(snapshot: Snapshot, change: Change) -> datetime | None:
    """Commit from the snapshot's handle; the commit's time, or None when another commit came first.

    Raises:
        CommitUnknown: when it cannot be found out whether the commit happened.
    """
    mark = uuid.uuid4().hex
    now = datetime.now(UTC)
    try:
        snapshot.handle.create_write_transaction(
            [
                *(file.add_action(data_change=change.data_change) for file in change.adds),
                *(file.remove_action(now, data_change=change.data_change) for file in change.removes),
            ],
            mode="append",
            schema=snapshot.handle.schema(),
            partition_by=[*snapshot.partition_columns],
            commit_properties=CommitProperties(
                custom_metadata={
                    **_texts(change.metadata),
                    ATTEMPT: mark,
                    ACTIONS: str(len(change.adds) + len(change.removes)),
                },
                max_commit_retries=0,
                app_transactions=[Transaction(*change.app)] if change.app else None,
            ),
            post_commithook_properties=AFTER_COMMIT,
        )
    except (DeltaError, OSError) as error:
        # The answer can be lost although the commit happened; a repeated append would then double its rows.
        info = _next_commit(snapshot)
        if info is None:
            raise CommitUnknown(snapshot.folder.uri, in_one_line(str(error))) from error
        return _time(info) if info.get(ATTEMPT) == mark else None
    return _time(_next_commit(snapshot) or {"timestamp": milliseconds(now)})


def _next_commit(snapshot: Snapshot) -> dict[str, Any] | None:
    """The info of the commit after the snapshot, None when there is no such commit or it cannot be read."""
    try:
        # Opening the table at that commit would read the whole table's log again.
        lines = snapshot.folder.read(f"{LOG}/{snapshot.commit + 1:020}.json").splitlines()
    except OSError:
        return None
    try:
        infos: list[dict[str, dict[str, Any]]] = [json.loads(line) for line in lines if b'"commitInfo"' in line[:20]]
    except ValueError:
        # Somebody's, and cut short: whoever opens the table next names it.
        return {}
    return infos[0]["commitInfo"] if infos else {}


def _time(info: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(info["timestamp"] / 1000, UTC)


def _texts(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value if isinstance(value, str) else simplejson.dumps(value) for key, value in metadata.items()}


def pause(attempt: int) -> None:
    """Wait a moment, longer and less predictably after every refusal."""
    longest = min(LONGEST_PAUSE_SECONDS, 0.01 * 2 ** min(attempt, 10))
    time.sleep(random.uniform(0, longest))  # noqa: S311 - jitter, no secret
