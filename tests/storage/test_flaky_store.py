"""What goes wrong between us and an object store: what happened counts once, what did not is told in three sentences.

``FAULTS`` has a line for each; what failed is done again once the store is well, and is then there once.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.failure import known_as
from backfill_assets.errors.lake import CommitUnknown, LakeUnreachable
from backfill_assets.errors.store import FilesUndeleted, StoreUnreachable
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from backfill_assets.storage.retention import maintain
from backfill_assets.storage.table import Table
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.flaky_store import FlakyStore, flaky
from tests.storage.lakes import SMALL, content, created, day, live_with, worth
from tests.stores import ENVIRONMENT, client, environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BUCKET, ALWAYS = "behind-a-proxy", 10_000
ENTRY, DATA, LISTING, DELETING = "_delta_log/0000", "part-", "list-type", r"\?delete"
READ, WRITE, DELETE, BOTH = "GET HEAD", "PUT", "POST DELETE", "GET HEAD PUT"


@dataclass(frozen=True)
class Fault:
    """Requests of these methods with this in their path go wrong so often; ``ends`` is what we say, if anything."""

    what: str
    method: str
    path: str
    times: int = 1
    ends: type[BackfillAssetsError] | None = None
    why: str = ""
    doing: str = "write"


FAULTS = {
    "the answer to a commit is lost": Fault("lost", WRITE, ENTRY),
    "the answer to a data file is lost": Fault("lost", WRITE, DATA),
    "a commit is cut off on its way": Fault("reset", WRITE, ENTRY),
    "no commit ever arrives": Fault("reset", WRITE, ENTRY, ALWAYS, CommitUnknown, "Connection reset"),
    "a commit is refused for a moment": Fault("503", WRITE, ENTRY, 3),
    "a store that has an error of its own for a moment": Fault("500", WRITE, ENTRY, 3),
    "a data file is refused for a moment": Fault("503", WRITE, DATA, 2),
    "a data file is cut off on its way": Fault("reset", WRITE, DATA),
    "a log that is read slowly": Fault("slow", READ, ENTRY),
    "a commit that is answered slowly": Fault("slow", WRITE, ENTRY),
    "a log whose reading is cut off": Fault("reset", READ, ENTRY, 2),
    "a listing that is cut off": Fault("reset", READ, LISTING, 2),
    "a listing that is refused for a moment": Fault("503", READ, LISTING, 2),
    "a log that may not be read": Fault("denied", READ, ENTRY, 1, LakeUnreachable, "(AccessDenied|403)"),
    "a folder that may not be listed": Fault("denied", READ, LISTING, 1, LakeUnreachable, "AccessDenied"),
    "a lake that may not be written": Fault("denied", WRITE, ".", ALWAYS, LakeUnreachable, "AccessDenied"),
    "a commit that may not be written": Fault("denied", WRITE, ENTRY, ALWAYS, LakeUnreachable, "AccessDenied"),
    "a key that nobody knows": Fault("unknown key", BOTH, ".", ALWAYS, LakeUnreachable, "InvalidAccessKeyId"),
    "a secret that is wrong": Fault("wrong secret", BOTH, ".", ALWAYS, LakeUnreachable, "SignatureDoesNot"),
    "a log that is never answered": Fault("503", READ, ENTRY, ALWAYS, LakeUnreachable, "(SlowDown|503)"),
    "rows whose reading is cut off": Fault("reset", READ, DATA, 2, doing="read"),
    "rows that may not be read": Fault("denied", READ, DATA, ALWAYS, StoreUnreachable, "AccessDenied", "read"),
    "a content that may not be compared": Fault("denied", READ, DATA, ALWAYS, LakeUnreachable, "403", "compare"),
    "files that may not be deleted": Fault("denied", DELETE, ".", ALWAYS, FilesUndeleted, "AccessDenied", "delete"),
    "a deletion whose answer is lost": Fault("lost", DELETE, DELETING, doing="delete"),
}


@pytest.fixture(scope="module")
def proxy(store: str) -> Iterator[FlakyStore]:
    client(store).create_bucket(Bucket=BUCKET)
    with flaky(store) as proxy:
        yield proxy


@pytest.fixture
def live(proxy: FlakyStore, monkeypatch: pytest.MonkeyPatch) -> Table:
    """A table of two days, one of which was written twice."""
    for name, value in environment(proxy.address).items():
        monkeypatch.setenv(name, value)
    proxy.heal()
    table = live_with(f"s3://{BUCKET}/{uuid.uuid4().hex}/t", {day(0): [1], day(1): [1]})
    table.replace_days({day(1): worth(2)})
    return table


def done(live: Table, what: str) -> object:
    match what:
        case "write":
            return live.append(worth(5), day=day(2))
        case "read":
            return content(live)
        case "compare":
            return live.snapshot().contents([day(0)])
        case _:
            return maintain(live, keep_days=[], keep_paths=[], retention=timedelta(0), now=datetime.now(UTC))


def refused(live: Table, what: str) -> BackfillAssetsError | None:
    """What is said where it fails, as the edges say it."""
    try:
        done(live, what)
    except Exception as error:  # noqa: BLE001 - whatever it is, people are told of it
        return known_as(error, "The write")
    return None


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_what_happened_counts_once_and_what_did_not_is_told(fault: Fault, live: Table, proxy: FlakyStore):
    proxy.fail(fault.method, fault.path, fault.what, fault.times)
    began = datetime.now(UTC)

    error = refused(live, fault.doing)

    assert proxy.seen, "no request met the fault"
    assert datetime.now(UTC) - began < timedelta(minutes=2)
    assert type(error) is (fault.ends or type(None)), error
    proxy.heal()
    if error is not None:
        assert_told(str(error), proxy.address, fault.why)
        assert content(live) == {day(0): [1], day(1): [2]}
        done(live, fault.doing)
    if fault.doing == "write":
        assert content(live) == {day(0): [1], day(1): [2], day(2): [5]}
    if fault.doing == "delete":
        assert len([one for one in live.folder.listing() if one.path.endswith(".parquet")]) == 2


def assert_told(said: str, address: str, why: str) -> None:
    assert_in_three_sentences(said)
    assert re.search(rf"\({address} says [^()]*{why}", said), said
    assert not re.search("Generic|Kernel|\x1b|retries|<Error>", said), said
    assert not [secret for secret in ENVIRONMENT.values() if secret in said and secret not in ("key", "true")]


def test_an_endpoint_that_is_down_and_a_bucket_that_is_not_there_are_named(store: str, monkeypatch: pytest.MonkeyPatch):
    down = "http://127.0.0.1:9"
    for address, bucket, why in ((down, "down", "Connection refused"), (store, "nobody-made-this", "NoSuchBucket")):
        for name, value in environment(address).items():
            monkeypatch.setenv(name, value)
        lake = Lake(f"s3://{bucket}/lake")
        acts = (
            lambda lake=lake: Records(lake).exists("t"),
            lambda lake=lake: Table(lake.table_uri("t"), SMALL).snapshot(),
            lambda lake=lake: created(lake.table_uri("t")),
        )
        for act in acts:
            with pytest.raises(LakeUnreachable) as caught:
                act()
            assert_told(str(caught.value), address, why)


def test_options_of_delta_that_are_of_no_use_to_polars_may_be_given(store: str):
    """Polars takes the tries as a number, and the time in milliseconds."""
    options = environment(store) | {"max_retries": "2", "retry_timeout": "10s", "backoff_config.base": "2"}
    live = created(f"s3://bucket/{uuid.uuid4().hex}/t", storage_options=options | {"conditional_put": "etag"})

    live.replace_days({day(0): worth(1)})

    assert content(live) == {day(0): [1]}
