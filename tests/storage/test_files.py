import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from backfill_assets.errors.store import StoreOverwrites
from backfill_assets.errors.swaps import StagedFilesMissing
from backfill_assets.storage.files import MOST_QUESTIONS, Folder
from backfill_assets.storage.layout import Lake, staged_folder
from backfill_assets.storage.retention import decommission, maintain
from backfill_assets.storage.swap import cut_over
from backfill_assets.storage.table import Table
from tests.storage.lakes import (
    SCHEMA,
    SMALL,
    content,
    created,
    day,
    days,
    done_cut_over,
    done_roll_back,
    planned_cut_over,
    rows,
    worth,
)

# delta-rs keeps the interpreter's lock while it lists, so the server must live in another process.
SERVER = "from moto.server import ThreadedMotoServer as S; import sys; s = S(port=int(sys.argv[1]), verbose=False); "
SERVER += "s.start(); sys.stdin.read()"
# The same, which takes a put for one without a condition.
OVERWRITING = "from werkzeug.serving import WSGIRequestHandler as H; of = H.make_environ; "
OVERWRITING += "H.make_environ = lambda h: {k: v for k, v in of(h).items() if k != 'HTTP_IF_NONE_MATCH'}; "


@contextmanager
def object_store(patch: str = "") -> Iterator[Lake]:
    """An S3 of our own, with one bucket, and a lake below a prefix with a space in it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-c", patch + SERVER, str(port)], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address)
        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
        boto3.client("s3", endpoint_url=address, region_name="us-east-1", **keys).create_bucket(Bucket="bucket")
        options = {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": address,
            "AWS_ALLOW_HTTP": "true",
            "conditional_put": "etag",
        }
        yield Lake("s3://bucket/my lake", options)
    finally:
        server.kill()
        server.wait()


def wait_for(address: str) -> None:
    for _ in range(200):
        try:
            urllib.request.urlopen(address, timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


@pytest.mark.timeout(60)
@pytest.mark.slow
def test_a_correction_runs_on_an_object_store_from_first_write_to_decommission():
    with object_store() as lake:
        options = {"storage_options": lake.storage_options}
        live = created(lake.table_uri("t"), **options)
        first = live.replace_days({of: worth(of.day) for of in days(20)})
        assert first is not None
        assert abs(first.at - datetime.now(UTC)) < timedelta(minutes=1)
        staged = created(lake.staged_uri("t", "a"), **options)
        staged.replace_days({of: worth(100 + of.day) for of in days(19)} | {day(19): worth()})
        swaps = [done_cut_over(live, staged, "a")]
        assert content(live)[day(19)] == []
        swaps.append(done_roll_back(live, swaps, "a", [day(0)]))
        expected = {of: [100 + of.day] for of in days(19)} | {day(0): [1], day(19): []}
        assert content(live) == expected
        decommission(live, correction="a", own_manifests=swaps, other_manifests=[])
        assert content(Table(live.uri, SMALL, **options)) == expected
        assert not staged.exists()
        assert len([found for found in live.folder.listing() if found.path.endswith(".parquet")]) == 20
        live.append(worth(5), day=day(0))
        maintain(live, keep_days=[], keep_paths=[], retention=timedelta(0), now=datetime.now(UTC))
        assert content(live) == expected | {day(0): [1, 5]}
        exact = created(lake.table_uri("exact"), SCHEMA, **options)
        exact.replace_days({day(0): rows("-99999999999999.9999")})
        assert exact.snapshot().scan().collect().schema == SCHEMA
        other = created(lake.staged_uri("t", "b"), **options)
        other.replace_days({of: worth(7) for of in days(MOST_QUESTIONS + 1)})
        manifest = planned_cut_over(live, other, "b")
        live.folder.delete([manifest.arriving[3].path])
        with pytest.raises(StagedFilesMissing):
            cut_over(live, manifest)


def test_files_are_found_missed_listed_and_deleted(tmp_path):
    folder = Folder(f"file://{tmp_path}")
    folder.write("a b%20/x.parquet", worth(1))
    assert [found.path for found in folder.listing()] == ["a b%20/x.parquet"]
    assert folder.listing("nowhere") == []
    assert folder.missing(["a b%20/x.parquet", "y.parquet", "a b%20/x.parquet/z"]) == {
        "y.parquet",
        "a b%20/x.parquet/z",
    }
    folder.delete(["a b%20/x.parquet", "y.parquet"])
    folder.prune("a b%20")
    assert list(tmp_path.iterdir()) == []


def test_a_staged_folder_is_named_after_its_correction():
    assert staged_folder("20260123") == "_backfill_20260123"


def test_a_store_that_puts_a_file_in_the_place_of_another_is_refused_before_the_first_write():
    with object_store(OVERWRITING) as lake:
        table = Table(lake.table_uri("t"), SMALL, storage_options=lake.storage_options)

        with pytest.raises(StoreOverwrites, match="s3://bucket puts"):
            table.create()

        assert not Folder(lake.root, dict(lake.storage_options)).listing()
        assert not table.exists()
